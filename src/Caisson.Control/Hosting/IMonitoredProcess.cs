namespace Caisson.Control.Hosting;

/// <summary>One operating system process under a monitor: the first of a container, or an exec.</summary>
/// <remarks>Disposing lets go of the monitor; the process goes on.</remarks>
public interface IMonitoredProcess : IAsyncDisposable
{
    /// <summary>The id of the container, or of the exec.</summary>
    string Id { get; }

    /// <summary>The process id in the host's numbers.</summary>
    int Pid { get; }

    /// <summary>Completes when the process has ended and its output is drained; never faults.</summary>
    Task<ProcessExit> Exited { get; }

    /// <summary>Sends a signal; false when the process has ended.</summary>
    bool TrySignal(int signal);

    /// <summary>Lets the log go on in another file; false when it has one file only.</summary>
    /// <exception cref="Caisson.Errors.CaissonException">The process has ended.</exception>
    Task<bool> RotateLogAsync(CancellationToken cancellationToken);

    /// <summary>Connects to the standard streams; output from this moment on.</summary>
    /// <exception cref="Caisson.Errors.CaissonException">The process has ended.</exception>
    Task<Attachment> AttachAsync(AttachOptions options, CancellationToken cancellationToken);

    /// <summary>Sets the size of the terminal; nothing happens without one.</summary>
    ValueTask ResizeAsync(ushort rows, ushort columns, CancellationToken cancellationToken);
}

/// <summary>Which standard streams an attachment carries.</summary>
/// <param name="Stdin">What is written goes to the process.</param>
/// <param name="Stdout">Output is received.</param>
/// <param name="Stderr">Errors are received; with a terminal they are part of output.</param>
public readonly record struct AttachOptions(bool Stdin, bool Stdout, bool Stderr);

/// <summary>How a process ended.</summary>
/// <param name="Code">What it returned, or 128 plus the signal that ended it.</param>
/// <param name="At">When.</param>
/// <param name="OomKilled">The kernel ended it for lack of memory.</param>
/// <param name="Error">What kept it from running properly; null in the ordinary case.</param>
public readonly record struct ProcessExit(int Code, DateTimeOffset At, bool OomKilled, string? Error);
