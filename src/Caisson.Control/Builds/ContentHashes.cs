using System.Collections.Concurrent;

using Caisson.Linux;

namespace Caisson.Control.Builds;

/// <summary>What files of this machine contained when they were last read, so that a file that has not changed since is not read again.</summary>
/// <remarks>
/// The kernel moves a file's change time with every write, and nobody can set it back. Its clock ticks every few milliseconds, so what was changed
/// a moment ago is not remembered: it might change once more within the same tick. For several threads.
/// </remarks>
internal sealed class ContentHashes(TimeProvider time)
{
    private const int FilesMax = 500_000;

    private static readonly TimeSpan Settled = TimeSpan.FromMilliseconds(100);

    private readonly ConcurrentDictionary<Key, byte[]> _known = new();

    /// <summary>One state of one file.</summary>
    private readonly record struct Key(DeviceNumber Device, ulong Inode, long Size, FileTime Modified, FileTime Changed);

    /// <summary>The hash of a file in this state; null when it is not known.</summary>
    public byte[]? Find(FileStatus file) => _known.GetValueOrDefault(KeyOf(file));

    /// <summary>Remembers the hash of a file that had this state before and after it was read.</summary>
    public void Add(FileStatus file, byte[] hash)
    {
        if (time.GetUtcNow() - file.ChangeTime.ToDateTimeOffset() < Settled)
        {
            return;
        }
        if (_known.Count >= FilesMax)
        {
            _known.Clear();
        }
        _known[KeyOf(file)] = hash;
    }

    /// <summary>Whether two looks at a file have met the same state of it.</summary>
    public static bool IsSame(FileStatus one, FileStatus other) => KeyOf(one) == KeyOf(other);

    private static Key KeyOf(FileStatus file) => new(file.Device, file.Inode, file.Size, file.ModifiedTime, file.ChangeTime);
}
