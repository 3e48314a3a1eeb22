using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

using Caisson.Errors;
using Caisson.Linux;
using Caisson.Machines.Kernels;
using Xunit;

namespace Caisson.Machines.Tests;

public sealed class KernelTests : IDisposable
{
    private readonly string _home = Directory.CreateTempSubdirectory("kernels-").FullName;

    public void Dispose() => Directory.Delete(_home, recursive: true);

    [Fact]
    public void A_kernel_packed_by_gzip_is_unpacked()
    {
        byte[] elf = Elf();
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            gzip.Write(elf);
        }

        Assert.Equal(elf, BzImage.Unpack(Image(packed.ToArray())));
    }

    [Fact]
    public void A_kernel_packed_by_LZ4_is_unpacked()
    {
        byte[] elf = Elf();
        // One block of literals, and the size that the kernel's build puts behind.
        byte[] block = [0xf0, .. Lengths(elf.Length - 15), .. elf];
        byte[] packed = [0x02, 0x21, 0x4c, 0x18, .. BitConverter.GetBytes(block.Length), .. block, .. BitConverter.GetBytes(elf.Length)];

        Assert.Equal(elf, BzImage.Unpack(Image(packed)));
    }

    [Fact]
    public void Matches_of_LZ4_may_overlap_what_they_make()
    {
        // "ab", then twelve bytes from two before: abababababab…
        byte[] block = [0x28, (byte)'a', (byte)'b', 2, 0, 0x10, (byte)'!'];
        byte[] packed = [0x02, 0x21, 0x4c, 0x18, .. BitConverter.GetBytes(block.Length), .. block];

        Assert.Equal("abababababab" + "ab!", Encoding.ASCII.GetString(Lz4Legacy.Unpack(packed, 100)));
    }

    [Fact]
    public void Damaged_LZ4_is_refused_and_never_more()
    {
        var random = new Random(7);
        for (int i = 0; i < 2_000; i++)
        {
            byte[] packed = new byte[4 + random.Next(64)];
            random.NextBytes(packed);
            if (packed.Length >= 8)
            {
                BinaryPrimitives.WriteInt32LittleEndian(packed.AsSpan(4), Math.Max(0, packed.Length - 8));
            }
            try
            {
                _ = Lz4Legacy.Unpack(packed, 1 << 20);
            }
            catch (InvalidDataException)
            {
                // The one thing that may come of it.
            }
        }
    }

    [Theory]
    [InlineData(new byte[0], "boot header")]
    [InlineData(new byte[] { 0x7f, (byte)'E', (byte)'L', (byte)'F', 1, 1, 1 }, "x86-64")]
    public void What_is_no_kernel_is_refused(byte[] image, string because)
    {
        var error = Assert.Throws<CaissonException>(() => BzImage.Unpack(image));

        Assert.Contains(because, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Modules_come_after_those_they_need()
    {
        Dictionary<string, string> modules = new() { ["blk"] = "virtio,ring", ["virtio"] = "ring", ["ring"] = "" };

        var order = ModuleOrder.Resolve(["blk", "built_in"], name => modules.TryGetValue(name, out string? needs) ? Module(needs) : null);

        Assert.Equal(["ring", "virtio", "blk"], order);
    }

    [Fact]
    public void A_kernel_is_kept_with_what_it_loads_and_can_be_removed()
    {
        var store = Store();
        Directory.CreateDirectory($"{_home}/modules/kernel");
        foreach (string name in (string[])["virtio_mmio", "virtio_console", "virtio_blk", "erofs", "overlay", "virtio_net", "unwanted"])
        {
            File.WriteAllBytes($"{_home}/modules/kernel/{name}.ko", Module(""));
        }
        File.WriteAllText($"{_home}/caisson-init", "init");

        MachineKernel kernel = store.Add(Elf(), "6.1.0-test", "a test", $"{_home}/modules");
        string initrd = store.RequireInitrd(kernel);

        Assert.Equal(["virtio_mmio", "virtio_console", "virtio_blk", "erofs", "overlay"], kernel.BootModules);
        Assert.Equal(["virtio_net"], kernel.NetworkModules);
        Assert.Equal("6.1.0-test", store.RequireDefault().Release);
        Assert.Equal(initrd, store.RequireInitrd(kernel));
        byte[] archive = File.ReadAllBytes(initrd);
        Assert.StartsWith("070701", Encoding.ASCII.GetString(archive, 0, 6), StringComparison.Ordinal);
        Assert.Contains("modules/overlay", Encoding.Latin1.GetString(archive), StringComparison.Ordinal);
        Assert.DoesNotContain("unwanted", Encoding.Latin1.GetString(archive), StringComparison.Ordinal);
        store.Remove("6.1.0-test");
        Assert.Empty(store.List());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_kernel_of_arm64_is_kept_beside_the_others_and_boots_machines_of_arm64_alone(bool isPacked)
    {
        var store = Store();
        File.WriteAllText($"{_home}/caisson-init", "init");
        byte[] image = new byte[4_096];
        "ARMd"u8.CopyTo(image.AsSpan(56));
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            gzip.Write(image);
        }

        store.Add(Elf(), "6.1.0-amd64", "a test", $"{_home}/modules");
        MachineKernel kernel = store.Add(isPacked ? packed.ToArray() : image, "6.1.0-arm64", "a test", $"{_home}/modules");

        Assert.Equal("arm64", kernel.Architecture);
        Assert.Equal(image, File.ReadAllBytes(store.KernelPath(kernel)));
        Assert.Equal("6.1.0-arm64", store.RequireDefault(KernelArchitecture.Arm64).Release);
        Assert.Equal("6.1.0-amd64", store.RequireDefault(KernelArchitecture.X64).Release);
        string initrd = Encoding.Latin1.GetString(File.ReadAllBytes(store.RequireInitrd(kernel)));
        int elf = initrd.IndexOf("\u007fELF", StringComparison.Ordinal);
        Assert.Equal(183, initrd[elf + 18]); // EM_AARCH64
        Assert.Contains("/dev/vport0p1", initrd, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_a_kernel_of_arm64_the_command_names_the_architecture()
    {
        var store = Store();
        store.Add(Elf(), "6.1.0-amd64", "a test", $"{_home}/modules");

        var error = Assert.Throws<CaissonException>(() => store.RequireDefault(KernelArchitecture.Arm64));

        Assert.Contains("caisson kernel install --arch arm64", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_a_kernel_the_command_that_gets_one_is_named()
    {
        var error = Assert.Throws<CaissonException>(() => Store().RequireDefault());

        Assert.Equal(ErrorKind.FailedPrecondition, error.Kind);
        Assert.Contains("caisson kernel install", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("../x")]
    [InlineData(".hidden")]
    [InlineData("a/b")]
    [InlineData("")]
    public void A_release_that_is_a_path_is_refused(string release) =>
        Assert.Equal(ErrorKind.InvalidArgument, Assert.Throws<CaissonException>(() => Store().Remove(release)).Kind);

    private KernelStore Store() => new($"{_home}/root", $"{_home}/caisson-init");

    private static byte[] Elf()
    {
        byte[] elf = new byte[5_000];
        new Random(3).NextBytes(elf);
        "\x7f"u8.CopyTo(elf);
        "ELF"u8.CopyTo(elf.AsSpan(1));
        BinaryPrimitives.WriteUInt16LittleEndian(elf.AsSpan(18), 62);
        return elf;
    }

    private static byte[] Image(byte[] payload)
    {
        byte[] image = new byte[0x400 + payload.Length];
        image[0x1f1] = 1;
        "HdrS"u8.CopyTo(image.AsSpan(0x202));
        BinaryPrimitives.WriteUInt16LittleEndian(image.AsSpan(0x206), 0x20f);
        BinaryPrimitives.WriteInt32LittleEndian(image.AsSpan(0x24c), payload.Length);
        payload.CopyTo(image, 0x400);
        return image;
    }

    private static IEnumerable<byte> Lengths(int rest)
    {
        for (; rest >= 255; rest -= 255)
        {
            yield return 255;
        }
        yield return (byte)rest;
    }

    private static byte[] Module(string needs) => Encoding.ASCII.GetBytes($"ELF\0license=GPL\0depends={needs}\0name=x\0");
}
