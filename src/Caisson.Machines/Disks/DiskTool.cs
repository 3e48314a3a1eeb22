using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

using Caisson.Errors;
using Caisson.Linux;
using Caisson.Linux.Launch;

using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Machines.Disks;

/// <summary>
/// Runs <c>qemu-img</c> where a disk that deceives it gains nothing: as nobody, in a root with the programs of this host, read-only, and the files that it is given;
/// without a network, with a limit on memory, time and the size of what it writes.
/// </summary>
/// <remarks>Source: qemu-img(1), namespaces(7), setrlimit(2).</remarks>
internal sealed class DiskTool
{
    private const string Program = "qemu-img";
    private const string Secret = "passphrase";
    private const uint Nobody = 65_534;
    private const ulong OverrideBit = 1UL << 1; // CAP_DAC_OVERRIDE: of the files in its root, whoever owns them
    private const long MemoryBytesMax = 4L << 30;
    private const int OutputBytesMax = 1 << 20;
    private const string Place = "/tmp";

    private readonly List<(string Path, bool IsWritable)> _files = [];
    private readonly List<string> _arguments = [];
    private byte[]? _passphrase;

    /// <summary>The largest file that may be written; 0 for none at all.</summary>
    internal long WrittenBytesMax { get; set; }

    /// <summary>How long it may take.</summary>
    internal TimeSpan TimeMax { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>Exit codes beside 0 that are answers.</summary>
    internal IReadOnlyList<int> AnswerCodes { get; set; } = [];

    /// <summary>The id of the passphrase, for options.</summary>
    internal static string SecretId => Secret;

    /// <summary>Appends arguments as they are.</summary>
    internal DiskTool Add(params ReadOnlySpan<string> arguments)
    {
        _arguments.AddRange(arguments);
        return this;
    }

    /// <summary>Gives it a file, and gives the path under which it sees it.</summary>
    internal string Give(string path, bool isWritable)
    {
        _files.Add((path, isWritable));
        return string.Create(CultureInfo.InvariantCulture, $"/disk/{_files.Count - 1}");
    }

    /// <summary>Gives it a disk with all that is behind it, and gives the words for it.</summary>
    internal string Give(DiskNode disk, bool isWritable)
    {
        Dictionary<DiskNode, string> paths = new(ReferenceEqualityComparer.Instance);
        foreach (DiskNode node in disk.Chain())
        {
            paths.Add(node, Give(node.Path, isWritable && ReferenceEquals(node, disk)));
        }
        return "json:" + disk.ToJson(node => paths[node], Secret);
    }

    /// <summary>Gives it a passphrase, by a pipe: it is on no command line and in no file.</summary>
    internal DiskTool Unlock(string? passphrase)
    {
        if (passphrase is not null)
        {
            _passphrase = Encoding.UTF8.GetBytes(passphrase);
            Add("--object", $"secret,id={Secret},file=/proc/self/fd/0");
        }
        return this;
    }

    /// <summary>Runs it to its end.</summary>
    /// <param name="verb">The first argument.</param>
    /// <param name="doing">What is being done, for messages: <c>convert the disk /a/b</c>.</param>
    /// <param name="progress">Told the part that is done, 0 to 1.</param>
    /// <param name="cancellation">Ends it at once.</param>
    /// <returns>Its exit code and what it printed.</returns>
    internal async Task<(int Code, string Output)> RunAsync(string verb, string doing, IProgress<double>? progress, CancellationToken cancellation)
    {
        string program = Find();
        Pipe input = Pipe.Create();
        Pipe output = Pipe.Create();
        Pipe error = Pipe.Create();
        List<MountTree> trees = [];
        LaunchedProcess? launched = null;
        try
        {
            foreach (var (path, isWritable) in _files)
            {
                trees.Add(Open(path, isWritable));
            }
            launched = Launcher.Start(Compile(program, verb).Encode(), [input.Reader, output.Writer, error.Writer, .. trees]);
        }
        catch
        {
            launched?.Dispose();
            output.Reader.Dispose();
            error.Reader.Dispose();
            input.Writer.Dispose();
            throw;
        }
        finally
        {
            input.Reader.Dispose();
            output.Writer.Dispose();
            error.Writer.Dispose();
            trees.ForEach(tree => tree.Dispose());
        }
        using (launched)
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            limit.CancelAfter(TimeMax);
            using CancellationTokenRegistration killing = limit.Token.Register(() => launched.Process.TrySignal(Signal.KILL));
            RequireExecuted(launched, program);
            Task<string> errors = ReadAsync(error.Reader, null);
            Task<string> answers = ReadAsync(output.Reader, progress);
            Feed(input.Writer);
            string text = await answers;
            string words = await errors;
            ExitStatus status = launched.Process.WaitExit();
            cancellation.ThrowIfCancellationRequested();
            return status switch
            {
                { KilledBy: 0, Code: 0 } => (0, text),
                { KilledBy: 0, Code: var code } when AnswerCodes.Contains(code) => (code, text),
                _ when limit.IsCancellationRequested || status.KilledBy == Signal.XCPU => throw new CaissonException(ErrorKind.ResourceExhausted, string.Create(
                    CultureInfo.InvariantCulture, $"{doing}: it took longer than {TimeMax.TotalSeconds:0} s and was ended")),
                _ => throw Failure(doing, status, words),
            };
        }
    }

