using Caisson.Errors;
using Caisson.Linux;
using Caisson.Linux.Launch;

namespace Caisson.Containers.Launch;

/// <summary>The words for a step of a launch that failed.</summary>
public static class LaunchFailure
{
    /// <summary>The error that <paramref name="failed"/> is; its kind follows the errno.</summary>
    /// <remarks>When the program itself could not be executed, the words are those by which engines know it: they make exit codes 127 and 126 of them.</remarks>
    public static CaissonException Of(LaunchPlan plan, LaunchReport.Failed failed)
    {
        var kind = new LinuxException("", failed.Errno, "").Kind;
        return failed.Stage == LaunchStage.Self && ProgramOf(plan, failed.Index) is { } program
            ? new(kind, $"exec: \"{program}\": {Words(program, failed.Errno)}")
            : new(kind, plan.Describe(failed));
    }

    private static string Words(string program, Errno errno) => errno switch
    {
        Errno.ENOENT when program.Contains('/', StringComparison.Ordinal) => $"stat {program}: no such file or directory",
        Errno.ENOENT => "executable file not found in $PATH",
        Errno.EACCES => "permission denied",
        Errno.ENOEXEC => "exec format error",
        _ => LinuxException.Describe(errno),
    };

    /// <summary>The program's name, when the step is about finding or executing it.</summary>
    private static string? ProgramOf(LaunchPlan plan, int index)
    {
        const string find = "find '";
        string reason = plan.Self.Steps[index].Reason;
        if (reason != "the program" && !reason.StartsWith(find, StringComparison.Ordinal))
        {
            return null;
        }
        string? search = plan.Self.Steps.Select(step => step.Reason).FirstOrDefault(text => text.StartsWith(find, StringComparison.Ordinal));
        return search?[find.Length..search.LastIndexOf('\'')];
    }
}
