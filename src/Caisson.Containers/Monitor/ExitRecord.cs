using System.Globalization;
using Caisson.Linux;

namespace Caisson.Containers.Monitor;

/// <summary>How a process ended, as its monitor wrote it down; text of one line: code, signal, when, trouble with the log.</summary>
/// <param name="Status">The code or the signal.</param>
/// <param name="At">When the monitor saw it.</param>
/// <param name="LogErrno">Why the log is not whole; 0 when it is.</param>
public readonly record struct ExitRecord(ExitStatus Status, DateTimeOffset At, Errno LogErrno)
{
    /// <summary>The file name in the process's run directory.</summary>
    public const string FileName = "exit";

    /// <summary>The record as text.</summary>
    public string Format() => string.Create(
        CultureInfo.InvariantCulture, $"{Status.Code} {(int)Status.KilledBy} {At.UtcTicks} {(int)LogErrno}\n");

    /// <summary>Reads a record; null when it is not one.</summary>
    public static ExitRecord? Parse(string text)
    {
        string[] fields = text.TrimEnd('\n').Split(' ');
        return fields.Length == 4
            && int.TryParse(fields[0], CultureInfo.InvariantCulture, out int code)
            && int.TryParse(fields[1], CultureInfo.InvariantCulture, out int signal)
            && long.TryParse(fields[2], CultureInfo.InvariantCulture, out long ticks)
            && ticks >= 0 && ticks <= DateTimeOffset.MaxValue.UtcTicks
            && int.TryParse(fields[3], CultureInfo.InvariantCulture, out int log)
            ? new ExitRecord(new ExitStatus(code, (Signal)signal), new DateTimeOffset(ticks, TimeSpan.Zero), (Errno)log)
            : null;
    }

    /// <summary>Reads the record in the run directory <paramref name="directory"/>; null when there is none.</summary>
    public static ExitRecord? Read(string directory) => HostFiles.TryReadText($"{directory}/{FileName}") is { } text ? Parse(text) : null;

    /// <summary>Writes it so that a reader sees all of it or none.</summary>
    internal void Write(DirectoryDescriptor directory) => directory.Replace(FileName, PathText.Encode(Format()), 0x180);
}
