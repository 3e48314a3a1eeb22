using Xunit;

namespace Caisson.EndToEnd.Tests;

/// <summary>Volumes of real containers.</summary>
public sealed class VolumeTests(Engine engine) : IClassFixture<Engine>
{
    [Theory]
    [InlineData("caisson")]
    [InlineData("docker")]
    public void What_one_container_writes_another_reads(string client)
    {
        engine.SkipUnlessPublished();
        string volume = $"shared-{client}";

        var made = engine.By(client, "volume", "create", "--label", "a=b", volume);
        var write = engine.By(client, "run", "--rm", "--network", "none", "-v", $"{volume}:/data", "busybox", "sh", "-c", "id -u >/data/who; chown 1000 /data/who");
        var read = engine.By(client, "run", "--rm", "--network", "none", "--mount", $"type=volume,src={volume},dst=/other,readonly", "busybox", "sh", "-c", "cat /other/who; stat -c %u /other/who; echo x >/other/x");
        var list = engine.By(client, "volume", "ls", "-q", "--filter", "label=a=b");
        var removed = engine.By(client, "volume", "rm", volume);

        Assert.Equal(new Answer(0, $"{volume}\n", ""), made);
        Assert.True(write.Code == 0, write.ToString());
        Assert.Equal("0\n1000\n", read.Output);
        Assert.Contains("Read-only file system", read.Error, StringComparison.Ordinal);
        Assert.Equal($"{volume}\n", list.Output);
        Assert.Equal(0, removed.Code);
    }

