using Caisson.Errors;
using Caisson.Linux;

namespace Caisson.Images.Snapshots;

/// <summary>Compares two directory trees by what they hold: kinds, owners, modes, and content byte for byte.</summary>
/// <remarks>Times do not count. Everything is reached by descriptor; only regular files are opened.</remarks>
internal sealed class TreeDiff
{
    private const int DepthMax = 512;
    private const int BufferBytes = 128 * 1024;

    private readonly CancellationToken _cancellation;
    private readonly List<FileChange> _changes = [];
    private readonly byte[] _left = new byte[BufferBytes];
    private readonly byte[] _right = new byte[BufferBytes];

    private TreeDiff(CancellationToken cancellation) => _cancellation = cancellation;

    /// <summary>All differences, ordered by path; below what only one tree has nothing is listed.</summary>
    public static IReadOnlyList<FileChange> Compute(DirectoryDescriptor before, DirectoryDescriptor after, CancellationToken cancellation)
    {
        var diff = new TreeDiff(cancellation);
        diff.Compare(before, after, "", 0);
        diff._changes.Sort((a, b) => string.CompareOrdinal(a.Path, b.Path));
        return diff._changes;
    }

    private void Compare(DirectoryDescriptor before, DirectoryDescriptor after, string path, int depth)
    {
        if (depth > DepthMax)
        {
            throw new CaissonException(ErrorKind.ResourceExhausted, $"{path} lies deeper than {DepthMax} directories");
        }
        HashSet<string> left = [.. before.Enumerate().Select(entry => entry.Name)];
        HashSet<string> right = [.. after.Enumerate().Select(entry => entry.Name)];
        _changes.AddRange(left.Except(right).Select(name => new FileChange(ChangeKind.Deleted, $"{path}/{name}")));
        _changes.AddRange(right.Except(left).Select(name => new FileChange(ChangeKind.Added, $"{path}/{name}")));
        foreach (string name in left.Intersect(right))
        {
            _cancellation.ThrowIfCancellationRequested();
            using FileDescriptor? a = before.TryOpenPath(name);
            using FileDescriptor? b = after.TryOpenPath(name);
            if (a is null || b is null)
            {
                continue;
            }
            string child = $"{path}/{name}";
            if (Differ(a, b, child))
            {
                _changes.Add(new FileChange(ChangeKind.Changed, child));
            }
            if (a.Status.Kind == FileKind.Directory && b.Status.Kind == FileKind.Directory)
            {
                using DirectoryDescriptor? nextA = LiveTree.TryEnter(before, name);
                using DirectoryDescriptor? nextB = LiveTree.TryEnter(after, name);
                if (nextA is not null && nextB is not null)
                {
                    Compare(nextA, nextB, child, depth + 1);
                }
            }
        }
    }

    private bool Differ(FileDescriptor a, FileDescriptor b, string path)
    {
        FileStatus left = a.Status;
        FileStatus right = b.Status;
        if (left.Kind != right.Kind || left.Mode != right.Mode || left.UserId != right.UserId || left.GroupId != right.GroupId
            || left.DeviceNode != right.DeviceNode)
        {
            return true;
        }
        return left.Kind switch
        {
            FileKind.Symlink => a.ReadLink() != b.ReadLink(),
            FileKind.Regular => left.Size != right.Size || ContentDiffers(a, b, path),
            _ => false,
        };
    }

    private bool ContentDiffers(FileDescriptor a, FileDescriptor b, string path)
    {
        using FileDescriptor left = a.ReopenRegular(path);
        using FileDescriptor right = b.ReopenRegular(path);
        while (true)
        {
            _cancellation.ThrowIfCancellationRequested();
            int read = left.Read(_left);
            int other = 0;
            while (other < read && right.Read(_right.AsSpan(other, read - other)) is > 0 and var more)
            {
                other += more;
            }
            if (read == 0)
            {
                return false;
            }
            if (other != read || !_left.AsSpan(0, read).SequenceEqual(_right.AsSpan(0, read)))
            {
                return true;
            }
        }
    }
}
