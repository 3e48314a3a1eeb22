using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;

using Caisson.Control.Json;
using Caisson.Control.Model;
using Caisson.Control.Networking;
using Caisson.Control.State;
using Caisson.Control.Workloads;
using Caisson.Errors;
using Caisson.Linux;
using Caisson.Machines.Full;

namespace Caisson.Control.FullMachines;

/// <summary>All full machines of this engine: making them, finding them, and taking them over from an engine that died.</summary>
public sealed partial class FullMachineEngine : IDisposable
{
    private const long MemoryBytes = 1L << 30;

    /// <summary>Of a host name, which it is in networks.</summary>
    private const int NameLengthMax = 63;

    private readonly ContainerEngine _engine;
    private readonly IStateStore _store;
    private readonly Lock _lock = new();
    private readonly Dictionary<string, FullMachine> _byId = [];
    private readonly Dictionary<string, string> _names = [];

    internal FullMachineEngine(ContainerEngine engine, IStateStore store)
    {
        _engine = engine;
        Identity = EngineIdentity.Load(store).Id;
        _store = store;
        Keys = new DiskKeys($"{engine.Services.Root}/machines.key");
        Dictionary<string, byte[]> statuses = store.List(RecordKind.MachineStatus).ToDictionary(record => record.Key, record => record.Value);
        foreach (StoredRecord stored in store.List(RecordKind.Machine))
        {
            FullMachineRecord record = JsonSerializer.Deserialize(stored.Value, ControlJson.Default.FullMachineRecord)
                ?? throw new CaissonException(ErrorKind.Internal, $"the state store's record of machine {stored.Key} is empty");
            FullMachineStatus status = statuses.TryGetValue(stored.Key, out byte[]? bytes)
                ? JsonSerializer.Deserialize(bytes, ControlJson.Default.FullMachineStatus) ?? new FullMachineStatus()
                : new FullMachineStatus();
            _byId.Add(record.Id, new FullMachine(this, record, status));
            _names[record.Name] = record.Id;
        }
    }

    internal EngineServices Services => _engine.Services;

    /// <summary>Leases and names of machines.</summary>
    internal GuestLines Lines { get; } = new();

    /// <summary>Passphrases of encrypted disks.</summary>
    internal DiskKeys Keys { get; }

    /// <summary>The id of this engine.</summary>
    internal string Identity { get; }

    internal bool IsStopping => _engine.IsStopping;

    /// <inheritdoc/>
    public void Dispose()
    {
        Lines.Dispose();
        Keys.Dispose();
    }

    /// <summary>The directory of a machine: disks, sockets, console.</summary>
    public string DirectoryOf(string id) => $"{Services.Root}/machines/{id}";

    /// <summary>What plans must know of this host.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.FailedPrecondition"/>: QEMU is not installed.</exception>
    public FullMachineFacts ReadFacts() => FullMachineFacts.Read(Services.Facts.Processors, Services.Facts.MemoryBytes);

    /// <summary>Every machine, newest first.</summary>
    public IReadOnlyList<FullMachine> List()
    {
        lock (_lock)
        {
            return [.. _byId.Values.OrderByDescending(machine => machine.Record.Created)];
        }
    }

    /// <summary>The machine of a name, an id, or the beginning of an id.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.NotFound"/>: none; <see cref="ErrorKind.InvalidArgument"/>: the beginning fits several.</exception>
    public FullMachine Find(string reference)
    {
        lock (_lock)
        {
            if (_byId.TryGetValue(reference, out FullMachine? exact) || (_names.TryGetValue(reference, out string? id) && _byId.TryGetValue(id, out exact)))
            {
                return exact;
            }
            FullMachine[] fits = reference.Length == 0 ? [] : [.. _byId.Values.Where(machine => machine.Id.StartsWith(reference, StringComparison.Ordinal)).Take(2)];
            return fits.Length switch
            {
                1 => fits[0],
                0 => throw new CaissonException(ErrorKind.NotFound, $"no such machine: {reference}{Spelling.Hint(reference, _names.Keys)}"),
                _ => throw new CaissonException(ErrorKind.InvalidArgument, $"several machines have ids that begin with {reference}"),
            };
        }
    }

