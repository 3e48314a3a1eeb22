using System.IO.Compression;
using System.Text;
using System.Text.Json;

using Caisson.Errors;
using Caisson.Linux;
using Caisson.Scan.Packages;

namespace Caisson.Scan;

/// <summary>Finds out what is in a root filesystem by reading it; nothing of it is run.</summary>
/// <remarks>
/// The tree may hold anything: every file is reached by descriptor inside the root, only regular files are opened, links are
/// not followed while walking, and sizes, depth and number of files are bounded. What could not be read is said.
/// </remarks>
public sealed class InventoryReader
{
    private const int DatabaseBytesMax = 512 << 20;
    private const int LockFileBytesMax = 64 << 20;
    private const int ChangelogBytesMax = 32 << 20;
    private const long ProgramBytesMin = 512 * 1024;
    private const int DepthMax = 128;
    private const int EntriesMax = 4_000_000;
    private const int PackagesMax = 500_000;
    private const int ProblemsMax = 100;

    private readonly RootDirectory _root;
    private readonly CancellationToken _cancellation;
    private readonly Dictionary<(string, string, string, string?), Package> _packages = [];
    private readonly List<ChangelogEntry> _changelogs = [];
    private readonly List<string> _problems = [];
    private readonly HashSet<string> _owned = new(StringComparer.Ordinal);
    private int _entries;

    private InventoryReader(RootDirectory root, CancellationToken cancellation)
    {
        _root = root;
        _cancellation = cancellation;
    }

    /// <summary>Reads the inventory of <paramref name="root"/>, which stays the caller's.</summary>
    /// <exception cref="OperationCanceledException">The caller gave up.</exception>
    public static Inventory Read(RootDirectory root, CancellationToken cancellation = default)
    {
        var reader = new InventoryReader(root, cancellation);
        SystemRelease? system = reader.ReadSystem();
        reader.ReadDpkg();
        reader.ReadApk();
        reader.ReadRpm();
        reader.Walk(root.Directory, "", 0);
        return new Inventory(
            system,
            [.. reader._packages.Values
                .OrderBy(package => package.Type, StringComparer.Ordinal)
                .ThenBy(package => package.Name, StringComparer.Ordinal)
                .ThenBy(package => package.Version, StringComparer.Ordinal)
                .ThenBy(package => package.Architecture, StringComparer.Ordinal)],
            reader._changelogs,
            reader._problems);
    }

    private SystemRelease? ReadSystem()
    {
        foreach (string path in (string[])["/etc/os-release", "/usr/lib/os-release"])
        {
            if (TryRead(path, 64 * 1024) is { } content && OsRelease.Parse(Encoding.UTF8.GetString(content)) is { } system)
            {
                return system;
            }
        }
        return null;
    }

    private void ReadDpkg()
    {
        Take("/var/lib/dpkg/status", DatabaseBytesMax, (content, path) => DpkgStatus.Parse(Text(content), path));
        foreach (string name in Names("/var/lib/dpkg/status.d").Where(name => !name.EndsWith(".md5sums", StringComparison.Ordinal)))
        {
            Take($"/var/lib/dpkg/status.d/{name}", LockFileBytesMax, (content, path) => DpkgStatus.Parse(Text(content), path));
        }
        if (_packages.Count == 0)
        {
            return;
        }
        foreach (string name in Names("/var/lib/dpkg/info").Where(name => name.EndsWith(".list", StringComparison.Ordinal)))
        {
            if (TryRead($"/var/lib/dpkg/info/{name}", LockFileBytesMax) is { } content)
            {
                using TextReader list = Text(content);
                while (list.ReadLine() is { } line)
                {
                    Own(line);
                }
            }
        }
        HashSet<string> sources = new(StringComparer.Ordinal);
        foreach (Package package in _packages.Values.OrderBy(package => package.Name, StringComparer.Ordinal).ToArray())
        {
            if (!sources.Contains(package.SourceName) && ReadChangelog(package.Name))
            {
                sources.Add(package.SourceName);
            }
        }
    }

    /// <summary>True when the package brought a changelog; a native package's has another name.</summary>
    private bool ReadChangelog(string package)
    {
        foreach (string name in (string[])["changelog.Debian.gz", "changelog.gz"])
        {
            string path = $"/usr/share/doc/{package}/{name}";
            if (TryRead(path, LockFileBytesMax) is not { } content)
            {
                continue;
            }
            try
            {
                using var inflated = new BoundedStream(new GZipStream(new MemoryStream(content), CompressionMode.Decompress), ChangelogBytesMax);
                using var text = new StreamReader(inflated);
                _changelogs.AddRange(ChangelogEntry.Parse(text));
                return true;
            }
            catch (InvalidDataException error)
            {
                Report(path, error.Message);
            }
        }
        return false;
    }

    private void ReadApk()
    {
        foreach (string path in (string[])["/lib/apk/db/installed", "/usr/lib/apk/db/installed"])
        {
            Take(path, DatabaseBytesMax, (content, place) => ApkDatabase.Parse(Text(content), place, Own));
        }
    }

