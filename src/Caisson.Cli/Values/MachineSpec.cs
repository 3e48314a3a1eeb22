using System.Globalization;

using Caisson.Client.Machines;

namespace Caisson.Cli.Values;

/// <summary>Reads what is said about devices of full machines.</summary>
internal static class MachineSpec
{
    /// <summary>Reads <c>20g</c> or <c>PATH</c>, with <c>,name=VALUE</c> behind it.</summary>
    /// <exception cref="FormatException">Neither a size nor a path, or an option that there is not.</exception>
    public static MachineDisk Disk(string text)
    {
        string[] parts = text.Split(',');
        bool isSize = parts[0].Length > 0 && char.IsAsciiDigit(parts[0][0]) && !parts[0].Contains('/') && !File.Exists(parts[0]);
        var disk = new MachineDisk(isSize ? "" : Place(parts[0], text), isSize ? ByteSize.Parse(parts[0]) : 0);
        foreach ((string name, string value) in Pairs(parts.Skip(1), text))
        {
            disk = name switch
            {
                "size" => disk with { Bytes = ByteSize.Parse(value) },
                "name" => disk with { Name = value },
                "format" => disk with { Format = value },
                "bus" => disk with { Bus = value },
                "cache" => disk with { Cache = value },
                _ when Limited(disk.Rate ?? new MachineDiskRate(), name, value) is { } rate => disk with { Rate = rate },
                _ => throw new FormatException($"invalid disk '{text}': there is no option {name}; write SIZE or PATH, and size, name, format, bus, cache, {RateOptions} behind it"),
            };
        }
        return disk;
    }

    /// <summary>Reads <c>NETWORK</c>, with <c>,name=VALUE</c> behind it.</summary>
    /// <exception cref="FormatException">An option that there is not.</exception>
    public static MachineNetwork Network(string text)
    {
        string[] parts = text.Split(',');
        var network = new MachineNetwork(parts[0]);
        foreach ((string name, string value) in Pairs(parts.Skip(1), text))
        {
            network = name switch
            {
                "name" => network with { Name = value },
                "mac" => network with { HardwareAddress = value },
                "ip" => network with { IPv4 = value },
                "model" => network with { Model = value },
                _ => throw new FormatException($"invalid network '{text}': there is no option {name}; write NETWORK, and name, mac, ip or model behind it"),
            };
        }
        return network;
    }

    /// <summary>Reads <c>disk0=40g</c>.</summary>
    public static KeyValuePair<string, long> Size(string text)
    {
        KeyValuePair<string, string> pair = Pair(text, text);
        return new(pair.Key, ByteSize.Parse(pair.Value));
    }

    /// <summary>Reads <c>disk0=bps:10m,iops:500</c>; <c>disk0=</c> takes the limits away.</summary>
    /// <exception cref="FormatException">A limit that there is not.</exception>
    public static KeyValuePair<string, MachineDiskRate> Rate(string text)
    {
        KeyValuePair<string, string> pair = Pair(text, text);
        var rate = new MachineDiskRate();
        foreach (string part in pair.Value.Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] words = part.Split(':');
            rate = (words.Length == 2 ? Limited(rate, words[0], words[1]) : null)
                ?? throw new FormatException($"invalid limit '{part}' in '{text}': write {RateOptions} with a colon and a number, such as disk0=bps:10m,iops:500");
        }
        return new(pair.Key, rate);
    }

    /// <summary>Reads <c>stop 0 18 * * 1-5</c>, or <c>snapshot:7 @daily</c> to keep seven.</summary>
    /// <exception cref="FormatException">There are not both words.</exception>
    public static MachineTime Time(string text)
    {
        int at = text.IndexOf(' ');
        string[] verb = at > 0 ? text[..at].Split(':') : [];
        long keep = 0;
        return verb.Length == 1 || (verb.Length == 2 && long.TryParse(verb[1], NumberStyles.None, CultureInfo.InvariantCulture, out keep) && keep > 0)
            ? new MachineTime(verb[0], text[at..].Trim(), keep)
            : throw new FormatException($"invalid schedule '{text}': write start, stop, reboot, snapshot or snapshot:NUMBER, and when, as crontab has it, such as 'stop 0 18 * * 1-5'");
    }

    /// <summary>Reads <c>cd0=PATH</c>; an empty path takes the medium out.</summary>
    public static KeyValuePair<string, string> Medium(string text)
    {
        KeyValuePair<string, string> pair = Pair(text, text);
        return new(pair.Key, pair.Value.Length > 0 ? Path.GetFullPath(pair.Value) : "");
    }

    /// <summary>Reads a path on this host; empty stays empty.</summary>
    public static string HostPath(string text) => text.Length > 0 ? Path.GetFullPath(text) : "";

    /// <summary>The first line of a file that has a secret; empty for no file.</summary>
    /// <exception cref="FormatException">It has none.</exception>
    public static string FirstLine(string path) => path.Length == 0 ? ""
        : File.ReadLines(path).FirstOrDefault() is { Length: > 0 } line ? line
        : throw new FormatException($"{path} has nothing in its first line");

    private const string RateOptions = "bps, bps-read, bps-write, iops, iops-read or iops-write";

    /// <summary>With one limit more; null when there is none of that name.</summary>
    private static MachineDiskRate? Limited(MachineDiskRate rate, string name, string value) => name switch
    {
        "bps" => rate with { Bytes = ByteSize.Parse(value) },
        "bps-read" => rate with { ReadBytes = ByteSize.Parse(value) },
        "bps-write" => rate with { WriteBytes = ByteSize.Parse(value) },
        "iops" => rate with { Requests = Whole(value) },
        "iops-read" => rate with { ReadRequests = Whole(value) },
        "iops-write" => rate with { WriteRequests = Whole(value) },
        _ => null,
    };

    private static long Whole(string text) => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long number) ? number : throw new FormatException($"'{text}' is no number");

    private static string Place(string path, string text) => path.Length > 0
        ? Path.GetFullPath(path)
        : throw new FormatException($"invalid disk '{text}': write SIZE, such as 20g, or PATH");

    private static IEnumerable<KeyValuePair<string, string>> Pairs(IEnumerable<string> parts, string text) => parts.Select(part => Pair(part, text));

    private static KeyValuePair<string, string> Pair(string part, string text)
    {
        int at = part.IndexOf('=');
        return at > 0
            ? new(part[..at], part[(at + 1)..])
            : throw new FormatException(string.Create(CultureInfo.InvariantCulture, $"invalid value '{text}': '{part}' is not written as name=value"));
    }
}
