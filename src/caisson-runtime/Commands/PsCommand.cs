using System.Globalization;
using System.Text;
using Caisson.Errors;
using Caisson.Linux;
using Caisson.Linux.Launch;
using Caisson.Oci.Runtime;
using Caisson.Runtime.CommandLine;
using Caisson.Runtime.Running;

namespace Caisson.Runtime.Commands;

/// <summary><c>ps ID [OPTIONS OF ps]</c>.</summary>
internal static class PsCommand
{
    public static int Run(Invocation invocation, string[] args)
    {
        var arguments = Arguments.Read(args, ["format|f="], 1, out int rest);
        if (arguments.Words.Count == 0)
        {
            throw Arguments.Usage("the id of a container is needed");
        }
        var state = invocation.Root.Read(arguments.Words[0]);
        var pids = ContainerView.StatusOf(state) == ContainerStatus.Stopped ? [] : ContainerView.RequireCgroup(state).ProcessIds();
        switch (arguments.Value("format"))
        {
            case "json":
                StandardOutput.Write(Encoding.UTF8.GetBytes($"[{string.Join(",", pids)}]"));
                return 0;
            case null or "table":
                WriteTable(pids, rest < args.Length ? args[rest..] : ["-ef"]);
                return 0;
            case var other:
                throw Arguments.Usage($"--format must be table or json, not '{other}'");
        }
    }

    /// <summary>The host's <c>ps</c> knows the options; its lines of other processes are left out.</summary>
    private static void WriteTable(IReadOnlyList<int> pids, string[] options)
    {
        string[] lines = RunPs(options).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        int column = lines.Length == 0 ? -1 : Array.IndexOf(lines[0].Split(' ', StringSplitOptions.RemoveEmptyEntries), "PID");
        if (column < 0)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"ps {string.Join(' ', options)}: the output has no column PID");
        }
        Console.Out.WriteLine(lines[0]);
        foreach (string line in lines[1..])
        {
            string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (column < words.Length && int.TryParse(words[column], CultureInfo.InvariantCulture, out int pid) && pids.Contains(pid))
            {
                Console.Out.WriteLine(line);
            }
        }
    }

    private static string RunPs(string[] options)
    {
        using var output = Memfd.Create("ps");
        LaunchProgram program = new(LaunchStage.World);
        Slot target = program.Inherit("output");
        program.Add(SystemCall.dup3, "its stdout", target, 1, 0);
        program.Add(SystemCall.rt_sigprocmask, "no signal is blocked", 2, Block.Buffer(8, "{}"), 0, 8);
        program.Add(SystemCall.execve, "execute ps", "/usr/bin/ps", Block.TextList(["ps", .. options]), Block.TextList(["PATH=/usr/bin:/bin", "COLUMNS=500"]))
            .Expect(Errno.ENOENT);
        program.Add(SystemCall.execve, "execute ps", "/bin/ps", Block.TextList(["ps", .. options]), Block.TextList(["PATH=/usr/bin:/bin"]));
        using var launched = Launcher.Start(program.Encode(), output);
        if (launched.Next() is LaunchReport.Failed failed)
        {
            launched.Process.WaitExit();
            throw new CaissonException(ErrorKind.NotFound, $"execute ps: {LinuxException.Describe(failed.Errno)}; use --format json");
        }
        launched.Process.WaitExit();
        using var reader = HostFiles.OpenRead(output.ProcPath);
        return PathText.Decode(reader.ReadToEnd(16 << 20));
    }
}
