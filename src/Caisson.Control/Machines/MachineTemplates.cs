using System.Diagnostics.CodeAnalysis;
using System.Globalization;

using Caisson.Control.Hosting;
using Caisson.Control.Model;
using Caisson.Control.Workloads;
using Caisson.Errors;
using Caisson.Linux;
using Caisson.Machines.Agent;
using Caisson.Machines.Disks;
using Caisson.Machines.Kernels;
using Caisson.Machines.Plan;
using Caisson.Machines.Templates;

namespace Caisson.Control.Machines;

/// <summary>Has templates made, each in a sandbox that has no record: what a crash leaves of it, the next engine deletes.</summary>
[SuppressMessage("Reliability", "CA1001", Justification = "it lives as long as the engine, and nothing of it outlives that")]
internal sealed class MachineTemplates(ContainerEngine engine)
{
    private const int FailuresMax = 2;
    private const int UsesMax = 256;

    private readonly Lock _lock = new();
    private readonly HashSet<string> _tried = [];
    private readonly Dictionary<string, int> _failures = [];
    private readonly List<(string Key, string Note)> _uses = [];
    private readonly CancellationTokenSource _stop = new();
    private Task _making = Task.CompletedTask;

    private EngineServices Services => engine.Services;

    private MachineServices Machines => Services.Machines!;

    /// <summary>The key of the template for machines as <paramref name="config"/> says, of <paramref name="kernel"/>.</summary>
    public string KeyOf(MachineKernel kernel, MachineConfig config, MachineFacts facts) =>
        TemplateStore.KeyOf(Machines.Kernels.KernelPath(kernel), Machines.Kernels.RequireInitrd(kernel), Compile(config, facts));

    /// <summary>Makes the template of <paramref name="key"/> beside everything else; a shape that could not be made is not tried again by this engine.</summary>
    /// <param name="key">Of <see cref="KeyOf"/>.</param>
    /// <param name="kernel">What it boots.</param>
    /// <param name="config">Its shape.</param>
    /// <param name="facts">The host.</param>
    public void MakeSoon(string key, MachineKernel kernel, MachineConfig config, MachineFacts facts)
    {
        lock (_lock)
        {
            if (_tried.Add(key) && !_stop.IsCancellationRequested)
            {
                // One after the other: each takes a processor for as long as a boot takes.
                _making = MakeAfterAsync(_making, key, kernel, config, facts);
            }
        }
    }

    /// <summary>A machine goes on from the template of <paramref name="key"/>, and notes in <paramref name="note"/> whether it could.</summary>
    public void Use(string key, string note)
    {
        lock (_lock)
        {
            _uses.Add((key, note));
            if (_uses.Count > UsesMax)
            {
                _uses.RemoveAt(0);
            }
        }
    }

    /// <summary>Throws away the template of <paramref name="key"/> when machines could not use it twice in a row: it costs each of them time.</summary>
    public void Judge(string key)
    {
        lock (_lock)
        {
            foreach ((string used, string note) in _uses.Where(use => use.Key == key).ToArray())
            {
                if (ReadNote(note) is not { } word)
                {
                    continue;
                }
                _uses.Remove((used, note));
                _failures[key] = word == MachineLaunch.Booted ? _failures.GetValueOrDefault(key) + 1 : 0;
            }
            if (_failures.GetValueOrDefault(key) >= FailuresMax)
            {
                _failures.Remove(key);
                if (Machines.Templates.Remove(key))
                {
                    Services.Log.Warn($"the template {key} could not be used {FailuresMax} times in a row and is removed; machines of its shape boot until the engine starts anew");
                    _tried.Add(key);
                }
            }
        }

        // Of a machine that is gone, nobody knows any more.
        static byte? ReadNote(string path)
        {
            try
            {
                return File.ReadAllBytes(path) is [var word, ..] ? word : null;
            }
            catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
            {
                return MachineLaunch.Restored;
            }
        }
    }

    /// <summary>Makes the templates of machines that ask for nothing special, when <paramref name="kernel"/> is the one they boot; machines of other architectures are rarer, and the first makes theirs.</summary>
    public void MakeUsualSoon(MachineKernel kernel)
    {
        if (kernel.Architecture != KernelArchitectures.Own.Name())
        {
            return;
        }
        MachineFacts facts = MachineHostFacts.Read(Services.Facts.Processors, Services.Facts.MemoryBytes);
        var config = new MachineConfig
        {
            Name = "template",
            MemoryBytes = Workload.MachineMemoryBytes,
            Processors = Math.Min(Workload.MachineProcessorsMax, Services.Facts.Processors),
            KernelPath = SandboxCompiler.KernelPath,
            InitrdPath = SandboxCompiler.InitrdPath,
            ImagePath = "",
        };
        MakeSoon(KeyOf(kernel, config, facts), kernel, config, facts);
    }

    /// <summary>Ends what is being made.</summary>
    public Task StopAsync()
    {
        lock (_lock)
        {
            _stop.Cancel();
            return _making;
        }
    }