    private CaissonException Failure(string doing, ExitStatus status, string words)
    {
        string said = string.Join("; ", words.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).TakeLast(4));
        for (int i = 0; i < _files.Count; i++)
        {
            said = said.Replace($"/disk/{i}'", $"{_files[i].Path}'", StringComparison.Ordinal);
        }
        if (said.Length > 600)
        {
            said = said[..600] + "…";
        }
        said = DiskHeader.Shown(said);
        if (status.KilledBy == Signal.XFSZ || said.Contains("File too large", StringComparison.Ordinal))
        {
            return new CaissonException(ErrorKind.ResourceExhausted, $"{doing}: it would be larger than {WrittenBytesMax} bytes, which is more than such a disk can need");
        }
        if (said.Contains("Invalid password", StringComparison.Ordinal))
        {
            return new CaissonException(ErrorKind.InvalidArgument, $"{doing}: the passphrase is wrong");
        }
        bool isFull = said.Contains("No space left", StringComparison.Ordinal);
        string how = status.KilledBy != 0 ? $"qemu-img was killed ({SignalNames.NameOf(status.KilledBy)})" : string.Create(CultureInfo.InvariantCulture, $"qemu-img ended with code {status.Code}");
        return new CaissonException(isFull ? ErrorKind.ResourceExhausted : ErrorKind.InvalidArgument, $"{doing}: {(said.Length > 0 ? said : how)}");
    }

    private static MountTree Open(string path, bool isWritable)
    {
        using FileDescriptor handle = HostFiles.OpenPath(path);
        if (handle.Status.Kind is not FileKind.Regular and var kind)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"{path} is no regular file ({kind.ToString().ToLowerInvariant()}), so it holds no disk");
        }
        MountTree tree = MountTree.Clone(handle);
        try
        {
            tree.SetAttributes(MountAttributes.NoSetuid | MountAttributes.NoDevices | MountAttributes.NoExecute | (isWritable ? 0 : MountAttributes.ReadOnly));
            return tree;
        }
        catch
        {
            tree.Dispose();
            throw;
        }
    }

    private static void RequireExecuted(LaunchedProcess launched, string program)
    {
        while (launched.Next() is { } report and not LaunchReport.Executed)
        {
            if (report is LaunchReport.Failed failed)
            {
                launched.Process.WaitExit();
                throw new CaissonException(ErrorKind.FailedPrecondition, string.Create(
                    CultureInfo.InvariantCulture, $"run {program} in a root of its own: step {failed.Index}: {LinuxException.Describe(failed.Errno)}"));
            }
        }
    }

    private void Feed(Descriptor input)
    {
        using var stream = new FileStream(input.ToFileHandle(), FileAccess.Write, 0);
        if (_passphrase is null)
        {
            return;
        }
        try
        {
            stream.Write(_passphrase);
        }
        catch (IOException)
        {
            // It ended without reading; how it ended says why.
        }
        Array.Clear(_passphrase);
    }

    private static async Task<string> ReadAsync(Descriptor reader, IProgress<double>? progress)
    {
        using var stream = new FileStream(reader.ToFileHandle(), FileAccess.Read, 0);
        using var kept = new MemoryStream();
        byte[] buffer = new byte[4_096];
        int count;
        while ((count = await stream.ReadAsync(buffer)) > 0)
        {
            if (progress is null)
            {
                kept.Write(buffer.AsSpan(0, (int)Math.Min(count, OutputBytesMax - kept.Length)));
            }
            else if (Part(Encoding.ASCII.GetString(buffer, 0, count)) is { } part)
            {
                progress.Report(part);
            }
        }
        return Encoding.UTF8.GetString(kept.GetBuffer(), 0, (int)kept.Length);
    }

    /// <summary>The last of <c>    (12.34/100%)</c>.</summary>
    private static double? Part(string text)
    {
        int slash = text.LastIndexOf("/100%)", StringComparison.Ordinal);
        int open = slash < 0 ? -1 : text.LastIndexOf('(', slash);
        return open >= 0 && double.TryParse(text.AsSpan((open + 1)..slash), NumberStyles.Float, CultureInfo.InvariantCulture, out double percent)
            ? Math.Clamp(percent / 100, 0, 1)
            : null;
    }

    private static string Find()
    {
        foreach (string directory in (string[])["/usr/bin", "/usr/local/bin"])
        {
            if (File.Exists($"{directory}/{Program}"))
            {
                return $"{directory}/{Program}";
            }
        }
        throw new CaissonException(ErrorKind.FailedPrecondition, "disks of machines need qemu-img, which is not installed on this host; install it (Debian: apt-get install qemu-utils)");
    }

    private LaunchProgram Compile(string program, string verb)
    {
        const string root = "a root of its own";
        const string user = "nobody";
        var list = new LaunchProgram(LaunchStage.World)
        {
            Namespaces = NamespaceKind.Mount | NamespaceKind.Network | NamespaceKind.Ipc | NamespaceKind.Uts | NamespaceKind.Pid,
        };
        Slot input = list.Inherit("input");
        Slot output = list.Inherit("output");
        Slot error = list.Inherit("error");
        Slot[] files = [.. _files.Select((_, i) => list.Inherit($"disk{i}"))];

        list.Add(SystemCall.setsid, "a session of its own");
        list.Add(SystemCall.rt_sigprocmask, "signals arrive", Argument.Of(SIG_SETMASK, "SIG_SETMASK"), Block.Words("none", 0), 0, 8);
        list.Add(SystemCall.mount, "nothing of this is seen outside", 0, "/", 0, Argument.Of(MS_REC | MS_PRIVATE, "MS_REC|MS_PRIVATE"), 0);
        list.Add(SystemCall.mount, root, "tmpfs", Place, "tmpfs", Argument.Of(MS_NOSUID | MS_NODEV, "MS_NOSUID|MS_NODEV"), "size=1m,mode=755");
        list.Add(SystemCall.chdir, root, Place);
        foreach (string directory in (string[])["usr", "proc", "disk", "dev"])
        {
            list.Add(SystemCall.mkdirat, root, AT_FDCWD, directory, 0x1ed);
        }
        list.Add(SystemCall.mount, "its programs and libraries", "/usr", "usr", 0, Argument.Of(MS_BIND | MS_REC, "MS_BIND|MS_REC"), 0);
        list.Add(SystemCall.mount, "its programs and libraries", 0, "usr", 0, Argument.Of(MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID, "MS_BIND|MS_REMOUNT|MS_RDONLY|MS_NOSUID"), 0);
        foreach (string directory in (string[])["lib", "lib64"])
        {
            if (Directory.Exists($"/usr/{directory}"))
            {
                list.Add(SystemCall.symlinkat, root, $"usr/{directory}", AT_FDCWD, directory);
            }
        }
        foreach (string device in (string[])["null", "urandom"])
        {
            list.Add(SystemCall.mknodat, "what its libraries open", AT_FDCWD, $"dev/{device}", Argument.Of(0x8000 | 0x180, "S_IFREG|0600"), 0);
            list.Add(SystemCall.mount, "what its libraries open", $"/dev/{device}", $"dev/{device}", 0, Argument.Of(MS_BIND, "MS_BIND"), 0);
        }
        for (int i = 0; i < files.Length; i++)
        {
            string name = string.Create(CultureInfo.InvariantCulture, $"disk/{i}");
            list.Add(SystemCall.mknodat, "a place for a disk", AT_FDCWD, name, Argument.Of(0x8000 | 0x180, "S_IFREG|0600"), 0);
            list.Add(SystemCall.move_mount, "a disk", files[i], "", AT_FDCWD, name, Argument.Of(MOVE_MOUNT_F_EMPTY_PATH, "MOVE_MOUNT_F_EMPTY_PATH"));
        }
        list.Add(SystemCall.mount, "its own processes alone", "proc", "proc", "proc", Argument.Of(MS_NOSUID | MS_NODEV | MS_NOEXEC, "MS_NOSUID|MS_NODEV|MS_NOEXEC"), 0);
        list.Add(SystemCall.pivot_root, root, ".", ".");
        list.Add(SystemCall.umount2, "leave the host's", ".", Argument.Of(MNT_DETACH, "MNT_DETACH"));
        list.Add(SystemCall.chdir, root, "/");

        list.Add(SystemCall.dup3, "its streams", input, 0, 0);
        list.Add(SystemCall.dup3, "its streams", output, 1, 0);
        list.Add(SystemCall.dup3, "its streams", error, 2, 0);
        Limit(RLIMIT_AS, MemoryBytesMax, "memory");
        Limit(RLIMIT_CPU, Math.Max(1, (long)Math.Ceiling(TimeMax.TotalSeconds) * 4), "time of processors");
        Limit(RLIMIT_FSIZE, WrittenBytesMax, "what it writes");
        Limit(RLIMIT_CORE, 0, "no memory on disk");
        Limit(RLIMIT_NOFILE, 256, "files");

        list.Add(SystemCall.prctl, user, Argument.Of(PR_SET_KEEPCAPS, "PR_SET_KEEPCAPS"), 1);
        list.Add(SystemCall.setgroups, user, 0, 0);
        list.Add(SystemCall.setresgid, user, Nobody, Nobody, Nobody);
        list.Add(SystemCall.setresuid, user, Nobody, Nobody, Nobody);
        byte[] sets = new byte[24];
        MemoryMarshal.Cast<byte, uint>(sets.AsSpan())[..3].Fill((uint)OverrideBit);
        list.Add(SystemCall.capset, "but for its files", Block.Words("version 3", _LINUX_CAPABILITY_VERSION_3), Block.Of(sets, "CAP_DAC_OVERRIDE"));
        list.Add(SystemCall.prctl, "but for its files", Argument.Of(PR_CAP_AMBIENT, "PR_CAP_AMBIENT"), Argument.Of(PR_CAP_AMBIENT_RAISE, "PR_CAP_AMBIENT_RAISE"), 1, 0, 0);
        list.Add(SystemCall.prctl, "it ends with us", Argument.Of(PR_SET_PDEATHSIG, "PR_SET_PDEATHSIG"), (long)Signal.KILL);
        list.Add(SystemCall.prctl, "no program gives it more", Argument.Of(PR_SET_NO_NEW_PRIVS, "PR_SET_NO_NEW_PRIVS"), 1, 0, 0, 0);
        list.Add(SystemCall.execve, "execute it", program, Block.TextList([Program, verb, .. _arguments]), Block.TextList(["LC_ALL=C", "PATH=/usr/bin"]));
        return list;

        void Limit(int kind, long value, string reason) =>
            list.Add(SystemCall.prlimit64, reason, 0, kind, Block.Words($"{value}", (ulong)value, (ulong)value), 0);
    }
}
