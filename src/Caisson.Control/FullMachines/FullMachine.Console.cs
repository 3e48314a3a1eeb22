using Caisson.Control.Hosting;
using Caisson.Linux;

namespace Caisson.Control.FullMachines;

public sealed partial class FullMachine
{
    /// <summary>Connects to its serial console; what it says from this moment on. The caller disposes it, and the machine goes on.</summary>
    /// <exception cref="Errors.CaissonException">It does not run.</exception>
    public async Task<Attachment> AttachConsoleAsync(AttachOptions options, CancellationToken cancellationToken)
    {
        Run run;
        using (await EnterAsync(cancellationToken))
        {
            run = RequireRun();
        }
        return await run.Process.AttachAsync(options, cancellationToken);
    }

    /// <summary>The bytes that a disk's file takes on this host.</summary>
    public long MeasureDisk(string name)
    {
        string path = FullMachineDisks.PathOf(DisksPath, name);
        if (!File.Exists(path))
        {
            return 0;
        }
        using FileDescriptor file = HostFiles.OpenPath(path, followLast: false);
        return file.Status.Blocks * 512;
    }
}
