using System.Buffers.Binary;
using System.Text;

using Caisson.Build.Plans;
using Caisson.Control.Hosting;
using Caisson.Control.Model;
using Caisson.Control.Networking;
using Caisson.Control.Volumes;
using Caisson.Control.Workloads;
using Caisson.Errors;
using Caisson.Images.Snapshots;
using Caisson.Images.Users;
using Caisson.Linux;
using Caisson.Oci.Runtime;

namespace Caisson.Control.Builds;

/// <summary>
/// Runs one step in a container that has no record: nobody can see or keep it, and what a crash leaves of it the next engine
/// deletes as it does with every container that it has no record of.
/// </summary>
internal sealed class StepContainer(ContainerEngine engine)
{
    private const string Profile = "build";

    private const long SharedMemoryBytes = 64 << 20;

    private readonly EngineServices _services = engine.Services;

    /// <summary>Runs a step's program to its end.</summary>
    /// <param name="id">The container's id, which is its root's.</param>
    /// <param name="snapshot">Its root; written to.</param>
    /// <param name="step">The program.</param>
    /// <param name="request">Limits and network.</param>
    /// <param name="prepare">Makes the mounts; gets the container's range of ids.</param>
    /// <param name="output">Gets what the program writes.</param>
    /// <param name="cancellation">Ends the program.</param>
    /// <returns>What the program returned.</returns>
    public async Task<ProcessExit> RunAsync(
        string id, Snapshot snapshot, BuildStep.Run step, BuildRequest request, Func<IdRange, Task<StepMounts>> prepare, Action<string> output, CancellationToken cancellation)
    {
        int block = engine.TakeBlock();
        List<EndpointRecord> endpoints = [];
        try
        {
            using StepMounts mounts = await prepare(IdRange.OfBlock(block));
            ContainerRecord record = Record(id, block, step, request, mounts);
            string directory = _services.DirectoryOf(id);
            WriteFiles(directory, record, step, mounts);
            record = record with { Mounts = mounts.Mounts };
            MountStubs stubs;
            ProcessExit exit;
            await using (var process = new Disposal())
            {
                stubs = await StartAsync(id, snapshot, record, mounts, endpoints, process, output, cancellation);
                exit = await process.EndAsync(_services.Host, id, cancellation);
            }
            await _services.Host.RemoveAsync(id, CancellationToken.None);
            cancellation.ThrowIfCancellationRequested();
            stubs.Remove(snapshot.UpperDirectory);
            return exit;
        }
        finally
        {
            endpoints.ForEach(endpoint => _services.Networks.Disconnect(endpoint, null));
            await _services.Host.RemoveAsync(id, CancellationToken.None);
            foreach (string name in (string[])["hosts", "hostname", "resolv.conf", "script"])
            {
                File.Delete($"{_services.DirectoryOf(id)}/{name}");
            }
            engine.ReleaseBlock(block);
        }
    }

    private async Task<MountStubs> StartAsync(
        string id, Snapshot snapshot, ContainerRecord record, StepMounts mounts, List<EndpointRecord> endpoints, Disposal process, Action<string> output, CancellationToken cancellation)
    {
        IdRange range = IdRange.OfBlock(record.IdBlock!.Value);
        IdMap[] map = [new IdMap(0, range.First, IdRange.Size)];
        using UserNamespace owners = UserNamespace.Create(map, map);
        using MountTree root = snapshot.OpenMount(owners, MountAttributes.NoDevices);
        using RootDirectory tree = RootDirectory.From(root);
        ResolvedUser user = new UserDatabase(tree).Resolve(record.Config.User);
        RuntimeSpec spec = SpecCompiler.Compile(record, new SpecCompiler.Facts
        {
            Profile = Profiles.Find(Profile),
            User = user,
            FilesDirectory = _services.DirectoryOf(id),
            OpenFilesMax = _services.Facts.OpenFilesMax,
        });
        var stubs = new MountStubs(tree, spec.Mounts.Select(mount => mount.Destination));
        var launch = new ContainerLaunch
        {
            Id = id,
            Spec = spec,
            Mounts = mounts.Supplied,
            Seccomp = Profiles.Find(Profile).Seccomp?.Policy,
            RootMount = root,
            BeforeRun = async (started, stop) =>
            {
                await process.AttachAsync(started, output, stop);
                Connect(id, record, endpoints);
            },
        };
        process.Process = await _services.Host.StartAsync(launch, cancellation);
        return stubs;
    }

