using System.Globalization;
using Caisson.Linux;

namespace Caisson.Containers.Monitor;

/// <summary>What kind of end an <see cref="ExitRecord"/> tells of.</summary>
public enum ExitKind
{
    /// <summary>The program ran and ended.</summary>
    Ended = 0,

    /// <summary>The program never ran: a step before it failed, or nobody wanted it any more.</summary>
    NeverRan = 1,

    /// <summary>The monitor itself failed while the program ran, and ended it.</summary>
    MonitorFailed = 2,
}

/// <summary>
/// How a process ended, as its monitor wrote it down; text of one line: code, signal, when, trouble with the log, kind of end, reason.
/// </summary>
/// <param name="Status">The code or the signal.</param>
/// <param name="At">When the monitor saw it.</param>
/// <param name="LogErrno">Why the log is not whole; 0 when it is.</param>
/// <param name="Kind">What kind of end it was.</param>
/// <param name="Reason">Why, for every kind but <see cref="ExitKind.Ended"/>; empty for that. A line at most.</param>
public readonly record struct ExitRecord(ExitStatus Status, DateTimeOffset At, Errno LogErrno, ExitKind Kind = ExitKind.Ended, string Reason = "")
{
    /// <summary>The file name in the process's run directory.</summary>
    public const string FileName = "exit";

    private const int Fields = 6;

    /// <summary>The record as text.</summary>
    public string Format() => string.Create(
        CultureInfo.InvariantCulture,
        $"{Status.Code} {(int)Status.KilledBy} {At.UtcTicks} {(int)LogErrno} {(int)Kind} {Reason.ReplaceLineEndings(" ")}\n");

    /// <summary>Reads a record; null when it is not one.</summary>
    public static ExitRecord? Parse(string text)
    {
        string[] fields = text.TrimEnd('\n').Split(' ', Fields);
        return fields.Length == Fields
            && int.TryParse(fields[0], CultureInfo.InvariantCulture, out int code)
            && int.TryParse(fields[1], CultureInfo.InvariantCulture, out int signal)
            && long.TryParse(fields[2], CultureInfo.InvariantCulture, out long ticks)
            && ticks >= 0 && ticks <= DateTimeOffset.MaxValue.UtcTicks
            && int.TryParse(fields[3], CultureInfo.InvariantCulture, out int log)
            && int.TryParse(fields[4], CultureInfo.InvariantCulture, out int kind)
            && kind is >= 0 and <= (int)ExitKind.MonitorFailed
            ? new ExitRecord(new ExitStatus(code, (Signal)signal), new DateTimeOffset(ticks, TimeSpan.Zero), (Errno)log, (ExitKind)kind, fields[5])
            : null;
    }

    /// <summary>Reads the record in the run directory <paramref name="directory"/>; null when there is none.</summary>
    public static ExitRecord? Read(string directory) => HostFiles.TryReadText($"{directory}/{FileName}") is { } text ? Parse(text) : null;

    /// <summary>Writes it so that a reader sees all of it or none.</summary>
    /// <returns>False when the directory is gone: whoever removed it does not ask any more.</returns>
    internal bool TryWrite(DirectoryDescriptor directory)
    {
        try
        {
            directory.Replace(FileName, PathText.Encode(Format()), 0x180);
            return true;
        }
        catch (LinuxException error) when (error.Errno == Errno.ENOENT)
        {
            return false;
        }
    }
}
