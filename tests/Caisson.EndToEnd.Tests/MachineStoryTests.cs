using Xunit;

namespace Caisson.EndToEnd.Tests;

/// <summary>A Debian machine's life, told by the command line alone: each sentence of it is a line here.</summary>
public sealed class MachineStoryTests(Engine engine) : IClassFixture<Engine>
{
    /// <summary>Where processors are emulated, one that the kernel in the machine trusts starts it faster.</summary>
    private const string Processor = "Nehalem-v1,+rdrand,vendor=AuthenticAMD";

    /// <summary>Writes to memory and to the disk as long as the machine runs.</summary>
    private const string Load = "systemd-run -q --unit load sh -c \"while :; do dd if=/dev/urandom of=/dev/shm/load bs=1M count=16 status=none; cp /dev/shm/load /var/tmp/load; date +%s > /var/tmp/beat; done\"";

    [Fact]
    public void A_Debian_machine_is_made_broken_reverted_cloned_encrypted_resized_backed_up_moved_exported_and_imported()
    {
        Assert.SkipUnless(Environment.GetEnvironmentVariable("CAISSON_TEST_STORY") is "1", "takes ten minutes where processors are emulated: set CAISSON_TEST_STORY=1");
        using var lab = new MachineLab(engine);
        string work = engine.NewDirectory("story");

        // Created, and ssh'd into.
        lab.Create("deb", "-m", "256m", "--memory-max", "384m", "--cpus", "1", "--cpus-max", "2", "--cpu-model", Processor, "--start");
        lab.Shell("deb", "echo one > /root/chapter; echo kept > /run/memory; sync");

        // Snapshotted, broken, reverted: with what was in memory.
        lab.Caisson("machine", "snapshot", "deb", "good");
        lab.Shell("deb", "echo two > /root/chapter; rm -rf /usr/sbin/sshd /usr/lib/x86_64-linux-gnu/libc.so.6; sync || true");
        Assert.NotEqual(0, lab.TryShell(engine, "deb", "true").Code);
        lab.Caisson("machine", "restore", "deb", "good");
        Assert.Equal("one kept", lab.Shell("deb", "echo $(cat /root/chapter /run/memory)"));

        // Cloned, while it runs: another machine, with an identity of its own.
        lab.Caisson("machine", "clone", "--start", "deb", lab.Named("twin"));
        Assert.Equal("one", lab.Shell("twin", "cat /root/chapter"));
        Assert.NotEqual(lab.Shell("deb", "cat /sys/class/dmi/id/product_uuid"), lab.Shell("twin", "cat /sys/class/dmi/id/product_uuid"));
        lab.Caisson("machine", "delete", "-f", "twin");

        // Encrypted: its passphrase is on no command line and in no answer but the one that is asked for it.
        lab.Caisson("machine", "snapshot", "--delete", "deb", "good");
        lab.Caisson("machine", "stop", "deb");
        lab.Caisson("machine", "set", "--encrypt", "yes", "deb");
        lab.Caisson("machine", "start", "deb");
        Assert.Equal("one", lab.Shell("deb", "cat /root/chapter"));
        string passphrase = lab.Caisson("machine", "passphrase", "deb");
        Assert.True(passphrase.Length > 40);
        Assert.DoesNotContain(passphrase, File.ReadAllText($"/proc/{lab.Info("deb", "{{.Pid}}")}/cmdline"), StringComparison.Ordinal);
        Assert.DoesNotContain(passphrase, lab.Caisson("machine", "info", "--format", "json", "deb"), StringComparison.Ordinal);
        Assert.DoesNotContain(passphrase, lab.Caisson("machine", "explain", "deb"), StringComparison.Ordinal);
        Assert.Contains("encrypted: yes", engine.Host("qemu-img", "info", "-U", DiskOf(lab, "deb")).Output, StringComparison.Ordinal);
        lab.Shell("deb", "echo secret > /run/memory");
        lab.Caisson("machine", "snapshot", "deb", "sealed");
        lab.Shell("deb", "rm /root/chapter /run/memory");
        lab.Caisson("machine", "restore", "deb", "sealed");
        Assert.Equal("one secret", lab.Shell("deb", "echo $(cat /root/chapter /run/memory)"));
        lab.Caisson("machine", "snapshot", "--delete", "deb", "sealed");

        // Resized, while it runs.
        long memory = long.Parse(lab.Shell("deb", "awk /MemTotal/{print\\$2} /proc/meminfo"), System.Globalization.CultureInfo.InvariantCulture);
        lab.Caisson("machine", "set", "--disk-size", "disk0=4g", "--memory", "384m", "--cpus", "2", "deb");
        Assert.Equal("8388608", lab.Shell("deb", "cat /sys/class/block/$(basename $(readlink /dev/disk/by-id/virtio-disk0))/size"));
        lab.Shell("deb", "for one in /sys/devices/system/cpu/cpu*/online /sys/devices/system/memory/memory*/online; do echo 1 > $one 2> /dev/null || true; done");
        Assert.Equal("2", lab.Shell("deb", "nproc"));
        Assert.True(long.Parse(lab.Shell("deb", "awk /MemTotal/{print\\$2} /proc/meminfo"), System.Globalization.CultureInfo.InvariantCulture) > memory + 90_000);

        // Limited, while it runs.
        lab.Caisson("machine", "set", "--disk-rate", "disk0=bps-write:4m", "deb");
        Assert.True(double.Parse(lab.Shell("deb", "s=$(date +%s); dd if=/dev/zero of=/var/tmp/slow bs=1M count=24 oflag=direct status=none; e=$(date +%s); rm /var/tmp/slow; echo $((e-s))"), System.Globalization.CultureInfo.InvariantCulture) >= 4);
        lab.Caisson("machine", "set", "--disk-rate", "disk0=", "deb");

        // Backed up: all of it, then what has changed; and recovered, still encrypted.
        lab.Caisson("machine", "backup", "deb", $"{work}/backup");
        lab.Shell("deb", "echo two > /root/chapter; sync");
        lab.Caisson("machine", "backup", "deb", $"{work}/backup");
        Assert.Equal(2, Directory.GetFiles($"{work}/backup", "*.qcow2").Length);
        lab.Caisson("machine", "recover", "--verify", $"{work}/backup");
        lab.Caisson("machine", "recover", "--name", lab.Named("again"), $"{work}/backup");
        Assert.Equal(passphrase, lab.Caisson("machine", "passphrase", "again"));
        lab.Caisson("machine", "start", "again");
        Assert.Equal("two", lab.Shell("again", "cat /root/chapter"));
        lab.Caisson("machine", "delete", "-f", "again");

        // Migrated under load to an engine in another network, where it goes on.
        using Engine other = Engine.InOwnNetwork();
        try
        {
            lab.Shell("deb", Load);
            string boot = lab.Shell("deb", "cat /proc/sys/kernel/random/boot_id");
            lab.Caisson("machine", "migrate", "deb", $"unix://{other.Run}/docker.sock");
            Assert.Equal(1, engine.Caisson("machine", "info", "deb").Code);
            Assert.Equal(boot, lab.Shell(other, "deb", "cat /proc/sys/kernel/random/boot_id"));
            long beat = long.Parse(lab.Shell(other, "deb", "sleep 4; cat /var/tmp/beat"), System.Globalization.CultureInfo.InvariantCulture);
            Assert.True(beat >= long.Parse(lab.Shell(other, "deb", "date +%s"), System.Globalization.CultureInfo.InvariantCulture) - 60);
            lab.Shell(other, "deb", "systemctl stop load; rm /dev/shm/load /var/tmp/load; fstrim / || true; dmesg | grep -c -i ext4-fs.error || true");
            Assert.Equal(passphrase, MachineLab.Caisson(other, "machine", "passphrase", "deb"));

            // Exported: readable only when that is said.
            MachineLab.Caisson(other, "machine", "stop", "deb");
            Assert.Contains("--decrypt", other.Caisson("machine", "export", "-o", $"{work}/deb.ova", "deb").Error, StringComparison.Ordinal);
            MachineLab.Caisson(other, "machine", "export", "--decrypt", "-o", $"{work}/deb.ova", "deb");
        }
        finally
        {
            other.Caisson("machine", "delete", "-f", "deb");
        }

        // Imported, started and answering.
        lab.Caisson("machine", "import", "--name", lab.Named("home"), $"{work}/deb.ova");
        lab.Caisson("machine", "start", "home");
        Assert.Equal("two", lab.Shell("home", "cat /root/chapter"));

        // Stopped when the clock says so.
        lab.Caisson("machine", "set", "--schedule", "stop @every 2s", "home");
        Assert.True(SpinWait.SpinUntil(() => lab.Info("home", "{{.State}}") == "stopped", TimeSpan.FromMinutes(3)));
    }

    private string DiskOf(MachineLab lab, string name) => $"{engine.Root}/machines/{lab.Info(name, "{{.Id}}")}/disks/disk0.qcow2";
}
