using System.Diagnostics;
using Xunit;

namespace Caisson.Linux.Tests.Mounts;

public sealed class LoopDeviceTests
{
    [Fact]
    public void A_file_is_a_disk_while_somebody_uses_it()
    {
        Assert.SkipUnless(File.Exists("/dev/loop-control") && File.Exists("/usr/sbin/mkfs.ext4"), "needs loop devices and mkfs.ext4");
        using TemporaryDirectory work = new();
        string image = $"{work.Path}/image";
        using FileDescriptor file = work.Root.CreateFile("image", 0x180);
        file.SetSize(8 << 20);
        using (Process make = Process.Start("/usr/sbin/mkfs.ext4", ["-q", "-F", image]))
        {
            make.WaitForExit();
        }

        string path;
        using (MountTree tree = Mount(file, out path))
        {
            using RootDirectory root = RootDirectory.From(tree);
            root.CreateFile("note", 0x180).Dispose();
            Assert.StartsWith(image, Backing(path), StringComparison.Ordinal);
        }

        Assert.NotEqual(image, Backing(path));
        using MountTree again = Mount(file, out _);
        using RootDirectory seen = RootDirectory.From(again);
        Assert.NotNull(seen.TryGetStatus("note"));
    }

    private static MountTree Mount(FileDescriptor file, out string path)
    {
        using LoopDevice device = LoopDevice.Attach(file);
        path = device.Path;
        using FilesystemContext context = FilesystemContext.Open("ext4");
        return context.Set("source", device.Path).Mount();
    }

    /// <summary>The kernel lets go a moment after the last unmount.</summary>
    private static string Backing(string device)
    {
        string file = $"/sys/block/{Path.GetFileName(device)}/loop/backing_file";
        return HostFiles.TryReadText(file)?.Trim() ?? "";
    }
}
