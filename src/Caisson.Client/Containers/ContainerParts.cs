namespace Caisson.Client.Containers;

/// <summary>Where a port is published.</summary>
/// <param name="HostIp">Address of the host; empty: the engine's default.</param>
/// <param name="HostPort">A port or a range; empty: any free one.</param>
public sealed record PortBinding(string HostIp, string HostPort);

/// <summary>A resource limit of the container's process.</summary>
/// <param name="Name">As in setrlimit(2), lower case without the prefix: <c>nofile</c>.</param>
/// <param name="Soft">-1: unlimited.</param>
/// <param name="Hard">-1: unlimited.</param>
public sealed record UlimitConfig(string Name, long Soft, long Hard);

/// <summary>A device of the host shown to the container.</summary>
/// <param name="PathOnHost">Absolute path.</param>
/// <param name="PathInContainer">Absolute path.</param>
/// <param name="CgroupPermissions">Some of <c>rwm</c>.</param>
public sealed record DeviceConfig(string PathOnHost, string PathInContainer, string CgroupPermissions);

/// <summary>The engine's answer to a creation.</summary>
/// <param name="Id">64 hexadecimal digits.</param>
/// <param name="Warnings">What the user should know.</param>
public sealed record CreatedContainer(string Id, IReadOnlyList<string> Warnings);

/// <summary>How a container ended.</summary>
/// <param name="StatusCode">Exit code; 128 + n after signal n.</param>
/// <param name="Error">Why the wait itself failed; null when it did not.</param>
public sealed record WaitResult(int StatusCode, string? Error);

/// <summary>What an attached client wants.</summary>
/// <param name="Stdin">Send input.</param>
/// <param name="Stdout">Receive output.</param>
/// <param name="Stderr">Receive error output.</param>
/// <param name="DetachKeys">Keys that end the attachment; empty: the engine's default.</param>
public sealed record AttachOptions(bool Stdin, bool Stdout, bool Stderr, string DetachKeys = "")
{
    /// <summary>Also replay what was logged before.</summary>
    public bool Logs { get; init; }
}

/// <summary>Which part of a log is wanted.</summary>
/// <param name="Follow">Go on as lines are written.</param>
/// <param name="Timestamps">Put the time before each line.</param>
/// <param name="Tail">Number of lines from the end, or <c>all</c>.</param>
/// <param name="Since">Unix time with fraction; empty: from the start.</param>
/// <param name="Until">Unix time with fraction; empty: to the end.</param>
/// <param name="Details">Also show labels the log driver recorded.</param>
public sealed record LogOptions(bool Follow, bool Timestamps, string Tail, string Since, string Until, bool Details);

/// <summary>A process to run in a running container.</summary>
public sealed class ExecConfig
{
    /// <summary>Program and arguments.</summary>
    public required IReadOnlyList<string> Cmd { get; init; }

    /// <summary>Connect standard input.</summary>
    public bool AttachStdin { get; init; }

    /// <summary>Connect the outputs; false when detached.</summary>
    public bool AttachOutput { get; init; }

    /// <summary>Give it a terminal.</summary>
    public bool Tty { get; init; }

    /// <summary>Every capability.</summary>
    public bool Privileged { get; init; }

    /// <summary><c>user[:group]</c>; empty: the container's.</summary>
    public string User { get; init; } = "";

    /// <summary>Empty: the container's.</summary>
    public string WorkingDir { get; init; } = "";

    /// <summary>Keys that end the attachment.</summary>
    public string DetachKeys { get; init; } = "";

    /// <summary><c>NAME=value</c>.</summary>
    public IReadOnlyList<string> Env { get; init; } = [];

    /// <summary>Height and width of the client's terminal in characters.</summary>
    public (int Height, int Width)? ConsoleSize { get; init; }
}

/// <summary>State of an exec.</summary>
/// <param name="Running">It has not ended.</param>
/// <param name="ExitCode">Its exit code once it has ended.</param>
public sealed record ExecState(bool Running, int ExitCode);

/// <summary>Processes of a container as <c>ps</c> prints them.</summary>
/// <param name="Titles">Names of the columns.</param>
/// <param name="Processes">One row for each process.</param>
public sealed record ProcessTable(IReadOnlyList<string> Titles, IReadOnlyList<IReadOnlyList<string>> Processes);

/// <summary>A path that a container changed.</summary>
/// <param name="Kind">0 modified, 1 added, 2 deleted.</param>
/// <param name="Path">Absolute path inside.</param>
public sealed record FilesystemChange(int Kind, string Path);

/// <summary>What a prune removed.</summary>
/// <param name="Deleted">Ids or names.</param>
/// <param name="SpaceReclaimedBytes">Freed.</param>
public sealed record PruneResult(IReadOnlyList<string> Deleted, long SpaceReclaimedBytes);

/// <summary>A path inside a container.</summary>
/// <param name="Name">Last component.</param>
/// <param name="SizeBytes">Length of a file.</param>
/// <param name="Mode">Go's file mode: the top bit says directory, bit 27 symbolic link, the low nine are permissions.</param>
/// <param name="LinkTarget">Where a symbolic link leads, absolute; else empty.</param>
public sealed record ArchivePathStat(string Name, long SizeBytes, uint Mode, string LinkTarget)
{
    /// <summary>True for a directory.</summary>
    public bool IsDirectory => (Mode & 0x8000_0000) != 0;

    /// <summary>True for a symbolic link.</summary>
    public bool IsSymbolicLink => (Mode & 0x0800_0000) != 0;
}
