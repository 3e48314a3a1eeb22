using System.Globalization;
using Caisson.Errors;
using Caisson.Linux.Abi;
using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux;

/// <summary>A file as a block device, for the file system that is in it. Source: loop(4), linux/loop.h; Linux 5.8.</summary>
/// <remarks>
/// The kernel lets go of the file when the last user of the device is gone (LO_FLAGS_AUTOCLEAR): dispose this once the file system is
/// mounted, and the mount is what keeps it; neither a crash nor an unmount leaves a device behind.
/// </remarks>
public sealed class LoopDevice : Descriptor
{
    /// <summary>How often another process may take the device that was free; more is no accident.</summary>
    private const int AttemptsMax = 64;

    private LoopDevice(nint fd, string path) : base(fd, path) => Path = path;

    /// <summary>Such as <c>/dev/loop0</c>; names this file while this object or a mount of it lives.</summary>
    public string Path { get; }

    /// <summary>Takes a free device for <paramref name="backing"/>.</summary>
    /// <param name="backing">A regular file, opened for reading and writing (reading alone when <paramref name="isReadOnly"/>).</param>
    /// <param name="isReadOnly">Nothing is ever written to the file.</param>
    /// <exception cref="CaissonException"><see cref="ErrorKind.FailedPrecondition"/>: this machine has no loop devices, or may not use them.</exception>
    public static LoopDevice Attach(FileDescriptor backing, bool isReadOnly = false)
    {
        using FileDescriptor control = OpenControl();
        for (int attempt = 0; attempt < AttemptsMax; attempt++)
        {
            int number = Ask(control);
            string path = string.Create(CultureInfo.InvariantCulture, $"/dev/loop{number}");
            LoopDevice device = Open(path, isReadOnly);
            if (device.TryConfigure(backing, isReadOnly))
            {
                return device;
            }
            device.Dispose(); // somebody was faster
        }
        throw new CaissonException(ErrorKind.Unavailable, $"take a loop device for {backing}: others took each of {AttemptsMax} that were free");
    }

    private static FileDescriptor OpenControl()
    {
        try
        {
            return HostFiles.Open("/dev/loop-control", O_RDWR);
        }
        catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ENODEV or Errno.ENXIO or Errno.EPERM or Errno.EACCES)
        {
            throw new CaissonException(
                ErrorKind.FailedPrecondition, $"a file cannot be used as a disk here: {e.Message}; load the kernel's module loop, or allow its devices", e);
        }
    }

    private static int Ask(FileDescriptor control)
    {
        using var fd = control.Hold();
        return (int)Libc.Check(Libc.syscall(SYS_ioctl, fd, LOOP_CTL_GET_FREE), "ioctl LOOP_CTL_GET_FREE", control);
    }

    private static LoopDevice Open(string path, bool isReadOnly)
    {
        try
        {
            using FileDescriptor file = HostFiles.Open(path, isReadOnly ? O_RDONLY : O_RDWR);
            return new LoopDevice(file.Release(), path);
        }
        catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ENXIO or Errno.EPERM or Errno.EACCES)
        {
            throw new CaissonException(ErrorKind.FailedPrecondition, $"a file cannot be used as a disk here: {e.Message}; allow this process the loop devices", e);
        }
    }

    private unsafe bool TryConfigure(FileDescriptor backing, bool isReadOnly)
    {
        using var fd = Hold();
        using var file = backing.Hold();
        var config = new loop_config
        {
            fd = (uint)file.Number,
            lo_flags = (uint)(LO_FLAGS_AUTOCLEAR | (isReadOnly ? LO_FLAGS_READ_ONLY : 0)),
        };
        return Libc.Restart(SYS_ioctl, fd, LOOP_CONFIGURE, (nint)(&config)) == 0
            || (Libc.LastErrno == Errno.EBUSY ? false : throw LinuxException.FromErrno("ioctl LOOP_CONFIGURE", $"{Path} for {backing}"));
    }
}
