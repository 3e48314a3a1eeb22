using Caisson.Machines.Disks;

namespace Caisson.Machines.Full;

/// <summary>Snapshots within the files of disks whose machine does not run. Source: qemu-img(1), "snapshot".</summary>
public static class DiskSnapshots
{
    private const long GrowthBytesMax = 1L << 50;

    /// <summary>Keeps what the disk holds now.</summary>
    public static Task CreateAsync(string path, string tag) => RunAsync(path, "-c", tag, $"make a snapshot of {path}");

    /// <summary>Puts the disk back to what it held.</summary>
    public static Task ApplyAsync(string path, string tag) => RunAsync(path, "-a", tag, $"go back to a snapshot of {path}");

    /// <summary>Forgets a snapshot.</summary>
    public static Task DeleteAsync(string path, string tag) => RunAsync(path, "-d", tag, $"delete a snapshot of {path}");

    private static async Task RunAsync(string path, string action, string tag, string doing)
    {
        // Only the topmost file is changed, so what lies below it is not opened.
        var tool = new DiskTool { WrittenBytesMax = GrowthBytesMax }.Add("-q", action, tag);
        await tool.Add(tool.Give(new DiskNode(path, DiskFormat.Qcow2), isWritable: true)).RunAsync("snapshot", doing, null, CancellationToken.None);
    }
}