    private static MachinePlan Compile(MachineConfig config, MachineFacts facts) => MachinePlan.Compile(
        config with { Start = MachineStart.Template, Name = "caisson-template", MemoryPath = SandboxCompiler.MemoryPath, DataPath = SandboxCompiler.TemplateDiskPath, HasShares = false, Interfaces = [] }, facts, new List<Problem>());

    private async Task MakeAfterAsync(Task before, string key, MachineKernel kernel, MachineConfig config, MachineFacts facts)
    {
        await before;
        await Task.Yield();
        try
        {
            await MakeAsync(key, kernel, config, facts, _stop.Token);
            Services.Log.Note(string.Create(CultureInfo.InvariantCulture, $"machines with {config.Processors} processors and {config.MemoryBytes >> 20}m of kernel {kernel.Release} start from a template now"));
        }
        catch (OperationCanceledException)
        {
            // The engine stops.
        }
        catch (Exception error) when (error is CaissonException or IOException or UnauthorizedAccessException)
        {
            Services.Log.Warn($"make a template of kernel {kernel.Release}: {error.Message}; machines of this shape boot");
        }
    }

    private async Task MakeAsync(string key, MachineKernel kernel, MachineConfig config, MachineFacts facts, CancellationToken cancellation)
    {
        string id = Names.NewId();
        int block = engine.TakeBlock();
        string directory = Services.DirectoryOf(id);
        IdRange range = IdRange.OfBlock(block);
        string? work = null;
        try
        {
            work = Machines.Templates.Begin(config.MemoryBytes, range.First, range.First + SandboxCompiler.QemuUser);
            await DataDisk.EnsureAsync(Path.Join(work, MachineLaunch.DiskName), DataDisk.DefaultBytes, range.First + SandboxCompiler.QemuUser, changes: null, cancellation);
            Directory.CreateDirectory(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            string launches = Directory.CreateDirectory($"{directory}/machine").FullName;
            SandboxCompiler.MakeDevices($"{directory}/devices", range.First, range.First + SandboxCompiler.QemuUser);
            var launch = new MachineLaunch
            {
                Qemu = Compile(config, facts).Arguments,
                QemuUser = SandboxCompiler.QemuUser,
                Settings = new MachineSettings(),
                Program = new GuestLaunch { World = default, Self = default, Inputs = [] },
            };
            await File.WriteAllBytesAsync($"{launches}/{MachineLaunch.FileName}", launch.Encode(), cancellation);
            var record = new ContainerRecord
            {
                Id = id,
                Name = "template-" + id[..12],
                Created = Services.Time.GetUtcNow(),
                ImageId = "",
                Config = new ContainerConfig(),
                HostConfig = new HostConfig(),
                Args = [],
                Profile = "",
                IdBlock = block,
            };
            var sources = new SandboxCompiler.Sources(
                Machines.ProgramPath, Machines.Kernels.KernelPath(kernel), Machines.Kernels.RequireInitrd(kernel), null, null, launches, $"{directory}/devices", work);
            ProcessExit exit = await RunAsync(id, record, sources, config.MemoryBytes, $"{directory}/log", facts.HasKvm, cancellation);
            if (exit.Code != 0)
            {
                throw new CaissonException(ErrorKind.Internal, exit.Error ?? LastWords($"{directory}/log", exit.Code));
            }
            _ = Machines.Templates.Finish(work, key, kernel.Release, config.MemoryBytes, config.Processors);
            work = null;
        }
        finally
        {
            if (work is not null)
            {
                TemplateStore.Abandon(work);
            }
            await Services.Host.RemoveAsync(id, CancellationToken.None);
            if (Directory.Exists(directory))
            {
                Directory.Delete(directory, recursive: true);
            }
            engine.ReleaseBlock(block);
        }
    }

    private async Task<ProcessExit> RunAsync(string id, ContainerRecord record, SandboxCompiler.Sources sources, long memoryBytes, string log, bool hasKvm, CancellationToken cancellation)
    {
        using MountTree root = SandboxCompiler.MakeRoot();
        Directory.CreateDirectory(log);
        await using IMonitoredProcess process = await Services.Host.StartAsync(
            new ContainerLaunch
            {
                Id = id,
                Spec = SandboxCompiler.Compile(record, sources, memoryBytes, hasKvm, "template"),
                Seccomp = SandboxCompiler.Filter,
                RootMount = root,
                Log = new ContainerLog(log, Containers.Logs.LogSettings.Plain, () => { }),
            },
            cancellation);
        using CancellationTokenRegistration kill = cancellation.Register(() => Services.Host.TrySignal(id, (int)Signal.KILL));
        ProcessExit exit = await process.Exited;
        cancellation.ThrowIfCancellationRequested();
        return exit;
    }

    private static string LastWords(string log, int code) =>
        Directory.GetFiles(log) is [var file, ..] && File.ReadLines(file).LastOrDefault() is { Length: > 0 } line
            ? line[(line.IndexOf(" F ", StringComparison.Ordinal) + 3)..] : string.Create(CultureInfo.InvariantCulture, $"caisson-machine ended with code {code}");
}
