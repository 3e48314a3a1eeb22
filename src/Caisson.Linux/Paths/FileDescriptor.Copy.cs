using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux;

public partial class FileDescriptor
{
    private const int CopyBytesMax = 1 << 20;

    /// <summary>Gives <paramref name="target"/> the same content by sharing the blocks on disk; false where the file system cannot. Source: ioctl_ficlone(2).</summary>
    /// <param name="target">A new regular file, opened for writing.</param>
    public bool TryCloneTo(FileDescriptor target)
    {
        using var from = Hold();
        using var to = target.Hold();
        return Libc.Restart(SYS_ioctl, to, FICLONE, from.Number) == 0
            || (Libc.LastErrno is Errno.EOPNOTSUPP or Errno.EXDEV or Errno.EINVAL or Errno.ENOTTY or Errno.ENOSYS
                ? false
                : throw LinuxException.FromErrno("ioctl FICLONE", ToString()));
    }

    /// <summary>Copies the content to <paramref name="target"/>, leaving holes as holes. Source: lseek(2), SEEK_DATA; copy_file_range(2).</summary>
    /// <param name="target">A new, empty regular file, opened for writing.</param>
    /// <param name="cancellationToken">Looked at between pieces of a megabyte.</param>
    /// <returns>How many bytes were copied; less than the size when there are holes.</returns>
    public long CopyTo(FileDescriptor target, CancellationToken cancellationToken = default)
    {
        long size = Status.Size;
        target.SetSize(size);
        long copied = 0;
        bool inKernel = true;
        for (long at = 0; at < size;)
        {
            long data = Seek(at, SEEK_DATA);
            if (data < 0 || data >= size)
            {
                break; // a hole to the end
            }
            long end = Seek(data, SEEK_HOLE);
            end = end < 0 ? size : Math.Min(end, size);
            copied += CopyRange(target, data, end, ref inKernel, cancellationToken);
            at = end;
        }
        return copied;
    }

    /// <summary>Writes at <paramref name="offset"/> without moving the file's position. Source: pwrite(2).</summary>
    public unsafe void WriteAt(ReadOnlySpan<byte> bytes, long offset)
    {
        using var fd = Hold();
        fixed (byte* start = bytes)
        {
            for (int done = 0; done < bytes.Length;)
            {
                done += (int)Libc.Check(Libc.Restart(SYS_pwrite64, fd, (nint)(start + done), bytes.Length - done, (nint)(offset + done)), "pwrite", this);
            }
        }
    }

    private unsafe long CopyRange(FileDescriptor target, long begin, long end, ref bool inKernel, CancellationToken cancellationToken)
    {
        byte[]? buffer = null;
        long at = begin;
        while (at < end)
        {
            cancellationToken.ThrowIfCancellationRequested();
            int wanted = (int)Math.Min(end - at, CopyBytesMax);
            if (inKernel)
            {
                using var from = Hold();
                using var to = target.Hold();
                long source = at;
                long destination = at;
                nint count = Libc.Restart(SYS_copy_file_range, from, (nint)(&source), to, (nint)(&destination), wanted);
                if (count > 0)
                {
                    at += count;
                    continue;
                }
                if (count < 0 && Libc.LastErrno is not (Errno.EXDEV or Errno.EINVAL or Errno.EOPNOTSUPP or Errno.ENOSYS or Errno.EPERM))
                {
                    throw LinuxException.FromErrno("copy_file_range", ToString());
                }
                inKernel = false; // between some file systems it is by reading and writing
            }
            buffer ??= new byte[CopyBytesMax];
            int read = ReadAt(buffer.AsSpan(0, wanted), at);
            if (read == 0)
            {
                break; // it was made shorter meanwhile
            }
            target.WriteAt(buffer.AsSpan(0, read), at);
            at += read;
        }
        return at - begin;
    }

    /// <returns>-1 when there is nothing of the kind from there on.</returns>
    private long Seek(long offset, int kind)
    {
        using var fd = Hold();
        nint found = Libc.syscall(SYS_lseek, fd, (nint)offset, kind);
        return found >= 0 ? found
            : Libc.LastErrno == Errno.ENXIO ? -1
            : throw LinuxException.FromErrno("lseek", ToString());
    }
}
