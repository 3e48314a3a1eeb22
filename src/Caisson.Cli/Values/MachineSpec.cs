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
                _ => throw new FormatException($"invalid disk '{text}': there is no option {name}; write SIZE or PATH, and size, name, format, bus or cache behind it"),
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
