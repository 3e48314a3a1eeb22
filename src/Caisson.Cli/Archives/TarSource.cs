using System.Formats.Tar;

namespace Caisson.Cli.Archives;

/// <summary>Writes a file or a tree of this host as a tar archive under another name. Owners are left to the other side.</summary>
internal static class TarSource
{
    /// <param name="path">What to copy; a symbolic link is copied as a link.</param>
    /// <param name="name">What it is called in the archive; <c>.</c> for the content of a directory.</param>
    /// <param name="output">Receives the archive.</param>
    public static void Write(string path, string name, Stream output)
    {
        using var tar = new TarWriter(output, TarEntryFormat.Pax, leaveOpen: true);
        WriteTree(tar, path, name);
    }

    private static void WriteTree(TarWriter tar, string path, string name)
    {
        var info = new FileInfo(path);
        if (info.LinkTarget is { } target)
        {
            tar.WriteEntry(new PaxTarEntry(TarEntryType.SymbolicLink, name) { LinkName = target, ModificationTime = info.LastWriteTimeUtc });
            return;
        }
        if (!Directory.Exists(path))
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
            tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, name)
            {
                DataStream = file,
                Mode = info.UnixFileMode,
                ModificationTime = info.LastWriteTimeUtc,
            });
            return;
        }
        tar.WriteEntry(new PaxTarEntry(TarEntryType.Directory, name + "/") { Mode = info.UnixFileMode, ModificationTime = info.LastWriteTimeUtc });
        foreach (string child in Directory.EnumerateFileSystemEntries(path).Order(StringComparer.Ordinal))
        {
            WriteTree(tar, child, $"{name}/{Path.GetFileName(child)}");
        }
    }
}
