using System.Buffers.Binary;
using System.Globalization;

using Caisson.Linux;
using Caisson.Machines.Agent;

namespace Caisson.Init;

/// <summary>Directories of the host as a file system of the machine: what the kernel asks of it goes out by a port of its own, and what is answered comes back.</summary>
/// <remarks>
/// Two threads that only carry bytes: a program's start waits for files, and whoever starts it must not be the one who gets them. Source: kernel
/// Documentation/filesystems/fuse.rst, fuse(4).
/// </remarks>
internal sealed class GuestFiles
{
    private const int StackBytes = 128 * 1024;
    private const int HeaderBytes = 16;

    /// <summary>More than a call or an answer of the longest content takes.</summary>
    private const int MessageBytesMax = 160 * 1024;

    private const int FirstBytesMax = 128 * 1024;

    private readonly FileDescriptor _device;
    private readonly FileDescriptor _port;

    private GuestFiles(FileDescriptor device, FileDescriptor port) => (_device, _port) = (device, port);

    /// <summary>Mounts them; the module is loaded.</summary>
    public static GuestFiles Mount()
    {
        var files = new GuestFiles(HostFiles.OpenOrCreate("/dev/fuse", 0x180), GuestInit.OpenPort(AgentFrame.FilesPortName));
        using (FilesystemContext context = FilesystemContext.Open("fuse"))
        {
            context.Set("source", "caisson").SetNumber("fd", files._device).Set("rootmode", "40000").Set("user_id", "0").Set("group_id", "0")
                .Set("max_read", FirstBytesMax.ToString(CultureInfo.InvariantCulture))
                .SetFlag("default_permissions").SetFlag("allow_other");
            using MountTree tree = context.Mount(MountAttributes.NoDevices);
            using FileDescriptor place = HostFiles.OpenPath(MachineSettings.SharesDirectory);
            tree.Attach(place);
        }
        new Thread(files.CarryCalls, StackBytes) { IsBackground = true }.Start();
        return files;
    }

    /// <summary>Takes them out of use; what programs wrote has arrived then.</summary>
    public void Unmount()
    {
        MountTable.Unmount(MachineSettings.SharesDirectory);
        _device.Dispose();
    }

    /// <summary>A call is read whole, and the port takes it in pieces.</summary>
    private void CarryCalls()
    {
        byte[] call = new byte[MessageBytesMax];
        bool hasBegun = false;
        while (true)
        {
            int count = _device.ReadNow(call);
            if (count <= 0)
            {
                if (count == -(int)Errno.ENOENT)
                {
                    continue; // who asked was interrupted before this was read
                }
                return; // the file system is gone
            }
            for (int done = 0; done < count;)
            {
                int written = _port.WriteNow(call.AsSpan(done..count));
                if (written <= 0)
                {
                    GuestInit.Tell($"the host does not take what is asked of its files: {LinuxException.Describe((Errno)(-written))}");
                    return;
                }
                done += written;
            }
            if (!hasBegun)
            {
                // Nothing can arrive before; a port whose other end is not there yet says that it has ended.
                hasBegun = true;
                new Thread(CarryAnswers, StackBytes) { IsBackground = true }.Start();
            }
        }
    }

    /// <summary>Answers arrive in pieces, and the kernel takes each whole.</summary>
    private void CarryAnswers()
    {
        byte[] answer = new byte[MessageBytesMax];
        int end = 0;
        while (true)
        {
            int count = _port.ReadNow(answer.AsSpan(end));
            if (count <= 0)
            {
                GuestInit.Tell("the host's files are gone");
                return;
            }
            end += count;
            int start = 0;
            while (end - start >= HeaderBytes)
            {
                uint length = BinaryPrimitives.ReadUInt32LittleEndian(answer.AsSpan(start));
                if (length is < HeaderBytes or > MessageBytesMax)
                {
                    GuestInit.Tell($"the host answered about a file with {length} bytes");
                    return;
                }
                if (end - start < length)
                {
                    break;
                }
                // ENOENT: who asked was interrupted and waits no more.
                _ = _device.WriteNow(answer.AsSpan(start, (int)length));
                start += (int)length;
            }
            answer.AsSpan(start..end).CopyTo(answer);
            end -= start;
        }
    }
}
