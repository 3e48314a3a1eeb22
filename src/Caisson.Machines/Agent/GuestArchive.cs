using System.Globalization;

using Caisson.Errors;
using Caisson.Linux;
using Caisson.Linux.Launch;

using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Machines.Agent;

/// <summary>What reads and writes the files of a machine that runs: its agent's own program again, as a further program beside the machine's.</summary>
/// <remarks>
/// It has the machine's own names for processes and nothing of the image, and sees the root of the first program by descriptor. Its input and output are archives, or for a
/// look at one path <see cref="Tell"/>; an error is its code and a line.
/// </remarks>
public static class GuestArchive
{
    /// <summary>The word by which the agent's program is asked for it.</summary>
    public const string Command = "archive";

    /// <summary>Looks at a path.</summary>
    public const string Look = "look";

    /// <summary>Writes an archive of what is at a path.</summary>
    public const string Read = "read";

    /// <summary>Extracts an archive: the directory, whether kinds are kept (1 or 0), the owner's user and group or two empty words.</summary>
    public const string Extract = "extract";

    /// <summary>Writes an archive of the root file system, without what is mounted in it.</summary>
    public const string Export = "export";

    /// <summary>Says what was changed against the image: lines of a letter, a space and a path, each ended by a NUL.</summary>
    public const string Changes = "changes";

    /// <summary>Writes what was changed against the image as a layer.</summary>
    public const string Layer = "layer";

    /// <summary>The number at which it inherits the machine's first program.</summary>
    public const int ProgramDescriptor = 3;

    private const int FirstErrorCode = 64;

    /// <summary>The launch of it.</summary>
    /// <param name="words">What is to be done, and with what.</param>
    public static GuestLaunch Launch(params IReadOnlyList<string> words)
    {
        const string streams = "its streams";
        var program = new LaunchProgram(LaunchStage.World);
        Slot[] standard = [.. Enumerable.Range(0, 3).Select(number => program.Inherit(string.Create(CultureInfo.InvariantCulture, $"stream {number}")))];
        Slot first = program.Inherit("program");
        program.Add(SystemCall.setsid, "a session of its own");
        program.Add(SystemCall.rt_sigprocmask, "signals arrive", Argument.Of(SIG_SETMASK, "SIG_SETMASK"), Block.Words("none", 0), 0, 8);
        for (int i = 0; i < standard.Length; i++)
        {
            program.Add(SystemCall.dup3, streams, standard[i], i, 0);
        }
        program.Add(SystemCall.dup3, "whose files", first, ProgramDescriptor, 0);
        program.Add(SystemCall.execve, "execute it", "/proc/self/exe", Block.TextList(["caisson-init", Command, .. words]), Block.TextList(["PATH=/"]));
        return new GuestLaunch
        {
            World = program.Encode().Bytes,
            Self = default,
            Inputs = [new(GuestInputKind.Stdio, 0), new(GuestInputKind.Stdio, 1), new(GuestInputKind.Stdio, 2), new(GuestInputKind.Program)],
            WorldSteps = [.. program.Steps.Select(step => step.Reason)],
        };
    }

    /// <summary>The exit code that stands for an error.</summary>
    public static int CodeOf(ErrorKind kind) => FirstErrorCode + (int)kind;

    /// <summary>The error that an exit code and what was said stand for; the guest's words are shown as plain text.</summary>
    public static CaissonException ErrorOf(int code, string said)
    {
        string text = string.Concat(said.Where(c => !char.IsControl(c)));
        ErrorKind kind = Enum.IsDefined((ErrorKind)(code - FirstErrorCode)) ? (ErrorKind)(code - FirstErrorCode) : ErrorKind.Internal;
        return new CaissonException(kind, text.Length > 0 ? text : string.Create(CultureInfo.InvariantCulture, $"the machine's agent ended with code {code}"));
    }

    /// <summary>What is told of one path.</summary>
    /// <param name="status">What it is.</param>
    /// <param name="linkTarget">Of a link; otherwise empty.</param>
    public static byte[] Tell(in FileStatus status, string linkTarget) => new PlanWriter()
        .Add((int)status.Kind).Add(status.Mode).Add(status.Size).Add(status.ModifiedTime.Seconds).Add(status.ModifiedTime.Nanoseconds).Add(PathText.Encode(linkTarget))
        .ToArray();

    /// <summary>Reads what <see cref="Tell"/> wrote.</summary>
    /// <exception cref="FormatException">It is not that.</exception>
    public static (FileStatus Status, string LinkTarget) Hear(ReadOnlySpan<byte> bytes)
    {
        var reader = new PlanReader(bytes, "what a machine says of a path");
        var kind = (FileKind)reader.Int();
        int mode = reader.Int();
        long size = reader.Number();
        var time = new FileTime(reader.Number(), (uint)reader.Number());
        return (new FileStatus(kind, mode & 0xFFF, 0, 0, size, 0, 1, 0, default, default, time, time, time, 0), PathText.Decode(reader.Bytes()));
    }
}