    private void ReadRpm()
    {
        bool found = false;
        foreach (string directory in (string[])["/var/lib/rpm", "/usr/lib/sysimage/rpm", "/usr/share/rpm"])
        {
            found |= Take($"{directory}/rpmdb.sqlite", DatabaseBytesMax, RpmDatabase.ParseSqlite);
            found |= Take($"{directory}/Packages.db", DatabaseBytesMax, RpmDatabase.ParseNdb);
            if (!found && TryStatus($"{directory}/Packages") is { Kind: FileKind.Regular })
            {
                Report($"{directory}/Packages", "it is a Berkeley database, which is not read: its packages are not in this report");
            }
        }
    }

    private void Walk(DirectoryDescriptor directory, string path, int depth)
    {
        if (depth > DepthMax)
        {
            Report(path, $"it lies deeper than {DepthMax} directories and is not read");
            return;
        }
        foreach (DirectoryEntry entry in directory.Enumerate())
        {
            _cancellation.ThrowIfCancellationRequested();
            if (++_entries > EntriesMax)
            {
                throw new CaissonException(ErrorKind.ResourceExhausted, $"the image has more than {EntriesMax} files; at most so many are looked at");
            }
            string child = $"{path}/{entry.Name}";
            if (depth == 0 && entry.Name is "proc" or "sys" or "dev" && depth == 0)
            {
                continue;
            }
            using FileDescriptor? opened = directory.TryOpenPath(entry.Name);
            if (opened?.Status is not { } status)
            {
                continue;
            }
            if (status.Kind == FileKind.Directory)
            {
                using DirectoryDescriptor? next = TryEnter(directory, entry.Name);
                if (next is not null)
                {
                    Walk(next, child, depth + 1);
                }
            }
            else if (status.Kind == FileKind.Regular && !_owned.Contains(child))
            {
                ReadFile(opened, child, status);
            }
        }
    }

    private void ReadFile(FileDescriptor handle, string path, FileStatus status)
    {
        if (LockFiles.Knows(path))
        {
            Attempt(path, () =>
            {
                using FileDescriptor file = handle.ReopenRegular(path);
                Add(LockFiles.Parse(path, file.ReadToEnd(LockFileBytesMax, path)));
            });
        }
        else if ((status.Mode & 0x49) != 0 && status.Size >= ProgramBytesMin)
        {
            Attempt(path, () =>
            {
                using FileDescriptor file = handle.ReopenRegular(path);
                Add(GoBinary.Read(file.ReadAt, path));
            });
        }
    }

    private bool Take(string path, int bytesMax, Func<byte[], string, IEnumerable<Package>> parse)
    {
        if (TryRead(path, bytesMax) is not { } content)
        {
            return false;
        }
        Attempt(path, () => Add(parse(content, path)));
        return true;
    }

    private void Add(IEnumerable<Package> packages)
    {
        foreach (Package package in packages)
        {
            if (_packages.Count >= PackagesMax)
            {
                throw new CaissonException(ErrorKind.ResourceExhausted, $"the image has more than {PackagesMax} packages; at most so many are listed");
            }
            _packages.TryAdd((package.Type, package.Name, package.Version, package.Architecture), package);
        }
    }

    /// <summary>What the system's packages brought is theirs, also when a language would know it.</summary>
    private void Own(string path)
    {
        if (LockFiles.Knows(path))
        {
            _owned.Add(path);
            if (path.StartsWith("/lib/", StringComparison.Ordinal))
            {
                _owned.Add("/usr" + path);
            }
        }
    }

    private byte[]? TryRead(string path, int bytesMax)
    {
        byte[]? content = null;
        Attempt(path, () => content = _root.TryReadFile(path, bytesMax));
        return content;
    }

    private FileStatus? TryStatus(string path)
    {
        FileStatus? status = null;
        Attempt(path, () => status = _root.TryGetStatus(path));
        return status;
    }

    private List<string> Names(string path)
    {
        List<string> names = [];
        Attempt(path, () =>
        {
            if (_root.TryGetStatus(path) is { Kind: FileKind.Directory })
            {
                names.AddRange(_root.Enumerate(path).Select(entry => entry.Name).Order(StringComparer.Ordinal));
            }
        });
        return names;
    }

    private void Attempt(string path, Action read)
    {
        try
        {
            read();
        }
        catch (Exception error) when (error is InvalidDataException or JsonException or IOException or LinuxException
            || (error is CaissonException refused && (refused.Kind != ErrorKind.ResourceExhausted || _packages.Count < PackagesMax)))
        {
            Report(path, error.Message);
        }
    }

    private void Report(string path, string why)
    {
        if (_problems.Count < ProblemsMax)
        {
            _problems.Add($"{path}: {why.TrimEnd('.')}");
        }
    }

    private static DirectoryDescriptor? TryEnter(DirectoryDescriptor parent, string name)
    {
        try
        {
            return parent.OpenDirectory(name);
        }
        catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ENOTDIR or Errno.ELOOP)
        {
            return null;
        }
    }

    private static StreamReader Text(byte[] content) => new(new MemoryStream(content, writable: false), Encoding.UTF8);
}
