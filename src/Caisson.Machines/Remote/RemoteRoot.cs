using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Globalization;
using System.Text;

using Caisson.Errors;
using Caisson.Linux;
using Caisson.Linux.Launch;
using Caisson.Machines.Agent;

using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Machines.Remote;

/// <summary>Makes a machine what its settings say, by lists of its kernel's system calls: time, chance, files, network, disks.</summary>
internal sealed class RemoteRoot(RemoteKernel kernel)
{
    /// <summary>Where the image's files are.</summary>
    public const string ImagePath = "/run/caisson/image";

    /// <summary>Where what was changed of them is.</summary>
    public const string ChangesPath = "/run/caisson/data";

    private const int SerialBytes = 32;
    private const int AttributesSize = 256;
    private const int ModeMask = 0xFFF;
    private const int DirectoryMode = 0x1ed;
    private const long SIOCGIFINDEX = 0x8933;
    private const int RequestSize = 40;

    /// <summary>Disks in the kernel's order; more than a machine has.</summary>
    private static readonly string[] DiskNames = ["vda", "vdb"];

    /// <summary>Time, chance, names and files.</summary>
    public void Personalize(MachineSettings settings)
    {
        var program = new LaunchProgram(LaunchStage.World);
        long ticks = settings.Now.UtcTicks - DateTimeOffset.UnixEpoch.UtcTicks;
        program.Add(SystemCall.clock_settime, "set the clock", 0, Block.Words("now", (ulong)(ticks / TimeSpan.TicksPerSecond), (ulong)(ticks % TimeSpan.TicksPerSecond * 100)));
        byte[] pool = new byte[8 + settings.Seed.Length];
        BinaryPrimitives.WriteInt32LittleEndian(pool, settings.Seed.Length * 8);
        BinaryPrimitives.WriteInt32LittleEndian(pool.AsSpan(4), settings.Seed.Length);
        settings.Seed.Span.CopyTo(pool.AsSpan(8));
        Slot random = program.NewSlot("random");
        program.Add(SystemCall.openat, "add entropy", AT_FDCWD, "/dev/urandom", O_RDWR | O_CLOEXEC, 0).Into(random);
        program.Add(SystemCall.ioctl, "add entropy", random, RNDADDENTROPY, Block.Of(pool, "entropy"));
        program.Add(SystemCall.ioctl, "add entropy", random, RNDRESEEDCRNG, 0);
        program.Add(SystemCall.close, "add entropy", random);
        RemoteBoot.WriteFile(program, "/proc/sys/kernel/hostname", settings.Hostname);
        if (settings.ProcessesMax > 0)
        {
            RemoteBoot.TryWriteFile(program, $"{MachineSettings.CgroupDirectory}/pids.max", settings.ProcessesMax.ToString(CultureInfo.InvariantCulture));
        }
        foreach (GuestFile file in settings.Files)
        {
            Slot opened = program.NewSlot(file.Name);
            program.Add(
                SystemCall.openat, $"write {file.Name}", AT_FDCWD, $"{MachineSettings.FilesDirectory}/{file.Name}", O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, file.IsProgram ? 0x1ED : 0x1A4).Into(opened);
            program.Add(SystemCall.write, $"write {file.Name}", opened, Block.Of(file.Content.Span, file.Name), file.Content.Length);
            program.Add(SystemCall.close, $"write {file.Name}", opened);
        }
        kernel.Run(program);
    }