    [Fact]
    public void A_new_volume_has_what_the_image_has_there()
    {
        engine.SkipUnlessPublished();

        var filled = engine.Caisson("run", "--rm", "--network", "none", "-v", "filled:/etc", "busybox", "cat", "/etc/passwd");
        var bare = engine.Caisson("run", "--rm", "--network", "none", "-v", "bare:/bin/extra:nocopy", "-v", "filled:/mnt", "busybox", "sh", "-c", "ls /bin/extra; ls -l /mnt/passwd");
        engine.Caisson("volume", "rm", "filled", "bare");

        Assert.Contains("root:", filled.Output, StringComparison.Ordinal);
        Assert.Contains("root     root", bare.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("caisson")]
    [InlineData("docker")]
    public void Volumes_that_nobody_named_go_with_their_container(string client)
    {
        engine.SkipUnlessPublished();

        var ran = engine.By(client, "run", "--rm", "--network", "none", "-v", "/cache", "busybox", "sh", "-c", "echo x >/cache/x && grep -c ' /cache ' /proc/self/mountinfo");
        string afterRun = engine.Caisson("volume", "ls", "-q").Output;
        engine.By(client, "create", "--name", $"kept-{client}", "--network", "none", "-v", "/cache", "busybox", "true");
        string kept = engine.Caisson("volume", "ls", "-q").Output;
        engine.By(client, "rm", "-v", $"kept-{client}");
        string afterRemoval = engine.Caisson("volume", "ls", "-q").Output;

        Assert.Equal("1\n", ran.Output);
        Assert.DoesNotContain('\n', afterRun.Trim());
        Assert.NotEqual(afterRun, kept);
        Assert.Equal(afterRun, afterRemoval);
    }

    [Fact]
    public void A_volume_is_attached_to_a_running_container_and_is_there_after_a_restart()
    {
        engine.SkipUnlessPublished();
        engine.Caisson("run", "-d", "--name", "attach", "--network", "none", "busybox", "sleep", "1000");
        engine.Caisson("run", "--rm", "--network", "none", "-v", "late:/data", "busybox", "sh", "-c", "mkdir /data/part && echo inside >/data/part/file");

        var attached = engine.Caisson("volume", "attach", "attach", "late:/mnt/deep/data:ro");
        var part = engine.Caisson("volume", "attach", "--subpath", "part", "attach", "late:/part");
        var seen = engine.Caisson("exec", "attach", "sh", "-c", "cat /mnt/deep/data/part/file /part/file; touch /mnt/deep/data/x; echo more >/part/more; stat -c %u /part/more");
        var inUse = engine.Caisson("volume", "rm", "late");
        engine.Kill();
        var afterKill = engine.Caisson("exec", "attach", "cat", "/part/more");
        engine.Caisson("restart", "-t", "0", "attach");
        var afterRestart = engine.Caisson("exec", "attach", "cat", "/mnt/deep/data/part/file");
        var detached = engine.Caisson("volume", "detach", "attach", "/part");
        var gone = engine.Caisson("exec", "attach", "sh", "-c", "ls /part; grep -c ' /part ' /proc/self/mountinfo");
        engine.Caisson("rm", "-f", "attach");
        var removed = engine.Caisson("volume", "rm", "late");

        Assert.True(attached.Code == 0 && part.Code == 0, $"{attached}{part}");
        Assert.Equal("inside\ninside\n0\n", seen.Output);
        Assert.Contains("Read-only file system", seen.Error, StringComparison.Ordinal);
        Assert.Contains("volume is in use", inUse.Error, StringComparison.Ordinal);
        Assert.Equal("more\n", afterKill.Output);
        Assert.Equal("inside\n", afterRestart.Output);
        Assert.True(detached.Code == 0, detached.ToString());
        Assert.Equal("0\n", gone.Output);
        Assert.True(removed.Code == 0, removed.ToString());
    }

    /// <summary>CVE-2017-1002101, CVE-2021-25741: a part that the container itself made a link of.</summary>
    [Fact]
    public void A_part_of_a_volume_never_leads_to_the_host()
    {
        engine.SkipUnlessPublished();
        string canary = engine.NewDirectory("volume-canary");
        File.WriteAllText($"{canary}/secret", "of the host\n");
        engine.Caisson(
            "run", "--rm", "--network", "none", "-v", "hostile:/data", "busybox", "sh", "-c",
            $"ln -s {canary} /data/absolute; ln -s ../../../../../../../..{canary} /data/relative; ln -s /proc/1/root{canary} /data/magic; ln -s / /data/root");

        string[] parts = ["absolute", "relative", "magic", "root"];
        var answers = parts.ToDictionary(part => part, part => engine.Caisson(
            "run", "--rm", "--network", "none", "--mount", $"type=volume,src=hostile,dst=/mnt,volume-subpath={part}", "busybox", "ls", "/mnt"));
        engine.Caisson("volume", "rm", "hostile");

        Assert.All(parts[..3], part => Assert.NotEqual(0, answers[part].Code));
        Assert.Equal("absolute\nmagic\nrelative\nroot\n", answers["root"].Output); // the volume's own root
        Assert.All(answers.Values, answer => Assert.DoesNotContain("secret", answer.Output, StringComparison.Ordinal));
    }

    /// <summary>CVE-2021-30465: the place of a mount is made a link while containers start that share the volume it is in.</summary>
    [Fact]
    public void A_mounts_place_that_is_exchanged_for_a_link_never_leads_to_the_host()
    {
        engine.SkipUnlessPublished();
        string canary = engine.NewDirectory("place-canary");
        engine.Caisson(
            "run", "-d", "--name", "flip", "--network", "none", "-v", "place:/data", "busybox", "sh", "-c",
            $"cd /data; mkdir a; while :; do mv a b 2>/dev/null; ln -s {canary} a 2>/dev/null; rm -f a; mv b a 2>/dev/null; done");

        for (int i = 0; i < 20; i++)
        {
            engine.Caisson("run", "--rm", "--network", "none", "-v", "place:/data", "-v", "inner:/data/a/inner", "busybox", "true");
        }
        engine.Caisson("rm", "-f", "flip");
        engine.Caisson("volume", "rm", "place", "inner");

        Assert.Empty(Directory.EnumerateFileSystemEntries(canary));
        Assert.DoesNotContain(canary, File.ReadAllText("/proc/self/mountinfo"), StringComparison.Ordinal);
    }

    [Fact]
    public void A_snapshot_of_a_running_containers_volume_is_whole_and_comes_back()
    {
        engine.SkipUnlessPublished();
        engine.Caisson(
            "run", "-d", "--name", "writer", "--network", "none", "-v", "pair:/data", "busybox", "sh", "-c",
            "i=0; while :; do i=$((i+1)); echo $i >/data/one; echo $i >/data/two; done");

        var taken = engine.Caisson("volume", "snapshot", "create", "pair", "now");
        var goesOn = engine.Caisson("exec", "writer", "cat", "/data/two");
        var running = engine.Caisson("volume", "snapshot", "restore", "pair", "now");
        engine.Caisson("rm", "-f", "writer");
        var restored = engine.Caisson("volume", "snapshot", "restore", "pair", "now");
        var cloned = engine.Caisson("volume", "clone", "pair", "pair-copy");
        var read = engine.Caisson("run", "--rm", "--network", "none", "-v", "pair-copy:/data", "busybox", "cat", "/data/one", "/data/two");
        engine.Caisson("volume", "rm", "pair", "pair-copy");

        Assert.True(taken.Code == 0, taken.ToString());
        Assert.Contains("made by ", taken.Error, StringComparison.Ordinal);
        Assert.Equal(0, goesOn.Code);
        Assert.Contains("in use by running containers (writer)", running.Error, StringComparison.Ordinal);
        Assert.True(restored.Code == 0, restored.ToString());
        Assert.Equal("pair-copy\n", cloned.Output);
        string[] numbers = read.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(2, numbers.Length);
        Assert.InRange(int.Parse(numbers[0], System.Globalization.CultureInfo.InvariantCulture) - int.Parse(numbers[1], System.Globalization.CultureInfo.InvariantCulture), 0, 1);
    }

    [Fact]
    public void A_volume_with_a_size_is_full_when_it_is_and_leaves_no_device()
    {
        engine.SkipUnlessPublished();
        Assert.SkipUnless(File.Exists("/dev/loop-control") && Engine.Has("mkfs.ext4"), "needs loop devices and mkfs.ext4");

        var made = engine.Caisson("volume", "create", "--opt", "size=8m", "small");
        var full = engine.Caisson("run", "--rm", "--network", "none", "-v", "small:/data", "busybox", "sh", "-c", "dd if=/dev/zero of=/data/much bs=1M count=16; echo kept >/data/note || { rm /data/much; echo kept >/data/note; }");
        var read = engine.Caisson("run", "--rm", "--network", "none", "-v", "small:/data", "busybox", "cat", "/data/note");
        var removed = engine.Caisson("volume", "rm", "small");

        Assert.True(made.Code == 0, made.ToString());
        Assert.Contains("No space left on device", full.Error, StringComparison.Ordinal);
        Assert.Equal("kept\n", read.Output);
        Assert.True(removed.Code == 0, removed.ToString());
        Assert.DoesNotContain(engine.Root, File.ReadAllText("/proc/self/mountinfo"), StringComparison.Ordinal);
    }
}
