using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;

using Caisson.Control.Model;
using Caisson.Errors;
using Caisson.Linux;
using Caisson.Machines.Disks;

namespace Caisson.Control.FullMachines;

/// <summary>A directory with backups of a machine: a document, and qcow2 files that lie over each other.</summary>
internal sealed class MachineBackupDirectory
{
    private const string Stamp = "yyyyMMdd'T'HHmmss'Z'";
    private const int StampLength = 16;
    private const string DocumentName = "backup.json";
    private const int DocumentBytesMax = 16 << 20;

    private MachineBackupDirectory(string path, MachineBackup content) => (Path, Content) = (path, content);

    public string Path { get; }

    public MachineBackup Content { get; private set; }

    /// <summary>Opens the directory of a machine's backups, which may be empty or still to be made.</summary>
    public static MachineBackupDirectory OpenOrCreate(string path, string machineId)
    {
        RequireAbsolute(path);
        if (File.Exists(System.IO.Path.Join(path, DocumentName)))
        {
            MachineBackupDirectory found = Open(path);
            return found.Content.MachineId == machineId
                ? found
                : throw new CaissonException(ErrorKind.Conflict, $"{path} has backups of another machine ({(found.Content.Points is [.., var last] ? last.Machine.Name : "with no point")}); choose another directory");
        }
        if (Directory.Exists(path) && Directory.EnumerateFileSystemEntries(path).Any())
        {
            throw new CaissonException(ErrorKind.Conflict, $"{path} is not empty and has no backup in it; choose an empty directory");
        }
        Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var made = new MachineBackupDirectory(path, new MachineBackup { MachineId = machineId, Bitmap = $"backup-{Convert.ToHexStringLower(KernelRandom.Take(4))}" });
        made.Write(made.Content);
        return made;
    }

