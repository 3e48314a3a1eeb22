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
        return new MachineBackupDirectory(path, new MachineBackup { MachineId = machineId, Bitmap = $"backup-{Convert.ToHexStringLower(KernelRandom.Take(4))}" });
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
        string name = now.UtcDateTime.ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture);
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
        MachineBackup content2 = Content with { Points = [.. Content.Points, point] };
        string next = PathOf(DocumentName + ".new");
        await using (FileStream document = new(next, FileMode.Create, FileAccess.Write))
        {
            await document.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(content2, BackupJson.Default.MachineBackup), cancellation);
            document.Flush(flushToDisk: true);
        }
        File.Move(next, PathOf(DocumentName), overwrite: true);
        Content = content2;
        return point;
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
            string path = PathOf(files[i].File);
            if (!File.Exists(path))
            {
                wrong.Add($"{files[i].File} is missing");
                continue;
            }
            await using FileStream content = File.OpenRead(path);
            if (content.Length != files[i].Bytes || Convert.ToHexStringLower(await SHA256.HashDataAsync(content, cancellation)) != files[i].Sha256)
            {
                wrong.Add($"{files[i].File} is not what was written");
            }
        }
        return wrong;
    }

    /// <summary>A file with all that it lies over.</summary>
    public DiskNode NodeOf(MachineBackupFile file)
    {
        DiskNode? node = null;
        foreach (MachineBackupFile one in Chain(file).Reverse())
        {
            node = new DiskNode(PathOf(one.File), DiskFormat.Qcow2) { Backing = node };
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
