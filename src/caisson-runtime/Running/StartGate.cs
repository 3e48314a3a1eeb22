using Caisson.Containers.State;
using Caisson.Linux;

namespace Caisson.Runtime.Running;

/// <summary>The FIFO on which a created container waits for <c>start</c>.</summary>
internal static class StartGate
{
    private const string Name = "exec.fifo";

    /// <summary>Makes it and opens it for reading and writing, so that neither side ever waits in open(2).</summary>
    public static Descriptor Create(ContainerDirectory directory)
    {
        using (var host = HostFiles.OpenDirectory(directory.Path))
        {
            host.CreateNode(Name, FileKind.Fifo, 0x180);
        }
        return Open(directory);
    }

    /// <summary>Lets the program go. The caller has found the container to be waiting.</summary>
    public static void Release(ContainerDirectory directory)
    {
        using (var gate = Open(directory))
        {
            gate.Write([0]);
        }
        directory.Remove(Name);
    }

    private static Descriptor Open(ContainerDirectory directory)
    {
        var file = File.OpenHandle(directory.PathOf(Name), FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        var descriptor = Descriptor.TakeOver((int)file.DangerousGetHandle());
        file.SetHandleAsInvalid();
        return descriptor;
    }
}