    /// <summary>Makes a machine; it does not run.</summary>
    /// <exception cref="ProblemsException">Something asked for is wrong; says everything that is.</exception>
    /// <exception cref="CaissonException">The name is taken, or this host lacks a program; nothing is left.</exception>
    public async Task<FullMachine> CreateAsync(FullMachineCreate asked, CancellationToken cancellationToken)
    {
        List<Problem> problems = [];
        FullMachineFacts facts = ReadFacts();
        (FullMachineConfig config, IReadOnlyList<NetworkAttachment> networks) = FullMachineRequest.Read(asked, MemoryBytes, Services.Networks, problems);
        ProblemsException.ThrowIfAny("create machine", problems);
        return await MakeAsync(
            asked.Name,
            (id, name, block) => new FullMachineRecord
            {
                Id = id,
                Name = name,
                Created = Services.Time.GetUtcNow(),
                Config = config,
                Networks = networks,
                IdBlock = block,
                Ports = asked.Ports,
                Key = asked.Encrypt ? Keys.Seal(asked.Passphrase) : "",
                Autostart = asked.Autostart,
                StartOrder = asked.StartOrder,
                StartDelaySeconds = asked.StartDelaySeconds,
                RestartPolicy = FullMachineRequest.RestartPolicy(asked.RestartPolicy),
                Description = asked.Description,
            },
            async (record, directory) =>
            {
                _ = FullMachinePlan.Compile(record.Id, record.Name, config, facts, problems);
                _ = PortRequest.Read(record.AsMember().HostConfig, null, problems);
                ProblemsException.ThrowIfAny("create machine", problems);
                FullMachineRequest.CopyBoot(asked, directory);
                bool seeded = FullMachineSeed.Write(asked.Seed, record, directory, Services.Time.GetUtcNow());
                List<FullDisk> disks = [];
                foreach ((FullDisk disk, MachineDiskRequest request) in config.Disks.Zip(asked.Disks))
                {
                    disks.Add(await FullMachineDisks.MakeAsync(disk, request, $"{directory}/disks", UserOf(record.IdBlock), Keys.Open(record), cancellationToken));
                }
                return record with { Config = config with { Disks = disks, HasSeed = seeded } };
            },
            cancellationToken);
    }

    /// <summary>Makes a machine whose files <paramref name="fill"/> puts in place: nothing is left when it throws, and the machine is there when it has returned.</summary>
    /// <param name="name">Its name; empty for one of ours.</param>
    /// <param name="begin">Makes the record of an id, a name and a block of ids.</param>
    /// <param name="fill">Fills the machine's directory, in which <c>disks</c>, <c>run</c> and <c>boot</c> are; returns the record as it is kept.</param>
    /// <param name="cancellationToken">Abandons it.</param>
    /// <param name="id">The id that it has already; null for a new one.</param>
    /// <param name="status">Where it is in its life; null for a machine that does not run.</param>
    public async Task<FullMachine> MakeAsync(
        string name,
        Func<string, string, int, FullMachineRecord> begin,
        Func<FullMachineRecord, string, Task<FullMachineRecord>> fill,
        CancellationToken cancellationToken,
        string? id = null,
        FullMachineStatus? status = null)
    {
        id ??= Names.NewId();
        name = Reserve(name, id);
        int block = _engine.TakeBlock();
        string directory = DirectoryOf(id);
        try
        {
            const UnixFileMode Owner = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
            const UnixFileMode Others = UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;
            Directory.CreateDirectory(directory, Owner);
            foreach (string part in (string[])["disks", "run", "boot"])
            {
                Directory.CreateDirectory($"{directory}/{part}", Owner | Others);
            }
            FullMachineRecord record = await fill(begin(id, name, block), directory);
            cancellationToken.ThrowIfCancellationRequested();
            await FullMachineDisks.MakeVariablesAsync(record.Config, $"{directory}/disks", UserOf(block), cancellationToken);
            FullMachineDisks.Own(directory, UserOf(block));
            var machine = new FullMachine(this, record, status ?? new FullMachineStatus());
            machine.CommitMade();
            lock (_lock)
            {
                _byId.Add(id, machine);
            }
            return machine;
        }
        catch
        {
            Release(name);
            _engine.ReleaseBlock(block);
            Delete(directory);
            throw;
        }
    }

