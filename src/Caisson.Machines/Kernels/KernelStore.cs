using System.Security.Cryptography;
using System.Text.Json;

using Caisson.Errors;
using Caisson.Linux;
using Caisson.Linux.Launch;
using Caisson.Machines.Remote;

namespace Caisson.Machines.Kernels;

/// <summary>The kernels that machines boot: <c>kernels/RELEASE/{vmlinux,modules/,kernel.json,initrd-…}</c>. Safe for concurrent use.</summary>
/// <param name="root">The engine's directory.</param>
/// <param name="initPath">Our first process for machines, <c>caisson-init</c>.</param>
public sealed class KernelStore(string root, string initPath)
{
    private const string RecordName = "kernel.json";

    /// <summary>What every machine needs: the line to its host, disks, the image's file system and what lies over it.</summary>
    private static readonly string[] BootNames = ["virtio_mmio", "virtio_console", "virtio_blk", "erofs", "overlay"];

    private static readonly string[] NetworkNames = ["virtio_net"];

    private static readonly string[] FilesNames = ["fuse"];

    private readonly string _directory = Path.Join(root, "kernels");
    private readonly Lock _making = new();

    /// <summary>All, the newest first.</summary>
    public IReadOnlyList<MachineKernel> List() => !Directory.Exists(_directory) ? [] :
    [
        .. Directory.EnumerateDirectories(_directory).Select(path => Find(Path.GetFileName(path))).OfType<MachineKernel>().OrderByDescending(kernel => kernel.Installed),
    ];

