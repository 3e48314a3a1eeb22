using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;

using Caisson.Containers.Cgroups;
using Caisson.Containers.Launch;
using Caisson.Containers.Logs;
using Caisson.Containers.Monitor;
using Caisson.Containers.Seccomp;
using Caisson.Errors;
using Caisson.Linux;
using Caisson.Linux.Launch;
using Caisson.Linux.Seccomp;
using Caisson.Oci.Runtime;

namespace Caisson.Control.Hosting;

/// <summary>Runs containers by way of the keeper: compiles plans, makes cgroups and opens descriptors here; processes belong to their monitors.</summary>
public sealed partial class KeeperContainerHost : IContainerHost, IDisposable
{
    /// <summary>How often a process is prepared whose monitors are killed; more is no accident.</summary>
    private const int AttemptsMax = 3;

    private readonly string _run;
    private readonly KeeperClient _keeper;
    private readonly SeccompPlans _seccomp;
    private readonly CgroupLayout _layout = CgroupLayout.Detect();
    private readonly string _group;
    private readonly string _root;
    private readonly ConcurrentDictionary<string, MonitoredProcess> _running = new();

    /// <summary>A host for one engine.</summary>
    /// <param name="rootDirectory">CAISSON_ROOT, absolute.</param>
    /// <param name="runDirectory">CAISSON_RUN, absolute; exists.</param>
    /// <param name="runtimePath">The <c>caisson-runtime</c> binary.</param>
    public KeeperContainerHost(string rootDirectory, string runDirectory, string runtimePath)
    {
        _run = runDirectory;
        _root = rootDirectory;
        _keeper = new KeeperClient(runDirectory, runtimePath);
        _seccomp = new SeccompPlans(new SeccompFilterCache($"{rootDirectory}/seccomp"));
        _group = $"/caisson/{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(runDirectory)))[..12]}";
        FollowExecs();
    }

    /// <inheritdoc/>
    public void Dispose() => _keeper.Dispose();

    /// <inheritdoc/>
    public async Task<IMonitoredProcess> StartAsync(ContainerLaunch launch, CancellationToken cancellationToken)
    {
        RunDirectory directory = ContainerDirectory(launch.Id);
        if (directory.Exists)
        {
            await RemoveAsync(launch.Id, cancellationToken); // of a run that ended while nobody looked
        }
        using KeeperCall keeper = _keeper.Call(cancellationToken);
        Compiled compiled = Compile(launch, directory);
        directory.Create();
        try
        {
            directory.WriteCgroup(compiled.CgroupPath);
            CgroupRunner.Make(compiled.Cgroups, _layout);
            using Descriptor? log = launch.Log is { } kept ? HostFiles.OpenAppend($"{kept.Directory}/{kept.Settings.Name}", 0x1A0) : null;
            using DirectoryDescriptor? logDirectory = launch.Log is { Settings.HasDirectory: true } full ? HostFiles.OpenDirectory(full.Directory) : null;
            MonitoredProcess process = await LaunchAsync(
                new Launching(launch.Id, directory, compiled.Plan, compiled.Spec, launch.Spec.Process!, launch.OpenStdin, launch.BeforeRun)
                {
                    Log = log,
                    LogDirectory = logDirectory,
                    LogSettings = launch.Log?.Settings ?? LogSettings.Plain,
                    OnLogRotated = launch.Log?.OnRotated,
                },
                new LaunchSupplies { Root = launch.RootMount, Owners = launch.Owners, Binds = launch.Binds, Mounts = launch.Mounts },
                _ => EndOrphans(launch.Id),
                keeper,
                cancellationToken);
            _running[launch.Id] = process;
            return process;
        }
        catch
        {
            GiveBack(launch.Id, directory);
            throw;
        }
    }

