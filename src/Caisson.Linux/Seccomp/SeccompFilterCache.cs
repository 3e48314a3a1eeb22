using System.Buffers.Binary;

namespace Caisson.Linux.Seccomp;

/// <summary>The name of a cached filter: a digest of the text of the policy and of what compiled it.</summary>
public readonly struct SeccompFilterKey : IEquatable<SeccompFilterKey>
{
    private readonly UInt128 _high;
    private readonly UInt128 _low;

    private SeccompFilterKey(ReadOnlySpan<byte> digest)
    {
        _high = BinaryPrimitives.ReadUInt128BigEndian(digest);
        _low = BinaryPrimitives.ReadUInt128BigEndian(digest[16..]);
    }

    /// <summary>
    /// The key of a policy by its text, byte for byte, such as the <c>seccomp</c> object of a config as it was written.
    /// </summary>
    /// <param name="source">The text. Reading it the same way must be part of <paramref name="readerVersion"/>.</param>
    /// <param name="readerVersion">Goes up whenever the same text may mean another policy.</param>
    /// <param name="architecture">What it is compiled for.</param>
    public static SeccompFilterKey Of(ReadOnlySpan<byte> source, int readerVersion, KernelArchitecture architecture = KernelArchitectures.Own)
    {
        Span<byte> digest = stackalloc byte[Sha256.Size];
        Sha256.Hash(source, digest);
        Span<byte> versioned = stackalloc byte[Sha256.Size + 12];
        digest.CopyTo(versioned);
        BinaryPrimitives.WriteInt32LittleEndian(versioned[Sha256.Size..], SeccompCompiler.Version);
        BinaryPrimitives.WriteInt32LittleEndian(versioned[(Sha256.Size + 4)..], readerVersion);
        BinaryPrimitives.WriteInt32LittleEndian(versioned[(Sha256.Size + 8)..], (int)architecture);
        Sha256.Hash(versioned, digest);
        return new(digest);
    }

    /// <summary>Whether both name the same policy and compiler.</summary>
    public static bool operator ==(SeccompFilterKey left, SeccompFilterKey right) => left.Equals(right);

    /// <summary>Whether they differ.</summary>
    public static bool operator !=(SeccompFilterKey left, SeccompFilterKey right) => !left.Equals(right);

    /// <inheritdoc/>
    public bool Equals(SeccompFilterKey other) => _high == other._high && _low == other._low;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is SeccompFilterKey other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => (int)(uint)_low;

    /// <summary>64 hexadecimal digits: the file name.</summary>
    public override string ToString() => $"{_high:x32}{_low:x32}";

    internal void WriteTo(Span<byte> digest)
    {
        BinaryPrimitives.WriteUInt128BigEndian(digest, _high);
        BinaryPrimitives.WriteUInt128BigEndian(digest[16..], _low);
    }
}

/// <summary>Compiled filters on disk, so that the thousandth container with a profile does not compile it again.</summary>
/// <remarks>
/// One file for each key, written aside and renamed; any process may share the directory. A file that is not exactly what
/// was written (header, length, digest of the program) is no entry and is replaced by the next store. A directory that
/// anyone but its owner may write to is not used, for whoever writes there could weaken a sandbox. Losing the cache
/// loses time only, so trouble with the disk is a miss, not an error.
/// </remarks>
public sealed class SeccompFilterCache
{
    // magic 8, key 32, sha256 of what follows 32; options u32, instructions u32, the program
    private const int OffsetOfKey = 8;
    private const int OffsetOfDigest = OffsetOfKey + Sha256.Size;
    private const int OffsetOfOptions = OffsetOfDigest + Sha256.Size;
    private const int OffsetOfCount = OffsetOfOptions + 4;
    private const int HeaderSize = OffsetOfCount + 4;
    private const int NameLength = 2 * Sha256.Size;
    private const string AsidePrefix = ".aside-";
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    private readonly string _directory;
    private readonly int _entriesMax;

    /// <summary>Uses <paramref name="directory"/>, which the first store makes with mode 0700.</summary>
    /// <param name="directory">An absolute path.</param>
    /// <param name="entriesMax">Beyond this many the oldest are removed; at least 1.</param>
    public SeccompFilterCache(string directory, int entriesMax = 64)
    {
        ArgumentException.ThrowIfNullOrEmpty(directory);
        ArgumentOutOfRangeException.ThrowIfLessThan(entriesMax, 1);
        _directory = directory;
        _entriesMax = entriesMax;
    }

    private static ReadOnlySpan<byte> Magic => "CAISBPF1"u8;

