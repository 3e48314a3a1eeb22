using Caisson.Linux.Processes;
using Caisson.Machines.Bootstrap;
using Xunit;

namespace Caisson.Machines.Tests.Bootstrap;

public sealed class FirmwareDiskTests : IDisposable
{
    private static readonly DateTimeOffset Made = new(2026, 1, 2, 3, 4, 6, TimeSpan.Zero);

    private readonly string _home = Directory.CreateTempSubdirectory("firmware-").FullName;
    private readonly CancellationToken _cancellation = TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_home, recursive: true);

    [Theory]
    [InlineData(16)]
    [InlineData(33)]
    [InlineData(128)]
    public async Task The_file_system_of_the_firmware_is_whole_for_others(int megabytes)
    {
        byte[] loader = new byte[777_777];
        new Random(5).NextBytes(loader);
        string path = $"{_home}/fat";
        await File.WriteAllBytesAsync(
            path, FatImage.Write(megabytes << 20, "EFI", new Dictionary<string, byte[]> { ["EFI/BOOT/BOOTX64.EFI"] = loader, ["EFI/DEBIAN/GRUB.CFG"] = [1, 2, 3], ["EMPTY"] = [] }, Made), _cancellation);
        if (!File.Exists("/usr/sbin/fsck.vfat") || !File.Exists("/usr/bin/mcopy"))
        {
            Assert.Skip("fsck.vfat or mcopy is not installed (Debian: dosfstools, mtools)");
        }

        string check = await ToolRun.ReadAsync("fsck.vfat", ["-n", path], null, _cancellation);
        await ToolRun.ReadAsync("mcopy", ["-i", path, "::EFI/BOOT/BOOTX64.EFI", $"{_home}/copy"], null, _cancellation);

        Assert.Contains(" files, ", check, StringComparison.Ordinal);
        Assert.Equal(loader, await File.ReadAllBytesAsync($"{_home}/copy", _cancellation));
    }

    [Fact]
    public async Task The_partition_table_is_whole_for_others()
    {
        string path = $"{_home}/disk";
        const long bytes = 64 << 20;
        using (FileStream disk = File.Create(path))
        {
            disk.SetLength(bytes);
            PartitionTable.Write(disk, bytes, new Guid("11111111-2222-4333-8444-555555555555"),
            [
                new Partition(PartitionTable.BiosBoot, Guid.NewGuid(), "bios", 2_048, 2_048),
                new Partition(PartitionTable.LinuxRoot, new Guid("99999999-2222-4333-8444-555555555555"), "root", 4_096, 100_000),
            ]);
        }
        if (!File.Exists("/usr/sbin/sfdisk"))
        {
            Assert.Skip("sfdisk is not installed (Debian: fdisk)");
        }

        string table = await ToolRun.ReadAsync("sfdisk", ["--dump", path], null, _cancellation);
        string verified = await ToolRun.ReadAsync("sfdisk", ["--verify", path], null, _cancellation);

        Assert.Contains("label-id: 11111111-2222-4333-8444-555555555555", table, StringComparison.Ordinal);
        Assert.Contains("start=        4096, size=      100000, type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709, uuid=99999999-2222-4333-8444-555555555555, name=\"root\"", table, StringComparison.Ordinal);
        Assert.Contains("No errors detected", verified, StringComparison.Ordinal);
    }
}
