using System.Collections.Immutable;

using Caisson.Errors;
using Caisson.Oci;
using Caisson.Oci.Json;

namespace Caisson.Trust;

/// <summary>Reads policies: strictly, since what is overlooked would be a hole.</summary>
/// <remarks>Source: containers-policy.json(5).</remarks>
public static class TrustPolicyFile
{
    private const int BytesMax = 4 << 20;

    private static readonly string[] Known = ["insecureAcceptAnything", "reject", "signedBy", "sigstoreSigned"];

    /// <summary>Reads a policy.</summary>
    /// <param name="content">The file's content.</param>
    /// <param name="path">The file, for errors.</param>
    /// <param name="readKey">Reads the file of a key.</param>
    /// <exception cref="ProblemsException">Something in it is wrong; says everything that is. No image may be used then.</exception>
    public static TrustPolicy Parse(ReadOnlyMemory<byte> content, string path, Func<string, string> readKey)
    {
        List<Problem> problems = [];
        var draft = JsonCursor.Read(content, problems, BytesMax, (ref JsonCursor json) => ReadPolicy(ref json, readKey));
        ProblemsException.ThrowIfAny($"read the trust policy {path}", problems);
        return new TrustPolicy(path, draft!.Default!, draft.Transports);
    }

    private static Draft ReadPolicy(ref JsonCursor json, Func<string, string> readKey)
    {
        var draft = new Draft();
        if (!json.EnterObject())
        {
            return draft;
        }
        while (json.NextName() is { } name)
        {
            switch (name)
            {
                case "default":
                    draft.Default = ReadRequirements(ref json, readKey);
                    break;
                case "transports":
                    if (json.EnterObject())
                    {
                        while (json.NextName() is { } transport)
                        {
                            draft.Transports[transport] = ReadScopes(ref json, readKey);
                        }
                    }
                    break;
                default:
                    json.Report("is not known");
                    json.Skip();
                    break;
            }
        }
        if (draft.Default is null)
        {
            json.ReportMissing("default");
        }
        return draft;
    }

    private static Dictionary<string, IReadOnlyList<TrustRequirement>> ReadScopes(ref JsonCursor json, Func<string, string> readKey)
    {
        Dictionary<string, IReadOnlyList<TrustRequirement>> scopes = new(StringComparer.Ordinal);
        if (json.EnterObject())
        {
            while (json.NextName() is { } scope)
            {
                scopes[scope] = ReadRequirements(ref json, readKey);
            }
        }
        return scopes;
    }

    private static ImmutableArray<TrustRequirement> ReadRequirements(ref JsonCursor json, Func<string, string> readKey)
    {
        var requirements = json.Array((ref JsonCursor item) => ReadRequirement(ref item, readKey));
        if (requirements.Length == 0)
        {
            json.Report("must have at least one requirement");
        }
        return requirements;
    }

    private static TrustRequirement ReadRequirement(ref JsonCursor json, Func<string, string> readKey)
    {
        if (!json.EnterObject())
        {
            return new TrustRequirement.Reject();
        }
        string? type = null;
        List<string> paths = [];
        List<string> data = [];
        List<string> kinds = [];
        string? unsupported = null;
        PolicyIdentity identity = new PolicyIdentity.RepositoryDigestOrExact();
        bool hasIdentity = false;
        while (json.NextName() is { } name)
        {
            switch (name)
            {
                case "type":
                    type = Known[json.Choice(Known)];
                    break;
                case "keyPath":
                    kinds.Add(name);
                    paths.Add(json.Text());
                    break;
                case "keyPaths":
                    kinds.Add(name);
                    paths.AddRange(json.Texts());
                    break;
                case "keyData":
                    kinds.Add(name);
                    data.Add(json.Text());
                    break;
                case "keyDatas":
                    kinds.Add(name);
                    data.AddRange(json.Texts());
                    break;
                case "fulcio" or "pki":
                    kinds.Add(name);
                    unsupported = $"certificates ({name})";
                    json.Skip();
                    break;
                case "rekorPublicKeyPath" or "rekorPublicKeyPaths" or "rekorPublicKeyData" or "rekorPublicKeyDatas":
                    unsupported = "an entry in a transparency log (rekor)";
                    json.Skip();
                    break;
                case "keyType":
                    _ = json.Text();
                    break;
                case "signedIdentity":
                    hasIdentity = true;
                    identity = ReadIdentity(ref json);
                    break;
                default:
                    json.Report("is not known");
                    json.Skip();
                    break;
            }
        }
        bool takesKeys = type is "signedBy" or "sigstoreSigned";
        if (type is null)
        {
            json.ReportMissing("type");
        }
        else if (!takesKeys && (kinds.Count > 0 || hasIdentity || unsupported is not null))
        {
            json.Report($"{type} takes no keys and no identity");
        }
        else if (takesKeys && kinds.Count != 1)
        {
            json.Report($"{type} takes one of keyPath, keyPaths, keyData{(type == "sigstoreSigned" ? ", keyDatas, fulcio and pki" : " and keyDatas")}");
        }
        return type switch
        {
            "insecureAcceptAnything" => new TrustRequirement.AcceptAnything(),
            "signedBy" => new TrustRequirement.Unsupported("signatures of GPG (signedBy)"),
            "sigstoreSigned" when unsupported is not null => new TrustRequirement.Unsupported(unsupported),
            "sigstoreSigned" => new TrustRequirement.Signed(ReadKeys(ref json, paths, data, readKey), identity),
            _ => new TrustRequirement.Reject(),
        };
    }