    /// <summary>Reads the filter of <paramref name="key"/>; null when there is none that is whole.</summary>
    public SeccompFilter? Find(SeccompFilterKey key)
    {
        try
        {
            return IsOwnersAlone() ? Read(key) : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Keeps <paramref name="filter"/> as <paramref name="key"/>; false when the directory cannot hold it.</summary>
    public bool TryStore(SeccompFilterKey key, SeccompFilter filter)
    {
        ArgumentNullException.ThrowIfNull(filter);
        try
        {
            if (!OperatingSystem.IsWindows())
            {
                Directory.CreateDirectory(_directory, OwnerOnly);
            }
            if (!IsOwnersAlone())
            {
                return false;
            }
            Write(key, filter);
            RemoveOldest();
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>Finds the filter of <paramref name="key"/>, or makes it with <paramref name="compile"/> and keeps it.</summary>
    public SeccompFilter FindOrCompile(SeccompFilterKey key, Func<SeccompFilter> compile)
    {
        ArgumentNullException.ThrowIfNull(compile);
        if (Find(key) is { } known)
        {
            return known;
        }
        var filter = compile();
        TryStore(key, filter);
        return filter;
    }

    private bool IsOwnersAlone() =>
        !OperatingSystem.IsWindows() && (File.GetUnixFileMode(_directory) & (UnixFileMode.GroupWrite | UnixFileMode.OtherWrite)) == 0;

    private SeccompFilter? Read(SeccompFilterKey key)
    {
        using var file = File.OpenHandle(PathOf(key));
        long length = RandomAccess.GetLength(file);
        if (length is <= HeaderSize or > HeaderSize + (SeccompFilter.InstructionsMax * SeccompFilter.InstructionSize))
        {
            return null;
        }
        byte[] content = new byte[length];
        return RandomAccess.Read(file, content, 0) == length ? Parse(content, key) : null;
    }

    private static SeccompFilter? Parse(byte[] content, SeccompFilterKey key)
    {
        var program = content.AsMemory(HeaderSize);
        var options = (SeccompFilterOptions)BinaryPrimitives.ReadUInt32LittleEndian(content.AsSpan(OffsetOfOptions));
        return program.Length % SeccompFilter.InstructionSize == 0
            && content.AsSpan().SequenceEqual(Format(key, program.Span, options))
            ? new(program, options)
            : null;
    }

    private void Write(SeccompFilterKey key, SeccompFilter filter)
    {
        string aside = Path.Combine(_directory, $"{AsidePrefix}{Guid.NewGuid():n}");
        try
        {
            File.WriteAllBytes(aside, Format(key, filter.Program.Span, filter.Flags));
            File.Move(aside, PathOf(key), overwrite: true);
        }
        catch
        {
            File.Delete(aside);
            throw;
        }
    }

    private static byte[] Format(SeccompFilterKey key, ReadOnlySpan<byte> program, SeccompFilterOptions options)
    {
        byte[] content = new byte[HeaderSize + program.Length];
        Magic.CopyTo(content);
        key.WriteTo(content.AsSpan(OffsetOfKey));
        BinaryPrimitives.WriteUInt32LittleEndian(content.AsSpan(OffsetOfOptions), (uint)options);
        BinaryPrimitives.WriteInt32LittleEndian(content.AsSpan(OffsetOfCount), program.Length / SeccompFilter.InstructionSize);
        program.CopyTo(content.AsSpan(HeaderSize));
        Sha256.Hash(content.AsSpan(OffsetOfOptions), content.AsSpan(OffsetOfDigest));
        return content;
    }

    private void RemoveOldest()
    {
        List<FileInfo> entries = [];
        var abandoned = DateTime.UtcNow.AddHours(-1);
        foreach (var file in new DirectoryInfo(_directory).EnumerateFiles())
        {
            if (file.Name.Length == NameLength && file.Name.All(char.IsAsciiHexDigitLower))
            {
                entries.Add(file);
            }
            else if (file.Name.StartsWith(AsidePrefix, StringComparison.Ordinal) && file.LastWriteTimeUtc < abandoned)
            {
                file.Delete();
            }
        }
        if (entries.Count <= _entriesMax)
        {
            return;
        }
        entries.Sort(static (a, b) => a.LastWriteTimeUtc.CompareTo(b.LastWriteTimeUtc));
        foreach (var entry in entries.Take(entries.Count - _entriesMax))
        {
            entry.Delete();
        }
    }

    private string PathOf(SeccompFilterKey key) => Path.Combine(_directory, key.ToString());
}
