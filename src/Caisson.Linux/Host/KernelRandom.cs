namespace Caisson.Linux;

/// <summary>Random bytes of the kernel, for static programs: those of .NET come from a library that such a program cannot load. Source: random(4).</summary>
public static class KernelRandom
{
    /// <summary>Takes <paramref name="count"/> bytes, at most 256, that nobody can foresee.</summary>
    public static byte[] Take(int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, 256); // as many come by one read
        byte[] bytes = new byte[count];
        using FileDescriptor source = HostFiles.OpenRead("/dev/urandom");
        for (int taken = 0; taken < count;)
        {
            taken += source.Read(bytes.AsSpan(taken));
        }
        return bytes;
    }
}
