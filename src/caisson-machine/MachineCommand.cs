using Caisson.Errors;
using Caisson.Linux;
using Caisson.Linux.Processes;
using Caisson.Machines.Agent;
using Caisson.Machines.Files;
using Caisson.Machines.Hosting;
using Caisson.Machines.Plan;

namespace Caisson.Machine;

/// <summary>What runs in a machine's sandbox: <c>caisson-machine run</c> is the machine, <c>caisson-machine exec FILE</c> a further program of it, <c>caisson-machine template</c> makes a template.</summary>
internal static class MachineCommand
{
    private const int Failed = 125;

    /// <summary>Signals that go on to the program in the machine.</summary>
    private static readonly Signal[] Passed =
    [
        Signal.HUP, Signal.INT, Signal.QUIT, Signal.USR1, Signal.USR2, Signal.PIPE, Signal.ALRM, Signal.TERM, Signal.CONT, Signal.TSTP,
        Signal.TTIN, Signal.TTOU, Signal.WINCH, Signal.CHLD,
    ];

    /// <summary>Runs to the end.</summary>
    /// <returns>The exit code.</returns>
    public static int Run(string[] args)
    {
        if (!OwnProcess.IsSealed)
        {
            // Blocked from here on, signals are so in every thread of the new image too, which makes its signalfd the only way to them.
            Signalfd.Block(Passed);
            OwnProcess.ExecuteSealed(["caisson-machine", .. args]);
        }
        using Descriptor errors = Descriptor.FromInherited(2);
        try
        {
            if (args is [FileServerProcess.Command])
            {
                OwnProcess.SetName("caisson-files");
                FileServerProcess.Serve();
                return 0;
            }
            OwnProcess.SetName("caisson-machine");
            using Signalfd signals = Signalfd.Create(Passed, nonBlocking: true);
            using Descriptor input = Descriptor.FromInherited(0);
            using Descriptor output = Descriptor.FromInherited(1);
            _ = Terminal.TryMakeRaw(input); // the terminal that edits lines is the one in the machine
            var streams = new MachineStreams(input, output, errors);
            ProgramEnd end = args switch
            {
                ["run"] => RunMachine(streams, signals),
                ["template"] => MakeTemplate(),
                ["exec", var path] => MachineExec.Run(path, streams, signals),
                _ => new ProgramEnd(Failed, "usage: caisson-machine run | exec FILE | template"),
            };
            return Tell(errors, end);
        }
        catch (Exception error) when (error is CaissonException or FormatException)
        {
            return Tell(errors, new ProgramEnd(Failed, error.Message));
        }
    }

    private static ProgramEnd RunMachine(MachineStreams streams, Signalfd signals)
    {
        MachineLaunch launch = ReadLaunch();
        using UnixSocket listener = UnixSocket.Listen(MachineExec.SocketPath, UnixSocketKind.SequencedPacket);
        List<Descriptor> interfaces = [];
        try
        {
            interfaces.AddRange(launch.Devices.Select(TapBridge.Connect));
            return new MachineHost(launch, streams, signals, listener, interfaces).Run();
        }
        finally
        {
            interfaces.ForEach(device => device.Dispose());
        }
    }

    private static ProgramEnd MakeTemplate()
    {
        TemplateMaker.Make(ReadLaunch());
        return new ProgramEnd(0);
    }

    private static MachineLaunch ReadLaunch() =>
        MachineLaunch.Decode(HostFiles.Read($"{MachineLaunch.Directory}/{MachineLaunch.FileName}", AgentFrame.PartsBytesMax * 2));

    private static int Tell(Descriptor errors, ProgramEnd end)
    {
        if (end.Reason.Length > 0)
        {
            errors.SetNonBlocking(false);
            try
            {
                errors.Write(PathText.Encode($"caisson: {end.Reason}\n"));
            }
            catch (LinuxException error) when (error.Errno is Errno.EPIPE or Errno.EIO)
            {
                // Nobody reads; the code says that it failed.
            }
        }
        return end.Code;
    }
}
