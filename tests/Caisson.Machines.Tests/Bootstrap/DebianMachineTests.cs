using System.Diagnostics;
using System.Text;

using Caisson.Machines.Bootstrap;
using Caisson.Machines.CloudInit;
using Caisson.Machines.Disks;
using Xunit;

namespace Caisson.Machines.Tests.Bootstrap;

/// <summary>Needs the package archive and some minutes, so it runs only when it is asked for.</summary>
public sealed class DebianMachineTests : IDisposable
{
    private readonly string _home = Directory.CreateTempSubdirectory("debian-").FullName;
    private readonly CancellationToken _cancellation = TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_home, recursive: true);

    [Fact(Explicit = true)]
    public async Task A_disk_made_of_packages_starts_under_BIOS_and_UEFI_and_does_what_its_seed_says()
    {
        string disk = Environment.GetEnvironmentVariable("CAISSON_TEST_DEBIAN_DISK") ?? $"{_home}/debian.qcow2";
        if (!File.Exists(disk))
        {
            long start = Stopwatch.GetTimestamp();
            await DebianMachine.MakeAsync(new DebianMachineConfig(), disk, _home, line => TestContext.Current.TestOutputHelper?.WriteLine(line), _cancellation);
            TestContext.Current.TestOutputHelper?.WriteLine($"made in {Stopwatch.GetElapsedTime(start)}, {new FileInfo(disk).Length >> 20} MiB");
        }
        var seed = Seed.Compile(new SeedConfig
        {
            InstanceId = "i-1",
            Hostname = "spruce",
            Password = "correct horse",
            Commands = ["echo first-start-$(hostname)-$(id -nG debian | tr ' ' '-') > /dev/ttyS0"],
        });
        await File.WriteAllBytesAsync($"{_home}/seed.iso", seed.ToDisc(DateTimeOffset.UnixEpoch.AddYears(50)), _cancellation);

        string bios = await BootAsync(disk, "bios", []);
        string uefi = await BootAsync(disk, "uefi", ["-drive", "if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd"]);

        Assert.Contains("first-start-spruce-debian-sudo", bios, StringComparison.Ordinal);
        Assert.Contains("spruce login:", bios, StringComparison.Ordinal);
        Assert.Contains("first-start-spruce-debian-sudo", uefi, StringComparison.Ordinal);
        Assert.True((await DiskImages.CheckAsync(new DiskNode(disk, DiskFormat.Qcow2), null, _cancellation)).IsWhole);
    }

    private async Task<string> BootAsync(string disk, string name, IReadOnlyList<string> firmware)
    {
        string above = $"{_home}/{name}.qcow2";
        await DiskImages.CreateOverlayAsync(above, new DiskNode(disk, DiskFormat.Qcow2), disk, 4L << 30, 0, null, _cancellation);
        string serial = $"{_home}/{name}.log";
        long start = Stopwatch.GetTimestamp();
        using Process qemu = Process.Start("qemu-system-x86_64",
        [
            "-nodefaults", "-no-user-config", "-display", "none", "-machine", "q35", "-cpu", "Nehalem", "-m", "512", "-serial", $"file:{serial}", .. firmware,
            "-drive", $"if=virtio,format=qcow2,file={above}", "-drive", $"if=virtio,format=raw,readonly=on,file={_home}/seed.iso",
            "-netdev", "user,id=n", "-device", "virtio-net-pci,netdev=n,romfile=",
        ]);
        try
        {
            string said = "";
            while (Stopwatch.GetElapsedTime(start) < TimeSpan.FromMinutes(4) && !qemu.HasExited)
            {
                await Task.Delay(200, _cancellation);
                said = File.Exists(serial) ? Encoding.UTF8.GetString(await ReadSharedAsync(serial)) : "";
                if (said.Contains("login:", StringComparison.Ordinal) && said.Contains("first-start-", StringComparison.Ordinal))
                {
                    break;
                }
            }
            TestContext.Current.TestOutputHelper?.WriteLine($"{name}: {Stopwatch.GetElapsedTime(start)}\n{said[^Math.Min(said.Length, 2_000)..]}");
            return said;
        }
        finally
        {
            qemu.Kill();
            await qemu.WaitForExitAsync(CancellationToken.None);
        }
    }

    private static async Task<byte[]> ReadSharedAsync(string path)
    {
        await using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var all = new MemoryStream();
        await file.CopyToAsync(all);
        return all.ToArray();
    }
}
