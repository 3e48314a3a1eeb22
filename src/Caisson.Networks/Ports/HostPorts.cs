using System.Globalization;
using Caisson.Errors;
using Caisson.Linux;

namespace Caisson.Networks.Ports;

/// <summary>Ports as the host's own programs have them. Every call is made in the host's network namespace.</summary>
internal static class HostPorts
{
    /// <summary>Of a longer range only each port is tried; up to here a socket keeps a program of the host from taking it later.</summary>
    internal const int HeldMax = 64;

    internal const ushort EphemeralFirst = 32768;
    internal const ushort EphemeralLast = 60999;

    /// <summary>Takes a port on the host, so that no program of it thinks it has it.</summary>
    /// <returns>A socket to be disposed when the port is free again; null for a protocol that has no sockets here.</returns>
    /// <exception cref="CaissonException"><see cref="ErrorKind.Conflict"/>: a program has it; <see cref="ErrorKind.InvalidArgument"/>: the host has no such address.</exception>
    internal static InternetSocket? Take(PortTable.Place place, string holder)
    {
        if (place.Protocol == TransportProtocol.Sctp)
        {
            return null;
        }
        var at = new InternetEndpoint(place.Address, place.Port);
        InternetSocket? socket = null;
        try
        {
            socket = InternetSocket.Open(place.Protocol, at.Address.IsIPv6);
            if (socket.TryBind(at))
            {
                return socket;
            }
        }
        catch (LinuxException e) when (e.Errno is Errno.EADDRNOTAVAIL or Errno.EAFNOSUPPORT)
        {
            socket?.Dispose();
            // IPv6 may be off as a whole, which "all addresses" does not mind.
            return at.Address.IsAny
                ? null
                : throw new CaissonException(ErrorKind.InvalidArgument, $"publish {at} for {holder}: the host has no address {at.Address}", e);
        }
        socket.Dispose();
        throw new CaissonException(
            ErrorKind.Conflict, $"publish {at} for {holder}: port {place.Port} of the host is in use by {FindProgram(place.Protocol, place.Port)}");
    }

    /// <summary>The same; null also when it cannot be had.</summary>
    internal static InternetSocket? TryTake(PortTable.Place place)
    {
        try
        {
            return Take(place, "");
        }
        catch (CaissonException)
        {
            return null;
        }
    }

    /// <summary>Whether no program has any of the ports.</summary>
    internal static bool AreFree(PublishedPort port)
    {
        try
        {
            foreach (var place in PortTable.PlacesOf(port))
            {
                Take(place, "")?.Dispose();
            }
            return true;
        }
        catch (CaissonException e) when (e.Kind == ErrorKind.Conflict)
        {
            return false;
        }
    }

    /// <summary>The program that has a port, for people.</summary>
    private static string FindProgram(TransportProtocol protocol, ushort port)
    {
        string table = protocol == TransportProtocol.Tcp ? "tcp" : "udp";
        string wanted = string.Create(CultureInfo.InvariantCulture, $":{port:X4}");
        var inodes = new[] { table, table + "6" }
            .SelectMany(name => (HostFiles.TryReadText($"/proc/thread-self/net/{name}", 64 << 20) ?? "").Split('\n').Skip(1))
            .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Where(words => words.Length > 9 && words[1].EndsWith(wanted, StringComparison.Ordinal))
            .Select(words => $"socket:[{words[9]}]")
            .ToHashSet();
        foreach (string directory in Directory.EnumerateDirectories("/proc").Where(path => char.IsAsciiDigit(Path.GetFileName(path)[0])))
        {
            if (HasOne(directory, inodes))
            {
                return $"process {Path.GetFileName(directory)} ({HostFiles.TryReadText($"{directory}/comm")?.Trim()})";
            }
        }
        return "another program";
    }

    private static bool HasOne(string process, HashSet<string> sockets)
    {
        try
        {
            return Directory.EnumerateFileSystemEntries($"{process}/fd").Any(file => TargetOf(file) is { } target && sockets.Contains(target));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false; // it has ended, or is not ours to look into
        }
    }

    /// <summary>What a descriptor of a process is; null when it was closed meanwhile.</summary>
    private static string? TargetOf(string file)
    {
        try
        {
            return new FileInfo(file).LinkTarget;
        }
        catch (IOException)
        {
            return null;
        }
    }
}
