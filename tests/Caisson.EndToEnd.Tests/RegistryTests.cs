using Xunit;

namespace Caisson.EndToEnd.Tests;

/// <summary>Images by way of registries: ours with foreign clients, and a foreign one with ours.</summary>
public sealed class RegistryTests(Engine engine) : IClassFixture<Engine>
{
    [Theory]
    [InlineData("caisson")]
    [InlineData("docker")]
    public void An_image_goes_through_our_registry_and_runs(string client)
    {
        (string program, string[] before) = engine.Client(client);
        using var registry = new Served(Path.Combine(engine.Binaries!, "caisson"), ["registry", "serve", "--data", engine.NewDirectory(Path.GetRandomFileName())], "--listen");
        string name = $"{registry.Host}/test/busybox:{client}";

        Assert.Equal(0, engine.By(client, "tag", "busybox", name).Code);
        Answer pushed = engine.By(client, "push", name);
        Assert.True(pushed.Code == 0 && pushed.Output.Contains("digest: sha256:", StringComparison.Ordinal), pushed.ToString());
        Assert.Equal(0, engine.By(client, "rmi", name).Code);
        Answer ran = engine.By(client, "run", "--rm", "--network", "none", name, "echo", "from the registry");

        Assert.True(ran.Code == 0 && ran.Output.Trim() == "from the registry", $"{program} {string.Join(' ', before)}: {ran}");
        Assert.Equal(0, engine.By(client, "rmi", name).Code);
    }