    /// <summary>Brings up the loopback and every link.</summary>
    public void Connect(ImmutableArray<GuestLink> links)
    {
        var first = new LaunchProgram(LaunchStage.World);
        Slot socket = first.NewSlot("netlink");
        first.Add(SystemCall.socket, "a socket to the kernel's network", AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE).Into(socket);
        Block[] places = [.. links.Select((_, i) => Block.Buffer(RequestSize, Interface(i)))];
        if (links.Length > 0)
        {
            Slot datagrams = first.NewSlot("datagrams");
            first.Add(SystemCall.socket, "find the network interfaces", AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0).Into(datagrams);
            for (int i = 0; i < links.Length; i++)
            {
                Encoding.ASCII.GetBytes(Interface(i)).CopyTo(places[i].Content);
                first.Add(SystemCall.ioctl, $"find the network interface {Interface(i)}", datagrams, SIOCGIFINDEX, places[i]);
            }
            first.Add(SystemCall.close, "find the network interfaces", datagrams);
        }
        RemoteAnswer answer = kernel.Run(first, places);
        List<RouteRequest> requests = [new RouteRequest.Up("lo")];
        for (int i = 0; i < links.Length; i++)
        {
            int index = BinaryPrimitives.ReadInt32LittleEndian(answer.Content(places[i])[16..]);
            requests.Add(new RouteRequest.SetHardwareAddress(Interface(i), HardwareAddress.FromBytes(links[i].HardwareAddress.Span)));
            requests.Add(new RouteRequest.Up(Interface(i)));
            foreach (string address in links[i].Addresses)
            {
                string[] parts = address.Split('/');
                requests.Add(new RouteRequest.AddAddress(index, InternetAddress.Parse(parts[0]), parts.Length > 1 ? int.Parse(parts[1], CultureInfo.InvariantCulture) : 32));
            }
            requests.AddRange(links[i].Gateways.Select(gateway => new RouteRequest.AddDefaultRoute(index, InternetAddress.Parse(gateway), 0)));
        }
        foreach (RouteRequest request in requests)
        {
            Ask(answer.Number(socket), request);
        }

        static string Interface(int index) => string.Create(CultureInfo.InvariantCulture, $"eth{index}");
    }

    /// <summary>Mounts the disks over each other.</summary>
    /// <returns>The number of the root file system of programs, a detached mount that they inherit.</returns>
    public int Mount(MachineSettings settings)
    {
        (string image, string data) = FindDisks(settings.HasDataDisk);
        var program = new LaunchProgram(LaunchStage.World);
        Slot tree = program.NewSlot("image");
        RemoteBoot.MakeFilesystem(program, tree, "erofs", MOUNT_ATTR_RDONLY, FSMOUNT_CLOEXEC, ("ro", ""), ("source", image));
        program.Add(SystemCall.move_mount, "mount the image", tree, "", AT_FDCWD, ImagePath, MOVE_MOUNT_F_EMPTY_PATH);
        program.Add(SystemCall.close, "mount the image", tree);
        Slot changes = program.NewSlot("changes");
        if (settings.HasDataDisk)
        {
            RemoteBoot.MakeFilesystem(program, changes, "ext4", 0, FSMOUNT_CLOEXEC, ("source", data));
        }
        else
        {
            RemoteBoot.MakeFilesystem(program, changes, "tmpfs", 0, FSMOUNT_CLOEXEC, ("mode", "700"));
        }
        program.Add(SystemCall.move_mount, "mount the disk for changes", changes, "", AT_FDCWD, ChangesPath, MOVE_MOUNT_F_EMPTY_PATH);
        program.Add(SystemCall.close, "mount the disk for changes", changes);
        Slot made = program.NewSlot("made");
        program.Add(SystemCall.mkdirat, "room for changes", AT_FDCWD, $"{ChangesPath}/work", 0x1c0).Expect(Errno.EEXIST);
        program.Add(SystemCall.mkdirat, "room for changes", AT_FDCWD, $"{ChangesPath}/upper", DirectoryMode).Into(made).Expect(Errno.EEXIST);
        Block attributes = Block.Buffer(AttributesSize, "attributes");
        program.Add(SystemCall.statx, "look at the image's root", AT_FDCWD, ImagePath, 0, STATX_BASIC_STATS, attributes);
        RemoteAnswer answer = kernel.Run(program, attributes);

        var overlay = new LaunchProgram(LaunchStage.World);
        if (answer.Result(made) == 0)
        {
            // In an overlay the upper root's attributes are those of /.
            ReadOnlySpan<byte> status = answer.Content(attributes);
            overlay.Add(
                SystemCall.fchownat, "the root's owner", AT_FDCWD, $"{ChangesPath}/upper", BinaryPrimitives.ReadUInt32LittleEndian(status[20..]), BinaryPrimitives.ReadUInt32LittleEndian(status[24..]), 0);
            overlay.Add(SystemCall.fchmodat, "the root's permissions", AT_FDCWD, $"{ChangesPath}/upper", BinaryPrimitives.ReadUInt16LittleEndian(status[28..]) & ModeMask);
        }
        Slot root = overlay.NewSlot("root");
        RemoteBoot.MakeFilesystem(
            overlay, root, "overlay", 0, 0, ("redirect_dir", "nofollow"), ("metacopy", "off"), ("index", "off"),
            ("lowerdir", ImagePath), ("upperdir", $"{ChangesPath}/upper"), ("workdir", $"{ChangesPath}/work"));
        return kernel.Run(overlay).Number(root);
    }

