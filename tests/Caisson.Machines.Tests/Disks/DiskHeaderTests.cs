using System.Buffers.Binary;
using System.Text;

using Caisson.Errors;
using Caisson.Linux.Processes;
using Caisson.Machines.Disks;
using Xunit;

namespace Caisson.Machines.Tests.Disks;

public sealed class DiskHeaderTests : IDisposable
{
    private const long Size = 48L << 20;

    private readonly string _home = Directory.CreateTempSubdirectory("headers-").FullName;

    public void Dispose() => Directory.Delete(_home, recursive: true);

    [Theory]
    [InlineData("qcow2", "compat=0.10", DiskFormat.Qcow2, "version 2")]
    [InlineData("qcow2", "compat=1.1,extended_l2=on,cluster_size=2M", DiskFormat.Qcow2, "version 3")]
    [InlineData("qcow2", "compat=1.1,cluster_size=512", DiskFormat.Qcow2, "version 3")]
    [InlineData("vmdk", "subformat=monolithicSparse", DiskFormat.Vmdk, "monolithicSparse")]
    [InlineData("vmdk", "subformat=streamOptimized", DiskFormat.Vmdk, "streamOptimized")]
    [InlineData("vpc", "subformat=dynamic,force_size=on", DiskFormat.Vhd, "dynamic")]
    [InlineData("vpc", "subformat=fixed,force_size=on", DiskFormat.Vhd, "fixed")]
    [InlineData("vhdx", "subformat=dynamic", DiskFormat.Vhdx, "dynamic")]
    [InlineData("vhdx", "subformat=fixed", DiskFormat.Vhdx, "fixed")]
    [InlineData("raw", "", DiskFormat.Raw, "")]
    public async Task What_qemu_img_made_is_read(string driver, string options, DiskFormat format, string variant)
    {
        string path = await MakeAsync(driver, options);

        DiskHeader header = DiskHeader.Read(path).RequireAlone(path);

        Assert.Equal((format, Size, variant), (header.Format, header.VirtualBytes, header.Variant));
    }

