using Caisson.Oci;

namespace Caisson.Trust;

/// <summary>Whether an image may be used, and why.</summary>
/// <param name="Allowed">True when it may.</param>
/// <param name="Scope">The scope of the policy that decided: <c>docker registry.example/team</c>, or <c>default</c>.</param>
/// <param name="Reason">In words.</param>
public sealed record TrustDecision(bool Allowed, string Scope, string Reason);

/// <summary>Which images may be used: the requirements of the most specific scope that an image's name falls into.</summary>
/// <remarks>A value. Source: containers-policy.json(5), containers-transports(5).</remarks>
public sealed class TrustPolicy
{
    /// <summary>The transport of images by their names in registries, which is how images are known here.</summary>
    public const string DockerTransport = "docker";

    private readonly IReadOnlyList<TrustRequirement> _default;
    private readonly IReadOnlyDictionary<string, IReadOnlyDictionary<string, IReadOnlyList<TrustRequirement>>> _transports;

    internal TrustPolicy(
        string path,
        IReadOnlyList<TrustRequirement> otherwise,
        IReadOnlyDictionary<string, IReadOnlyDictionary<string, IReadOnlyList<TrustRequirement>>> transports)
    {
        Path = path;
        _default = otherwise;
        _transports = transports;
    }

    /// <summary>The file it was read from.</summary>
    public string Path { get; }

    /// <summary>True when it accepts every image whatever it is called, so that nothing needs to be looked at.</summary>
    public bool AcceptsEverything =>
        _default is [TrustRequirement.AcceptAnything]
        && _transports.GetValueOrDefault(DockerTransport) is var docker
        && (docker is null || docker.Values.All(scope => scope is [TrustRequirement.AcceptAnything]));

    /// <summary>The scopes with their requirements in words, for people; the default comes first.</summary>
    public IEnumerable<(string Scope, string Requirements)> Describe()
    {
        yield return ("default", Words(_default));
        foreach (var (transport, scopes) in _transports.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            foreach (var (scope, requirements) in scopes.OrderBy(pair => pair.Key, StringComparer.Ordinal))
            {
                yield return ($"{transport} {scope}".TrimEnd(), Words(requirements));
            }
        }
    }

    /// <summary>True when it depends on signatures whether an image of this name may be used.</summary>
    public bool AsksForSignature(Reference name) => Find(name).Requirements.Any(requirement => requirement is TrustRequirement.Signed);

    /// <summary>Decides about an image.</summary>
    /// <param name="name">The name it is used by, with a tag or a digest; null when it has none.</param>
    /// <param name="digests">The digest of its manifest, and of indexes that list it.</param>
    /// <param name="signatures">The signatures that came with it, as they were found.</param>
    public TrustDecision Decide(Reference? name, IReadOnlyCollection<Digest> digests, IEnumerable<ImageSignature> signatures)
    {
        var (scope, requirements) = Find(name);
        ImageSignature[] found = [.. signatures];
        List<string> reasons = [];
        foreach (TrustRequirement requirement in requirements)
        {
            if (Meets(requirement, name, digests, found, out string reason) is false)
            {
                return new TrustDecision(false, scope, reason);
            }
            reasons.Add(reason);
        }
        return new TrustDecision(true, scope, string.Join("; ", reasons));
    }

    /// <summary>
    /// Decides about an image that is used by its id: it may be used when one of its names may, or when an image without a name may.
    /// </summary>
    /// <param name="names">Its names.</param>
    /// <param name="digests">As for <see cref="Decide"/>.</param>
    /// <param name="signatures">As for <see cref="Decide"/>.</param>
    public TrustDecision DecideAny(IReadOnlyCollection<Reference> names, IReadOnlyCollection<Digest> digests, IReadOnlyList<ImageSignature> signatures)
    {
        TrustDecision? refused = null;
        foreach (Reference name in names)
        {
            TrustDecision decision = Decide(name, digests, signatures);
            if (decision.Allowed)
            {
                return decision;
            }
            refused ??= decision;
        }
        return refused ?? Decide(null, digests, signatures);
    }