    /// <inheritdoc/>
    public async Task<IMonitoredProcess> ExecAsync(ExecLaunch launch, CancellationToken cancellationToken)
    {
        if (!_running.TryGetValue(launch.ContainerId, out MonitoredProcess? container) || container.Process is not { HasExited: false } first)
        {
            throw new CaissonException(ErrorKind.Conflict, $"container {launch.ContainerId} is not running");
        }
        using KeeperCall keeper = _keeper.Call(cancellationToken);
        List<Problem> problems = [];
        RuntimeSpecRules.CheckProcess(launch.Process, problems);
        SeccompPlan? seccomp = CompileSeccomp(launch.Spec, launch.Seccomp, problems);
        LaunchFacts facts = LaunchHost.ReadExecFacts(launch.ContainerId, CgroupDirectories(launch.ContainerId)) with { SuppliesStdio = true };
        LaunchPlan plan = LaunchPlan.Exec(launch.Process, launch.Spec.Linux, NamespaceDifference.Of(container.Pid), seccomp, facts, problems);
        ProblemsException.ThrowIfAny($"exec in container {launch.ContainerId}", problems);

        RunDirectory directory = new($"{_run}/execs/{launch.Id}");
        directory.Create();
        try
        {
            MonitoredProcess process = await LaunchAsync(
                new Launching(launch.Id, directory, plan, launch.Spec, launch.Process, launch.OpenStdin, launch.BeforeRun),
                new LaunchSupplies { Container = first },
                EndOrphan,
                keeper,
                cancellationToken);
            _ = DeleteAtEndAsync(process, directory);
            return process;
        }
        catch (ObjectDisposedException) when (first.IsClosed)
        {
            directory.Delete();
            throw new CaissonException(ErrorKind.Conflict, $"container {launch.ContainerId} is not running"); // it ended meanwhile
        }
        catch
        {
            directory.Delete();
            throw;
        }
    }

