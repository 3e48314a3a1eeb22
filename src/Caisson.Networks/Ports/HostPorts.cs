using System.Globalization;
using Caisson.Errors;
using Caisson.Linux;

namespace Caisson.Networks.Ports;

/// <summary>Ports as the host's own programs have them. Every call is made in the host's network namespace.</summary>
internal static class HostPorts
{
    /// <summary>Of a longer range only each port is tried; up to here a socket keeps a program of the host from taking it later.</summary>
    private const int HeldMax = 64;

    private const ushort EphemeralFirst = 32768;
    private const ushort EphemeralLast = 60999;

    /// <summary>Takes the ports on the host, so that no program of it thinks it has them.</summary>
    /// <returns>Sockets to be disposed when the ports are free again.</returns>
    /// <exception cref="CaissonException"><see cref="ErrorKind.Conflict"/>: a program has one; <see cref="ErrorKind.InvalidArgument"/>: the host has no such address.</exception>
    internal static List<InternetSocket> Reserve(PublishedPort port, string holder)
    {
        List<InternetSocket> sockets = [];
        try
        {
            for (int i = 0; i < port.Count && port.Protocol != TransportProtocol.Sctp; i++)
            {
                ushort number = (ushort)(port.HostPort + i);
                foreach (var address in PortTable.Addresses(port))
                {
                    if (TryTake(port.Protocol, new(address, number), port) is not { } socket)
                    {
                        throw new CaissonException(
                            ErrorKind.Conflict, $"publish {port} for {holder}: port {number} of the host is in use by {FindProgram(port.Protocol, number)}");
                    }
                    if (port.Count <= HeldMax)
                    {
                        sockets.Add(socket);
                    }
                    else
                    {
                        socket.Dispose();
                    }
                }
            }
            return sockets;
        }
        catch
        {
            sockets.ForEach(socket => socket.Dispose());
            throw;
        }
    }

    /// <summary>Says the first port of a free range of the host for one that leaves it open.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.ResourceExhausted"/>: there is none.</exception>
    internal static PublishedPort Choose(PublishedPort port, PortTable table)
    {
        for (int attempt = 0; attempt < 256; attempt++)
        {
            var candidate = port with { HostPort = (ushort)Random.Shared.Next(EphemeralFirst, EphemeralLast - port.Count + 2) };
            if (table.FindHolder(candidate) is null && IsFree(candidate))
            {
                return candidate;
            }
        }
        throw new CaissonException(ErrorKind.ResourceExhausted, $"publish {port}: no {port.Count} free ports of the host between {EphemeralFirst} and {EphemeralLast}");
    }

    private static bool IsFree(PublishedPort port)
    {
        try
        {
            Reserve(port, "").ForEach(socket => socket.Dispose());
            return true;
        }
        catch (CaissonException e) when (e.Kind == ErrorKind.Conflict)
        {
            return false;
        }
    }

    /// <summary>Null when another socket has it.</summary>
    private static InternetSocket? TryTake(TransportProtocol protocol, InternetEndpoint at, PublishedPort port)
    {
        InternetSocket? socket = null;
        try
        {
            socket = InternetSocket.Open(protocol, at.Address.IsIPv6);
            if (socket.TryBind(at))
            {
                return socket;
            }
        }
        catch (LinuxException e) when (e.Errno == Errno.EADDRNOTAVAIL)
        {
            socket?.Dispose();
            // IPv6 may be off as a whole, which "all addresses" does not mind.
            return at.Address.IsAny
                ? InternetSocket.Open(protocol, isIPv6: false)
                : throw new CaissonException(ErrorKind.InvalidArgument, $"publish {port}: the host has no address {at.Address}", e);
        }
        catch (LinuxException e) when (e.Errno == Errno.EAFNOSUPPORT && at.Address is { IsIPv6: true, IsAny: true })
        {
            return InternetSocket.Open(protocol, isIPv6: false);
        }
        socket.Dispose();
        return null;
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
