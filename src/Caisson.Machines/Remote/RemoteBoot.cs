using System.Globalization;

using Caisson.Linux;
using Caisson.Linux.Launch;
using Caisson.Machines.Agent;
using Caisson.Machines.Kernels;

using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Machines.Remote;

/// <summary>The list that a <see cref="ServerProgram"/> begins with: from the kernel's first file system to the line to the host.</summary>
/// <remarks>Pure; the same for every machine of a kernel, so it is in the kernel's first file system. What <c>caisson-init</c> does before it says hello.</remarks>
internal sealed class RemoteBoot
{
    /// <summary>The agent's port: the first of the first console device.</summary>
    private const string LinePath = "/dev/vport0p1";

    private const int Mode755 = 0x1ed;
    private const long PauseNanoseconds = 500_000;

    private RemoteBoot(LaunchProgram program, Slot modules) => (Program, Modules) = (program, modules);

    /// <summary>The list.</summary>
    public LaunchProgram Program { get; }

    /// <summary>The directory of modules, which is left behind with the first file system.</summary>
    public Slot Modules { get; }

    /// <summary>Compiles it.</summary>
    /// <param name="modules">Modules to load, in order.</param>
    public static RemoteBoot Compile(IEnumerable<string> modules)
    {
        var program = new LaunchProgram(LaunchStage.World);
        Slot tree = program.NewSlot("root");
        Slot directory = program.NewSlot("modules");
        program.Add(SystemCall.mmap, "room for requests", ServerProgram.ArenaAddress, ServerProgram.ArenaBytes + ServerProgram.ScratchBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
        program.Add(SystemCall.openat, "the modules", AT_FDCWD, Initrd.ModulesPath, O_PATH | O_DIRECTORY | O_CLOEXEC, 0).Into(directory);
        LoadModules(program, directory, modules);

        // The kernel's first file system can be neither left nor unmounted, and pivot_root refuses it: a file system in memory is put over it.
        MakeFilesystem(program, tree, "tmpfs", 0, FSMOUNT_CLOEXEC, ("mode", "755"));
        program.Add(SystemCall.move_mount, "the root", tree, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH);
        program.Add(SystemCall.fchdir, "the root", tree);
        program.Add(SystemCall.chroot, "the root", ".");
        MakeDirectories(program, "/proc", "/sys", "/dev", "/run", "/tmp");
        foreach ((string type, string path) in ((string, string)[])[("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev"), ("cgroup2", "/sys/fs/cgroup")])
        {
            program.Add(SystemCall.mount, $"mount {path}", type, path, type, 0, 0);
        }
        MakeDirectories(
            program, "/run/caisson", MachineSettings.FilesDirectory, MachineSettings.RootPath, MachineSettings.SharesDirectory, RemoteRoot.ImagePath, RemoteRoot.ChangesPath, MachineSettings.CgroupDirectory);
        TryWriteFile(program, "/sys/fs/cgroup/cgroup.subtree_control", "+cpu +memory +pids +io");

        OpenLine(program, LinePath);
        return new RemoteBoot(program, directory);
    }

    /// <summary>Opens a line to the host, which appears a moment after its driver was loaded.</summary>
    public static void OpenLine(LaunchProgram program, string path)
    {
        Label again = new();
        Label open = new();
        program.Mark(again);
        program.Add(SystemCall.openat, "the line to the host", AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0).Into(Slot.Sync).Then(open).ExpectAny();
        program.Add(SystemCall.nanosleep, "the line to the host", Block.Words("0.5 ms", 0, PauseNanoseconds), 0).ExpectAny();
        program.Add(SystemCall.Branch, "the line to the host", 1).Then(again);
        program.Mark(open);
    }

    /// <summary>Loads modules from the directory in <paramref name="directory"/>.</summary>
    public static void LoadModules(LaunchProgram program, Argument directory, IEnumerable<string> modules)
    {
        foreach (string module in modules)
        {
            Slot file = program.NewSlot(module);
            string reason = $"load the kernel's module {module}";
            program.Add(SystemCall.openat, reason, directory, module, O_CLOEXEC, 0).Into(file);
            program.Add(SystemCall.finit_module, reason, file, "", 0).Expect(Errno.EEXIST);
            program.Add(SystemCall.close, reason, file);
        }
    }

    /// <summary>Makes a file system and a detached mount of it.</summary>
    /// <param name="program">Gets the steps.</param>
    /// <param name="tree">Receives the mount.</param>
    /// <param name="type">Its type.</param>
    /// <param name="attributes">MOUNT_ATTR_….</param>
    /// <param name="flags">FSMOUNT_CLOEXEC, or 0 for a mount that programs inherit.</param>
    /// <param name="options">Its parameters; flags have no value.</param>
    public static void MakeFilesystem(LaunchProgram program, Slot tree, string type, long attributes, long flags, params ReadOnlySpan<(string Key, string Value)> options)
    {
        Slot context = program.NewSlot(type);
        program.Add(SystemCall.fsopen, $"make {type}", type, FSOPEN_CLOEXEC).Into(context);
        foreach ((string key, string value) in options)
        {
            string reason = $"make {type}: {key}";
            _ = value.Length == 0
                ? program.Add(SystemCall.fsconfig, reason, context, FSCONFIG_SET_FLAG, key, 0, 0)
                : program.Add(SystemCall.fsconfig, reason, context, FSCONFIG_SET_STRING, key, value, 0);
        }
        program.Add(SystemCall.fsconfig, $"make {type}", context, FSCONFIG_CMD_CREATE, 0, 0, 0);
        program.Add(SystemCall.fsmount, $"make {type}", context, flags, attributes).Into(tree);
        program.Add(SystemCall.close, $"make {type}", context);
    }

    /// <summary>Writes <paramref name="text"/> to a file of the kernel.</summary>
    public static void WriteFile(LaunchProgram program, string path, string text)
    {
        Slot file = program.NewSlot("file");
        program.Add(SystemCall.openat, $"write {path}", AT_FDCWD, path, O_WRONLY | O_CLOEXEC, 0).Into(file);
        program.Add(SystemCall.write, $"write {path}", file, text, System.Text.Encoding.UTF8.GetByteCount(text));
        program.Add(SystemCall.close, $"write {path}", file);
    }

    /// <summary>The same, where the kernel may have no such file or not take it.</summary>
    public static void TryWriteFile(LaunchProgram program, string path, string text)
    {
        Slot file = program.NewSlot("file");
        Label end = new();
        program.Add(SystemCall.openat, $"write {path}", AT_FDCWD, path, O_WRONLY | O_CLOEXEC, 0).Into(file).ExpectAny(end);
        program.Add(SystemCall.write, $"write {path}", file, text, System.Text.Encoding.UTF8.GetByteCount(text)).ExpectAny();
        program.Add(SystemCall.close, $"write {path}", file);
        program.Mark(end);
    }

    private static void MakeDirectories(LaunchProgram program, params ReadOnlySpan<string> paths)
    {
        foreach (string path in paths)
        {
            program.Add(SystemCall.mkdirat, $"make {path}", AT_FDCWD, path, Mode755).Expect(Errno.EEXIST);
        }
    }

    /// <summary>A descriptor of the server's, by its number.</summary>
    public static Argument Descriptor(int number, string name) => Argument.Of(number, string.Create(CultureInfo.InvariantCulture, $"{name} ({number})"));
}
