using System.Globalization;

using Caisson.Errors;

namespace Caisson.Build.Instructions;

/// <summary>What a mount of <c>RUN</c> shows.</summary>
public enum RunMountKind
{
    /// <summary>Files of the context, a stage or an image.</summary>
    Bind,

    /// <summary>A directory that outlives builds.</summary>
    Cache,

    /// <summary>An empty file system in memory.</summary>
    Tmpfs,

    /// <summary>A secret of the build.</summary>
    Secret,

    /// <summary>The socket of an agent for SSH keys.</summary>
    Ssh,
}

/// <summary>One <c>--mount</c> of <c>RUN</c>, variables expanded.</summary>
/// <remarks>Source: Dockerfile reference, "RUN --mount".</remarks>
public sealed record RunMount
{
    private static readonly string[] Kinds = ["bind", "cache", "tmpfs", "secret", "ssh"];

    private static readonly string[] Keys =
        ["type", "target", "dst", "destination", "source", "src", "from", "id", "sharing", "readonly", "ro", "readwrite", "rw", "required", "mode", "uid", "gid", "size", "env"];

    /// <summary>What it shows.</summary>
    public required RunMountKind Kind { get; init; }

    /// <summary>Where, as written; may be relative to the working directory. Empty for a secret that is a variable only.</summary>
    public string Target { get; init; } = "";

    /// <summary>The path within what is shown.</summary>
    public string Source { get; init; } = "";

    /// <summary>The stage or image that is shown; null for the context.</summary>
    public string? From { get; init; }

    /// <summary>The name of the cache, secret or agent.</summary>
    public string Id { get; init; } = "";

    /// <summary><c>shared</c>, <c>private</c> or <c>locked</c>.</summary>
    public string Sharing { get; init; } = "shared";

    /// <summary>It cannot be written to.</summary>
    public bool ReadOnly { get; init; }

    /// <summary>The build fails when it is not there.</summary>
    public bool Required { get; init; }

    /// <summary>Permissions.</summary>
    public int? Mode { get; init; }

    /// <summary>The owner.</summary>
    public uint UserId { get; init; }

    /// <summary>The owning group.</summary>
    public uint GroupId { get; init; }

    /// <summary>The most bytes of a tmpfs; null for the kernel's limit.</summary>
    public long? SizeBytes { get; init; }

    /// <summary>The variable that a secret is given in; null for none.</summary>
    public string? Variable { get; init; }

    /// <summary>Reads <c>type=cache,target=/x</c>.</summary>
    /// <param name="text">As written, variables expanded.</param>
    /// <param name="fault">What is wrong; null when nothing is.</param>
    public static RunMount? TryParse(string text, out string? fault)
    {
        Dictionary<string, string> fields = [];
        foreach (string field in text.Split(','))
        {
            int equals = field.IndexOf('=');
            string key = (equals < 0 ? field : field[..equals]).Trim().ToLowerInvariant();
            if (!Keys.Contains(key))
            {
                fault = $"--mount has no field '{key}'{Spelling.Hint(key, Keys)}";
                return null;
            }
            key = key switch { "dst" or "destination" => "target", "src" => "source", "ro" => "readonly", "rw" => "readwrite", _ => key };
            if (equals < 0 && key is not ("readonly" or "readwrite" or "required"))
            {
                fault = $"'{key}' of --mount needs a value: {key}=…";
                return null;
            }
            fields[key] = equals < 0 ? "true" : field[(equals + 1)..].Trim().Trim('"');
        }
        string type = fields.GetValueOrDefault("type", "bind").ToLowerInvariant();
        int kind = Array.IndexOf(Kinds, type);
        if (kind < 0)
        {
            fault = $"--mount has no type '{type}'{Spelling.Hint(type, Kinds)}";
            return null;
        }
        return Build((RunMountKind)kind, fields, out fault);
    }

    private static RunMount? Build(RunMountKind kind, Dictionary<string, string> fields, out string? fault)
    {
        fault = null;
        string target = fields.GetValueOrDefault("target", "");
        string source = fields.GetValueOrDefault("source", "");
        string id = fields.GetValueOrDefault("id", "");
        string? variable = fields.GetValueOrDefault("env");
        if (kind == RunMountKind.Secret)
        {
            id = id.Length > 0 ? id : source.Length > 0 ? source : target.Split('/')[^1];
            target = target.Length > 0 ? target : variable is null ? $"/run/secrets/{id}" : "";
            if (id.Length == 0)
            {
                fault = "a secret needs id=… or target=…";
                return null;
            }
        }
        else if (kind == RunMountKind.Ssh)
        {
            id = id.Length > 0 ? id : "default";
            target = target.Length > 0 ? target : "/run/buildkit/ssh_agent.0";
        }
        else if (target.Length == 0)
        {
            fault = "--mount needs target=…";
            return null;
        }
        string sharing = fields.GetValueOrDefault("sharing", "shared");
        if (sharing is not ("shared" or "private" or "locked"))
        {
            fault = $"sharing is shared, private or locked, and is '{sharing}'";
            return null;
        }
        if (!TryMode(fields.GetValueOrDefault("mode"), out int? mode) || !TryId(fields.GetValueOrDefault("uid", "0"), out uint user)
            || !TryId(fields.GetValueOrDefault("gid", "0"), out uint group))
        {
            fault = "mode is octal, such as 0755; uid and gid are numbers";
            return null;
        }
        long? size = null;
        if (fields.TryGetValue("size", out string? bytes))
        {
            if (!TrySize(bytes, out long parsed))
            {
                fault = $"size is a number of bytes, or one with k, m or g, and is '{bytes}'";
                return null;
            }
            size = parsed;
        }
        bool isWritable = IsTrue(fields.GetValueOrDefault("readwrite")) || fields.GetValueOrDefault("readonly") is "false" or "0";
        return new RunMount
        {
            Kind = kind,
            Target = target,
            Source = source,
            From = fields.GetValueOrDefault("from"),
            Id = kind == RunMountKind.Cache && id.Length == 0 ? target : id,
            Sharing = sharing,
            ReadOnly = kind == RunMountKind.Bind ? !isWritable : IsTrue(fields.GetValueOrDefault("readonly")),
            Required = IsTrue(fields.GetValueOrDefault("required")),
            Mode = mode,
            UserId = user,
            GroupId = group,
            SizeBytes = size,
            Variable = variable,
        };
    }

    private static bool IsTrue(string? text) => text is "true" or "1";

    private static bool TryId(string text, out uint id) => uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out id) && id < 65_536;

    private static bool TryMode(string? text, out int? mode)
    {
        mode = null;
        if (text is null)
        {
            return true;
        }
        if (text.Length is 0 or > 5 || text.Any(c => c is < '0' or > '7'))
        {
            return false;
        }
        mode = Convert.ToInt32(text, 8) & 0xFFF;
        return true;
    }

    private static bool TrySize(string text, out long bytes)
    {
        int shift = text.TrimEnd('b', 'B').LastOrDefault() switch { 'k' or 'K' => 10, 'm' or 'M' => 20, 'g' or 'G' => 30, _ => 0 };
        string digits = text.TrimEnd('b', 'B', 'k', 'K', 'm', 'M', 'g', 'G', 'i');
        return long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out bytes) && bytes <= long.MaxValue >> shift && (bytes <<= shift) >= 0;
    }
}