    /// <summary>Opens a directory with backups.</summary>
    public static MachineBackupDirectory Open(string path)
    {
        RequireAbsolute(path);
        try
        {
            MachineBackup content = JsonSerializer.Deserialize(HostFiles.Read(System.IO.Path.Join(path, DocumentName), DocumentBytesMax), BackupJson.Default.MachineBackup)
                ?? throw new CaissonException(ErrorKind.InvalidArgument, $"{path}/{DocumentName} is empty");
            return content.Version == MachineBackup.CurrentVersion
                && content.Points.All(point => point.Files.All(file => IsName(file.File) && (file.Parent.Length == 0 || IsName(file.Parent))))
                ? new MachineBackupDirectory(path, content)
                : throw new CaissonException(ErrorKind.InvalidArgument, $"{path}/{DocumentName} is of another version of Caisson, or names files elsewhere");
        }
        catch (LinuxException error) when (error.Errno is Errno.ENOENT or Errno.ENOTDIR)
        {
            throw new CaissonException(ErrorKind.NotFound, $"{path} has no backup of a machine in it", error);
        }
        catch (JsonException error)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"{path}/{DocumentName} is damaged: {error.Message}", error);
        }
    }

    /// <summary>Where a file is.</summary>
    public string PathOf(string file) => System.IO.Path.Join(Path, file);

    /// <summary>The point of a name; the last one when nobody chose.</summary>
    public MachineBackupPoint Find(string name) => (name.Length == 0 ? (Content.Points is [.., var last] ? last : null) : Content.Points.FirstOrDefault(point => point.Name == name))
        ?? throw new CaissonException(ErrorKind.NotFound, name.Length == 0 ? $"{Path} has no point that could be restored" : $"{Path} has no point {name}; there are {string.Join(", ", Content.Points.Select(point => point.Name))}");

    /// <summary>A name for a new point.</summary>
    public string NewName(DateTimeOffset now)
    {
        string name = now.UtcDateTime.ToString(Stamp, CultureInfo.InvariantCulture);
        return Content.Points.Any(point => point.Name == name) ? $"{name}-{Content.Points.Count}" : name;
    }

    /// <summary>Adds a point whose files are complete: their digests are taken, then the document says that they are there.</summary>
    public async Task<MachineBackupPoint> AddAsync(MachineBackupPoint point, IReadOnlyList<(string Disk, string File, string Parent)> files, CancellationToken cancellation)
    {
        List<MachineBackupFile> described = [];
        foreach (var (disk, file, parent) in files)
        {
            await using FileStream content = new(PathOf(file), FileMode.Open, FileAccess.ReadWrite);
            content.Flush(flushToDisk: true);
            described.Add(new MachineBackupFile(disk, file, parent, content.Length, Convert.ToHexStringLower(await SHA256.HashDataAsync(content, cancellation))));
        }
        point = point with { Files = described };
        Write(Content with { Points = [.. Content.Points, point] });
        return point;
    }

    private void Write(MachineBackup content)
    {
        string next = PathOf(DocumentName + ".new");
        using (FileStream document = new(next, FileMode.Create, FileAccess.Write))
        {
            document.Write(JsonSerializer.SerializeToUtf8Bytes(content, BackupJson.Default.MachineBackup));
            document.Flush(flushToDisk: true);
        }
        File.Move(next, PathOf(DocumentName), overwrite: true);
        Content = content;
    }

    /// <summary>Checks the files of a point and of all that it lies over.</summary>
    /// <returns>What is wrong; empty when all is whole.</returns>
    public async Task<IReadOnlyList<string>> VerifyAsync(MachineBackupPoint point, IProgress<double> progress, CancellationToken cancellation)
    {
        List<string> wrong = [];
        MachineBackupFile[] files = [.. point.Files.SelectMany(file => Chain(file)).DistinctBy(file => file.File)];
        for (int i = 0; i < files.Length; i++)
        {
            progress.Report(i / (double)files.Length);
            if (!File.Exists(PathOf(files[i].File)))
            {
                wrong.Add($"{files[i].File} is missing");
            }
            else if (!await IsWholeAsync(files[i], cancellation))
            {
                wrong.Add($"{files[i].File} is not what was written");
            }
        }
        return wrong;
    }

    /// <summary>Whether a file is what was written.</summary>
    public async Task<bool> IsWholeAsync(MachineBackupFile file, CancellationToken cancellation)
    {
        await using FileStream content = File.OpenRead(PathOf(file.File));
        return content.Length == file.Bytes && Convert.ToHexStringLower(await SHA256.HashDataAsync(content, cancellation)) == file.Sha256;
    }

    /// <summary>How many points there are from the last full one on.</summary>
    public int ChainLength => Content.Points.Count - LastFull(Content.Points);

    /// <summary>Deletes the oldest full point with all that lie over it, as long as enough points remain without it.</summary>
    /// <param name="keep">How many are enough.</param>
    public void DropChains(int keep)
    {
        while (NextFull(Content.Points) is var next && next < Content.Points.Count && Content.Points.Count - next >= keep)
        {
            MachineBackupPoint[] dropped = [.. Content.Points.Take(next)];
            Write(Content with { Points = [.. Content.Points.Skip(next)] });
            foreach (MachineBackupFile file in dropped.SelectMany(point => point.Files))
            {
                File.Delete(PathOf(file.File));
            }
        }
    }

    /// <summary>Deletes files of points that were never completed, since the engine was killed over them.</summary>
    public void DropStray()
    {
        HashSet<string> known = [.. Content.Points.SelectMany(point => point.Files).Select(file => file.File)];
        foreach (string path in Directory.GetFiles(Path))
        {
            string name = System.IO.Path.GetFileName(path);
            if (!known.Contains(name) && name.Contains(".qcow2", StringComparison.Ordinal) && name.Length > StampLength
                && DateTime.TryParseExact(name[..StampLength], Stamp, CultureInfo.InvariantCulture, DateTimeStyles.None, out _))
            {
                File.Delete(path);
            }
        }
    }

    /// <summary>The place of the last full point; the end when there is none.</summary>
    private static int LastFull(IReadOnlyList<MachineBackupPoint> points)
    {
        for (int i = points.Count - 1; i >= 0; i--)
        {
            if (points[i].Parent.Length == 0)
            {
                return i;
            }
        }
        return points.Count;
    }

    /// <summary>The place of the second full point; the end when there is none.</summary>
    private static int NextFull(IReadOnlyList<MachineBackupPoint> points)
    {
        for (int i = 1; i < points.Count; i++)
        {
            if (points[i].Parent.Length == 0)
            {
                return i;
            }
        }
        return points.Count;
    }

    /// <summary>A file with all that it lies over.</summary>
    /// <param name="file">The file.</param>
    /// <param name="isEncrypted">It and all below it.</param>
    public DiskNode NodeOf(MachineBackupFile file, bool isEncrypted)
    {
        DiskNode? node = null;
        foreach (MachineBackupFile one in Chain(file).Reverse())
        {
            node = new DiskNode(PathOf(one.File), DiskFormat.Qcow2) { Backing = node, IsEncrypted = isEncrypted };
        }
        return node!;
    }

    private IEnumerable<MachineBackupFile> Chain(MachineBackupFile file)
    {
        for (int depth = 0; ; depth++)
        {
            yield return file;
            if (file.Parent.Length == 0)
            {
                yield break;
            }
            file = Content.Points.SelectMany(point => point.Files).FirstOrDefault(one => one.File == file.Parent && depth < Content.Points.Count)
                ?? throw new CaissonException(ErrorKind.InvalidArgument, $"{Path} is damaged: {file.Parent} is missing, over which {file.File} lies");
        }
    }

    private static bool IsName(string name) => name.Length is > 0 and < 200 && name[0] != '.' && !name.Contains('/', StringComparison.Ordinal);

    private static void RequireAbsolute(string path)
    {
        if (!path.StartsWith('/'))
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"'{path}' is no absolute path");
        }
    }
}
