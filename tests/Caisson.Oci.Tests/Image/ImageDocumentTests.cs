using System.Text;

using Caisson.Errors;

using Xunit;

namespace Caisson.Oci.Tests.Image;

public sealed class ImageDocumentTests
{
    private const string D = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    private const string Config = $$"""{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{{D}}","size":7}""";

    [Fact]
    public void A_manifest_is_read_and_written_alike()
    {
        string json = $$"""{"schemaVersion":2,"mediaType":"{{MediaTypes.ImageManifest}}","config":{{Config}},"layers":[{{Config}}]}""";

        ImageManifest manifest = ImageManifest.Parse(Encoding.UTF8.GetBytes(json), MediaTypes.ImageManifest, "m");

        Assert.Equal(7, manifest.Config.Size);
        Assert.Equal(json, Encoding.UTF8.GetString(manifest.ToBytes()));
    }

    [Theory]
    [InlineData("""{"schemaVersion":2,"config":CONFIG,"layers":[],"layers":[]}""", "twice")]
    [InlineData("""{"schemaVersion":2,"config":CONFIG,"layers":[],"Layers":[]}""", "spells it")]
    [InlineData("""{"schemaVersion":2,"config":CONFIG,"layers":[],"annotations":{"a":"1","a":"2"}}""", "twice")]
    [InlineData("""{"schemaVersion":2,"config":CONFIG,"layers":[],"\u006cayers":[]}""", "twice")]
    [InlineData("""{"schemaVersion":2,"config":CONFIG,"layers":[],"manifests":[]}""", "two things")]
    [InlineData("""{"schemaVersion":2,"config":CONFIG,"layers":[],"fsLayers":[]}""", "two things")]
    [InlineData("""{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","config":CONFIG,"layers":[]}""", "calls itself")]
    [InlineData("""{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json","config":CONFIG,"layers":[]}""", "announced as")]
    [InlineData("""{"schemaVersion":1,"config":CONFIG,"layers":[]}""", "schema version")]
    [InlineData("""{"schemaVersion":2,"layers":[]}""", "config")]
    [InlineData("""{"schemaVersion":2,"config":null,"layers":[]}""", "config")]
    [InlineData("""{"schemaVersion":2,"config":CONFIG,"layers":[null]}""", "descriptor")]
    [InlineData("""{"schemaVersion":2,"config":{"mediaType":"x","digest":"sha256:../../x","size":1},"layers":[]}""", "digest")]
    [InlineData("""{"schemaVersion":2,"config":{"mediaType":"x","digest":"DIGEST","size":-1},"layers":[]}""", "negative")]
    [InlineData("""{"schemaVersion":2,"config":{"mediaType":"x","digest":"DIGEST","size":9223372036854775808},"layers":[]}""", "wrong value")]
    [InlineData("""{"schemaVersion":2,"config":CONFIG,"layers":[]} x""", "not well-formed")]
    [InlineData("""{"schemaVersion":2,"config":CONFIG,"layers":[],"a":"\ud800"}""", "not well-formed")]
    [InlineData("""[]""", "not a JSON object")]
    [InlineData("", "not well-formed")]
    public void A_manifest_that_could_mean_two_things_is_refused(string json, string expected)
    {
        byte[] content = Encoding.UTF8.GetBytes(json.Replace("CONFIG", Config).Replace("DIGEST", D));

        var refused = Assert.Throws<CaissonException>(() => ImageManifest.Parse(content, MediaTypes.ImageManifest, "m"));

        Assert.Contains(expected, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Nesting_beyond_64_levels_is_refused()
    {
        string json = $$"""{"schemaVersion":2,"config":{{Config}},"layers":[],"x":{{new string('[', 64)}}{{new string(']', 64)}}}""";

        Assert.Throws<CaissonException>(() => ImageManifest.Parse(Encoding.UTF8.GetBytes(json), null, "m"));
    }

    [Fact]
    public void An_index_with_layers_is_refused()
    {
        byte[] content = """{"schemaVersion":2,"manifests":[],"layers":[]}"""u8.ToArray();

        Assert.Contains("two things", Assert.Throws<CaissonException>(() => ImageIndex.Parse(content, null, "i")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_configuration_of_docker_is_read_with_its_additions()
    {
        const string Json = """
            {"architecture":"arm64","variant":"v8","os":"linux","created":"2024-03-01T01:02:03.123456789Z","docker_version":"20.10","container_config":{"x":1},
             "config":{"User":"","ExposedPorts":{"80/tcp":{},"53/udp":{}},"Env":["A=b"],"Cmd":null,"Entrypoint":["/e"],"Volumes":{"/v":{}},
              "Labels":{"a":"<&>ü"},"Healthcheck":{"Test":["CMD","x"],"Interval":30000000000,"Retries":3},"ArgsEscaped":true,"OnBuild":null},
             "rootfs":{"type":"layers","diff_ids":["DIGEST"]},"history":[{"created":"2024-03-01T01:02:03Z","created_by":"x","empty_layer":true}]}
            """;

        ImageConfig config = ImageConfig.Parse(Encoding.UTF8.GetBytes(Json.Replace("DIGEST", D)), "c");

        Assert.Equal(["80/tcp", "53/udp"], config.Config!.ExposedPorts!);
        Assert.Equal(30_000_000_000, config.Config.Healthcheck!.IntervalNs);
        Assert.True(config.History![0].EmptyLayer);
        string written = Encoding.UTF8.GetString(config.ToBytes());
        Assert.Contains("""{"53/udp":{},"80/tcp":{}}""", written, StringComparison.Ordinal);
        Assert.Contains("<&>ü", written, StringComparison.Ordinal);
        Assert.Equal(written, Encoding.UTF8.GetString(ImageConfig.Parse(Encoding.UTF8.GetBytes(written), "c").ToBytes()));
    }

    [Fact]
    public void Chain_ids_follow_the_standard()
    {
        Digest first = Digest.Of("a"u8);
        Digest second = Digest.Of("b"u8);

        IReadOnlyList<Digest> chain = ImageConfig.ChainIds([first, second]);

        Assert.Equal([first, Digest.Of(Encoding.ASCII.GetBytes($"{first} {second}"))], chain);
    }
}
