using Caisson.Linux;

#pragma warning disable CA1416 // the house runs on Linux only

namespace Caisson.Images.Store;

/// <summary>Files and directories of our own that a crash leaves either as they were or as they should be.</summary>
internal static class DurableFile
{
    private const UnixFileMode PrivateDirectory =
        UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <summary>Creates <paramref name="path"/> and what is missing above it, for the owner alone.</summary>
    public static void CreateDirectory(string path) => Directory.CreateDirectory(path, PrivateDirectory);

    /// <summary>Puts <paramref name="content"/> at <paramref name="path"/>, replacing what is there in one step.</summary>
    public static void Replace(string path, ReadOnlySpan<byte> content)
    {
        string temporary = $"{path}.{Guid.NewGuid():N}.tmp";
        try
        {
            using (FileStream file = CreateNew(temporary))
            {
                file.Write(content);
                file.Flush(flushToDisk: true);
            }
            Publish(temporary, path);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }

    /// <summary>Renames a finished file to its name and makes the name durable.</summary>
    public static void Publish(string temporary, string path)
    {
        File.Move(temporary, path, overwrite: true);
        FlushDirectory(Path.GetDirectoryName(path)!);
    }

    /// <summary>Makes the names in <paramref name="directory"/> durable. Source: fsync(2), "Notes".</summary>
    public static void FlushDirectory(string directory)
    {
        using var opened = HostFiles.OpenRead(directory);
        opened.Flush();
    }

    /// <summary>A new file for the owner alone, locked while it is open.</summary>
    public static FileStream CreateNew(string path) => new(path, new FileStreamOptions
    {
        Mode = FileMode.CreateNew,
        Access = FileAccess.ReadWrite,
        Share = FileShare.None,
        BufferSize = 0,
        UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
    });
}