    /// <summary>Puts the disks in order, so that nothing on them is half written; programs have ended.</summary>
    public void Unmount(int root)
    {
        var program = new LaunchProgram(LaunchStage.World);
        program.Add(SystemCall.close, "unmount", RemoteBoot.Descriptor(root, "root")).ExpectAny();
        program.Add(SystemCall.sync, "unmount");
        program.Add(SystemCall.umount2, "unmount", ChangesPath, 0).ExpectAny();
        program.Add(SystemCall.umount2, "unmount", ImagePath, 0).ExpectAny();
        program.Add(SystemCall.sync, "unmount");
        kernel.Run(program);
    }

    /// <summary>Disks are found by what their host calls them; the kernel's own order says nothing.</summary>
    private (string Image, string Data) FindDisks(bool hasData)
    {
        var program = new LaunchProgram(LaunchStage.World);
        string[] names = hasData ? DiskNames : DiskNames[..1];
        Block[] serials = [.. names.Select(name => Block.Buffer(SerialBytes, name))];
        for (int i = 0; i < names.Length; i++)
        {
            Slot file = program.NewSlot(names[i]);
            program.Add(SystemCall.openat, $"look at disk {names[i]}", AT_FDCWD, $"/sys/block/{names[i]}/serial", O_CLOEXEC, 0).Into(file);
            program.Add(SystemCall.read, $"look at disk {names[i]}", file, serials[i], SerialBytes);
            program.Add(SystemCall.close, $"look at disk {names[i]}", file);
        }
        RemoteAnswer answer = kernel.Run(program, serials);
        string[] found = [.. serials.Select(serial => Encoding.ASCII.GetString(answer.Content(serial)).TrimEnd('\0', '\n', ' '))];
        return (Path(MachineSettings.ImageDisk), hasData ? Path(MachineSettings.DataDisk) : "");

        string Path(string serial) => Array.IndexOf(found, serial) is >= 0 and var index ? $"/dev/{names[index]}"
            : throw new CaissonException(ErrorKind.FailedPrecondition, $"the machine has no disk called {serial}");
    }

    private void Ask(int socket, RouteRequest request)
    {
        byte[] message = NetlinkMessages.Of(request);
        var program = new LaunchProgram(LaunchStage.World);
        Block answer = Block.Buffer(1_024, "answer");
        Slot count = program.NewSlot("count");
        program.Add(SystemCall.sendto, request.ToString(), RemoteBoot.Descriptor(socket, "netlink"), Block.Of(message, request.ToString()), message.Length, 0, 0, 0);
        program.Add(SystemCall.recvfrom, request.ToString(), RemoteBoot.Descriptor(socket, "netlink"), answer, 1_024, 0, 0, 0).Into(count);
        RemoteAnswer told = kernel.Run(program, answer);
        int length = (int)Math.Clamp(told.Result(count), 0, 1_024);
        if (NetlinkMessages.ReadAcknowledgement(told.Content(answer)[..length], out _) is { } error && error != Errno.None)
        {
            throw new LinuxException("rtnetlink", error, request.ToString());
        }
    }
}
