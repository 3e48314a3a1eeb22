using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux;

/// <summary>A file in memory without a path, which can be sealed against every change. Source: memfd_create(2), fcntl(2) "File Sealing".</summary>
public sealed class Memfd : Descriptor
{
    private Memfd(nint fd) : base(fd) { }

    /// <summary>Creates an empty one. <paramref name="name"/> (at most 249 bytes) is seen in /proc only.</summary>
    public static unsafe Memfd Create(string name)
    {
        var text = new CString(name, stackalloc byte[CString.StackBytes]);
        fixed (byte* bytes = text)
        {
            nint fd = Libc.syscall(SYS_memfd_create, (nint)bytes, MFD_CLOEXEC | MFD_ALLOW_SEALING);
            return new(Libc.Check(fd, "memfd_create", name));
        }
    }

    /// <summary>Creates one that holds <paramref name="content"/> and can never change again.</summary>
    public static Memfd CreateSealed(string name, ReadOnlySpan<byte> content)
    {
        var memfd = Create(name);
        try
        {
            memfd.Write(content);
            memfd.Seal();
            return memfd;
        }
        catch
        {
            memfd.Dispose();
            throw;
        }
    }

    /// <summary>Forbids every later write, growth, shrinking and change of seals, for all who hold the file.</summary>
    public void Seal()
    {
        using var fd = Hold();
        const int All = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
        Libc.Check(Libc.syscall(SYS_fcntl, fd, F_ADD_SEALS, All), "fcntl F_ADD_SEALS", this);
    }

    /// <summary>Whether <paramref name="file"/> is a memfd that can never change again: what a receiver must ask before it maps one.</summary>
    public static bool IsSealed(Descriptor file)
    {
        using var fd = file.Hold();
        const int All = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
        nint seals = Libc.syscall(SYS_fcntl, fd, F_GET_SEALS);
        return seals >= 0 && (seals & All) == All;
    }
}
