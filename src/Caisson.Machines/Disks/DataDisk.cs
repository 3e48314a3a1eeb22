using Caisson.Errors;
using Caisson.Linux;

namespace Caisson.Machines.Disks;

/// <summary>The disk that a machine's changes go to: a sparse file with an empty ext4 file system. It takes room on the host only as it fills.</summary>
public static class DataDisk
{
    /// <summary>The size when nobody chose one.</summary>
    public const long DefaultBytes = 10L << 30;

    /// <summary>The smallest that holds a file system with a journal.</summary>
    public const long BytesMin = 16L << 20;

    /// <summary>Makes the disk a copy of <paramref name="template"/>, which takes no more room than that; not where it is there already.</summary>
    /// <param name="template">A disk of <see cref="DefaultBytes"/> that nobody writes to.</param>
    /// <param name="path">The host path; its directory exists.</param>
    /// <param name="owner">The host's user and group that the file belongs to.</param>
    /// <param name="cancellation">Ends the work; nothing is left.</param>
    /// <exception cref="LinuxException">The disk is full.</exception>
    public static void Copy(string template, string path, uint owner, CancellationToken cancellation)
    {
        string next = path + ".new";
        try
        {
            using (FileDescriptor from = HostFiles.OpenRead(template))
            using (FileDescriptor to = HostFiles.OpenOrCreate(next, 0x180))
            {
                if (!from.TryCloneTo(to))
                {
                    from.CopyTo(to, cancellation);
                }
                to.SetOwner(owner, owner);
            }
            File.Move(next, path);
        }
        finally
        {
            File.Delete(next);
        }
    }

    /// <summary>The directory on the disk that is the upper one of the machine's overlay.</summary>
    public const string UpperName = "upper";

    /// <summary>Makes the disk, unless it is there.</summary>
    /// <param name="path">The host path; its directory exists.</param>
    /// <param name="bytes">Its size.</param>
    /// <param name="owner">The host's user and group that the file belongs to.</param>
    /// <param name="changes">A directory of the host with what was written before the first start, as an overlay keeps it; null for nothing.</param>
    /// <param name="cancellation">Ends the work; nothing is left.</param>
    public static async Task EnsureAsync(string path, long bytes, uint owner, string? changes, CancellationToken cancellation)
    {
        if (bytes < BytesMin)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"a machine's disk has at least {BytesMin >> 20}m");
        }
        if (File.Exists(path))
        {
            return;
        }
        string next = path + ".new";
        string place = path + ".d";
        try
        {
            using (FileDescriptor file = HostFiles.OpenOrCreate(next, 0x180))
            {
                file.SetSize(bytes);
                file.SetOwner(owner, owner);
            }
            // Inode tables and journal are filled in as they are used, so that the file stays sparse.
            string[] arguments = ["-q", "-F", "-m", "0", "-J", "size=4", "-E", "lazy_itable_init=1,lazy_journal_init=1,nodiscard"];
            if (changes is null)
            {
                await MakeAsync([.. arguments, next]);
            }
            else
            {
                // The tool wants the whole of what the disk is to have: the directory alone, by the name that the machine looks for.
                Directory.CreateDirectory($"{place}/{UpperName}");
                using MountTree files = MountTree.Clone(changes);
                Task making = Task.CompletedTask;
                files.RunAttached($"{place}/{UpperName}", () => making = MakeAsync([.. arguments, "-d", place, next]));
                await making;
            }
            File.Move(next, path);
        }
        finally
        {
            File.Delete(next);
            if (Directory.Exists(place))
            {
                Directory.Delete(place, recursive: true);
            }
        }

        Task MakeAsync(IReadOnlyList<string> all) => ImageDisks.RunAsync("mkfs.ext4", "e2fsprogs", all, cancellation);
    }
}