    /// <summary>The ids of sandboxes that are machines'.</summary>
    internal IEnumerable<string> SandboxIds() => List().SelectMany(machine => machine.SandboxIds());

    /// <summary>The host's user that the QEMU of a block of ids runs as.</summary>
    internal static uint UserOf(int block) => IdRange.OfBlock(block).First + FullSandbox.User;

    /// <summary>Machines that stand on disks of <paramref name="id"/>.</summary>
    internal IReadOnlyList<FullMachine> StandingOn(string id) =>
        [.. List().Where(machine => machine.Id != id && machine.Record.Config.Disks.Any(disk => disk.Backing.Any(below => below.StartsWith(id + "/", StringComparison.Ordinal))))];

    /// <summary>Takes over what runs, deletes what was never completed, and starts what is to run with the engine.</summary>
    internal async Task RecoverAsync()
    {
        foreach (FullMachine machine in List())
        {
            try
            {
                await machine.RecoverAsync();
            }
            catch (Exception error) when (error is CaissonException or IOException)
            {
                Services.Log.Warn($"machine {machine.Record.Name}: take over: {error.Message}");
            }
        }
        DeleteStray();
        foreach (FullMachine machine in List())
        {
            machine.BeginReplication();
            machine.BeginSchedules();
            machine.BeginLease();
        }
        BeginStandbys(_store);
        FullMachine[] starting = [.. List().Where(machine => machine.StartsWithEngine).OrderBy(machine => machine.Record.StartOrder).ThenBy(machine => machine.Record.Created)];
        if (starting.Length > 0)
        {
            _ = StartInOrderAsync(starting);
        }
    }

    internal string Reserve(string name, string id)
    {
        lock (_lock)
        {
            if (name.Length == 0)
            {
                name = Names.NewName(_names.ContainsKey);
            }
            if (!Names.IsValid(name) || name.Length > NameLengthMax)
            {
                throw new CaissonException(ErrorKind.InvalidArgument, $"'{name}' is no name for a machine: letters, digits, hyphens, dots and underscores, 2 to 63, the first a letter or digit");
            }
            if (!_names.TryAdd(name, id))
            {
                throw new CaissonException(ErrorKind.AlreadyExists, $"there is a machine called {name}; delete or rename it, or choose another name");
            }
            return name;
        }
    }

    internal void Release(string name)
    {
        lock (_lock)
        {
            _names.Remove(name);
        }
    }

    internal void Forget(FullMachine machine)
    {
        lock (_lock)
        {
            _byId.Remove(machine.Id);
            _names.Remove(machine.Record.Name);
        }
        _engine.ReleaseBlock(machine.Record.IdBlock);
    }

    /// <summary>A hardware address that stays with an interface.</summary>
    internal static string NewHardwareAddress() => HardwareAddress.Local(BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(8))).ToString();

    internal static void Delete(string directory)
    {
        if (Directory.Exists(directory))
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private async Task StartInOrderAsync(FullMachine[] machines)
    {
        foreach (FullMachine machine in machines)
        {
            if (IsStopping)
            {
                return;
            }
            try
            {
                await machine.StartAsync(CancellationToken.None);
                await Task.Delay(TimeSpan.FromSeconds(machine.Record.StartDelaySeconds), Services.Time);
            }
            catch (CaissonException error)
            {
                Services.Log.Warn(string.Create(CultureInfo.InvariantCulture, $"machine {machine.Record.Name}: start with the engine: {error.Message}"));
            }
        }
    }

    /// <summary>Directories of machines that an engine was killed over while it made or deleted them.</summary>
    private void DeleteStray()
    {
        string machines = $"{Services.Root}/machines";
        foreach (string path in Directory.Exists(machines) ? Directory.GetDirectories(machines) : [])
        {
            string id = Path.GetFileName(path);
            if (id.Length == 64 && id.All(char.IsAsciiHexDigitLower) && !_byId.ContainsKey(id))
            {
                Delete(path);
            }
        }
    }
}
