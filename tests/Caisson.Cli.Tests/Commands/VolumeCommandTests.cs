using Xunit;

namespace Caisson.Cli.Tests.Commands;

/// <summary>What the volume commands and the options of mounts send and print.</summary>
public sealed class VolumeCommandTests
{
    [Theory]
    [InlineData("{}", "volume", "create")]
    [InlineData(
        """{"Name":"data","Driver":"local","DriverOpts":{"type":"tmpfs","o":"size=1m"},"Labels":{"a":"b"}}""",
        "volume", "create", "-d", "local", "-o", "type=tmpfs", "--opt", "o=size=1m", "--label", "a=b", "data")]
    [InlineData("""{"Name":"data"}""", "volume", "create", "--name", "data")]
    [InlineData("""{"Name":"copy","Snapshot":"monday","Labels":{"a":"b"}}""", "volume", "clone", "--snapshot", "monday", "--label", "a=b", "data", "copy")]
    [InlineData("""{"Name":"monday","Live":true}""", "volume", "snapshot", "create", "--live", "data", "monday")]
    [InlineData("POST /v1.43/caisson/volumes/data/snapshots/monday/restore ", "volume", "snapshot", "restore", "data", "monday")]
    [InlineData("DELETE /v1.43/caisson/volumes/data/snapshots/monday ", "volume", "snapshot", "rm", "data", "monday")]
    [InlineData("""{"Volume":"data:/data:ro","Subpath":"site"}""", "volume", "attach", "--subpath", "site", "web", "data:/data:ro")]
    [InlineData("""{"Volume":"/data"}""", "volume", "detach", "web", "/data")]
    [InlineData("DELETE /v1.43/volumes/data?force=1 ", "volume", "rm", "-f", "data")]
    [InlineData(
        """{"Type":"volume","Source":"data","Target":"/data","ReadOnly":true,"VolumeOptions":{"NoCopy":true,"Labels":{"a":"b"},"DriverConfig":{"Name":"local","Options":{"size":"1g"}},"Subpath":"site"}}""",
        "create", "--mount", "type=volume,src=data,dst=/data,volume-nocopy,readonly,volume-label=a=b,volume-driver=local,volume-opt=size=1g,volume-subpath=site", "busybox")]
    [InlineData(
        """{"Type":"bind","Source":"/a","Target":"/b","ReadOnly":true,"BindOptions":{"Propagation":"rslave","ReadOnlyNonRecursive":true,"IdMap":"uids=1000-0-1;gids=100-0-1"}}""",
        "create", "--mount", "type=bind,src=/a,dst=/b,ro,bind-propagation=rslave,bind-recursive=writable,idmap=uids=1000-0-1;gids=100-0-1", "busybox")]
    [InlineData("\"Volumes\":{\"/cache\":{}}", "create", "-v", "/cache", "busybox")]
    [InlineData("\"Binds\":[\"data:/data:nocopy\"]", "create", "-v", "data:/data:nocopy", "busybox")]
    [InlineData("\"VolumesFrom\":[\"web:ro\"]", "create", "--volumes-from", "web:ro", "busybox")]
    public void The_engine_is_sent_what_was_asked_for(string body, params string[] words)
    {
        using var server = OutputTests.Answering("{\"Id\":\"53b3\",\"Name\":\"data\",\"Method\":\"reflink\",\"Warnings\":[]}");
        var command = new CommandRunner();

        int exitCode = command.Run(server, words);

        Assert.True(exitCode == 0, command.Error);
        Assert.Contains(body, server.Requests[^1], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("type=bind,src=/a,dst=/b,volume-nocopy", "cannot mix 'volume-*' options with mount type 'bind'")]
    [InlineData("type=volume,src=a,dst=/b,bind-propagation=rslave", "cannot mix 'bind-*' options")]
    [InlineData("type=volume,src=a,dst=/b,tmpfs-size=1m", "cannot mix 'tmpfs-*' options with mount type 'volume'")]
    [InlineData("type=bind,src=/a,dst=/b,bind-recursive=readonly", "requires 'readonly'")]
    [InlineData("type=bind,src=/a,dst=/b,bind-recursive=sometimes", "invalid value for bind-recursive: sometimes")]
    [InlineData("type=volume,src=a,dst=/b,volume-subpath", "needs a value")]
    public void What_does_not_go_together_is_refused(string mount, string complaint)
    {
        var command = new CommandRunner();

        int exitCode = command.Run("create", "--mount", mount, "busybox");

        Assert.Equal(125, exitCode);
        Assert.Contains(complaint, command.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_clone_says_how_it_was_made()
    {
        using var server = OutputTests.Answering("{\"Volume\":{\"Name\":\"copy\"},\"Method\":\"reflink\"}");
        var command = new CommandRunner();

        command.Run(server, "volume", "clone", "data", "copy");

        Assert.Equal(("copy\n", "made by reflink\n"), (command.Output, command.Error));
    }
}
