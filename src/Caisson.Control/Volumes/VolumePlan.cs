using System.Globalization;

using Caisson.Control.Model;
using Caisson.Errors;
using Caisson.Linux;

namespace Caisson.Control.Volumes;

/// <summary>What a volume's options ask to be mounted.</summary>
/// <param name="Type">Of the file system; empty for a bind.</param>
/// <param name="Device">What is mounted: a block device, a server's path, a directory of the host.</param>
/// <param name="Recursive">Of a bind: with the mounts below.</param>
/// <param name="Set">Attributes to have.</param>
/// <param name="Clear">Attributes not to have.</param>
/// <param name="Data">Options of the file system.</param>
internal sealed record VolumeFilesystem(
    string Type, string Device, bool Recursive, MountAttributes Set, MountAttributes Clear, IReadOnlyList<string> Data)
{
    /// <summary>Whether a directory of the host is shown.</summary>
    public bool IsBind => Type.Length == 0;
}

/// <summary>Makes a volume's record of what a user asked for. Touches nothing. Source: Docker Engine API, "Create a volume"; docker volume create, "Driver-specific options".</summary>
internal static class VolumePlan
{
    private const long SizeBytesMin = 1 << 20;

    private static readonly string[] Known = ["type", "device", "o", "size"];

    /// <summary>Checks <paramref name="asked"/>.</summary>
    /// <param name="asked">The client's document.</param>
    /// <param name="name">The volume's name: the one asked for, or one of ours.</param>
    /// <param name="now">Its birth.</param>
    /// <param name="problems">Receives everything that is wrong; the record means nothing then.</param>
    public static VolumeRecord Compile(VolumeCreate asked, string name, DateTimeOffset now, ICollection<Problem> problems)
    {
        IReadOnlyDictionary<string, string> options = asked.DriverOpts ?? new Dictionary<string, string>();
        Dictionary<string, string> labels = new(asked.Labels ?? new Dictionary<string, string>());
        if (!VolumeNames.IsValid(name))
        {
            problems.Add(new("/Name", VolumeNames.Complaint(name)));
        }
        if (asked.Name.Length == 0)
        {
            labels.TryAdd(VolumeRecord.AnonymousLabel, "");
        }
        foreach (string key in options.Keys.Where(key => !Known.Contains(key)))
        {
            problems.Add(new($"/DriverOpts/{key}", $"invalid option: \"{key}\"; the local driver knows {string.Join(", ", Known)}"));
        }
        long size = 0;
        if (options.TryGetValue("size", out string? text) && !TryParseSize(text, out size))
        {
            problems.Add(new("/DriverOpts/size", $"invalid size: '{text}'; it is a number of bytes, at least 1M, or with k, m, g or t behind it"));
        }
        VolumeFilesystem? filesystem = ReadFilesystem(options, problems);
        if (filesystem is not null && size > 0)
        {
            problems.Add(new("/DriverOpts/size", "a size is of a volume on the engine's own disk; for a tmpfs write it into o, as o=size=100m"));
        }
        return new VolumeRecord
        {
            Name = name,
            Created = now,
            Options = options,
            Labels = labels,
            SizeBytes = size,
            Storage = filesystem is not null ? VolumeStorage.Mount
                : size == 0 ? VolumeStorage.Directory
                : VolumeStorage.Image,
        };
    }

    /// <summary>What is to be mounted; null when nothing is.</summary>
    public static VolumeFilesystem? ReadFilesystem(IReadOnlyDictionary<string, string> options, ICollection<Problem> problems)
    {
        string type = options.GetValueOrDefault("type", "");
        string device = options.GetValueOrDefault("device", "");
        string words = options.GetValueOrDefault("o", "");
        if (type.Length == 0 && device.Length == 0 && words.Length == 0)
        {
            return null;
        }
        Need("type", type);
        Need("device", device);
        bool bind = type == "bind";
        bool recursive = false;
        MountAttributes set = 0;
        MountAttributes clear = 0;
        List<string> data = [];
        foreach (string word in words.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            if (word is "bind" or "rbind")
            {
                bind = true;
                recursive = word == "rbind";
            }
            else if (MountOptions.TryFind(word, out MountOption option))
            {
                set = (set & ~option.Clear) | option.Set;
                clear = (clear & ~option.Set) | option.Clear;
            }
            else if (word is not ("defaults" or "async" or "auto" or "noauto" or "nofail" or "_netdev" or "user" or "nouser"))
            {
                data.Add(word);
            }
        }
        if (bind && device.Length > 0 && !device.StartsWith('/'))
        {
            problems.Add(new("/DriverOpts/device", $"'{device}' is not an absolute path of a directory of the host"));
        }
        if (bind && data.Count > 0)
        {
            problems.Add(new("/DriverOpts/o", $"a bind has no option '{data[0]}'"));
        }
        return new VolumeFilesystem(bind ? "" : type, device, recursive, set, clear, data);

        void Need(string name, string value)
        {
            if (value.Length == 0)
            {
                problems.Add(new($"/DriverOpts/{name}", $"missing required option: \"{name}\""));
            }
        }
    }

    /// <summary>Reads <c>1073741824</c>, <c>1g</c>, <c>1GiB</c>: units are powers of 1024.</summary>
    private static bool TryParseSize(string text, out long bytes)
    {
        bytes = 0;
        string lower = text.Trim().ToLowerInvariant();
        string number = lower.TrimEnd('k', 'm', 'g', 't', 'i', 'b');
        int shift = lower[number.Length..] switch
        {
            "" or "b" => 0,
            "k" or "kb" or "kib" => 10,
            "m" or "mb" or "mib" => 20,
            "g" or "gb" or "gib" => 30,
            "t" or "tb" or "tib" => 40,
            _ => -1,
        };
        if (shift < 0
            || !decimal.TryParse(number, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal value)
            || value > (decimal)long.MaxValue / (1L << shift))
        {
            return false;
        }
        bytes = (long)(value * (1L << shift));
        return bytes >= SizeBytesMin;
    }
}