    /// <inheritdoc/>
    public async Task<IMonitoredProcess?> ReopenAsync(string id, Action? onLogRotated, CancellationToken cancellationToken)
    {
        RunDirectory directory = ContainerDirectory(id);
        if (!directory.Exists)
        {
            return null;
        }
        var watch = await MonitoredProcess.IsRunningAsync(directory.Path, cancellationToken) ? MonitoredProcess.TryConnect(directory.Path) : null;
        ExitRecord? record = watch is null ? ExitRecord.Read(directory.Path) : null;
        if (record?.Kind == ExitKind.NeverRan || directory.OpenProcess() is not { } known)
        {
            watch?.Dispose();
            return null;
        }
        if (watch is null && record is null && known.Process is not { HasExited: false })
        {
            known.Process?.Dispose();
            return null; // monitor and process ended while no engine was there
        }
        var process = new MonitoredProcess(id, known.Pid, known.Process, directory.Path, watch, () => WasOom(id), _ => EndOrphans(id))
        {
            OnLogRotated = onLogRotated,
        };
        _running[id] = process;
        return process;
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> List() => Directory.Exists($"{_run}/containers")
        ? [.. Directory.EnumerateDirectories($"{_run}/containers").Select(path => Path.GetFileName(path))]
        : [];

    /// <inheritdoc/>
    public Namespace? OpenNetwork(string id) => OpenNamespace(id, NamespaceKind.Network);

    /// <inheritdoc/>
    public Namespace? OpenNamespace(string id, NamespaceKind kind)
    {
        using Pidfd? process = ContainerDirectory(id).OpenProcess()?.Process;
        try
        {
            return process is null ? null : Namespace.Open(process, kind);
        }
        catch (LinuxException error) when (error.Errno is Errno.ESRCH or Errno.ENOENT)
        {
            return null;
        }
    }

    /// <inheritdoc/>
    public string Explain(ContainerLaunch launch)
    {
        Compiled compiled = Compile(launch, ContainerDirectory(launch.Id), isDry: true);
        return $"cgroups: made by the engine\n      {string.Join("\n      ", compiled.Cgroups.Steps)}\n{compiled.Plan.Explain()}";
    }

    /// <inheritdoc/>
    public async Task RemoveAsync(string id, CancellationToken cancellationToken)
    {
        if (_running.TryRemove(id, out MonitoredProcess? process) && !process.Exited.IsCompleted)
        {
            CgroupOf(id)?.Kill();
            await process.Exited.WaitAsync(TimeSpan.FromSeconds(15), cancellationToken);
        }
        GiveBack(id, ContainerDirectory(id));
    }

    private async Task<MonitoredProcess> LaunchAsync(
        Launching launching, LaunchSupplies supplies, Action<Pidfd?> endOrphans, KeeperCall keeper, CancellationToken cancellationToken)
    {
        LaunchPlan plan = launching.Plan;
        using Descriptor place = HostFiles.OpenNull(); // stands where the monitor puts the streams that it makes
        using LaunchInputs inputs = LaunchInputs.Open(plan, launching.Spec, supplies with { Stdio = [place, place, place] });
        var kinds = plan.Inputs.Select(input => input is LaunchInput.Stdio stdio ? (MonitorInput)(stdio.Number + 1) : MonitorInput.Supplied).ToImmutableArray();
        var request = new MonitorRequest
        {
            Terminal = launching.Process.Terminal,
            OpenStdin = launching.OpenStdin,
            HasLog = launching.Log is not null,
            Log = launching.LogSettings,
            StdioUser = HostId(launching.Spec.Linux?.UidMappings ?? [], launching.Process.User.Uid),
            StdioGroup = HostId(launching.Spec.Linux?.GidMappings ?? [], launching.Process.User.Gid),
            UserMap = plan.UserMaps.IsEmpty ? "" : IdMap.Format(plan.UserMaps),
            GroupMap = plan.GroupMaps.IsEmpty ? "" : IdMap.Format(plan.GroupMaps),
            Inputs = kinds,
        };
        MonitoredProcess? process = null;
        try
        {
            await using PendingProcess pending = await PrepareAsync(
                request, launching, [.. inputs.Descriptors.Where((_, index) => kinds[index] == MonitorInput.Supplied)], endOrphans, keeper, cancellationToken);
            launching.Directory.WriteProcess(pending.Pid);
            string id = launching.Id;
            process = new MonitoredProcess(
                id, pending.Pid, Pidfd.Open(pending.Pid), launching.Directory.Path,
                MonitoredProcess.TryConnect(launching.Directory.Path), () => WasOom(id), endOrphans)
            {
                OnLogRotated = launching.OnLogRotated,
            };
            if (launching.BeforeRun is { } before)
            {
                await before(process, cancellationToken);
            }
            await pending.RunAsync(cancellationToken);
            return process;
        }
        catch (Exception error)
        {
            if (process is not null)
            {
                await process.DisposeAsync();
            }
            throw error is LaunchFailedException failed ? Meaning(plan, failed.Step) : error;
        }
    }

    /// <summary>As long as the program has not run, a killed keeper or monitor costs another attempt and nothing else.</summary>
    private async Task<PendingProcess> PrepareAsync(
        MonitorRequest request, Launching launching, IReadOnlyList<Descriptor> supplied, Action<Pidfd?> endOrphans, KeeperCall keeper,
        CancellationToken cancellationToken)
    {
        LaunchImage image = launching.Plan.World.Encode();
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                return await _keeper.PrepareAsync(request, launching.Directory.Path, image, launching.Log, supplied, cancellationToken, launching.LogDirectory, keeper);
            }
            catch (MonitorLostException) when (attempt < AttemptsMax)
            {
                endOrphans(null);
            }
        }
    }

    /// <summary>Only a program that is missing or refused is an answer of its own; every other step that fails is our trouble, whatever its errno.</summary>
    private static CaissonException Meaning(LaunchPlan plan, LaunchReport.Failed step)
    {
        CaissonException failure = LaunchFailure.Of(plan, step);
        return step.Stage == LaunchStage.Self && failure.Message.StartsWith("exec: ", StringComparison.Ordinal)
            ? failure
            : new CaissonException(ErrorKind.Internal, failure.Message, failure);
    }

    private Compiled Compile(ContainerLaunch launch, RunDirectory directory, bool isDry = false)
    {
        List<Problem> problems = [];
        RuntimeSpec spec = launch.Spec with { Root = launch.Spec.Root! with { Path = directory.RootPath } };
        RuntimeSpecRules.Check(spec, problems);
        string path = CgroupPathOf(spec, launch.Id);
        CgroupPlan cgroups = CgroupPlan.Compile(
            new CgroupConfig { Id = launch.Id, Path = path, Resources = spec.Linux?.Resources }, CgroupHost.FactsOf(_layout), problems);
        SeccompPlan? seccomp = CompileSeccomp(spec, launch.Seccomp, problems);
        LaunchFacts facts = LaunchHost.ReadFacts(spec, launch.Id, cgroups) with
        {
            IsRootSupplied = true,
            SuppliesStdio = true,
            SuppliedBinds = launch.Binds.ToDictionary(bind => bind.Key, bind => bind.Value.Status.Kind),
            SuppliedMounts = [.. launch.Mounts.Keys],
        };
        facts = facts with { Sources = WithFilesToCome(facts.Sources, spec, isDry) };
        LaunchPlan plan = LaunchPlan.Create(spec, seccomp, facts, problems);
        ProblemsException.ThrowIfAny($"container {launch.Id}", problems);
        return new Compiled(spec, plan, cgroups, path);
    }

    /// <summary>What is made for the launch alone; and of a container that is only explained, files of the engine are not there yet (<c>/etc/hosts</c> and its like).</summary>
    private Dictionary<string, FileKind> WithFilesToCome(IReadOnlyDictionary<string, FileKind> sources, RuntimeSpec spec, bool isDry)
    {
        Dictionary<string, FileKind> all = new(sources);
        foreach (Mount mount in spec.Mounts)
        {
            if (mount.Source is { } made && made.StartsWith("/caisson:", StringComparison.Ordinal))
            {
                all.TryAdd(made, FileKind.Directory);
            }
            else if (isDry && mount.Source is { } source && source.StartsWith($"{_root}/", StringComparison.Ordinal))
            {
                all.TryAdd(source, FileKind.Regular);
            }
        }
        return all;
    }

    private SeccompPlan? CompileSeccomp(RuntimeSpec spec, SeccompPolicy? policy, List<Problem> problems)
    {
        ReadOnlyMemory<byte> json = spec.Linux?.Seccomp is { IsEmpty: false } given ? given : policy is null ? default : SeccompConfig.Format(policy);
        if (json.IsEmpty)
        {
            return null;
        }
        SeccompPlan? plan = _seccomp.Compile(json.Span, "/linux/seccomp", problems);
        if (plan?.Filter.Flags.HasFlag(SeccompFilterOptions.NewListener) == true)
        {
            problems.Add(new Problem("/linux/seccomp", "notifies a listener, which the engine has none of; use another action than SCMP_ACT_NOTIFY"));
        }
        return plan;
    }

    /// <summary>The group that the engine chose is moved to this engine's own place, so that engines never meet; one the user chose stays.</summary>
    private string CgroupPathOf(RuntimeSpec spec, string id) => spec.Linux?.CgroupsPath is { } path && path != $"caisson/{id}"
        ? "/" + path.TrimStart('/')
        : $"{_group}/{id}";

    private static uint HostId(ImmutableArray<IdMapping> mappings, uint id)
    {
        foreach (IdMapping mapping in mappings)
        {
            if (id >= mapping.ContainerId && id - mapping.ContainerId < mapping.Size)
            {
                return mapping.HostId + (id - mapping.ContainerId);
            }
        }
        return id;
    }

    private static async Task DeleteAtEndAsync(MonitoredProcess process, RunDirectory directory)
    {
        await process.Exited;
        directory.Delete();
    }

    /// <summary>What an earlier engine started goes on; its directory goes at its end, and it is ended itself where its monitor is gone.</summary>
    private void FollowExecs()
    {
        foreach (string path in Directory.Exists($"{_run}/execs") ? Directory.GetDirectories($"{_run}/execs") : [])
        {
            RunDirectory directory = new(path);
            (int pid, Pidfd? held) = directory.OpenProcess() ?? default;
            MonitoredProcess process = new(Path.GetFileName(path), pid, held, path, MonitoredProcess.TryConnect(path), static () => false, EndOrphan);
            _ = FollowAsync(process, directory);
        }

        static async Task FollowAsync(MonitoredProcess process, RunDirectory directory)
        {
            await using (process)
            {
                await DeleteAtEndAsync(process, directory);
            }
        }
    }

    /// <summary>A process without its monitor has nobody who reads what it writes or says how it ended.</summary>
    private static void EndOrphan(Pidfd? process) => process?.TrySignal(Signal.KILL);

    private RunDirectory ContainerDirectory(string id) => new($"{_run}/containers/{id}");

    private sealed record Compiled(RuntimeSpec Spec, LaunchPlan Plan, CgroupPlan Cgroups, string CgroupPath);

    private sealed record Launching(
        string Id, RunDirectory Directory, LaunchPlan Plan, RuntimeSpec Spec, Oci.Runtime.Process Process, bool OpenStdin,
        Func<IMonitoredProcess, CancellationToken, Task>? BeforeRun)
    {
        public Descriptor? Log { get; init; }

        public DirectoryDescriptor? LogDirectory { get; init; }

        public LogSettings LogSettings { get; init; } = LogSettings.Plain;

        public Action? OnLogRotated { get; init; }
    }
}
