using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

using Caisson.Errors;
using Caisson.Linux;
using Caisson.Machines.Plan;

namespace Caisson.Machines.Templates;

/// <summary>Templates of machines: <c>machines/templates/KEY/{memory,state,disk,template.json}</c>. Safe for concurrent use.</summary>
/// <remarks>
/// A template is whole or not there: it is made in a directory aside and renamed. Nobody writes to it afterwards, and nobody but root could: what is found to be
/// different from what was made is removed, not used. A machine that runs keeps what it has mapped, also of a template that is gone.
/// </remarks>
/// <param name="root">The engine's directory.</param>
public sealed class TemplateStore(string root)
{
    private const string RecordName = "template.json";
    private const string UnfinishedPrefix = ".new-";
    private const int StateBytesMax = 16 << 20;
    private const int KeyDigits = 32;

    /// <summary>How many are kept: whoever uses many shapes makes those anew that were not used for the longest time.</summary>
    private const int KeptMax = 8;

    private const UnixFileMode OwnersOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private const UnixFileMode Readable = OwnersOnly | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;

    private readonly string _directory = Path.Join(root, "machines", "templates");

    /// <summary>The key of a template: everything that a machine must share with it.</summary>
    /// <param name="kernel">The kernel's file.</param>
    /// <param name="initrd">Its first file system; the file's name has the digest of our first process.</param>
    /// <param name="plan">How the template is made: processors, memory, devices, the processor's model, the kernel's command line.</param>
    public static string KeyOf(string kernel, string initrd, MachinePlan plan)
    {
        StringBuilder text = new();
        foreach (string file in (string[])[kernel, initrd, plan.Arguments[0]])
        {
            var info = new FileInfo(Path.GetFullPath(file));
            text.Append(CultureInfo.InvariantCulture, $"{Path.GetFileName(file)} {info.Length} {info.LastWriteTimeUtc.Ticks}\n");
        }
        text.AppendJoin('\n', plan.Arguments);
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())))[..KeyDigits];
    }

    /// <summary>The directory of a template's files.</summary>
    public string DirectoryOf(string key) => key.Length == KeyDigits && key.All(char.IsAsciiHexDigitLower)
        ? Path.Join(_directory, key)
        : throw new ArgumentException("a template's key is hexadecimal", nameof(key));

    /// <summary>The template of <paramref name="key"/>; null when there is none, also when it was one and something of it has changed.</summary>
    public MachineTemplate? Find(string key)
    {
        string directory = DirectoryOf(key);
        if (TryRead(directory) is not { } template)
        {
            return null;
        }
        if (IsUntouched(directory, template))
        {
            File.SetLastAccessTimeUtc(Path.Join(directory, RecordName), DateTime.UtcNow);
            return template;
        }
        TryDelete(directory);
        return null;
    }

    /// <summary>All, the newest first.</summary>
    public IReadOnlyList<MachineTemplate> List() => !Directory.Exists(_directory) ? [] :
    [
        .. Directory.GetDirectories(_directory)
            .Where(path => !Path.GetFileName(path).StartsWith(UnfinishedPrefix, StringComparison.Ordinal))
            .Select(TryRead).OfType<MachineTemplate>().OrderByDescending(template => template.Made),
    ];

    /// <summary>A directory in which a template is made, with the empty files of its memory and its state; its disk comes from <see cref="Disks.DataDisk"/>.</summary>
    /// <param name="memoryBytes">The machine's memory.</param>
    /// <param name="host">The host's user and group that writes the state.</param>
    /// <param name="qemu">The host's user and group that QEMU runs as.</param>
    /// <returns>The path; <see cref="Finish"/> or <see cref="Abandon"/> comes next.</returns>
    public string Begin(long memoryBytes, uint host, uint qemu)
    {
        Directory.CreateDirectory(_directory, OwnersOnly);
        string work = Path.Join(_directory, UnfinishedPrefix + Guid.NewGuid().ToString("n"));
        Directory.CreateDirectory(work, OwnersOnly);
        File.SetUnixFileMode(work, Readable);
        using FileDescriptor memory = HostFiles.OpenOrCreate(Path.Join(work, MachineLaunch.MemoryName), 0x180);
        memory.SetSize(memoryBytes);
        memory.ChangeOwner(qemu, qemu);
        using FileDescriptor state = HostFiles.OpenOrCreate(Path.Join(work, MachineLaunch.StateName), 0x180);
        state.ChangeOwner(host, host);
        return work;
    }

    /// <summary>Takes in what was made in <paramref name="work"/>; nobody has its files open any more.</summary>
    /// <returns>The template.</returns>
    public MachineTemplate Finish(string work, string key, string kernel, long memoryBytes, int processors)
    {
        FileStatus memory = Seal(work, MachineLaunch.MemoryName);
        FileStatus state = Seal(work, MachineLaunch.StateName);
        FileStatus disk = Seal(work, MachineLaunch.DiskName);
        if (memory.Size != memoryBytes || state.Size == 0)
        {
            throw new CaissonException(ErrorKind.Internal, $"the template of kernel {kernel} is not whole: {memory.Size} bytes of memory, {state.Size} of state");
        }
        var template = new MachineTemplate
        {
            Key = key,
            Kernel = kernel,
            MemoryBytes = memoryBytes,
            Processors = processors,
            Made = DateTimeOffset.UtcNow,
            StateDigest = DigestOf(Path.Join(work, MachineLaunch.StateName)),
            MemoryStamp = StampOf(memory),
            DiskStamp = StampOf(disk),
            Bytes = (memory.Blocks + state.Blocks + disk.Blocks) * 512,
        };
        File.WriteAllBytes(Path.Join(work, RecordName), JsonSerializer.SerializeToUtf8Bytes(template, TemplateJson.Default.MachineTemplate));
        string target = DirectoryOf(key);
        TryDelete(target);
        Directory.Move(work, target);
        foreach (MachineTemplate old in List().OrderByDescending(one => File.GetLastAccessTimeUtc(Path.Join(DirectoryOf(one.Key), RecordName))).Skip(KeptMax))
        {
            Remove(old.Key);
        }
        return template;
    }

    /// <summary>Removes what was made in <paramref name="work"/> so far.</summary>
    public static void Abandon(string work) => TryDelete(work);

    /// <summary>Removes a template; false when there is none. Machines that were made of it go on.</summary>
    public bool Remove(string key) => TryDelete(DirectoryOf(key));

    /// <summary>Removes what an interrupted making left; nobody makes any meanwhile.</summary>
    public void RemoveUnfinished()
    {
        foreach (string path in Directory.Exists(_directory) ? Directory.GetDirectories(_directory, UnfinishedPrefix + "*") : [])
        {
            TryDelete(path);
        }
    }

    private static MachineTemplate? TryRead(string directory)
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(Path.Join(directory, RecordName)), TemplateJson.Default.MachineTemplate);
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException or JsonException)
        {
            return null;
        }
    }

    private static bool IsUntouched(string directory, MachineTemplate template)
    {
        try
        {
            return IsSealed(directory, MachineLaunch.MemoryName, template.MemoryStamp) && IsSealed(directory, MachineLaunch.DiskName, template.DiskStamp)
                && DigestOf(Path.Join(directory, MachineLaunch.StateName)) == template.StateDigest;
        }
        catch (LinuxException error) when (error.Errno == Errno.ENOENT)
        {
            return false;
        }
    }

    private static bool IsSealed(string directory, string name, string stamp)
    {
        using FileDescriptor file = HostFiles.OpenPath(Path.Join(directory, name), followLast: false);
        FileStatus status = file.Status;
        return status is { Kind: FileKind.Regular, UserId: 0 } && (status.Mode & 0x92) == 0 && StampOf(status) == stamp;
    }

    /// <summary>From now on it is root's and nobody writes to it.</summary>
    private static FileStatus Seal(string work, string name)
    {
        using FileDescriptor file = HostFiles.OpenRead(Path.Join(work, name));
        file.ChangeOwner(0, 0);
        file.ChangeMode(0x124);
        return file.Status;
    }

    private static string StampOf(FileStatus status) => string.Create(
        CultureInfo.InvariantCulture, $"{status.Device} {status.Inode} {status.Size} {status.ChangeTime.Seconds}.{status.ChangeTime.Nanoseconds:d9}");

    private static string DigestOf(string path) => Convert.ToHexStringLower(SHA256.HashData(HostFiles.Read(path, StateBytesMax)));

    private static bool TryDelete(string directory)
    {
        if (!Directory.Exists(directory))
        {
            return false;
        }
        Directory.Delete(directory, recursive: true);
        return true;
    }
}
