using System.Collections.Immutable;

using Caisson.Machines.Agent;

namespace Caisson.Machines.Plan;

/// <summary>Everything the process beside QEMU needs to run a machine: what the engine compiled, in one file.</summary>
public sealed record MachineLaunch
{
    /// <summary>The directory, in the sandbox, where the files of the machine are.</summary>
    public const string Directory = "/machine";

    /// <summary>The file of this record in that directory.</summary>
    public const string FileName = "launch";

    /// <summary>The directory, in the sandbox, of a template that is used or made.</summary>
    public const string TemplateDirectory = "/template";

    /// <summary>The file, in the sandbox, in which it is noted whether the machine could go on from its template: <see cref="Restored"/> or <see cref="Booted"/>.</summary>
    public const string NotePath = "/note";

    /// <summary>It could.</summary>
    public const byte Restored = (byte)'r';

    /// <summary>It could not, and booted.</summary>
    public const byte Booted = (byte)'b';

    /// <summary>The file of a template's memory in its directory.</summary>
    public const string MemoryName = "memory";

    /// <summary>The file of the state of a template's devices in its directory.</summary>
    public const string StateName = "state";

    /// <summary>The file of the disk for changes that a template has mounted, in its directory.</summary>
    public const string DiskName = "disk";

    private const int Version = 3;

    /// <summary>QEMU and its arguments.</summary>
    public required ImmutableArray<string> Qemu { get; init; }

    /// <summary>QEMU and its arguments when the machine goes on from a template; none when it boots. Where that fails, it boots.</summary>
    public ImmutableArray<string> Restore { get; init; } = [];

    /// <summary>The user and group, in the sandbox, that QEMU runs as; 0: as whoever starts it.</summary>
    public int QemuUser { get; init; }

    /// <summary>How long a boot may take without a word, in milliseconds; afterwards it is tried once more.</summary>
    public int BootTimeoutMs { get; init; } = 60_000;

    /// <summary>What makes the booted kernel this machine.</summary>
    public required MachineSettings Settings { get; init; }

    /// <summary>The first program.</summary>
    public required GuestLaunch Program { get; init; }

    /// <summary>Names of devices in the sandbox's network, each to be joined to an interface of the machine, in order.</summary>
    public ImmutableArray<string> Devices { get; init; } = [];

    /// <summary>Modules that the first list of system calls loads in a machine that is led from outside; none where the agent is inside.</summary>
    public ImmutableArray<string> BootModules { get; init; } = [];

    /// <summary>Modules that a network of such a machine needs more.</summary>
    public ImmutableArray<string> NetworkModules { get; init; } = [];

    /// <summary>Modules that directories of the host need more in such a machine.</summary>
    public ImmutableArray<string> FilesModules { get; init; } = [];

    /// <summary>The bytes of the file.</summary>
    public byte[] Encode() => new PlanWriter()
        .Add(Version)
        .AddAll(Qemu, static (writer, argument) => writer.Add(argument))
        .AddAll(Restore, static (writer, argument) => writer.Add(argument))
        .Add(QemuUser)
        .Add(BootTimeoutMs)
        .Add(Settings.Encode())
        .Add(Program.EncodeWhole())
        .AddAll(Devices, static (writer, device) => writer.Add(device))
        .AddAll(BootModules, static (writer, module) => writer.Add(module))
        .AddAll(NetworkModules, static (writer, module) => writer.Add(module))
        .AddAll(FilesModules, static (writer, module) => writer.Add(module))
        .ToArray();

    /// <summary>Reads them.</summary>
    /// <exception cref="FormatException">They are damaged, or of another version.</exception>
    public static MachineLaunch Decode(ReadOnlySpan<byte> bytes)
    {
        var reader = new PlanReader(bytes, "the launch of a machine");
        if (reader.Int() != Version)
        {
            throw reader.Broken();
        }
        return new MachineLaunch
        {
            Qemu = GuestLaunch.Texts(ref reader),
            Restore = GuestLaunch.Texts(ref reader),
            QemuUser = reader.Int(),
            BootTimeoutMs = reader.Int(),
            Settings = MachineSettings.Decode(reader.Bytes()),
            Program = GuestLaunch.DecodeWhole(reader.Bytes()),
            Devices = GuestLaunch.Texts(ref reader),
            BootModules = GuestLaunch.Texts(ref reader),
            NetworkModules = GuestLaunch.Texts(ref reader),
            FilesModules = GuestLaunch.Texts(ref reader),
        };
    }
}