    [Fact]
    public async Task A_file_behind_is_told_and_refused()
    {
        string path = await MakeAsync("qcow2", "", "-u", "-b", "/etc/shadow", "-F", "raw");

        DiskHeader header = DiskHeader.Read(path);

        Assert.Equal(("/etc/shadow", "raw"), (header.Backing, header.BackingFormat));
        Assert.Contains("lies over another file ('/etc/shadow')", Assert.Throws<CaissonException>(() => header.RequireAlone(path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Content_in_another_file_is_told_and_refused()
    {
        string path = await MakeAsync("qcow2", $"data_file={_home}/outside.raw,data_file_raw=on");

        DiskHeader header = DiskHeader.Read(path);

        Assert.Equal([$"{_home}/outside.raw"], header.OtherFiles);
        Assert.Contains("in other files", Assert.Throws<CaissonException>(() => header.RequireAlone(path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_descriptor_that_names_files_is_refused()
    {
        string path = await MakeAsync("vmdk", "subformat=monolithicFlat");

        DiskHeader header = DiskHeader.Read(path);

        Assert.Equal(Size, header.VirtualBytes);
        Assert.Contains("-flat.vmdk (flat)", Assert.Single(header.OtherFiles.Take(1)), StringComparison.Ordinal);
        Assert.Throws<CaissonException>(() => header.RequireAlone(path));
    }

    [Theory]
    [InlineData("# Disk DescriptorFile\nversion=1\nparentCID=ffffffff\ncreateType=\"monolithicFlat\"\nRW 8 FLAT \"/etc/shadow\" 0\n")]
    [InlineData("\n # Disk DescriptorFile\nRW 8 SPARSE \"/etc/shadow\"\n")]
    [InlineData("# Disk DescriptorFile\n")]
    public void Hostile_descriptors_are_refused(string text)
    {
        string path = Write(Encoding.ASCII.GetBytes(text));

        Assert.Throws<CaissonException>(() => DiskHeader.Read(path).RequireAlone(path));
    }

    [Fact]
    public async Task A_sparse_VMDK_without_sectors_is_refused_since_its_descriptor_would_be_believed()
    {
        string path = await MakeAsync("vmdk", "subformat=monolithicSparse");
        Patch(path, 12, new byte[8]);

        Assert.Contains("no sector", Assert.Throws<CaissonException>(() => DiskHeader.Read(path)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(20, 4, 63, "clusters")]
    [InlineData(20, 4, 8, "clusters")]
    [InlineData(24, 8, long.MaxValue, "bytes")]
    [InlineData(24, 8, -1, "bytes")]
    [InlineData(24, 8, 1L << 45, "first table")]
    [InlineData(36, 4, 0x7fffffff, "first table")]
    [InlineData(40, 8, 1L << 50, "first table")]
    [InlineData(40, 8, 12_345, "first table")]
    [InlineData(48, 8, 1L << 62, "counters")]
    [InlineData(56, 4, 0x10000, "counters")]
    [InlineData(60, 4, 0x7fffffff, "snapshots")]
    [InlineData(60, 4, 3, "snapshots")]
    [InlineData(96, 4, 7, "counters")]
    [InlineData(100, 4, 8, "header")]
    [InlineData(100, 4, 100_000, "header")]
    [InlineData(32, 4, 9, "method")]
    [InlineData(72, 8, 1L << 40, "features")]
    [InlineData(72, 8, 2, "corrupt")]
    [InlineData(4, 4, 1, "version")]
    public async Task Lies_of_qcow2_are_refused(int at, int bytes, long value, string because)
    {
        string path = await MakeAsync("qcow2", "");
        byte[] number = new byte[8];
        BinaryPrimitives.WriteInt64BigEndian(number, value);
        Patch(path, at, number[(8 - bytes)..]);

        var error = Assert.Throws<CaissonException>(() => DiskHeader.Read(path));

        Assert.Equal(ErrorKind.InvalidArgument, error.Kind);
        Assert.Contains(because, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("qcow2", "", 0, 4_096)]
    [InlineData("vmdk", "subformat=streamOptimized", 0, 4_096)]
    [InlineData("vpc", "subformat=dynamic,force_size=on", 0, 2_048)]
    [InlineData("vhdx", "subformat=dynamic", 192 << 10, 512)]
    [InlineData("vhdx", "subformat=dynamic", 2 << 20, 70_000)]
    public async Task A_damaged_header_is_read_or_refused_and_never_more(string driver, string options, int from, int range)
    {
        string path = await MakeAsync(driver, options);
        byte[] whole = await File.ReadAllBytesAsync(path, TestContext.Current.CancellationToken);
        var random = new Random(11);
        int refused = 0;
        for (int i = 0; i < 300; i++)
        {
            byte[] damaged = random.Next(4) == 0 ? whole[..random.Next(Math.Min(whole.Length, from + range))] : (byte[])whole.Clone();
            for (int j = random.Next(1, 6); j > 0 && damaged.Length > from; j--)
            {
                damaged[from + random.Next(Math.Min(range, damaged.Length - from))] = (byte)random.Next(256);
            }
            try
            {
                DiskHeader header = DiskHeader.Read(Write(damaged));
                Assert.InRange(header.VirtualBytes, 0, DiskHeader.VirtualBytesMax);
            }
            catch (CaissonException error) when (error.Kind == ErrorKind.InvalidArgument)
            {
                refused++;
            }
        }
        Assert.True(refused > 0);
    }

    [Fact]
    public async Task What_is_said_to_be_raw_is_raw_whatever_a_guest_wrote_into_it()
    {
        string path = await MakeAsync("qcow2", "", "-u", "-b", "/etc/shadow", "-F", "raw");

        DiskHeader header = DiskHeader.Read(path, DiskFormat.Raw);

        Assert.Equal((DiskFormat.Raw, new FileInfo(path).Length), (header.Format, header.VirtualBytes));
        Assert.True(header.IsAlone);
    }

    [Fact]
    public async Task Another_format_than_was_said_is_refused()
    {
        string path = await MakeAsync("vmdk", "");

        Assert.Contains("should be qcow2 and is vmdk", Assert.Throws<CaissonException>(() => DiskHeader.Read(path, DiskFormat.Qcow2)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Packed_and_foreign_files_do_not_pass_for_raw()
    {
        Assert.Contains("packed by gzip", Refusal([0x1f, 0x8b, 8, 0]), StringComparison.Ordinal);
        Assert.Contains("of the format qed", Refusal([.. "QED\0"u8]), StringComparison.Ordinal);
        Assert.Contains("ESX", Refusal([.. "COWD"u8, .. new byte[600]]), StringComparison.Ordinal);

        string Refusal(byte[] bytes) => Assert.Throws<CaissonException>(() => DiskHeader.Read(Write(bytes))).Message;
    }

    [Fact]
    public void A_directory_and_a_missing_file_are_said_to_be_so()
    {
        Assert.Contains("regular file", Assert.Throws<CaissonException>(() => DiskHeader.Read(_home)).Message, StringComparison.Ordinal);
        Assert.Equal(ErrorKind.NotFound, Assert.Throws<CaissonException>(() => DiskHeader.Read($"{_home}/none")).Kind);
    }

    private async Task<string> MakeAsync(string driver, string options, params string[] further)
    {
        string path = $"{_home}/{Guid.NewGuid():n}.{driver}";
        string[] chosen = options.Length > 0 ? ["-o", options] : [];
        await ToolRun.ReadAsync("qemu-img", ["create", "-q", "-f", driver, .. chosen, .. further, path, $"{Size}"], null, TestContext.Current.CancellationToken);
        return path;
    }

    private string Write(byte[] bytes)
    {
        string path = $"{_home}/written";
        File.WriteAllBytes(path, bytes);
        return path;
    }

    private static void Patch(string path, int at, byte[] bytes)
    {
        using FileStream file = File.OpenWrite(path);
        file.Position = at;
        file.Write(bytes);
    }
}