    [Fact]
    public void Skopeo_copies_to_and_from_our_registry_without_changing_a_digest()
    {
        engine.SkipUnlessPublished();
        Assert.SkipUnless(Engine.Has("skopeo"), "needs skopeo");
        string home = engine.NewDirectory(Path.GetRandomFileName());
        using var registry = new Served(Path.Combine(engine.Binaries!, "caisson"), ["registry", "serve", "--data", $"{home}/data"], "--listen");
        Assert.Equal(0, engine.Caisson("save", "-o", $"{home}/busybox.tar", "busybox").Code);
        Assert.Equal(0, engine.Caisson("tag", "busybox", $"{registry.Host}/ours:1").Code);
        Assert.Equal(0, engine.Caisson("push", $"{registry.Host}/ours:1").Code);

        Answer copied = engine.Start("skopeo", null, "copy", "--preserve-digests", "--src-tls-verify=false", "--dest-tls-verify=false", $"docker://{registry.Host}/ours:1", $"docker://{registry.Host}/theirs:1");
        Answer pulled = engine.Caisson("pull", $"{registry.Host}/theirs:1");
        Answer here = engine.Caisson("inspect", "--format", "{{json .RepoDigests}}", $"{registry.Host}/theirs:1");

        Assert.True(copied.Code == 0, copied.ToString());
        Assert.True(pulled.Code == 0, pulled.ToString());
        string digest = pulled.Output.Split('\n').First(line => line.StartsWith("Digest: ", StringComparison.Ordinal))["Digest: ".Length..].Trim();
        Assert.Contains($"{registry.Host}/theirs@{digest}", here.Output, StringComparison.Ordinal);
        Assert.Contains($"{registry.Host}/ours@{digest}", here.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Our_engine_pushes_to_and_pulls_from_a_foreign_registry()
    {
        engine.SkipUnlessPublished();
        Assert.SkipUnless(Engine.Has("docker-registry"), "needs docker-registry");
        string home = engine.NewDirectory(Path.GetRandomFileName());
        using Served registry = Served.Foreign(home);
        string name = $"{registry.Host}/test/busybox:1";

        Assert.Equal(0, engine.Caisson("tag", "busybox", name).Code);
        Answer pushed = engine.Caisson("push", name);
        Assert.True(pushed.Code == 0, pushed.ToString());
        Assert.Equal(0, engine.Caisson("rmi", name).Code);
        Answer pulled = engine.Caisson("pull", name);

        Assert.True(pulled.Code == 0, pulled.ToString());
        Assert.Equal(DigestIn(pushed.Output), DigestIn(pulled.Output));
        Assert.Equal(0, engine.Caisson("rmi", name).Code);
    }

    [Fact]
    public void Podman_pushes_to_and_pulls_from_our_registry()
    {
        engine.SkipUnlessPublished();
        Assert.SkipUnless(Engine.Has("podman"), "needs podman");
        string home = engine.NewDirectory(Path.GetRandomFileName());
        using Served registry = Served.Ours(engine, home);
        string name = $"{registry.Host}/test/busybox:podman";
        Assert.Equal(0, engine.Caisson("tag", "busybox", name).Code);
        Assert.Equal(0, engine.Caisson("push", name).Code);

        Answer pulled = Podman("pull", "--tls-verify=false", name);
        Answer tagged = Podman("tag", name, $"{registry.Host}/test/busybox:again");
        Answer pushed = Podman("push", "--tls-verify=false", $"{registry.Host}/test/busybox:again");
        Answer back = engine.Caisson("run", "--rm", "--network", "none", $"{registry.Host}/test/busybox:again", "echo", "by podman");

        Assert.True(pulled.Code == 0, pulled.ToString());
        Assert.Equal(0, tagged.Code);
        Assert.True(pushed.Code == 0, pushed.ToString());
        Assert.True(back.Code == 0 && back.Output == "by podman\n", back.ToString());

        Answer Podman(params string[] arguments) => engine.Host(
            "podman", ["--root", $"{home}/storage", "--runroot", $"{home}/podman", "--storage-driver", "vfs", .. arguments]);
    }

    [Theory]
    [InlineData("caisson")]
    [InlineData("docker")]
    public void All_tags_of_a_repository_are_pushed_at_once(string client)
    {
        engine.Client(client);
        using Served registry = Served.Ours(engine, engine.NewDirectory(Path.GetRandomFileName()));
        string repository = $"{registry.Host}/test/{client}";
        Assert.Equal(0, engine.By(client, "tag", "busybox", $"{repository}:1").Code);
        Assert.Equal(0, engine.By(client, "tag", "busybox", $"{repository}:2").Code);

        Answer pushed = engine.By(client, "push", "--all-tags", repository);
        Answer both = engine.By(client, "push", "--all-tags", $"{repository}:1");

        Assert.True(pushed.Code == 0, pushed.ToString());
        Assert.Contains("1: digest: sha256:", pushed.Output, StringComparison.Ordinal);
        Assert.Contains("2: digest: sha256:", pushed.Output, StringComparison.Ordinal);
        Assert.Contains("tag can't be used with --all-tags/-a", both.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_registry_with_a_certificate_is_used_by_those_who_know_its_authority()
    {
        engine.SkipUnlessPublished();
        Assert.SkipUnless(Engine.Has("openssl"), "needs openssl");
        string home = engine.NewDirectory(Path.GetRandomFileName());
        Answer made = engine.Host(
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost",
            "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", $"{home}/tls.key", "-out", $"{home}/tls.crt");
        Assert.True(made.Code == 0, made.ToString());
        using Served registry = Served.Ours(engine, home, "--tls-cert", $"{home}/tls.crt", "--tls-key", $"{home}/tls.key");
        string name = $"{registry.Host}/test/busybox:tls";
        Assert.Equal(0, engine.Caisson("tag", "busybox", name).Code);
        string authorities = $"/etc/caisson/certs.d/{registry.Host}";

        Answer unknown = engine.Caisson("push", name);
        Directory.CreateDirectory(authorities);
        try
        {
            File.Copy($"{home}/tls.crt", $"{authorities}/ca.crt");
            using var again = new Engine(); // authorities are read when an engine first talks to a registry
            Assert.Equal(0, again.Caisson("tag", "busybox", name).Code);
            Answer pushed = again.Caisson("push", name);
            Assert.Equal(0, again.Caisson("rmi", name).Code);
            Answer ran = again.Caisson("run", "--rm", "--network", "none", name, "echo", "by tls");

            Assert.Equal(1, unknown.Code);
            Assert.True(pushed.Code == 0, pushed.ToString());
            Assert.True(ran.Code == 0 && ran.Output == "by tls\n", ran.ToString());
        }
        finally
        {
            Directory.Delete(authorities, recursive: true);
        }
    }

    [Fact]
    public void A_large_layer_takes_no_memory_on_its_way()
    {
        const int LayerBytes = 300 << 20;
        const int MoreBytesMax = 64 << 20;
        engine.SkipUnlessPublished();
        string home = engine.NewDirectory(Path.GetRandomFileName());
        using Served registry = Served.Ours(engine, home);
        string name = $"{registry.Host}/test/large:1";
        using (FileStream file = File.Create($"{home}/large"))
        {
            byte[] part = new byte[1 << 20];
            for (int i = 0; i < LayerBytes / part.Length; i++)
            {
                Random.Shared.NextBytes(part);
                file.Write(part);
            }
        }
        Answer packed = engine.Host("tar", "-C", home, "-cf", $"{home}/large.tar", "large");
        Assert.True(packed.Code == 0, packed.ToString());
        Answer imported = engine.Caisson("import", $"{home}/large.tar", name);
        Assert.True(imported.Code == 0, imported.ToString());

        long pushing = GrowthOf(() => engine.Caisson("push", name));
        Assert.Equal(0, engine.Caisson("rmi", name).Code);
        long pulling = GrowthOf(() => engine.Caisson("pull", name));

        Assert.Equal(0, engine.Caisson("rmi", name).Code);
        Assert.InRange(pushing, 0, MoreBytesMax);
        Assert.InRange(pulling, 0, MoreBytesMax);

        long GrowthOf(Func<Answer> work)
        {
            File.WriteAllText($"/proc/{engine.Pid}/clear_refs", "5"); // the peak is counted from here on
            long before = Status("VmRSS");
            Answer done = work();
            Assert.True(done.Code == 0, done.ToString());
            return Math.Max(0, Status("VmHWM") - before);
        }

        long Status(string field) => 1024 * long.Parse(
            File.ReadLines($"/proc/{engine.Pid}/status").First(line => line.StartsWith(field, StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2],
            System.Globalization.CultureInfo.InvariantCulture);
    }

    private static string DigestIn(string output)
    {
        int at = output.IndexOf("sha256:", StringComparison.Ordinal);
        return at < 0 ? output : output[at..(at + 71)];
    }
}
