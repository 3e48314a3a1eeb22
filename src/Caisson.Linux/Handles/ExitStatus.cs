using System.Globalization;

namespace Caisson.Linux;

/// <summary>How a process ended: by itself with a code, or by a signal. Source: waitid(2).</summary>
/// <param name="Code">0..255; 0 when killed.</param>
/// <param name="KilledBy">0 when the process exited by itself.</param>
/// <param name="CoreDumped">Whether the signal left a core.</param>
public readonly record struct ExitStatus(int Code, Signal KilledBy = 0, bool CoreDumped = false)
{
    /// <summary>One number, as shells say it: the code, or 128 and the signal.</summary>
    public int ShellCode => KilledBy == 0 ? Code : 128 + (int)KilledBy;

    /// <inheritdoc/>
    public override string ToString() => KilledBy == 0
        ? Code.ToString(CultureInfo.InvariantCulture)
        : $"killed by {SignalNames.NameOf(KilledBy)}{(CoreDumped ? ", core dumped" : "")}";
}
