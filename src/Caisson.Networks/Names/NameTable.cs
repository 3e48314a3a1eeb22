using System.Collections.Immutable;
using System.Globalization;
using Caisson.Linux;

namespace Caisson.Networks.Names;

/// <summary>The names of one network. Written under the plane's lock; read by the resolver at any time, as a snapshot.</summary>
internal sealed class NameTable(string network)
{
    private sealed record Entry(string Name, ImmutableArray<string> Names, InternetAddress? IPv4, InternetAddress? IPv6);

    private sealed record Snapshot(
        ImmutableDictionary<string, Entry> Entries,
        ImmutableDictionary<string, ImmutableList<Entry>> ByName,
        ImmutableDictionary<InternetAddress, string> ByAddress);

    private volatile Snapshot _now = new(
        ImmutableDictionary<string, Entry>.Empty, ImmutableDictionary<string, ImmutableList<Entry>>.Empty, ImmutableDictionary<InternetAddress, string>.Empty);

    private readonly string _suffix = $".{Lower(network)}";

    internal void Add(string endpointId, string name, IEnumerable<string> names, InternetAddress? ipv4, InternetAddress? ipv6) =>
        _now = With(_now, endpointId, name, names, ipv4, ipv6);

    internal void Remove(string endpointId) => _now = Without(_now, endpointId);

    /// <summary>Both in one step: nobody who asks meanwhile hears that a name that stays is nobody's.</summary>
    internal void Replace(string endpointId, string name, IEnumerable<string> names, InternetAddress? ipv4, InternetAddress? ipv6) =>
        _now = With(Without(_now, endpointId), endpointId, name, names, ipv4, ipv6);

    private Snapshot With(Snapshot now, string endpointId, string name, IEnumerable<string> names, InternetAddress? ipv4, InternetAddress? ipv6)
    {
        var entry = new Entry($"{name}{_suffix}", [.. names.Select(Lower).Distinct()], ipv4, ipv6);
        var (byName, byAddress) = (now.ByName, now.ByAddress);
        foreach (string one in entry.Names)
        {
            byName = byName.SetItem(one, (byName.GetValueOrDefault(one) ?? []).Add(entry));
        }
        foreach (var address in new[] { ipv4, ipv6 }.OfType<InternetAddress>())
        {
            byAddress = byAddress.SetItem(address, entry.Name);
        }
        return new(now.Entries.SetItem(endpointId, entry), byName, byAddress);
    }

    private static Snapshot Without(Snapshot now, string endpointId)
    {
        if (!now.Entries.TryGetValue(endpointId, out var entry))
        {
            return now;
        }
        var byName = now.ByName;
        foreach (string one in entry.Names)
        {
            var left = byName[one].Remove(entry);
            byName = left.IsEmpty ? byName.Remove(one) : byName.SetItem(one, left);
        }
        var addresses = new[] { entry.IPv4, entry.IPv6 }.OfType<InternetAddress>();
        return new(now.Entries.Remove(endpointId), byName, now.ByAddress.RemoveRange(addresses));
    }

    /// <summary>The addresses that a name, or <c>name.network</c>, has; null when nobody is called so.</summary>
    internal IReadOnlyList<InternetAddress>? Find(string name)
    {
        var now = _now;
        if (!now.ByName.TryGetValue(name, out var entries)
            && !(name.EndsWith(_suffix, StringComparison.Ordinal) && now.ByName.TryGetValue(name[..^_suffix.Length], out entries)))
        {
            return null;
        }
        return [.. entries.SelectMany(entry => new[] { entry.IPv4, entry.IPv6 }).OfType<InternetAddress>()];
    }

    /// <summary>Who has an address; null when nobody has.</summary>
    internal string? FindName(InternetAddress address) => _now.ByAddress.GetValueOrDefault(address);

    /// <summary>The address that the name of a PTR question stands for. Source: RFC 1035 §3.5, RFC 3596 §2.5.</summary>
    internal static InternetAddress? ReverseAddress(string name)
    {
        const string Four = ".in-addr.arpa";
        const string Six = ".ip6.arpa";
        if (name.EndsWith(Four, StringComparison.Ordinal))
        {
            string[] parts = name[..^Four.Length].Split('.');
            Array.Reverse(parts);
            return InternetAddress.TryParse(string.Join('.', parts), out var address) ? address : null;
        }
        if (!name.EndsWith(Six, StringComparison.Ordinal) || name.Length != Six.Length + 63)
        {
            return null;
        }
        UInt128 bits = 0;
        for (int i = 62; i >= 0; i -= 2)
        {
            if (!char.IsAsciiHexDigit(name[i]) || (i > 0 && name[i - 1] != '.'))
            {
                return null;
            }
            bits = bits << 4 | (uint)Convert.ToInt32(name[i].ToString(CultureInfo.InvariantCulture), 16);
        }
        return InternetAddress.IPv6(bits);
    }

#pragma warning disable CA1308 // names of DNS are compared in lower case
    private static string Lower(string name) => name.ToLowerInvariant();
#pragma warning restore CA1308
}
