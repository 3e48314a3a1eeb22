using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux;

/// <summary>A network interface whose other end is this descriptor, frame by frame; gone when it is closed. Source: kernel Documentation/networking/tuntap.rst.</summary>
public sealed class TapDevice : Descriptor
{
    private const int RequestSize = 40;

    private TapDevice(nint fd, string name) : base(fd, name) => Name = name;

    /// <summary>The interface's name in the network namespace of whoever created it.</summary>
    public string Name { get; }

    /// <summary>Creates the interface <paramref name="name"/>, down, in this process's network namespace; frames have the header of virtio-net in front.</summary>
    /// <param name="name">At most 15 bytes; nobody has it yet.</param>
    public static unsafe TapDevice Create(string name)
    {
        byte[] text = PathText.Encode(name);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(text.Length, IFNAMSIZ);
        FileDescriptor device = HostFiles.Open("/dev/net/tun", O_RDWR | O_NONBLOCK);
        try
        {
            // struct ifreq: the name, then the flags
            byte* request = stackalloc byte[RequestSize];
            new Span<byte>(request, RequestSize).Clear();
            text.CopyTo(new Span<byte>(request, IFNAMSIZ));
            *(short*)(request + IFNAMSIZ) = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
            using (var fd = device.Hold())
            {
                Libc.Check(Libc.syscall(SYS_ioctl, fd, TUNSETIFF, (nint)request), "ioctl TUNSETIFF", name);
            }
            return new TapDevice(device.Release(), name);
        }
        finally
        {
            device.Dispose();
        }
    }
}
