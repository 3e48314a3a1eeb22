using Xunit;

namespace Caisson.Cli.Tests.Commands;

/// <summary>What people and scripts read, byte for byte.</summary>
public sealed class OutputTests
{
    private const string Containers = """
        [
          {"Id":"d5e700b1d4cf4823637d4ae07414fc019ff30e4f7dcaf54218df0e117015750c","Names":["/pau"],"Image":"busybox","ImageID":"sha256:4f76","Command":"sleep 1000","Created":1767268740,"Ports":[],"Labels":{},"State":"paused","Status":"Up About a minute (Paused)","NetworkSettings":{"Networks":{"host":{}}},"Mounts":[]},
          {"Id":"53b34fff08c28cb7023026ea734332ad300830155af69566cedad3c6e5e976c3","Names":["/web","/other/alias"],"Image":"sha256:4f7671116f0c8876f136a340a136adf1a19b0ae5740ddbcfc65ef7979bbf6449","ImageID":"sha256:4f76","Command":"sh -c 'echo out; echo err >&2; exit 3'","Created":1767182400,"Ports":[{"IP":"0.0.0.0","PrivatePort":80,"PublicPort":8080,"Type":"tcp"},{"IP":"::","PrivatePort":80,"PublicPort":8080,"Type":"tcp"},{"PrivatePort":443,"Type":"tcp"}],"SizeRw":123456,"SizeRootFs":1984000,"Labels":{"org.tier":"front","a":"b"},"State":"running","Status":"Up 24 hours","NetworkSettings":{"Networks":{"none":{}}},"Mounts":[{"Type":"bind","Source":"/srv/a/very/long/path","Destination":"/a"}]}
        ]
        """;

    private const string Images = """
        [
          {"Id":"sha256:4f7671116f0c8876f136a340a136adf1a19b0ae5740ddbcfc65ef7979bbf6449","RepoTags":["busybox:latest","host:5000/tools/box:1"],"RepoDigests":["busybox@sha256:aa"],"Created":1767182400,"Size":1984000,"SharedSize":-1,"Containers":-1},
          {"Id":"sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff","RepoTags":[],"RepoDigests":[],"Created":1764590400,"Size":250,"Containers":2}
        ]
        """;

