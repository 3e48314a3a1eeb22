using System.Collections.Immutable;
using System.Globalization;
using Caisson.Linux;

namespace Caisson.Networks.Names;

/// <summary>The names of one network. Written under the plane's lock; read by the resolver at any time, as a snapshot.</summary>
internal sealed class NameTable(string network)
{
    private sealed record Entry(string Name, ImmutableArray<string> Names, InternetAddress? IPv4, InternetAddress? IPv6)
    {
        internal void AddTo(List<InternetAddress> addresses)
        {
            if (IPv4 is { } four)
            {
                addresses.Add(four);
            }
            if (IPv6 is { } six)
            {
                addresses.Add(six);
            }
        }

        /// <summary>Its addresses as text, by which the table knows them: a dictionary of texts is there already.</summary>
        internal List<string> Keys()
        {
            List<InternetAddress> addresses = [];
            AddTo(addresses);
            return addresses.ConvertAll(address => address.ToString());
        }
    }

    private sealed record Snapshot(
        ImmutableDictionary<string, Entry> Entries,
        ImmutableDictionary<string, ImmutableList<Entry>> ByName,
        ImmutableDictionary<string, string> ByAddress);

    private volatile Snapshot _now = new(
        ImmutableDictionary<string, Entry>.Empty, ImmutableDictionary<string, ImmutableList<Entry>>.Empty, ImmutableDictionary<string, string>.Empty);

    private volatile ImmutableDictionary<string, ImmutableArray<InternetAddress>> _services = ImmutableDictionary<string, ImmutableArray<InternetAddress>>.Empty;

    /// <summary>The domain all names of which are known here; empty for none.</summary>
    internal volatile string Domain = "";

    private readonly string _suffix = $".{Lower(network)}";

    internal void Add(string endpointId, string name, IEnumerable<string> names, InternetAddress? ipv4, InternetAddress? ipv6) =>
        _now = With(_now, endpointId, name, names, ipv4, ipv6);

    /// <summary>Names that are not those of one container, in the place of those there were.</summary>
    internal void SetServices(string domain, IReadOnlyDictionary<string, ImmutableArray<InternetAddress>> names)
    {
        _services = names.ToImmutableDictionary(pair => Lower(pair.Key), pair => pair.Value);
        Domain = Lower(domain);
    }

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
        foreach (string key in entry.Keys())
        {
            byAddress = byAddress.SetItem(key, entry.Name);
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
        return new(now.Entries.Remove(endpointId), byName, now.ByAddress.RemoveRange(entry.Keys()));
    }

    /// <summary>The addresses that a name, or <c>name.network</c>, has; null when nobody is called so.</summary>
    internal List<InternetAddress>? Find(string name)
    {
        if (_services.TryGetValue(name, out var service))
        {
            return [.. service];
        }
        var now = _now;
        if (!now.ByName.TryGetValue(name, out var entries)
            && !(name.EndsWith(_suffix, StringComparison.Ordinal) && now.ByName.TryGetValue(name[..^_suffix.Length], out entries)))
        {
            return null;
        }
        List<InternetAddress> addresses = [];
        foreach (var entry in entries)
        {
            entry.AddTo(addresses);
        }
        return addresses;
    }

    /// <summary>Who has an address; null when nobody has.</summary>
    internal string? FindName(InternetAddress address) => _now.ByAddress.GetValueOrDefault(address.ToString());

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
