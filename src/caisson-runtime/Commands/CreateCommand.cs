using Caisson.Runtime.CommandLine;
using Caisson.Runtime.Running;

namespace Caisson.Runtime.Commands;

/// <summary><c>create ID</c>: everything but the program.</summary>
internal static class CreateCommand
{
    internal static readonly string[] Flags =
    [
        "bundle|b=", "console-socket=", "pid-file=", "no-pivot", "no-new-keyring", "preserve-fds=", "pidfd-socket=",
    ];

    public static int Run(Invocation invocation, string[] args)
    {
        var arguments = Arguments.Read(args, Flags, 1, 1);
        using var runner = Creation.Create(invocation, Options(arguments));
        return 0;
    }

    internal static CreationOptions Options(Arguments arguments)
    {
        if (arguments.Has("no-pivot"))
        {
            throw Arguments.Usage("--no-pivot is not supported: without pivot_root the host's mounts stay within reach of the container");
        }
        if (arguments.Value("pidfd-socket") is not null)
        {
            throw Arguments.Usage("--pidfd-socket is not supported");
        }
        return new()
        {
            Id = arguments.Words[0],
            Bundle = arguments.Value("bundle") ?? ".",
            PidFile = arguments.Value("pid-file"),
            ConsoleSocket = arguments.Value("console-socket") is { Length: > 0 } socket ? socket : null,
            PreservedDescriptors = arguments.Number("preserve-fds", 0),
        };
    }
}
