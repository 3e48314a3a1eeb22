using Caisson.Errors;
using Caisson.Linux;
using Caisson.Linux.Processes;
using Caisson.Machines.Agent;
using Caisson.Machines.Kernels;

namespace Caisson.Init;

/// <summary>The first process of a machine: loads what the kernel lacks, makes the machine what its host says, runs programs, ends it.</summary>
internal static class GuestInit
{
    /// <summary>How long the agent's port may take to appear after its driver was loaded.</summary>
    private const int PortMs = 10_000;

    /// <summary>The kernel opened the console for its first process.</summary>
    private static readonly Descriptor Console = Descriptor.TakeOver(2);

    /// <summary>Runs as the first process and does not return.</summary>
    public static void Run()
    {
        try
        {
            OwnProcess.SetName("caisson-init");
            using DirectoryDescriptor modules = HostFiles.OpenDirectory(Initrd.ModulesPath);
            GuestRoot.Enter();
            GuestModules.Load(modules.ProcPath, Initrd.BootOrder);
            GuestDevices.Bind(GuestDeviceKind.Console);
            using var link = new AgentLink(OpenPort(AgentFrame.PortName));
            new GuestAgent(link, modules).Serve();
        }
#pragma warning disable CA1031 // the last frame of the first process: without it the kernel panics and nobody knows why
        catch (Exception error)
#pragma warning restore CA1031
        {
            Tell(error is CaissonException ? error.Message : error.ToString());
        }
        MachinePower.Flush();
        MachinePower.Reset();
    }

    /// <summary>On the console, which the host keeps.</summary>
    public static void Tell(string text)
    {
        Console.Write(PathText.Encode($"caisson-init: {text}\n"));
    }

    /// <summary>Opens the port of the line to the host that is called <paramref name="name"/>.</summary>
    public static FileDescriptor OpenPort(string name)
    {
        for (int waitedMs = 0; ; waitedMs++)
        {
            foreach (string port in Directory.Exists("/sys/class/virtio-ports") ? Directory.GetDirectories("/sys/class/virtio-ports") : [])
            {
                if (HostFiles.TryReadText($"{port}/name")?.TrimEnd() == name && File.Exists($"/dev/{Path.GetFileName(port)}"))
                {
                    return HostFiles.OpenOrCreate($"/dev/{Path.GetFileName(port)}", 0x180);
                }
            }
            if (waitedMs >= PortMs)
            {
                throw new CaissonException(ErrorKind.FailedPrecondition, $"the machine has no port called {name}");
            }
            Thread.Sleep(1);
        }
    }
}
