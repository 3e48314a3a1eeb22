using Caisson.Linux;

#pragma warning disable CA1416 // the house runs on Linux only

namespace Caisson.Images.Store;

/// <summary>Files and directories of our own that a crash leaves either as they were or as they should be.</summary>
internal static class DurableFile
{
    private const UnixFileMode PrivateDirectory =
        UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <summary>Told of every change once it is made, for tests that cut the power between any two; null otherwise.</summary>
    public static IDiskObserver? Observer { get; set; }

    /// <summary>Creates <paramref name="path"/> for the owner alone, and what is missing above it as usual.</summary>
    public static void CreateDirectory(string path)
    {
        Directory.CreateDirectory(path, PrivateDirectory);
        Observer?.CreatedDirectory(path);
    }

    /// <summary>As <see cref="CreateDirectory"/>, and its name is durable when this returns: what is flushed in it cannot be lost with it.</summary>
    public static void CreateDurableDirectory(string path)
    {
        if (Directory.Exists(path))
        {
            return;
        }
        string parent = Path.GetDirectoryName(Path.GetFullPath(path))!;
        CreateDurableDirectory(parent);
        CreateDirectory(path);
        FlushDirectory(parent);
    }

    /// <summary>Puts <paramref name="content"/> at <paramref name="path"/>, replacing what is there in one step.</summary>
    public static void Replace(string path, ReadOnlySpan<byte> content)
    {
        string temporary = $"{path}.{Guid.NewGuid():N}.tmp";
        try
        {
            using (FileStream file = CreateNew(temporary))
            {
                file.Write(content);
                Observer?.Wrote(temporary, content);
                Flush(file, temporary);
            }
            Publish(temporary, path);
        }
        catch
        {
            Delete(temporary);
            throw;
        }
    }

    /// <summary>Renames a finished file to its name and makes the name durable.</summary>
    public static void Publish(string temporary, string path)
    {
        File.Move(temporary, path, overwrite: true);
        Observer?.Renamed(temporary, path);
        FlushDirectory(Path.GetDirectoryName(path)!);
    }

    /// <summary>Renames a finished file to its name. A crash of the machine may undo it until the file system is flushed.</summary>
    public static void Rename(string temporary, string path)
    {
        File.Move(temporary, path, overwrite: true);
        Observer?.Renamed(temporary, path);
    }

    /// <summary>Writes a new file, durable with the next flush of the file system; what a crash leaves of it may be empty or torn.</summary>
    public static void Write(string path, ReadOnlySpan<byte> content)
    {
        using FileStream file = CreateNew(path);
        file.Write(content);
        Observer?.Wrote(path, content);
    }

    /// <summary>Makes all of the file system that <paramref name="directory"/> is on durable. Source: syncfs(2).</summary>
    public static void FlushFileSystem(string directory)
    {
        using FileDescriptor opened = HostFiles.OpenRead(directory);
        opened.FlushFileSystem();
        Observer?.FlushedTree(directory);
    }

    /// <summary>Makes the names in <paramref name="directory"/> durable. Source: fsync(2), "Notes".</summary>
    public static void FlushDirectory(string directory)
    {
        using var opened = HostFiles.OpenRead(directory);
        opened.Flush();
        Observer?.FlushedDirectory(directory);
    }

    /// <summary>Makes what was written to a file durable, but not its name.</summary>
    public static void Flush(FileStream file, string path)
    {
        file.Flush(flushToDisk: true);
        Observer?.FlushedFile(path);
    }

    /// <summary>Removes a file, if it is there. A crash may bring it back.</summary>
    public static void Delete(string path)
    {
        File.Delete(path);
        Observer?.Removed(path);
    }

    /// <summary>Gives a directory another name. A crash may undo it.</summary>
    public static void Move(string directory, string path)
    {
        Directory.Move(directory, path);
        Observer?.Renamed(directory, path);
    }

    /// <summary>A new file for the owner alone, locked while it is open.</summary>
    public static FileStream CreateNew(string path)
    {
        var file = new FileStream(path, new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.ReadWrite,
            Share = FileShare.None,
            BufferSize = 0,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });
        Observer?.Created(path);
        return file;
    }
}
