using Caisson.Control.FullMachines;
using Caisson.Control.Model;
using Caisson.Machines.Full;
using Caisson.Machines.Plan;

namespace Caisson.Api.Docker;

/// <summary>A full machine in a list.</summary>
internal sealed record MachineSummaryBody(
    string Id, string Name, string State, string Error, string Created, string StartedAt, int Processors, long Memory, string Firmware, bool Template, bool Autostart, IReadOnlyList<string> Addresses)
{
    public static MachineSummaryBody Of(FullMachine machine)
    {
        FullMachineRecord record = machine.Record;
        FullMachineStatus status = machine.Status;
        return new MachineSummaryBody(
            record.Id, record.Name, StateOf(record, status), status.Error, Times.Text(record.Created), status.StartedAt is { } at ? Times.Text(at) : "",
            record.Config.Processors, status.MemoryBytes > 0 ? status.MemoryBytes : record.Config.MemoryBytes, FirmwareOf(record.Config), record.IsTemplate, record.Autostart,
            [.. status.Endpoints.SelectMany(endpoint => (string[])[endpoint.IPv4, endpoint.IPv6]).Where(address => address.Length > 0)]);
    }

    internal static string StateOf(FullMachineRecord record, FullMachineStatus status) =>
        record.IsTemplate ? "template" : status.Phase.ToString().ToLowerInvariant();

    internal static string FirmwareOf(FullMachineConfig config) => config.Firmware == MachineFirmware.Uefi ? "uefi" : "bios";
}

/// <summary>Everything about a full machine.</summary>
internal sealed record MachineBody(
    string Id, string Name, string Description, string State, string Error, string Created, string StartedAt, string FinishedAt, int Pid, int RestartCount,
    string Accelerator, int Processors, int ProcessorsMax, string CpuModel, long Memory, long MemoryMax, string Firmware, bool SecureBoot, bool Tpm, bool Encrypted,
    bool Kernel, string CommandLine, IReadOnlyList<string> Boot,
    IReadOnlyList<MachineDiskBody> Disks, IReadOnlyList<MachineDriveBody> Drives, IReadOnlyList<MachineInterfaceBody> Interfaces,
    bool Autostart, int StartOrder, int StartDelaySeconds, string RestartPolicy, bool Template, string ClonedFrom,
    IReadOnlyList<MachineSnapshotBody> Snapshots, string CurrentSnapshot, string ConsolePath, string VncPath, MachineReplicationBody? Replication,
    IReadOnlyList<MachineSchedule> Schedules, string TakenOverBy)
{
    public static MachineBody Of(FullMachine machine)
    {
        FullMachineRecord record = machine.Record;
        FullMachineStatus status = machine.Status;
        FullMachineConfig config = record.Config;
        return new MachineBody(
            record.Id, record.Name, record.Description, MachineSummaryBody.StateOf(record, status), status.Error, Times.Text(record.Created),
            Time(status.StartedAt), Time(status.FinishedAt), status.Pid, status.RestartCount,
            MachineHostFacts.HasKvm ? "kvm" : "tcg", config.Processors, Math.Max(config.Processors, config.ProcessorsMax), config.CpuModel,
            status.MemoryBytes > 0 ? status.MemoryBytes : config.MemoryBytes, Math.Max(config.MemoryBytes, config.MemoryMaxBytes),
            MachineSummaryBody.FirmwareOf(config), config.SecureBoot, config.Tpm, config.IsEncrypted, config.HasKernel, config.CommandLine, config.Boot,
            [.. config.Disks.Select(disk => new MachineDiskBody(disk.Name, disk.Bytes, machine.MeasureDisk(disk.Name), disk.Bus, disk.Cache.Length > 0 ? disk.Cache : "writeback", disk.Rate, disk.Backing))],
            [.. config.Drives.Select(drive => new MachineDriveBody(drive.Name, drive.Path))],
            [.. config.Interfaces.Select((one, i) => MachineInterfaceBody.Of(one, record.Networks[i], i < status.Endpoints.Count ? status.Endpoints[i] : null))],
            record.Autostart, record.StartOrder, record.StartDelaySeconds, record.RestartPolicy, record.IsTemplate, record.ClonedFrom,
            [.. record.Snapshots.Select(MachineSnapshotBody.Of)], record.CurrentSnapshot, machine.ConsolePath, status.HasProcess ? $"{machine.DirectoryPath}/run/vnc.sock" : "",
            record.Replication is { } replication ? MachineReplicationBody.Of(replication, status.Replicated) : null, record.Schedules, record.TakenOverBy);
    }

    private static string Time(DateTimeOffset? at) => at is { } known ? Times.Text(known) : "";
}

/// <summary>Where a machine is replicated to, and how that goes; times are empty before the first.</summary>
internal sealed record MachineReplicationBody(string Target, int EverySeconds, int Keep, bool Leased, string Point, string At, long Bytes, string TriedAt, string Error)
{
    public static MachineReplicationBody Of(MachineReplication plan, MachineReplicationState? state) => new(
        plan.Target, plan.EverySeconds, plan.Keep, plan.Term > 0, state?.Point ?? "", state?.At is { } at ? Times.Text(at) : "", state?.Bytes ?? 0, state?.TriedAt is { } tried ? Times.Text(tried) : "", state?.Error ?? "");
}

/// <summary>A passphrase.</summary>
internal sealed record MachinePassphraseBody(string Passphrase);

/// <summary>A disk of a machine.</summary>
internal sealed record MachineDiskBody(string Name, long Size, long Used, string Bus, string Cache, DiskRate? Rate, IReadOnlyList<string> Backing);

/// <summary>A drive of a machine.</summary>
internal sealed record MachineDriveBody(string Name, string Path);

/// <summary>An interface of a machine.</summary>
internal sealed record MachineInterfaceBody(string Name, string Model, string Network, string HardwareAddress, string IPv4, string IPv6, IReadOnlyList<string> Ports)
{
    public static MachineInterfaceBody Of(FullInterface one, NetworkAttachment attachment, EndpointRecord? endpoint) => new(
        one.Name, one.Model, attachment.NetworkName, attachment.HardwareAddress, endpoint?.IPv4 ?? attachment.IPv4, endpoint?.IPv6 ?? "",
        [.. (endpoint?.Ports ?? []).Select(port => $"{(port.HostAddress.Length > 0 ? port.HostAddress : "0.0.0.0")}:{port.HostPort}->{port.ContainerPort}/{port.Protocol}")]);
}

/// <summary>A snapshot of a machine.</summary>
internal sealed record MachineSnapshotBody(string Name, string Parent, string Created, bool Memory, string Description)
{
    public static MachineSnapshotBody Of(MachineSnapshot snapshot) =>
        new(snapshot.Name, snapshot.Parent, Times.Text(snapshot.Created), snapshot.HasMemory, snapshot.Description);
}

/// <summary>What is to be attached to a machine: one of the two.</summary>
internal sealed record MachineAttachBody(MachineDiskRequest? Disk, MachineNetworkRequest? Network);

/// <summary>The name of what was attached.</summary>
internal sealed record MachineDeviceBody(string Name);

/// <summary>A program to run in a machine; <c>Input</c> in base64, <c>Timeout</c> in seconds.</summary>
internal sealed record MachineExecBody(IReadOnlyList<string>? Cmd, IReadOnlyList<string>? Env, byte[]? Input, int Timeout);

/// <summary>How it ended; what it wrote in base64.</summary>
internal sealed record MachineExecEndBody(int Code, byte[] Output, byte[] Errors, bool Cut);