    private ContainerRecord Record(string id, int block, BuildStep.Run step, BuildRequest request, StepMounts mounts)
    {
        HostConfig host = request.Host with
        {
            NetworkMode = step.Network == "default" ? request.Network : step.Network,
            ShmSize = request.Host.ShmSize > 0 ? request.Host.ShmSize : SharedMemoryBytes,
        };
        var record = new ContainerRecord
        {
            Id = id,
            Name = "build-" + id[..12],
            Created = _services.Time.GetUtcNow(),
            ImageId = "",
            Config = new ContainerConfig
            {
                Hostname = host.NetworkMode == "host" ? "" : "buildkitsandbox",
                User = step.User,
                Env = [.. step.Environment, .. step.Unkeyed, .. mounts.Variables],
                WorkingDir = step.Directory,
            },
            HostConfig = host,
            Mounts = mounts.Mounts,
            Args = step.Arguments,
            IdBlock = block,
            Profile = Profile,
        };
        List<Problem> problems = [];
        record = NetworkChoice.Complete(record, null, _services.Networks, reference => engine.Find(reference).Id, problems, []);
        ContainerPlan.CheckResources(host, _services.Facts.Processors, "", problems);
        ProblemsException.ThrowIfAny("build", problems);
        return NetworkChoice.SharedWith(record.HostConfig) is null ? record
            : throw new CaissonException(ErrorKind.InvalidArgument, "steps of a build cannot share a container's network; use default, none, host or a network's name");
    }

    private static void WriteFiles(string directory, ContainerRecord record, BuildStep.Run step, StepMounts mounts)
    {
        string hostText = HostFiles.TryReadText("/etc/resolv.conf") ?? "";
        Write("hosts", HostsFile.Hosts(record, [], []), 0x1A4);
        Write("hostname", record.Config.Hostname + "\n", 0x1A4);
        Write("resolv.conf", record.Networks.Count > 0 ? HostsFile.NetworkResolver(record.HostConfig, hostText) : HostsFile.Resolver(record.HostConfig, hostText), 0x1A4);
        if (step.Script is { } script)
        {
            Write("script", script, 0x1ED);
            mounts.Mounts.Add(new ContainerMount { Type = "bind", Source = $"{directory}/script", Target = BuildStep.Run.ScriptPath, ReadOnly = true });
        }

        void Write(string name, string text, int mode)
        {
            using DirectoryDescriptor target = HostFiles.OpenDirectory(directory);
            target.Replace(name, Encoding.UTF8.GetBytes(text), mode);
        }
    }

    private void Connect(string id, ContainerRecord record, List<EndpointRecord> endpoints)
    {
        if (record.Networks.Count == 0)
        {
            return;
        }
        using Namespace inside = _services.Host.OpenNetwork(id)
            ?? throw new CaissonException(ErrorKind.Unavailable, "the step ended while it was connected to its network");
        foreach (NetworkAttachment attachment in record.Networks)
        {
            endpoints.Add(_services.Networks.Connect(record, attachment, endpoints.Count, [], inside));
        }
        File.WriteAllText($"{_services.DirectoryOf(id)}/hosts", HostsFile.Hosts(record, endpoints, [.. endpoints.Select(endpoint => _services.Networks.Find(endpoint.NetworkId))]));
    }

    /// <summary>The running program with the reader of its output.</summary>
    private sealed class Disposal : IAsyncDisposable
    {
        private Attachment? _attachment;
        private Task _reading = Task.CompletedTask;

        public IMonitoredProcess? Process { get; set; }

        public async Task AttachAsync(IMonitoredProcess started, Action<string> output, CancellationToken cancellation)
        {
            _attachment = await started.AttachAsync(new AttachOptions(Stdin: false, Stdout: true, Stderr: true), cancellation);
            _reading = ReadAsync(_attachment, output);
        }

        public async Task<ProcessExit> EndAsync(IContainerHost host, string id, CancellationToken cancellation)
        {
            using CancellationTokenRegistration kill = cancellation.Register(() => host.TrySignal(id, (int)Signal.KILL));
            ProcessExit exit = await Process!.Exited;
            await _reading;
            return exit;
        }

        public async ValueTask DisposeAsync()
        {
            if (_attachment is not null)
            {
                await _attachment.DisposeAsync();
            }
            if (Process is not null)
            {
                await Process.DisposeAsync();
            }
        }

        /// <summary>Frames are Docker's; a character that is cut between two reads is completed by the next.</summary>
        private static async Task ReadAsync(Attachment attachment, Action<string> output)
        {
            Decoder decoder = Encoding.UTF8.GetDecoder();
            byte[] buffer = new byte[32 * 1024];
            int filled = 0;
            int left = 0;
            while (true)
            {
                int read = await attachment.ReadAsync(buffer.AsMemory(filled), CancellationToken.None);
                if (read == 0)
                {
                    return;
                }
                filled += read;
                int at = 0;
                var text = new StringBuilder();
                while (at < filled)
                {
                    if (left == 0)
                    {
                        if (filled - at < 8)
                        {
                            break;
                        }
                        left = BinaryPrimitives.ReadInt32BigEndian(buffer.AsSpan(at + 4));
                        at += 8;
                        continue;
                    }
                    int length = Math.Min(left, filled - at);
                    char[] characters = new char[decoder.GetCharCount(buffer.AsSpan(at, length), flush: false)];
                    text.Append(characters, 0, decoder.GetChars(buffer.AsSpan(at, length), characters, flush: false));
                    at += length;
                    left -= length;
                }
                buffer.AsSpan(at, filled - at).CopyTo(buffer);
                filled -= at;
                if (text.Length > 0)
                {
                    output(text.ToString());
                }
            }
        }
    }
}
