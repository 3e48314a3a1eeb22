using Caisson.Errors;
using Caisson.Runtime.CommandLine;
using Caisson.Runtime.Commands;

namespace Caisson.Runtime;

/// <summary>runc's command line.</summary>
internal static class RuntimeCommandLine
{
    /// <summary>Runs one command.</summary>
    /// <returns>The process's exit code: for errors of the runtime 1, or 255 from <c>exec</c>, where 1 is the program's own; as runc has it.</returns>
    public static int Run(string[] args)
    {
        Invocation? invocation = null;
        try
        {
            invocation = Invocation.Read(args);
            invocation.Debug($"caisson-runtime {Invocation.Version}: {string.Join(' ', args)}");
            return invocation.AsksVersion ? VersionCommand.Run()
                : invocation.AsksHelp || invocation.Command.Length == 0 ? HelpCommand.Run()
                : Dispatch(invocation, invocation.Command[0], invocation.Command[1..]);
        }
        catch (Exception e) when (e is CaissonException or IOException or UnauthorizedAccessException)
        {
            if (invocation is null)
            {
                Console.Error.WriteLine($"caisson-runtime: {e.Message}");
            }
            else
            {
                invocation.Error(e.Message);
            }
            return invocation?.Command is ["exec", ..] ? 255 : 1;
        }
    }

    private static int Dispatch(Invocation invocation, string command, string[] args) => command switch
    {
        "create" or "start" or "run" or "exec" or "kill" or "delete" or "state" or "list" or "ps" or "pause" or "resume" or "update" or "events" or "spec"
            or "features" or "explain" or "checkpoint" or "restore" when args is ["-h" or "--help", ..] => HelpCommand.Run(),
        "create" => CreateCommand.Run(invocation, args),
        "start" => StartCommand.Run(invocation, args),
        "run" => RunCommand.Run(invocation, args),
        "exec" => ExecCommand.Run(invocation, args),
        "kill" => KillCommand.Run(invocation, args),
        "delete" => DeleteCommand.Run(invocation, args),
        "state" => StateCommand.Run(invocation, args),
        "list" => ListCommand.Run(invocation, args),
        "ps" => PsCommand.Run(invocation, args),
        "pause" => PauseCommand.Pause(invocation, args),
        "resume" => PauseCommand.Resume(invocation, args),
        "update" => UpdateCommand.Run(invocation, args),
        "events" => EventsCommand.Run(invocation, args),
        "spec" => SpecCommand.Run(args),
        "features" => FeaturesCommand.Run(args),
        "explain" => ExplainCommand.Run(invocation, args),
        "version" => VersionCommand.Run(),
        "help" => HelpCommand.Run(),
        "checkpoint" or "restore" => throw new CaissonException(ErrorKind.Unimplemented, $"{command}: checkpoints are not supported by this runtime"),
        _ => throw Arguments.Usage($"no command '{command}': 'caisson-runtime help' lists them"),
    };
}
