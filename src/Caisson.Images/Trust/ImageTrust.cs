using Caisson.Errors;
using Caisson.Oci;
using Caisson.Trust;

namespace Caisson.Images.Trust;

/// <summary>Which images of a store may be used: the policy of this machine, asked before an image is taken in and before it runs.</summary>
/// <remarks>
/// For several threads. The policy is the first file there is of <c>policy.json</c> in the store's root directory and
/// <see cref="SystemPolicyPath"/>; it is read again when it changes, or when a key of it does. Without a policy everything is accepted.
/// </remarks>
public sealed class ImageTrust
{
    /// <summary>The policy's name in the store's root directory.</summary>
    public const string PolicyFileName = "policy.json";

    /// <summary>The policy that other engines use as well.</summary>
    public const string SystemPolicyPath = "/etc/containers/policy.json";

    private const int KeyBytesMax = 64 * 1024;

    private readonly Lock _sync = new();
    private readonly ImageStore _store;
    private readonly IReadOnlyList<string> _paths;
    private readonly List<string> _files = [];
    private string _stamp = "";
    private TrustPolicy? _policy;

    internal ImageTrust(ImageStore store, IReadOnlyList<string> paths)
    {
        _store = store;
        _paths = paths;
    }

    /// <summary>The policy in force; null when there is none.</summary>
    /// <exception cref="CaissonException">It cannot be read, or something in it is wrong: then no image may be used.</exception>
    public TrustPolicy? ReadPolicy()
    {
        if (_paths.FirstOrDefault(File.Exists) is not { } path)
        {
            return null;
        }
        lock (_sync)
        {
            string stamp = Stamp(path);
            if (stamp == _stamp)
            {
                return _policy;
            }
            _files.Clear();
            _stamp = "";
            try
            {
                _policy = TrustPolicyFile.Parse(File.ReadAllBytes(path), path, ReadKey);
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                throw new CaissonException(ErrorKind.FailedPrecondition, $"read the trust policy {path}: {error.Message}; no image is used without it", error);
            }
            _stamp = Stamp(path);
            return _policy;
        }
    }

    /// <summary>Decides about an image of the store.</summary>
    /// <param name="asked">How it was named: a name, or an id.</param>
    /// <param name="image">The image.</param>
    public TrustDecision Decide(string asked, Image image)
    {
        if (ReadPolicy() is not { } policy)
        {
            return new TrustDecision(true, "", $"there is no policy: neither {string.Join(" nor ", _paths)}");
        }
        if (policy.AcceptsEverything)
        {
            return new TrustDecision(true, "default", "the policy accepts everything");
        }
        Digest[] digests = [.. _store.Identities(image)];
        IReadOnlyList<ImageSignature> signatures = _store.Signatures(image);
        bool isName = Reference.TryParse(asked, out Reference? name)
            && (image.Record.Names.Contains(name.WithDefaultTag().ToString()) || name.Digest is not null || asked.AsSpan().ContainsAny('/', ':'))
            && !Digest.TryParse(asked, out _);
        return isName
            ? policy.Decide(name!.WithDefaultTag(), digests, signatures)
            : policy.DecideAny([.. image.Record.Names.Select(Reference.Parse)], digests, signatures);
    }

    /// <summary>As <see cref="Decide"/>; an image that may not be used is an error.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.PermissionDenied"/>: the policy refuses it.</exception>
    public void Require(string asked, Image image)
    {
        TrustDecision decision = Decide(asked, image);
        if (!decision.Allowed)
        {
            throw Refused(asked, decision);
        }
    }

    /// <summary>True when the policy asks for a signature of what goes by <paramref name="name"/>.</summary>
    public bool AsksForSignature(Reference name) => ReadPolicy()?.AsksForSignature(name.WithDefaultTag()) is true;

    /// <summary>Decides about an image that is being taken in, before it gets a name: its content is already in the store.</summary>
    /// <param name="name">The name it was asked for by.</param>
    /// <param name="manifest">The digest of its manifest.</param>
    /// <param name="referrers">
    /// Digests of documents about it that are in the store, too: manifests of signatures, and the index it was chosen from.
    /// To be given to <see cref="ImageStore.Attach"/> afterwards.
    /// </param>
    /// <exception cref="CaissonException"><see cref="ErrorKind.PermissionDenied"/>: the policy refuses it.</exception>
    public void RequireIncoming(Reference name, Digest manifest, IReadOnlyCollection<Digest> referrers)
    {
        if (ReadPolicy() is not { AcceptsEverything: false } policy)
        {
            return;
        }
        Digest[] digests = [.. _store.Identities(manifest, referrers)];
        TrustDecision decision = policy.Decide(name.WithDefaultTag(), digests, _store.ReadSignatures(referrers));
        if (!decision.Allowed)
        {
            throw Refused(name.Familiar, decision);
        }
    }

    private static CaissonException Refused(string image, TrustDecision decision) => new(ErrorKind.PermissionDenied,
        $"image {image} is not trusted: {decision.Reason} (scope '{decision.Scope}' of the trust policy)");

    private string ReadKey(string path)
    {
        _files.Add(path);
        var file = new FileInfo(path);
        return file.Exists && file.Length > KeyBytesMax
            ? throw new CaissonException(ErrorKind.InvalidArgument, $"it has {file.Length} bytes")
            : File.ReadAllText(path);
    }

    private string Stamp(string path) => string.Join('\n', _files.Prepend(path).Select(file =>
    {
        var info = new FileInfo(file);
        return info.Exists ? $"{file} {info.Length} {info.LastWriteTimeUtc.Ticks}" : $"{file} missing";
    }));
}