    private (string Scope, IReadOnlyList<TrustRequirement> Requirements) Find(Reference? name)
    {
        if (_transports.TryGetValue(DockerTransport, out var scopes))
        {
            foreach (string scope in name is null ? [""] : ScopesOf(name))
            {
                if (scopes.TryGetValue(scope, out var requirements))
                {
                    return ($"{DockerTransport} {scope}".TrimEnd(), requirements);
                }
            }
        }
        return ("default", _default);
    }

    /// <summary>From the name in full to its host, then the domains that the host is in, then every name.</summary>
    internal static IEnumerable<string> ScopesOf(Reference name)
    {
        yield return name.ToString();
        string scope = name.Name;
        while (true)
        {
            yield return scope;
            int slash = scope.LastIndexOf('/');
            if (slash < 0)
            {
                break;
            }
            scope = scope[..slash];
        }
        int port = scope.IndexOf(':', StringComparison.Ordinal);
        string host = port < 0 ? scope : scope[..port];
        for (int dot = host.IndexOf('.', StringComparison.Ordinal); dot >= 0; dot = host.IndexOf('.', StringComparison.Ordinal))
        {
            host = host[(dot + 1)..];
            yield return $"*.{host}";
        }
        yield return "";
    }

    private static bool Meets(
        TrustRequirement requirement, Reference? name, IReadOnlyCollection<Digest> digests, IReadOnlyList<ImageSignature> signatures, out string reason)
    {
        switch (requirement)
        {
            case TrustRequirement.AcceptAnything:
                reason = "the policy accepts it without a signature";
                return true;
            case TrustRequirement.Reject:
                reason = "the policy refuses such images";
                return false;
            case TrustRequirement.Unsupported other:
                reason = $"the policy asks for {other.What}, which is not checked here, so it is not met";
                return false;
            case TrustRequirement.Signed signed:
                return IsSigned(signed, name, digests, signatures, out reason);
            default:
                throw new System.Diagnostics.UnreachableException($"a requirement nobody knows: {requirement}");
        }
    }

    private static bool IsSigned(
        TrustRequirement.Signed requirement, Reference? name, IReadOnlyCollection<Digest> digests, IReadOnlyList<ImageSignature> signatures, out string reason)
    {
        if (signatures.Count == 0)
        {
            reason = "it has no signature, and the policy asks for one";
            return false;
        }
        List<string> complaints = [];
        foreach (ImageSignature signature in signatures)
        {
            foreach (VerificationKey key in requirement.Keys)
            {
                if (signature.Verify(key, out string why) is not { } claim)
                {
                    complaints.Add(why);
                }
                else if (!claim.Manifests.Any(digests.Contains))
                {
                    complaints.Add($"a signature by {key.Name} is of another image, {claim.Manifests[0]}");
                }
                else if (name is null || !requirement.Identity.Accepts(name, claim.Reference))
                {
                    complaints.Add($"a signature by {key.Name} is for '{claim.Reference}', not for {name?.Familiar ?? "an image without a name"}");
                }
                else
                {
                    reason = $"it is signed by {key.Name} for {claim.Reference}";
                    return true;
                }
            }
        }
        reason = $"none of its {signatures.Count} signatures counts: {string.Join("; ", complaints.Distinct().Take(5))}";
        return false;
    }

    private static string Words(IReadOnlyList<TrustRequirement> requirements) => string.Join(" and ", requirements.Select(requirement => requirement switch
    {
        TrustRequirement.AcceptAnything => "accept anything",
        TrustRequirement.Reject => "reject",
        TrustRequirement.Signed signed => $"signed by {string.Join(" or ", signed.Keys.Select(key => key.Name))}",
        TrustRequirement.Unsupported other => $"reject ({other.What} is not checked here)",
        _ => "",
    }));
}
