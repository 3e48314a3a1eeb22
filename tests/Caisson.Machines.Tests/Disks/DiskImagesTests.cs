using System.Security.Cryptography;

using Caisson.Errors;
using Caisson.Linux.Processes;
using Caisson.Machines.Disks;
using Xunit;

namespace Caisson.Machines.Tests.Disks;

public sealed class DiskImagesTests : IDisposable
{
    private const long Size = 24L << 20;

    private readonly string _home = Directory.CreateTempSubdirectory("disks-").FullName;
    private readonly CancellationToken _cancellation = TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_home, recursive: true);

    [Theory]
    [InlineData(DiskFormat.Qcow2, false, false)]
    [InlineData(DiskFormat.Qcow2, true, false)]
    [InlineData(DiskFormat.Vmdk, false, false)]
    [InlineData(DiskFormat.Vmdk, true, false)]
    [InlineData(DiskFormat.Vhd, false, false)]
    [InlineData(DiskFormat.Vhd, false, true)]
    [InlineData(DiskFormat.Vhdx, false, false)]
    [InlineData(DiskFormat.Vhdx, false, true)]
    public async Task A_disk_survives_the_way_to_another_format_and_back(DiskFormat format, bool isCompressed, bool isFixed)
    {
        string raw = Content();
        var there = new DiskNode($"{_home}/there", format);
        List<double> parts = [];

        await DiskImages.ConvertAsync(
            new DiskNode(raw, DiskFormat.Raw), there.Path, new DiskConversion { Format = format, IsCompressed = isCompressed, IsFixed = isFixed, Owner = 1_234 }, new Parts(parts), _cancellation);
        DiskCheck check = await DiskImages.CheckAsync(there, null, _cancellation);
        await DiskImages.ConvertAsync(there, $"{_home}/back", new DiskConversion { Format = DiskFormat.Raw }, null, _cancellation);

        Assert.Equal(Size, DiskHeader.Read(there.Path, format).VirtualBytes);
        Assert.Equal(Digest(raw), Digest($"{_home}/back"));
        Assert.True(check.IsWhole);
        Assert.Equal(1, parts[^1]);
        Assert.Equal("1234:1234 600", (await ToolRun.ReadAsync("stat", ["-c", "%u:%g %a", there.Path], null, _cancellation)).Trim());
        Assert.Equal(["back", "content", "there"], Directory.GetFiles(_home).Select(Path.GetFileName).Order());
    }

    [Fact]
    public async Task A_disk_over_another_is_whole_when_it_is_written_anew()
    {
        var below = new DiskNode(Content(), DiskFormat.Raw);
        var above = new DiskNode($"{_home}/above", DiskFormat.Qcow2) { Backing = below };
        await DiskImages.CreateOverlayAsync(above.Path, below, "content", Size * 2, 0, null, _cancellation);

        await DiskImages.ConvertAsync(above, $"{_home}/flat", new DiskConversion { Format = DiskFormat.Raw }, null, _cancellation);

        Assert.Equal(("content", "raw"), (DiskHeader.Read(above.Path).Backing, DiskHeader.Read(above.Path).BackingFormat));
        byte[] flat = await File.ReadAllBytesAsync($"{_home}/flat", _cancellation);
        Assert.Equal(Size * 2, flat.Length);
        Assert.Equal(await File.ReadAllBytesAsync(below.Path, _cancellation), flat[..(int)Size]);
    }

    [Theory]
    [InlineData(DiskFormat.Qcow2)]
    [InlineData(DiskFormat.Raw)]
    public async Task An_encrypted_disk_opens_with_its_passphrase_alone(DiskFormat format)
    {
        var plain = new DiskNode(Content(), DiskFormat.Raw);
        var secret = new DiskNode($"{_home}/secret", format == DiskFormat.Raw ? DiskFormat.Luks : format) { IsEncrypted = true };

        await DiskImages.ConvertAsync(plain, secret.Path, new DiskConversion { Format = format, Passphrase = "correct, horse=\"battery\"" }, null, _cancellation);
        await DiskImages.ConvertAsync(secret, $"{_home}/open", new DiskConversion { Format = DiskFormat.Raw, SourcePassphrase = "correct, horse=\"battery\"" }, null, _cancellation);
        var error = await Assert.ThrowsAsync<CaissonException>(() =>
            DiskImages.ConvertAsync(secret, $"{_home}/wrong", new DiskConversion { Format = DiskFormat.Raw, SourcePassphrase = "wrong" }, null, _cancellation));

        Assert.Equal("luks", DiskHeader.Read(secret.Path).Encryption);
        Assert.Equal(Digest(plain.Path), Digest($"{_home}/open"));
        Assert.Equal($"write the disk {secret.Path} as raw: the passphrase is wrong", error.Message);
        Assert.False(File.Exists($"{_home}/wrong"));
    }

    [Theory]
    [InlineData(DiskFormat.Qcow2)]
    [InlineData(DiskFormat.Raw)]
    public async Task A_disk_grows_and_is_not_made_smaller(DiskFormat format)
    {
        var disk = new DiskNode($"{_home}/disk", format);
        await DiskImages.CreateAsync(disk.Path, format, Size, 0, null, _cancellation);

        await DiskImages.ResizeAsync(disk, Size * 3, null, _cancellation);
        var error = await Assert.ThrowsAsync<CaissonException>(() => DiskImages.ResizeAsync(disk, Size, null, _cancellation));

        Assert.Equal(Size * 3, DiskHeader.Read(disk.Path, format).VirtualBytes);
        Assert.Contains("not made smaller", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_program_reaches_no_file_but_those_it_was_given()
    {
        // Behind the back of our own reader: the header names a file of this host, and the program is asked to believe it.
        string canary = $"{_home}/canary";
        await File.WriteAllBytesAsync(canary, new byte[1 << 20], _cancellation);
        string hostile = $"{_home}/hostile";
        await ToolRun.ReadAsync("qemu-img", ["create", "-q", "-f", "qcow2", "-b", canary, "-F", "raw", hostile], null, _cancellation);
        var tool = new DiskTool();

        var error = await Assert.ThrowsAsync<CaissonException>(() => tool.Add("-f", "qcow2", "--backing-chain", tool.Give(hostile, false)).RunAsync("info", "look", null, _cancellation));

        Assert.Contains("No such file", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_takes_too_long_or_too_much_is_ended()
    {
        string raw = Content();
        var slow = new DiskTool { TimeMax = TimeSpan.Zero, WrittenBytesMax = Size * 2 };
        File.WriteAllBytes($"{_home}/target", []);
        var large = new DiskTool { WrittenBytesMax = 1 << 20 };

        var late = await Assert.ThrowsAsync<CaissonException>(() =>
            slow.Add("-f", "raw", "-O", "raw", slow.Give(raw, false), slow.Give($"{_home}/target", true)).RunAsync("convert", "copy", null, _cancellation));
        var full = await Assert.ThrowsAsync<CaissonException>(() =>
            large.Add("-f", "raw", "-O", "qcow2", large.Give(raw, false), large.Give($"{_home}/target", true)).RunAsync("convert", "copy", null, _cancellation));

        Assert.Equal((ErrorKind.ResourceExhausted, ErrorKind.ResourceExhausted), (late.Kind, full.Kind));
        Assert.Contains("would be larger", full.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_cancelled_conversion_leaves_nothing()
    {
        string raw = Content();
        using var source = new CancellationTokenSource();
        await source.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            DiskImages.ConvertAsync(new DiskNode(raw, DiskFormat.Raw), $"{_home}/never", new DiskConversion { Format = DiskFormat.Qcow2 }, null, source.Token));

        Assert.Equal([raw], Directory.GetFiles(_home));
    }

    [Fact]
    public async Task A_damaged_disk_is_found_by_a_check()
    {
        var disk = new DiskNode($"{_home}/disk", DiskFormat.Qcow2);
        await DiskImages.ConvertAsync(new DiskNode(Content(), DiskFormat.Raw), disk.Path, new DiskConversion { Format = DiskFormat.Qcow2 }, null, _cancellation);
        using (FileStream file = File.OpenWrite(disk.Path))
        {
            file.Position = 128 << 10; // the first block of counters
            file.Write(new byte[4_096]);
        }

        Assert.False((await DiskImages.CheckAsync(disk, null, _cancellation)).IsWhole);
    }

    private string Content()
    {
        string path = $"{_home}/content";
        byte[] bytes = new byte[Size];
        var random = new Random(5);
        random.NextBytes(bytes.AsSpan(1 << 20, 3 << 20));
        random.NextBytes(bytes.AsSpan((int)Size - 4_096));
        File.WriteAllBytes(path, bytes);
        return path;
    }

    private static string Digest(string path)
    {
        using FileStream file = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(file));
    }

    private sealed class Parts(List<double> parts) : IProgress<double>
    {
        public void Report(double value) => parts.Add(value);
    }
}
