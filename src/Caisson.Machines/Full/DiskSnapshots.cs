using Caisson.Machines.Disks;

namespace Caisson.Machines.Full;

/// <summary>Snapshots within the files of disks whose machine does not run. Source: qemu-img(1), "snapshot".</summary>
public static class DiskSnapshots
{
    private const long GrowthBytesMax = 1L << 50;

    /// <summary>Keeps what the disk holds now.</summary>
    public static Task CreateAsync(string path, string tag, string? passphrase) => RunAsync(path, passphrase, "-c", tag, $"make a snapshot of {path}");

    /// <summary>Puts the disk back to what it held.</summary>
    public static Task ApplyAsync(string path, string tag, string? passphrase) => RunAsync(path, passphrase, "-a", tag, $"go back to a snapshot of {path}");

    /// <summary>Forgets a snapshot.</summary>
    public static Task DeleteAsync(string path, string tag, string? passphrase) => RunAsync(path, passphrase, "-d", tag, $"delete a snapshot of {path}");

    private static async Task RunAsync(string path, string? passphrase, string action, string tag, string doing)
    {
        // Only the topmost file is changed, so what lies below it is not opened.
        var tool = new DiskTool { WrittenBytesMax = GrowthBytesMax }.Unlock(passphrase).Add("-q", action, tag);
        await tool.Add(tool.Give(new DiskNode(path, DiskFormat.Qcow2) { IsEncrypted = passphrase is not null }, isWritable: true)).RunAsync("snapshot", doing, null, CancellationToken.None);
    }
}
