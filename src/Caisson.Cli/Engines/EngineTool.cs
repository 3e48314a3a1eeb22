using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

using Caisson.Errors;

namespace Caisson.Cli.Engines;

/// <summary>Something that the engine's binary does when it is not the engine; it has our streams, and gets our signals.</summary>
internal static class EngineTool
{
    /// <summary>Runs it to its end and returns its exit code.</summary>
    public static int Run(Func<string, string?> environment, IEnumerable<string> arguments)
    {
        string program = EngineLauncher.Find(environment);
        using var tool = Process.Start(new ProcessStartInfo(program, arguments) { UseShellExecute = false })
            ?? throw new CaissonException(ErrorKind.Internal, $"cannot start {program}");
        using PosixSignalRegistration term = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => Pass(context, "TERM"));
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => Pass(context, "INT"));
        tool.WaitForExit();
        return tool.ExitCode;

        void Pass(PosixSignalContext context, string signal)
        {
            context.Cancel = true;
            var start = new ProcessStartInfo("/bin/sh", ["-c", "kill -\"$0\" \"$1\" 2>/dev/null", signal, tool.Id.ToString(CultureInfo.InvariantCulture)]) { UseShellExecute = false };
            Process.Start(start)?.Dispose();
        }
    }
}
