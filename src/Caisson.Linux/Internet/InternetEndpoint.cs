using System.Globalization;

namespace Caisson.Linux;

/// <summary>An address and a port of it.</summary>
/// <param name="Address">Of either family.</param>
/// <param name="Port">0 where the kernel is to choose.</param>
public readonly record struct InternetEndpoint(InternetAddress Address, ushort Port)
{
    /// <summary>As in <c>127.0.0.1:80</c> or <c>[::1]:80</c>.</summary>
    public override string ToString() =>
        $"{(Address.IsIPv6 ? $"[{Address}]" : Address.ToString())}:{Port.ToString(CultureInfo.InvariantCulture)}";
}
