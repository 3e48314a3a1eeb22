using System.Globalization;

using Caisson.Control.Model;
using Caisson.Control.Volumes;
using Caisson.Errors;
using Caisson.Linux;
using Caisson.Linux.Launch;
using Caisson.Oci;

namespace Caisson.Control.Workloads;

public sealed partial class Workload
{
    private const int SharedMode = 0x1ED; // 0755

    /// <summary>What a launch has of others and of the engine, held for its time.</summary>
    private sealed class Joined : IDisposable
    {
        public Namespace? Users { get; set; }

        public Namespace? Processes { get; set; }

        public Namespace? Ipc { get; set; }

        public Namespace? Uts { get; set; }

        public Dictionary<string, MountTree> Mounts { get; } = [];

        public void Dispose()
        {
            Users?.Dispose();
            Processes?.Dispose();
            Ipc?.Dispose();
            Uts?.Dispose();
            foreach (MountTree mount in Mounts.Values)
            {
                mount.Dispose();
            }
        }
    }

    /// <summary>Opens what the container joins; by descriptor, so that nobody else's is joined when a container ends in this moment.</summary>
    private Joined JoinUnlocked()
    {
        HostConfig host = _record.HostConfig;
        var joined = new Joined();
        try
        {
            joined.Processes = Open(host.PidMode, NamespaceKind.Pid, "PID");
            joined.Uts = Open(host.UTSMode, NamespaceKind.Uts, "UTS");
            joined.Ipc = Open(host.IpcMode, NamespaceKind.Ipc, "IPC");
            if (joined.Ipc is not null)
            {
                using Namespace mounts = Open(host.IpcMode, NamespaceKind.Mount, "IPC")!;
                mounts.RunInside(() => joined.Mounts[SpecCompiler.SharedMemorySource] = MountTree.Clone("/dev/shm"));
            }
            if (_record.IdBlock is not null && SharedNamespaces.UsersOf(host) is { } users)
            {
                joined.Users = Open("container:" + users, NamespaceKind.User, "user");
            }
            if (host.Secrets is { Count: > 0 } secrets)
            {
                joined.Mounts[SpecCompiler.SecretsSource] = MountSecrets(secrets);
            }
            if (_record.AllMounts.Any(mount => mount.Type == "image"))
            {
                using UserNamespace? owners = Owners();
                foreach (ContainerMount mount in _record.AllMounts.Where(mount => mount.Type == "image"))
                {
                    joined.Mounts[SpecCompiler.ImageSource + mount.Target] = _services.Images.OpenLayers([.. mount.Layers.Select(Digest.Parse)], owners);
                }
            }
            return joined;
        }
        catch
        {
            joined.Dispose();
            throw;
        }

        Namespace? Open(string mode, NamespaceKind kind, string word)
        {
            if (SharedNamespaces.SharedWith(mode) is not { } id)
            {
                return null;
            }
            Workload other = _engine.Find(id);
            return (other.Status.HasProcess && other != this ? _services.Host.OpenNamespace(other.Id, kind) : null)
                ?? throw new CaissonException(ErrorKind.Conflict, $"cannot join {word} namespace of a non running container: {other.Record.Name}");
        }
    }

    /// <summary>A tmpfs with the secrets, mounted nowhere but in the container that gets it.</summary>
    private MountTree MountSecrets(IReadOnlyList<SecretMount> secrets)
    {
        using var context = FilesystemContext.Open("tmpfs");
        context.Set("source", "secrets").Set("mode", "755");
        try
        {
            context.SetFlag("noswap");
        }
        catch (LinuxException error) when (error.Errno is Errno.EINVAL or Errno.EPERM)
        {
            // Before Linux 6.4 a tmpfs may be swapped out.
        }
        MountTree tree = context.Mount(MountAttributes.NoSetuid | MountAttributes.NoDevices | MountAttributes.NoExecute);
        try
        {
            using (DirectoryDescriptor root = tree.OpenRoot())
            {
                root.ChangeOwner(HostId(0), HostId(0));
                foreach (SecretMount secret in secrets)
                {
                    using FileDescriptor file = root.CreateFile(secret.Target, secret.Mode ?? 0);
                    file.Write(_services.Secrets.Read(_services.Secrets.Find(isConfig: false, secret.Id)));
                    file.ChangeOwner(HostId(Number(secret.UID)), HostId(Number(secret.GID)));
                }
            }
            tree.SetAttributes(MountAttributes.ReadOnly);
            return tree;
        }
        catch
        {
            tree.Dispose();
            throw;
        }
    }

    /// <summary>Configs as files of the container's directory, which are bound; and the first process that runs the program.</summary>
    private void WriteJoinedUnlocked(string directory)
    {
        if (_record.HostConfig.Init == true)
        {
            Write(directory, "init", InitProgram.ToElf(IsMachine ? Architecture : KernelArchitectures.Own), SharedMode, 0, 0);
        }
        if (_record.HostConfig.Configs is { Count: > 0 } configs)
        {
            Directory.CreateDirectory($"{directory}/configs");
            foreach (SecretMount config in configs)
            {
                byte[] content = _services.Secrets.Read(_services.Secrets.Find(isConfig: true, config.Id));
                Write($"{directory}/configs", config.Id, content, config.Mode ?? 0, Number(config.UID), Number(config.GID));
            }
        }

        // Owners are those of the host: the file is bound through the container's id map.
        static void Write(string directory, string name, byte[] content, int mode, uint user, uint group)
        {
            using DirectoryDescriptor target = HostFiles.OpenDirectory(directory);
            target.Replace(name, content, mode);
            using FileDescriptor file = target.TryOpenPath(name)!;
            file.ChangeOwner(user, group);
        }
    }

    private uint HostId(uint id) => Ids is { } range ? range.First + id : id;

    private static uint Number(string text) => uint.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture);
}