    /// <summary>The kernel of a release; null when there is none.</summary>
    public MachineKernel? Find(string release)
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(Path.Join(DirectoryOf(release), RecordName)), KernelJson.Default.MachineKernel);
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (JsonException error)
        {
            throw new CaissonException(ErrorKind.Internal, $"the record of kernel {release} is damaged: {error.Message}; remove it and install it again", error);
        }
    }

    /// <summary>The kernel that a machine of <paramref name="architecture"/> boots when nobody chose: the one installed last.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.FailedPrecondition"/>: there is none; names the command that gets one.</exception>
    public MachineKernel RequireDefault(KernelArchitecture architecture = KernelArchitectures.Own)
    {
        bool isOwn = architecture == KernelArchitectures.Own;
        return List().FirstOrDefault(kernel => kernel.Architecture == architecture.Name())
            ?? throw new CaissonException(
                ErrorKind.FailedPrecondition,
                $"no kernel for machines{(isOwn ? "" : $" of {architecture.Name()}")} is installed; install Debian's with: caisson kernel install{(isOwn ? "" : $" --arch {architecture.Name()}")}");
    }

    /// <summary>The unpacked kernel.</summary>
    public string KernelPath(MachineKernel kernel) => Path.Join(DirectoryOf(kernel.Release), "vmlinux");

    /// <summary>
    /// The kernel's first file system with the <c>caisson-init</c> of this engine, or, for another architecture, with a <see cref="ServerProgram"/>; made when there is none yet.
    /// </summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.FailedPrecondition"/>: <c>caisson-init</c> is missing.</exception>
    public string RequireInitrd(MachineKernel kernel)
    {
        lock (_making)
        {
            byte[] init = kernel.Architecture == KernelArchitectures.Own.Name() ? ReadInit() : ServerProgram.ToElf(RemoteBoot.Compile(kernel.BootModules).Program);
            string directory = DirectoryOf(kernel.Release);
            string path = Path.Join(directory, $"initrd-{Convert.ToHexStringLower(SHA256.HashData(init))[..16]}.cpio");
            if (!File.Exists(path))
            {
                foreach (string old in Directory.GetFiles(directory, "initrd-*"))
                {
                    File.Delete(old); // of another version of ours; a machine that runs has read it
                }
                string next = path + ".new";
                using (FileStream file = File.Create(next))
                {
                    string[] names = [.. kernel.BootModules.Union(kernel.NetworkModules).Union(kernel.FilesModules ?? [])];
                    Initrd.Write(
                        file, init, names.ToDictionary(name => name, name => File.ReadAllBytes(Path.Join(directory, "modules", name))),
                        new Dictionary<string, IReadOnlyList<string>>
                        {
                            [Initrd.BootOrder] = kernel.BootModules,
                            [Initrd.NetworkOrder] = kernel.NetworkModules,
                            [Initrd.FilesOrder] = kernel.FilesModules ?? [],
                        });
                    file.Flush(flushToDisk: true);
                }
                File.Move(next, path);
            }
            return path;
        }
    }

    /// <summary>Takes a kernel in: whole, or not at all.</summary>
    /// <param name="image">The kernel's file, packed or not.</param>
    /// <param name="release">Its release.</param>
    /// <param name="source">Where it came from.</param>
    /// <param name="modules">The directory of its modules, as <c>/lib/modules/RELEASE</c> is.</param>
    /// <returns>The kernel, which replaces one of the same release.</returns>
    public MachineKernel Add(byte[] image, string release, string source, string modules)
    {
        KernelArchitecture architecture = Arm64Image.IsOne(image) ? KernelArchitecture.Arm64 : KernelArchitecture.X64;
        byte[] kernel = architecture == KernelArchitecture.Arm64 ? Arm64Image.Unpack(image) : BzImage.Unpack(image);
        Dictionary<string, string> files = [];
        foreach (string file in Directory.Exists(modules) ? Directory.EnumerateFiles(modules, "*.ko*", SearchOption.AllDirectories) : [])
        {
            string name = Path.GetFileName(file);
            files.TryAdd(name[..name.IndexOf(".ko", StringComparison.Ordinal)].Replace('-', '_'), file);
        }
        IReadOnlyList<string> boot = ModuleOrder.Resolve(BootNames, Read);
        IReadOnlyList<string> network = [.. ModuleOrder.Resolve(NetworkNames, Read).Except(boot)];
        IReadOnlyList<string> shares = [.. ModuleOrder.Resolve(FilesNames, Read).Except(boot)];

        var record = new MachineKernel
        {
            Release = release,
            Architecture = architecture.Name(),
            Source = source,
            Installed = DateTimeOffset.UtcNow,
            BootModules = boot,
            NetworkModules = network,
            FilesModules = shares,
            KernelBytes = kernel.Length,
        };
        string target = DirectoryOf(release);
        string next = Path.Join(_directory, $".new-{Guid.NewGuid():n}");
        Directory.CreateDirectory(Path.Join(next, "modules"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        try
        {
            File.WriteAllBytes(Path.Join(next, "vmlinux"), kernel);
            foreach (string name in boot.Concat(network).Concat(shares))
            {
                File.WriteAllBytes(Path.Join(next, "modules", name), Read(name)!);
            }
            File.WriteAllBytes(Path.Join(next, RecordName), JsonSerializer.SerializeToUtf8Bytes(record, KernelJson.Default.MachineKernel));
            if (Directory.Exists(target))
            {
                Directory.Delete(target, recursive: true);
            }
            Directory.Move(next, target);
        }
        catch
        {
            Directory.Delete(next, recursive: true);
            throw;
        }
        return record;

        byte[]? Read(string name) => !files.TryGetValue(name, out string? path) ? null
            : path.EndsWith(".ko", StringComparison.Ordinal) ? File.ReadAllBytes(path)
            : throw new CaissonException(ErrorKind.Unimplemented, $"the kernel's module {Path.GetFileName(path)} is packed, which is not read here; use Debian's cloud kernel");
    }

    /// <summary>Removes a kernel; machines that run go on with it.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.NotFound"/>: there is none of that release.</exception>
    public void Remove(string release)
    {
        if (Find(release) is null)
        {
            throw new CaissonException(ErrorKind.NotFound, $"no kernel for machines is called {release}");
        }
        Directory.Delete(DirectoryOf(release), recursive: true);
    }

    private byte[] ReadInit()
    {
        try
        {
            return File.ReadAllBytes(initPath);
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new CaissonException(ErrorKind.FailedPrecondition, $"machines need {initPath}, which belongs beside the engine and is not there", error);
        }
    }

    private string DirectoryOf(string release)
    {
        bool plain = release.Length is > 0 and <= 128 && release[0] is not ('.' or '-')
            && release.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '.' or '-' or '+');
        return plain
            ? Path.Join(_directory, release)
            : throw new CaissonException(ErrorKind.InvalidArgument, $"'{release}' is not the release of a kernel");
    }
}
