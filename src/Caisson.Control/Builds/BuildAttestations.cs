using Caisson.Errors;

namespace Caisson.Control.Builds;

/// <summary>Which statements about an image its build makes.</summary>
/// <remarks>Source: docker buildx build, "--attest".</remarks>
public sealed record BuildAttestations
{
    /// <summary>None.</summary>
    public static BuildAttestations None { get; } = new();

    /// <summary>How the image came to be.</summary>
    public bool Provenance { get; init; }

    /// <summary>The provenance has build arguments, labels and the Dockerfile itself, too.</summary>
    public bool Full { get; init; }

    /// <summary>Which packages are in the image.</summary>
    public bool Sbom { get; init; }

    /// <summary>Whether there is anything to say.</summary>
    public bool IsEmpty => !Provenance && !Sbom;

    /// <summary>Reads <c>type=provenance,mode=max</c>, <c>type=sbom</c>, each perhaps with <c>disabled=true</c>; later ones win.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: malformed.</exception>
    public static BuildAttestations Parse(IEnumerable<string> texts)
    {
        BuildAttestations all = None;
        foreach (string text in texts)
        {
            Dictionary<string, string> fields = [];
            foreach (string field in text.Split(',', StringSplitOptions.RemoveEmptyEntries))
            {
                string[] parts = field.Split('=', 2);
                if (parts.Length < 2 || parts[0] is not ("type" or "mode" or "disabled" or "inline-only" or "version" or "generator" or "builder-id"))
                {
                    throw new CaissonException(ErrorKind.InvalidArgument, $"attestation '{text}': '{parts[0]}' is no field of it; it has type, mode and disabled");
                }
                fields[parts[0]] = parts[1];
            }
            if (fields.GetValueOrDefault("version", "v1") != "v1")
            {
                throw new CaissonException(ErrorKind.Unimplemented, $"attestation '{text}': provenance is written in version v1 of SLSA only");
            }
            if (fields.ContainsKey("generator"))
            {
                throw new CaissonException(ErrorKind.Unimplemented, $"attestation '{text}': bills of materials are written by the engine itself; leave generator out");
            }
            bool wanted = fields.GetValueOrDefault("disabled") != "true";
            all = fields.GetValueOrDefault("type") switch
            {
                "provenance" => all with { Provenance = wanted, Full = wanted && fields.GetValueOrDefault("mode") == "max" },
                "sbom" => all with { Sbom = wanted },
                var other => throw new CaissonException(ErrorKind.InvalidArgument, $"attestation '{text}': the type is provenance or sbom, and is '{other}'"),
            };
        }
        return all;
    }
}
