using System.Collections.Immutable;

namespace Caisson.Machines.Agent;

/// <summary>A file that a machine gets in <see cref="MachineSettings.FilesDirectory"/>.</summary>
/// <param name="Name">A plain file name.</param>
/// <param name="Content">What is in it.</param>
/// <param name="IsProgram">Whether it can be executed.</param>
public sealed record GuestFile(string Name, ReadOnlyMemory<byte> Content, bool IsProgram = false);

/// <summary>A network interface of a machine.</summary>
/// <param name="HardwareAddress">Six bytes; finds the interface.</param>
/// <param name="Name">What it is called inside.</param>
/// <param name="Mtu">The longest packet; 0 for the driver's own.</param>
/// <param name="Addresses">Such as <c>10.0.0.2/24</c>.</param>
/// <param name="Gateways">Where everything else goes, at most one of each family.</param>
public sealed record GuestLink(
    ReadOnlyMemory<byte> HardwareAddress, string Name, int Mtu, ImmutableArray<string> Addresses, ImmutableArray<string> Gateways);

/// <summary>What makes a booted kernel a certain machine: disks, files, time, chance, network.</summary>
public sealed record MachineSettings
{
    /// <summary>Where files of the host are, inside the machine.</summary>
    public const string FilesDirectory = "/run/caisson/files";

    /// <summary>Where the directories of the host are, each by its number, inside the machine.</summary>
    public const string SharesDirectory = "/run/caisson/shares";

    /// <summary>The cgroup of the machine's programs, inside the machine.</summary>
    public const string CgroupDirectory = "/sys/fs/cgroup/programs";

    /// <summary>The empty directory on which the root file system is put, inside the machine.</summary>
    public const string RootPath = "/run/caisson/root";

    /// <summary>The serial of the disk with the image's files, read-only.</summary>
    public const string ImageDisk = "image";

    /// <summary>The serial of the disk that changes go to.</summary>
    public const string DataDisk = "data";

    /// <summary>The host's time when they were sent; set by the sender.</summary>
    public DateTimeOffset Now { get; init; }

    /// <summary>Fresh random bytes, at most 512; set by the sender.</summary>
    public ReadOnlyMemory<byte> Seed { get; init; }

    /// <summary>The machine's own name, for its kernel; the program's is in its launch.</summary>
    public string Hostname { get; init; } = "machine";

    /// <summary>Whether changes go to a disk; otherwise to memory.</summary>
    public bool HasDataDisk { get; init; }

    /// <summary>Whether directories of the host are served to it.</summary>
    public bool HasShares { get; init; }

    /// <summary>How many processes its programs may be; 0 or less for as many as its kernel can.</summary>
    public long ProcessesMax { get; init; }

    /// <summary>Files of the host.</summary>
    public ImmutableArray<GuestFile> Files { get; init; } = [];

    /// <summary>Network interfaces, besides the loopback.</summary>
    public ImmutableArray<GuestLink> Links { get; init; } = [];

    /// <summary>The bytes of the frames.</summary>
    public byte[] Encode() => new PlanWriter()
        .Add(AgentFrame.Version)
        .Add(Now.UtcTicks)
        .Add(Seed.Span)
        .Add(Hostname)
        .Add(HasDataDisk)
        .Add(HasShares)
        .Add(ProcessesMax)
        .AddAll(Files, static (writer, file) => writer.Add(file.Name).Add(file.Content.Span).Add(file.IsProgram))
        .AddAll(Links, static (writer, link) => writer.Add(link.HardwareAddress.Span).Add(link.Name).Add(link.Mtu)
            .AddAll(link.Addresses, static (inner, address) => inner.Add(address))
            .AddAll(link.Gateways, static (inner, gateway) => inner.Add(gateway)))
        .ToArray();

    /// <summary>Reads them.</summary>
    /// <exception cref="FormatException">They are damaged, or of another version.</exception>
    public static MachineSettings Decode(ReadOnlySpan<byte> bytes)
    {
        var reader = new PlanReader(bytes, "the settings of a machine");
        if (reader.Int() != AgentFrame.Version)
        {
            throw reader.Broken();
        }
        long ticks = reader.Number();
        if (ticks < 0 || ticks > DateTimeOffset.MaxValue.UtcTicks)
        {
            throw reader.Broken();
        }
        byte[] seed = reader.Bytes();
        string hostname = reader.Text();
        bool hasDataDisk = reader.Bool();
        bool hasShares = reader.Bool();
        long processesMax = reader.Number();
        var files = ImmutableArray.CreateBuilder<GuestFile>();
        for (int count = reader.Count(); count > 0; count--)
        {
            files.Add(new GuestFile(reader.Text(), reader.Bytes(), reader.Bool()));
        }
        var links = ImmutableArray.CreateBuilder<GuestLink>();
        for (int count = reader.Count(); count > 0; count--)
        {
            links.Add(new GuestLink(reader.Bytes(), reader.Text(), reader.Int(), GuestLaunch.Texts(ref reader), GuestLaunch.Texts(ref reader)));
        }
        return new()
        {
            Now = new DateTimeOffset(ticks, TimeSpan.Zero),
            Seed = seed,
            Hostname = hostname,
            HasDataDisk = hasDataDisk,
            HasShares = hasShares,
            ProcessesMax = processesMax,
            Files = files.ToImmutable(),
            Links = links.ToImmutable(),
        };
    }
}
