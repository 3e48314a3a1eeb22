using Caisson.Containers.Logs;
using Caisson.Linux;

namespace Caisson.Containers.Monitor;

/// <summary>What a monitor needs of a process that is about to run its program: its launcher sends it, and nothing else of the launch.</summary>
/// <remarks>
/// One byte of flags: 1 terminal, 2 joiner, 4 log, 8 directory of the log, 16 stdin, 32 stdout, 64 stderr; with a directory, the log's settings
/// follow. The descriptors: the process, its run directory, the listening socket, and those that the flags name, in their order. Whoever
/// receives it owns them.
/// </remarks>
internal sealed record MonitorHandover
{
    /// <summary>What the monitor answers, once it listens.</summary>
    public const byte Taken = 1;

    /// <summary>What the launcher sends after it, once the program runs. That the connection ends before is the end of the start.</summary>
    public const byte Runs = 1;

    /// <summary>A child of the monitor.</summary>
    public required Pidfd Process { get; init; }

    /// <summary>Where the exit record goes.</summary>
    public required DirectoryDescriptor Directory { get; init; }

    /// <summary>For <see cref="MonitorCall"/>s. Who connects before the monitor listens waits for its answer.</summary>
    public required UnixSocket Listener { get; init; }

    /// <summary>A child of the monitor too, which has ended or is about to; null when the process joins nothing.</summary>
    public Pidfd? Joiner { get; init; }

    /// <summary>Where output is written to; null for nowhere.</summary>
    public FileDescriptor? Log { get; init; }

    /// <summary>The directory of the log; null for a log of one file.</summary>
    public DirectoryDescriptor? LogDirectory { get; init; }

    /// <summary>How the log is written.</summary>
    public required LogSettings LogSettings { get; init; }

    /// <summary>The writing side of stdin; null when it is empty.</summary>
    public Descriptor? Stdin { get; init; }

    /// <summary>The reading side of stdout, or of the terminal.</summary>
    public Descriptor? Stdout { get; init; }

    /// <summary>The reading side of stderr; null with a terminal.</summary>
    public Descriptor? Stderr { get; init; }

    /// <summary>Output comes from a terminal, so that there is one stream without frames.</summary>
    public bool IsTerminal { get; init; }

    /// <summary>Sends it; the descriptors stay the launcher's.</summary>
    public void Send(UnixSocket monitor)
    {
        int flags = IsTerminal ? 1 : 0;
        List<Descriptor> descriptors = [Process, Directory, Listener];
        ReadOnlySpan<Descriptor?> optional = [Joiner, Log, LogDirectory, Stdin, Stdout, Stderr];
        for (int i = 0; i < optional.Length; i++)
        {
            if (optional[i] is { } descriptor)
            {
                descriptors.Add(descriptor);
                flags |= 2 << i;
            }
        }
        monitor.Send([(byte)flags, .. LogDirectory is null ? [] : LogSettings.Encode()], [.. descriptors]);
    }

    /// <summary>Waits for it; null when the launcher ends without one.</summary>
    /// <param name="launcher">Who sends it.</param>
    /// <param name="message">Room for it: a byte and <see cref="Logs.LogSettings.BytesMax"/>.</param>
    public static MonitorHandover? Receive(UnixSocket launcher, Span<byte> message)
    {
        List<Descriptor> descriptors = [];
        int length = launcher.Receive(message, descriptors);
        if (length == 0)
        {
            return null;
        }
        int has = message[0];
        int next = 3;
        return new()
        {
            IsTerminal = (has & 1) != 0,
            Process = Pidfd.From(descriptors[0]),
            Directory = DirectoryDescriptor.From(descriptors[1]),
            Listener = UnixSocket.From(descriptors[2]),
            Joiner = (has & 2) != 0 ? Pidfd.From(descriptors[next++]) : null,
            Log = (has & 4) != 0 ? FileDescriptor.From(descriptors[next++]) : null,
            LogDirectory = (has & 8) != 0 ? DirectoryDescriptor.From(descriptors[next++]) : null,
            LogSettings = (has & 8) != 0 ? LogSettings.Decode(message[1..length]) : LogSettings.Plain,
            Stdin = (has & 16) != 0 ? descriptors[next++] : null,
            Stdout = (has & 32) != 0 ? descriptors[next++] : null,
            Stderr = (has & 64) != 0 ? descriptors[next] : null,
        };
    }
}
