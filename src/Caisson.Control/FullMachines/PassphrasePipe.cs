using System.Diagnostics;
using System.Text;

using Caisson.Errors;
using Caisson.Linux;
using Caisson.Machines.Full;

namespace Caisson.Control.FullMachines;

/// <summary>The way of a passphrase to a QEMU that begins: a named pipe among its sockets, which it reads once. It is on no command line and in no file.</summary>
internal sealed class PassphrasePipe : IDisposable
{
    private readonly string _path;
    private readonly byte[] _passphrase;

    private PassphrasePipe(string path, string passphrase) => (_path, _passphrase) = (path, Encoding.UTF8.GetBytes(passphrase));

    /// <summary>Makes it; null when there is no passphrase.</summary>
    /// <param name="passphrase">What goes through it.</param>
    /// <param name="directory">The host path of QEMU's sockets.</param>
    /// <param name="user">Who QEMU is on the host.</param>
    public static PassphrasePipe? Make(string? passphrase, string directory, uint user)
    {
        if (passphrase is null)
        {
            return null;
        }
        using DirectoryDescriptor place = HostFiles.OpenDirectory(directory);
        place.CreateNode(FullMachinePlan.PassphraseName, FileKind.Fifo, 0x180);
        using FileDescriptor node = place.TryOpenPath(FullMachinePlan.PassphraseName)!;
        node.ChangeOwner(user, user);
        return new PassphrasePipe($"{directory}/{FullMachinePlan.PassphraseName}", passphrase);
    }

    /// <summary>Hands it over as soon as QEMU reads.</summary>
    /// <param name="ended">Completes when QEMU has ended, so that it is not waited for any more.</param>
    /// <param name="timeout">How long to wait for it.</param>
    public async Task HandAsync(Task ended, TimeSpan timeout)
    {
        for (long start = Stopwatch.GetTimestamp(); !ended.IsCompleted; await Task.WhenAny(ended, Task.Delay(1)))
        {
            if (Stopwatch.GetElapsedTime(start) > timeout)
            {
                throw new CaissonException(ErrorKind.Unavailable, $"qemu does not ask for the passphrase of its disks after {timeout.TotalSeconds:0} s");
            }
            using FileDescriptor? pipe = HostFiles.TryOpenPipe(_path);
            if (pipe is not null)
            {
                await using var stream = new FileStream(pipe.ToFileHandle(), FileAccess.Write, 0);
                await stream.WriteAsync(_passphrase);
                return;
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Array.Clear(_passphrase);
        File.Delete(_path);
    }
}
