using System.Formats.Tar;

using Caisson.Errors;

namespace Caisson.Cli.Archives;

/// <summary>Unpacks an archive whose maker is not trusted: nothing is written outside the target, and through no link.</summary>
/// <remarks>
/// Names with <c>..</c> are refused, and so is a path that leads through a symbolic link, whether the archive made it or it was
/// there before. Set-user-id and set-group-id bits are dropped; devices and pipes are left out.
/// </remarks>
internal sealed class TarTarget(string root, Action<string> warn)
{
    private readonly List<(string Path, UnixFileMode Mode, DateTimeOffset Time)> _directories = [];

    /// <summary>Puts the archive's first entry at the target itself, and what lies below it below.</summary>
    /// <exception cref="CaissonException">An entry would leave the target.</exception>
    public void Extract(Stream archive)
    {
        using var tar = new TarReader(archive, leaveOpen: true);
        while (tar.GetNextEntry() is { } entry)
        {
            if (entry.EntryType is not (TarEntryType.GlobalExtendedAttributes or TarEntryType.ExtendedAttributes))
            {
                Place(entry);
            }
        }
        // Last, and deepest first: a directory without write permission must take its content before.
        for (int i = _directories.Count - 1; i >= 0; i--)
        {
            var (path, mode, time) = _directories[i];
            File.SetUnixFileMode(path, mode);
            Directory.SetLastWriteTimeUtc(path, time.UtcDateTime);
        }
    }

    private void Place(TarEntry entry)
    {
        string path = Locate(entry.Name);
        switch (entry.EntryType)
        {
            case TarEntryType.Directory:
                if (!IsRealDirectory(path))
                {
                    Clear(path);
                    Directory.CreateDirectory(path);
                }
                _directories.Add((path, Permissions(entry), entry.ModificationTime));
                break;
            case TarEntryType.RegularFile or TarEntryType.V7RegularFile or TarEntryType.ContiguousFile:
                WriteFile(path, entry.DataStream, Permissions(entry), entry.ModificationTime);
                break;
            case TarEntryType.SymbolicLink:
                Clear(path);
                File.CreateSymbolicLink(path, entry.LinkName);
                break;
            case TarEntryType.HardLink:
                CopyLinked(path, entry);
                break;
            default:
                warn($"{entry.Name} is left out: it is neither a file nor a directory nor a link");
                break;
        }
    }

    private void CopyLinked(string path, TarEntry entry)
    {
        string original = Locate(entry.LinkName);
        if (new FileInfo(original).LinkTarget is not null || !File.Exists(original))
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"the archive links {entry.Name} to {entry.LinkName}, which is not in it");
        }
        using var source = File.OpenRead(original);
        WriteFile(path, source, Permissions(entry), entry.ModificationTime);
    }

    private static void WriteFile(string path, Stream? data, UnixFileMode mode, DateTimeOffset time)
    {
        Clear(path);
        using (var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0))
        {
            data?.CopyTo(file, 128 * 1024);
        }
        File.SetUnixFileMode(path, mode);
        File.SetLastWriteTimeUtc(path, time.UtcDateTime);
    }

    /// <summary>The place of an entry: its name without the first component, below the target.</summary>
    private string Locate(string name)
    {
        string[] parts = name.Split('/', StringSplitOptions.RemoveEmptyEntries);
        string path = root;
        // The first component names what is copied; the archive of a directory's content has "." there.
        foreach (string part in parts.Skip(1))
        {
            if (part == ".")
            {
                continue;
            }
            if (part == ".." || part.Contains('\0', StringComparison.Ordinal))
            {
                throw new CaissonException(ErrorKind.InvalidArgument, $"the archive names {name}, which lies outside of what was asked for");
            }
            if (path != root && !IsRealDirectory(path) && Exists(path))
            {
                throw new CaissonException(
                    ErrorKind.InvalidArgument, $"the archive leads through {path}, which is no directory; copy to an empty directory instead");
            }
            if (!Directory.Exists(path))
            {
                Directory.CreateDirectory(path);
            }
            path = Path.Combine(path, part);
        }
        return path;
    }

    private static void Clear(string path)
    {
        if (IsRealDirectory(path))
        {
            throw new CaissonException(ErrorKind.Conflict, $"cannot overwrite directory {path} with a file");
        }
        if (Exists(path))
        {
            File.Delete(path);
        }
    }

    private static bool IsRealDirectory(string path) =>
        Exists(path) && (File.GetAttributes(path) & (FileAttributes.Directory | FileAttributes.ReparsePoint)) == FileAttributes.Directory;

    private static bool Exists(string path) => new FileInfo(path) is var info && (info.Exists || info.LinkTarget is not null || Directory.Exists(path));

    private static UnixFileMode Permissions(TarEntry entry) =>
        entry.Mode & ~(UnixFileMode.SetUser | UnixFileMode.SetGroup);
}