    private static PolicyIdentity ReadIdentity(ref JsonCursor json)
    {
        Dictionary<string, string> values = new(StringComparer.Ordinal);
        if (json.EnterObject())
        {
            while (json.NextName() is { } name)
            {
                values[name] = json.Text();
            }
        }
        string type = values.GetValueOrDefault("type", "");
        string[] takes = type switch
        {
            "exactReference" => ["dockerReference"],
            "exactRepository" => ["dockerRepository"],
            "remapIdentity" => ["prefix", "signedPrefix"],
            _ => [],
        };
        foreach (string name in values.Keys.Where(name => name != "type" && !takes.Contains(name)))
        {
            json.Report($"'{name}' does not belong to the identity '{type}'");
        }
        foreach (string name in takes.Where(name => !values.ContainsKey(name)))
        {
            json.ReportMissing(name);
        }
        if (takes.Except(values.Keys).Any())
        {
            return new PolicyIdentity.Exact();
        }
        switch (type)
        {
            case "matchExact":
                return new PolicyIdentity.Exact();
            case "matchRepoDigestOrExact":
                return new PolicyIdentity.RepositoryDigestOrExact();
            case "matchRepository":
                return new PolicyIdentity.Repository();
            case "exactReference" when Reference.TryParse(values["dockerReference"], out Reference? exact) && (exact.Tag is not null || exact.Digest is not null):
                return new PolicyIdentity.ExactReference(values["dockerReference"]);
            case "exactRepository" when Reference.TryParse(values["dockerRepository"], out Reference? repository) && repository is { Tag: null, Digest: null }:
                return new PolicyIdentity.ExactRepository(values["dockerRepository"]);
            case "remapIdentity":
                return new PolicyIdentity.Remap(values["prefix"], values["signedPrefix"]);
            default:
                json.Report($"'{type}' is not an identity, or its name is malformed");
                return new PolicyIdentity.Exact();
        }
    }

    private static List<VerificationKey> ReadKeys(ref JsonCursor json, List<string> paths, List<string> data, Func<string, string> readKey)
    {
        List<VerificationKey> keys = [];
        foreach (string path in paths)
        {
            try
            {
                keys.Add(VerificationKey.Parse(readKey(path), path));
            }
            catch (Exception error) when (error is CaissonException or IOException or UnauthorizedAccessException)
            {
                json.Report($"the key {path} cannot be used: {error.Message}");
            }
        }
        foreach (string text in data)
        {
            try
            {
                keys.Add(VerificationKey.Parse(System.Text.Encoding.UTF8.GetString(Convert.FromBase64String(text)), $"key {keys.Count + 1} of the policy"));
            }
            catch (Exception error) when (error is CaissonException or FormatException)
            {
                json.Report($"it has data that is no public key in PEM in base64: {error.Message}");
            }
        }
        return keys;
    }

    private sealed class Draft
    {
        public IReadOnlyList<TrustRequirement>? Default { get; set; }

        public Dictionary<string, IReadOnlyDictionary<string, IReadOnlyList<TrustRequirement>>> Transports { get; } = new(StringComparer.Ordinal);
    }
}
