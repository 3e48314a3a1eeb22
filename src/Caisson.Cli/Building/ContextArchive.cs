using System.Formats.Tar;

using Caisson.Build.Ignore;
using Caisson.Errors;

namespace Caisson.Cli.Building;

/// <summary>Writes the files of a build as a tar archive: what is left out is not sent, the Dockerfile always is.</summary>
internal sealed class ContextArchive
{
    private readonly string _directory;
    private readonly IgnoreRules _rules;
    private readonly HashSet<string> _always;

    /// <param name="directory">The context.</param>
    /// <param name="dockerfile">The path of the Dockerfile in it.</param>
    /// <param name="onlyExtra">The directory is not looked at.</param>
    public ContextArchive(string directory, string dockerfile, bool onlyExtra = false)
    {
        _directory = directory;
        OnlyExtra = onlyExtra;
        string[] ignoreFiles = [dockerfile + ".dockerignore", ".dockerignore"];
        _always = [dockerfile, .. ignoreFiles];
        string? name = onlyExtra ? null : ignoreFiles.FirstOrDefault(name => File.Exists(Path.Join(directory, name)));
        List<Problem> problems = [];
        _rules = name is null ? IgnoreRules.None : IgnoreRules.Parse(name, File.ReadAllText(Path.Join(directory, name)), problems);
        ProblemsException.ThrowIfAny("build context", problems);
    }

    /// <summary>Files that are sent beside those of the directory, by their paths in the archive: secrets, a Dockerfile of elsewhere.</summary>
    public Dictionary<string, byte[]> Extra { get; } = [];

    /// <summary>The files of the directory are not written: the engine reads them itself.</summary>
    public bool OnlyExtra { get; set; }

    /// <summary>Writes everything.</summary>
    public void Write(Stream output)
    {
        using var buffered = new BufferedStream(output, 256 * 1024);
        using (var tar = new TarWriter(buffered, TarEntryFormat.Pax, leaveOpen: true))
        {
            foreach ((string path, byte[] content) in Extra)
            {
                tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, path)
                {
                    DataStream = new MemoryStream(content),
                    Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
                });
            }
            if (!OnlyExtra)
            {
                WriteDirectory(tar, _directory, "");
            }
        }
        buffered.Flush();
    }

    private void WriteDirectory(TarWriter tar, string directory, string prefix)
    {
        foreach (string path in Directory.EnumerateFileSystemEntries(directory).Order(StringComparer.Ordinal))
        {
            string name = prefix + Path.GetFileName(path);
            bool ignored = !_rules.IsEmpty && !_always.Contains(name) && _rules.Ignores(name);
            var info = new FileInfo(path);
            bool isDirectory = info.LinkTarget is null && (info.Attributes & FileAttributes.Directory) != 0;
            if (isDirectory)
            {
                bool hasWanted = _rules.HasExceptions || _always.Any(always => always.StartsWith(name + "/", StringComparison.Ordinal));
                if (!ignored)
                {
                    tar.WriteEntry(new PaxTarEntry(TarEntryType.Directory, name + "/") { Mode = info.UnixFileMode, ModificationTime = info.LastWriteTimeUtc });
                }
                if (!ignored || hasWanted)
                {
                    WriteDirectory(tar, path, name + "/");
                }
            }
            else if (!ignored)
            {
                WriteFile(tar, info, path, name);
            }
        }
    }

    private static void WriteFile(TarWriter tar, FileInfo info, string path, string name)
    {
        if (info.LinkTarget is { } target)
        {
            tar.WriteEntry(new PaxTarEntry(TarEntryType.SymbolicLink, name) { LinkName = target, ModificationTime = info.LastWriteTimeUtc });
            return;
        }
        if ((info.Attributes & FileAttributes.Device) != 0)
        {
            return; // sockets, pipes and devices are no files of a context
        }
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
        tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, name) { DataStream = file, Mode = info.UnixFileMode, ModificationTime = info.LastWriteTimeUtc });
    }
}
