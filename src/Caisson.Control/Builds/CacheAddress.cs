using Caisson.Errors;
using Caisson.Oci;

namespace Caisson.Control.Builds;

/// <summary>Where results of builds are kept outside the engine: <c>type=registry,ref=NAME</c> or <c>type=local,src=DIRECTORY</c>.</summary>
/// <remarks>Source: docker buildx build, "--cache-from", "--cache-to".</remarks>
public sealed record CacheAddress
{
    private static readonly string[] Fields =
        ["type", "ref", "src", "dest", "mode", "ignore-error", "image-manifest", "oci-mediatypes", "compression", "force-compression", "digest", "tag"];

    /// <summary>The text that it was read from.</summary>
    public required string Text { get; init; }

    /// <summary>The name in a registry; null for a directory.</summary>
    public Reference? Reference { get; init; }

    /// <summary>The directory, absolute, of the engine's machine; null for a registry.</summary>
    public string? Directory { get; init; }

    /// <summary>Steps of all stages are kept, rather than those that the image came of.</summary>
    public bool AllStages { get; init; }

    /// <summary>A build does not fail because this could not be written.</summary>
    public bool IgnoreErrors { get; init; }

    /// <summary>Reads an address; a name alone is one in a registry.</summary>
    /// <param name="text">As written.</param>
    /// <param name="isTarget">True for where results are put.</param>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: malformed; <see cref="ErrorKind.Unimplemented"/>: a kind that is not here.</exception>
    public static CacheAddress Parse(string text, bool isTarget)
    {
        if (!text.Contains('='))
        {
            return new CacheAddress { Text = text, Reference = Reference.Parse(text).WithDefaultTag() };
        }
        Dictionary<string, string> fields = [];
        foreach (string field in text.Split(','))
        {
            string[] parts = field.Split('=', 2);
            if (parts.Length < 2 || !Fields.Contains(parts[0]))
            {
                throw new CaissonException(ErrorKind.InvalidArgument, $"cache '{text}': '{parts[0]}' is no field of it; it has type, ref, src, dest, mode and ignore-error");
            }
            fields[parts[0]] = parts[1];
        }
        if (fields.GetValueOrDefault("compression", "uncompressed") != "uncompressed")
        {
            throw new CaissonException(ErrorKind.Unimplemented, $"cache '{text}': layers are written uncompressed only");
        }
        string mode = fields.GetValueOrDefault("mode", "min");
        if (mode is not ("min" or "max"))
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"cache '{text}': mode is min or max");
        }
        var address = new CacheAddress { Text = text, AllStages = mode == "max", IgnoreErrors = fields.GetValueOrDefault("ignore-error") == "true" };
        switch (fields.GetValueOrDefault("type", "registry"))
        {
            case "registry":
                return fields.TryGetValue("ref", out string? name)
                    ? address with { Reference = Reference.Parse(name).WithDefaultTag() }
                    : throw new CaissonException(ErrorKind.InvalidArgument, $"cache '{text}': a registry's needs ref=NAME");
            case "local":
                string key = isTarget ? "dest" : "src";
                return fields.TryGetValue(key, out string? path) && path.StartsWith('/')
                    ? address with { Directory = path }
                    : throw new CaissonException(ErrorKind.InvalidArgument, $"cache '{text}': a directory needs {key}=PATH, absolute");
            case var other:
                throw new CaissonException(ErrorKind.Unimplemented, $"cache '{text}': the type '{other}' is not here; there are registry and local");
        }
    }
}