    [Theory]
    [InlineData("ps.txt", Containers, "ps", "-a")]
    [InlineData("ps-size-full.txt", Containers, "ps", "-as", "--no-trunc")]
    [InlineData("ps-quiet.txt", Containers, "ps", "-q")]
    [InlineData("ps-json.txt", Containers, "ps", "--format", "json")]
    [InlineData("ps-table.txt", Containers, "ps", "--format", "table {{.Names}}\\t{{.Label \"org.tier\"}}\\t{{.State}}")]
    [InlineData("ps-template.txt", Containers, "container", "ls", "--format", "{{.ID}}: {{.Image}} {{.Mounts}} {{.Labels}}")]
    [InlineData("ps-none.txt", "[]", "ps")]
    [InlineData("images.txt", Images, "images")]
    [InlineData("images-digests.txt", Images, "images", "--digests", "--no-trunc")]
    [InlineData("images-quiet.txt", Images, "image", "ls", "-q")]
    [InlineData("images-json.txt", Images, "images", "--format", "json")]
    [InlineData("inspect.txt", "{\"Id\":\"sha256:4f76\",\"Empty\":[],\"None\":{},\"N\":1.50,\"S\":\"a<b>'\\u00e9\\n\"}", "image", "inspect", "x")]
    [InlineData("history.txt", "[{\"Id\":\"sha256:4f7671116f0c8876\",\"Created\":1767268800,\"CreatedBy\":\"/bin/sh -c #(nop) ADD file:0123456789abcdef0123456789abcdef in / \",\"Size\":1984000,\"Comment\":\"\"},{\"Id\":\"<missing>\",\"Created\":1735732800,\"CreatedBy\":\"x\",\"Size\":0,\"Comment\":\"why\"}]", "history", "x")]
    [InlineData("diff.txt", "[{\"Path\":\"/bin\",\"Kind\":0},{\"Path\":\"/bin/new\",\"Kind\":1},{\"Path\":\"/bin/yes\",\"Kind\":2}]", "diff", "web")]
    [InlineData("top.txt", "{\"Titles\":[\"UID\",\"PID\",\"CMD\"],\"Processes\":[[\"root\",\"10292\",\"sleep 1000\"]]}", "top", "web")]
    [InlineData("stats.txt", "{\"id\":\"9a9a4a53cb207e1affee79ef09e07991d62d86f4cc20d25afc1755880772888a\",\"name\":\"/web\",\"pids_stats\":{\"current\":3},\"cpu_stats\":{\"cpu_usage\":{\"total_usage\":2000000000},\"system_cpu_usage\":20000000000,\"online_cpus\":2},\"precpu_stats\":{\"cpu_usage\":{\"total_usage\":1000000000},\"system_cpu_usage\":10000000000},\"memory_stats\":{\"usage\":1048576,\"limit\":67108864,\"stats\":{\"inactive_file\":524288}},\"networks\":{\"eth0\":{\"rx_bytes\":1500,\"tx_bytes\":0}},\"blkio_stats\":{\"io_service_bytes_recursive\":[{\"op\":\"read\",\"value\":4096},{\"op\":\"Write\",\"value\":8192}]}}", "stats", "--no-stream", "web")]
    [InlineData("events.txt", "{\"Type\":\"container\",\"Action\":\"die\",\"Actor\":{\"ID\":\"53b3\",\"Attributes\":{\"name\":\"web\",\"exitCode\":\"3\"}},\"time\":1767268800,\"timeNano\":1767268800123456789}\n{\"Type\":\"image\",\"Action\":\"tag\",\"Actor\":{\"ID\":\"sha256:00\",\"Attributes\":{}},\"timeNano\":1767268800000000001}\n", "events")]
    [InlineData("load.txt", "{\"status\":\"Loading layer\",\"progressDetail\":{\"current\":1,\"total\":2},\"id\":\"ab\"}\n{\"stream\":\"Loaded image: busybox:latest\\n\"}\n", "load")]
    [InlineData("bootstrap.txt", "{\"status\":\"copying busybox\",\"id\":\"files\"}\n{\"aux\":{\"ID\":\"sha256:4f76\"}}\n", "image", "bootstrap", "busybox", "--include", "a,b")]
    [InlineData("prune.txt", "{\"ContainersDeleted\":[\"53b3\",\"4258\"],\"SpaceReclaimed\":1234567}", "container", "prune", "-f")]
    [InlineData("network-ls.txt", "[{\"Id\":\"9d5e700b1d4cf4823637d4ae07414fc0\",\"Name\":\"front\",\"Driver\":\"bridge\",\"Scope\":\"local\"},{\"Id\":\"1b3b34fff08c28cb7023026ea734332ad\",\"Name\":\"bridge\",\"Driver\":\"bridge\",\"Scope\":\"local\"}]", "network", "ls")]
    [InlineData("volume-ls.txt", "{\"Volumes\":[{\"Name\":\"web\",\"Driver\":\"local\",\"Scope\":\"local\",\"Mountpoint\":\"/r/volumes/web/_data\",\"Labels\":null,\"CreatedAt\":\"2026-01-01T00:00:00Z\"},{\"Name\":\"data\",\"Driver\":\"local\",\"Scope\":\"local\"}],\"Warnings\":null}", "volume", "ls")]
    [InlineData("volume-prune.txt", "{\"VolumesDeleted\":[\"web\"],\"SpaceReclaimed\":1234567}", "volume", "prune", "-a", "-f")]
    [InlineData("volume-snapshots.txt", "[{\"Name\":\"monday\",\"Volume\":\"data\",\"CreatedAt\":\"2026-01-01T00:00:00Z\",\"Method\":\"reflink\",\"Size\":1234567}]", "volume", "snapshot", "ls", "data")]
    [InlineData("network-prune.txt", "{\"NetworksDeleted\":[\"front\"]}", "network", "prune", "-f")]
    public void Lists_and_reports(string golden, string answer, params string[] words)
    {
        using var server = Answering(answer);
        var command = new CommandRunner();

        int exitCode = command.Run(server, words);

        Assert.Equal("", command.Error);
        Assert.Equal(0, exitCode);
        GoldenFile.Match(golden, command.Output);
    }

    [Theory]
    [InlineData("help.txt", "--help")]
    [InlineData("help-run.txt", "run", "--help")]
    [InlineData("help-cp.txt", "help", "cp")]
    [InlineData("help-image.txt", "image")]
    [InlineData("help-volume.txt", "volume")]
    [InlineData("help-volume-clone.txt", "help", "volume", "clone")]
    [InlineData("help-bootstrap.txt", "image", "bootstrap", "--help")]
    public void Help(string golden, params string[] words)
    {
        var command = new CommandRunner();

        Assert.Equal(0, command.Run(server: null, words));
        GoldenFile.Match(golden, command.Output);
    }

    internal static ScriptedServer Answering(string answer) => new(connection =>
    {
        string request = connection.Receive();
        if (request.StartsWith("HEAD /_ping", StringComparison.Ordinal))
        {
            connection.Send("HTTP/1.1 200 OK\r\nApi-Version: 1.43\r\nContent-Length: 0\r\n\r\n");
            connection.Receive();
        }
        connection.Json(answer);
    });
}
