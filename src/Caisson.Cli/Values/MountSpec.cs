using Caisson.Client.Containers;

namespace Caisson.Cli.Values;

/// <summary>The long form of a mount: <c>type=bind,source=/a,target=/b,readonly</c>.</summary>
internal static class MountSpec
{
    /// <exception cref="FormatException">A key is unknown, a value is wrong, or something needed is missing.</exception>
    public static MountConfig Parse(string text)
    {
        var mount = new MountConfig();
        foreach (string field in SplitFields(text))
        {
            int equals = field.IndexOf('=', StringComparison.Ordinal);
            string key = (equals < 0 ? field : field[..equals]).Trim().ToLowerInvariant();
            string? value = equals < 0 ? null : field[(equals + 1)..];
            Apply(mount, key, value, field);
        }
        Check(mount, text);
        return mount;
    }

    private static void Apply(MountConfig mount, string key, string? value, string field)
    {
        switch (key)
        {
            case "type":
                mount.Type = Needed(value, field).ToLowerInvariant();
                break;
            case "source" or "src":
                string source = Needed(value, field);
                mount.Source = source.StartsWith("./", StringComparison.Ordinal) || source == "." ? Path.GetFullPath(source) : source;
                break;
            case "target" or "dst" or "destination":
                mount.Target = Needed(value, field);
                break;
            case "readonly" or "ro":
                mount.ReadOnly = Truth(value, field);
                break;
            case "bind-propagation":
                mount.Propagation = Needed(value, field).ToLowerInvariant();
                break;
            case "bind-nonrecursive":
                mount.NonRecursive = Truth(value, field);
                break;
            case "bind-create-src":
                mount.CreateMountpoint = Truth(value, field);
                break;
            case "bind-recursive":
                Recursion(mount, Needed(value, field));
                break;
            case "idmap":
                mount.IdMap = value is null or "" ? "true" : value;
                break;
            case "volume-subpath":
                mount.Subpath = Needed(value, field);
                break;
            case "volume-driver":
                mount.VolumeDriver = Needed(value, field);
                break;
            case "volume-opt":
                var option = ContainerOptions.FullPair(Needed(value, field));
                mount.VolumeOptions[option.Key] = option.Value;
                break;
            case "volume-label":
                var label = ContainerOptions.Pair(Needed(value, field));
                mount.VolumeLabels[label.Key] = label.Value;
                break;
            case "volume-nocopy":
                mount.NoCopy = Truth(value, field);
                break;
            case "tmpfs-size":
                mount.TmpfsSizeBytes = ByteSize.Parse(Needed(value, field));
                break;
            case "tmpfs-mode":
                mount.TmpfsMode = ParseMode(Needed(value, field), field);
                break;
            case "consistency":
                break;
            default:
                throw new FormatException($"unexpected key '{key}' in '{field}'");
        }
    }

    private static void Check(MountConfig mount, string text)
    {
        if (mount.Type is not ("bind" or "volume" or "tmpfs"))
        {
            throw new FormatException($"type \"{mount.Type}\" is none of bind, volume and tmpfs");
        }
        if (mount.Target.Length == 0)
        {
            throw new FormatException($"target is required in \"{text}\"");
        }
        if (mount.Type != "bind" && (mount.Propagation.Length > 0 || mount.NonRecursive || mount.CreateMountpoint || mount.ReadOnlyNonRecursive || mount.ReadOnlyForceRecursive || mount.IdMap.Length > 0))
        {
            throw new FormatException($"cannot mix 'bind-*' options and idmap with mount type '{mount.Type}'");
        }
        if (mount.Type != "volume" && mount.HasVolumeOptions)
        {
            throw new FormatException($"cannot mix 'volume-*' options with mount type '{mount.Type}'");
        }
        if (mount.Type != "tmpfs" && (mount.TmpfsSizeBytes > 0 || mount.TmpfsMode > 0))
        {
            throw new FormatException($"cannot mix 'tmpfs-*' options with mount type '{mount.Type}'");
        }
        if (mount.ReadOnlyForceRecursive && (!mount.ReadOnly || mount.Propagation is not ("" or "rprivate")))
        {
            throw new FormatException("option 'bind-recursive=readonly' requires 'readonly' and bind-propagation 'rprivate'");
        }
        if (mount.ReadOnlyNonRecursive && !mount.ReadOnly)
        {
            throw new FormatException("option 'bind-recursive=writable' requires 'readonly'");
        }
        if (mount.Type == "bind" && !mount.Source.StartsWith('/'))
        {
            throw new FormatException("a bind needs an absolute source");
        }
        if (mount.Type == "tmpfs" && mount.Source.Length > 0)
        {
            throw new FormatException("a tmpfs has no source");
        }
    }

    private static void Recursion(MountConfig mount, string value)
    {
        switch (value)
        {
            case "enabled":
                break;
            case "disabled":
                mount.NonRecursive = true;
                break;
            case "writable":
                mount.ReadOnlyNonRecursive = true;
                break;
            case "readonly":
                mount.ReadOnlyForceRecursive = true;
                break;
            default:
                throw new FormatException($"invalid value for bind-recursive: {value} (must be \"enabled\", \"disabled\", \"writable\", or \"readonly\")");
        }
    }

    private static string Needed(string? value, string field) =>
        string.IsNullOrEmpty(value) ? throw new FormatException($"'{field}' needs a value: write key=value") : value;

    private static bool Truth(string? value, string field) => value?.ToLowerInvariant() switch
    {
        null or "" or "1" or "true" => true,
        "0" or "false" => false,
        _ => throw new FormatException($"invalid value in '{field}': write true or false"),
    };

    private static int ParseMode(string octal, string field)
    {
        int mode = 0;
        foreach (char digit in octal)
        {
            mode = digit is >= '0' and <= '7' && mode < 0x1000
                ? (mode * 8) + (digit - '0')
                : throw new FormatException($"invalid file mode in '{field}': write an octal number such as 1777");
        }
        return mode;
    }

    /// <summary>Splits at commas as CSV does: a field in quotes may hold them.</summary>
    private static List<string> SplitFields(string text)
    {
        var fields = new List<string>();
        var field = new System.Text.StringBuilder();
        bool quoted = false;
        for (int i = 0; i < text.Length; i++)
        {
            switch (text[i])
            {
                case '"' when quoted && i + 1 < text.Length && text[i + 1] == '"':
                    field.Append('"');
                    i++;
                    break;
                case '"':
                    quoted = !quoted;
                    break;
                case ',' when !quoted:
                    fields.Add(field.ToString());
                    field.Clear();
                    break;
                case var c:
                    field.Append(c);
                    break;
            }
        }
        fields.Add(field.ToString());
        return quoted ? throw new FormatException("a quote is not closed") : fields;
    }
}
