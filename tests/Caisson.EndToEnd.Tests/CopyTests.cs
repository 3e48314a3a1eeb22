using Xunit;

namespace Caisson.EndToEnd.Tests;

/// <summary>Files into and out of containers, with each of the two command lines.</summary>
public sealed class CopyTests(Engine engine) : IClassFixture<Engine>
{
    // What goes in belongs to root, as the manual of cp has it; docker's command line sends the owners of the host and so keeps them.
    [Theory]
    [InlineData("caisson", true, "0:0")]
    [InlineData("caisson", false, "0:0")]
    [InlineData("docker", true, "1000:1001")]
    [InlineData("docker", false, "1000:1001")]
    public void A_tree_goes_in_and_comes_out_with_owners_modes_and_times(string client, bool running, string owner)
    {
        string name = $"copy-{client}-{running}";
        engine.SkipUnlessPublished();
        string here = engine.NewDirectory(name);
        Directory.CreateDirectory($"{here}/in/sub");
        File.WriteAllText($"{here}/in/sub/file", "content\n");
        File.SetUnixFileMode($"{here}/in/sub/file", (UnixFileMode)0x1A0); // 0640
        File.SetLastWriteTimeUtc($"{here}/in/sub/file", new DateTime(2001, 2, 3, 4, 5, 6, DateTimeKind.Utc));
        File.CreateSymbolicLink($"{here}/in/link", "sub/file");
        engine.Host("chown", "1000:1001", $"{here}/in/sub/file");
        Assert.Equal(0, engine.By(client, "create", "--name", name, "--network", "none", "busybox", "sleep", "1000").Code);
        if (running)
        {
            Assert.Equal(0, engine.By(client, "start", name).Code);
        }

        var into = engine.By(client, "cp", $"{here}/in", $"{name}:/tmp/there");
        var back = engine.By(client, "cp", $"{name}:/tmp/there", $"{here}/out");
        engine.By(client, "start", name);
        var inside = engine.By(client, "exec", name, "sh", "-c", "cd /tmp/there && stat -c '%u:%g %a %Y %n' sub/file && cat link && echo more >>sub/file && rm link");
        engine.By(client, "rm", "-f", name);

        Assert.True(into.Code == 0, into.ToString());
        Assert.True(back.Code == 0, back.ToString());
        Assert.Equal(new Answer(0, owner + " 640 981173106 sub/file\ncontent\n", ""), inside);
        Assert.Equal("content\n", File.ReadAllText($"{here}/out/link"));
        Assert.Equal("sub/file", new FileInfo($"{here}/out/link").LinkTarget);
    }

    [Fact]
    public void A_running_containers_volumes_and_temporary_directories_are_where_it_has_them()
    {
        engine.SkipUnlessPublished();
        string here = engine.NewDirectory("copy-volumes");
        string shared = Directory.CreateDirectory($"{here}/shared").FullName;
        File.WriteAllText($"{here}/file", "content\n");
        engine.Caisson("run", "-d", "--name", "volumes", "--network", "none", "--read-only", "-v", $"{shared}:/data", "-v", $"{shared}:/fixed:ro", "--tmpfs", "/scratch", "busybox", "sleep", "1000");

        var data = engine.Caisson("cp", $"{here}/file", "volumes:/data/file");
        var scratch = engine.Caisson("cp", $"{here}/file", "volumes:/scratch/file");
        var fixedOne = engine.Caisson("cp", $"{here}/file", "volumes:/fixed/other");
        var root = engine.Caisson("cp", $"{here}/file", "volumes:/etc/file");
        var inside = engine.Caisson("exec", "volumes", "cat", "/data/file", "/scratch/file");
        engine.Caisson("rm", "-f", "volumes");

        Assert.Equal(new Answer(0, "content\ncontent\n", ""), inside);
        Assert.True(data.Code == 0 && scratch.Code == 0, $"{data}{scratch}");
        Assert.Equal("content\n", File.ReadAllText($"{shared}/file"));
        Assert.Contains("read-only", fixedOne.Error, StringComparison.Ordinal);
        Assert.Contains("read-only", root.Error, StringComparison.Ordinal);
        Assert.False(File.Exists($"{shared}/other"));
    }

    [Fact]
    public void Links_in_a_running_container_lead_nowhere_but_into_it()
    {
        engine.SkipUnlessPublished();
        string here = engine.NewDirectory("copy-links");
        string target = Directory.CreateDirectory($"{here}/target").FullName;
        File.WriteAllText($"{here}/file", "content\n");
        engine.Caisson("run", "-d", "--name", "links", "--network", "none", "busybox", "sh", "-c", $"ln -s {target} /tmp/absolute; ln -s ../../../../../../..{target} /tmp/up; ln -s /proc/1/root{target} /tmp/magic; sleep 1000");

        foreach (string link in (string[])["absolute", "up", "magic"])
        {
            engine.Caisson("cp", $"{here}/file", $"links:/tmp/{link}/file");
            engine.Caisson("cp", $"{here}/file", $"links:/tmp/{link}");
        }
        var lives = engine.Caisson("exec", "links", "true");
        engine.Caisson("rm", "-f", "links");

        Assert.Equal(0, lives.Code);
        Assert.Empty(Directory.EnumerateFileSystemEntries(target));
    }
}
