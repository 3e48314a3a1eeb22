using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

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
        int port = Served.FreePort();
        File.WriteAllText($"{home}/config.yml", $"version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {home}/data\nhttp:\n  addr: 127.0.0.1:{port}\n");
        using var registry = new Served("docker-registry", ["serve", $"{home}/config.yml"], null, port);
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

    private static string DigestIn(string output)
    {
        int at = output.IndexOf("sha256:", StringComparison.Ordinal);
        return at < 0 ? output : output[at..(at + 71)];
    }

    /// <summary>A registry that runs until disposed.</summary>
    private sealed class Served : IDisposable
    {
        private readonly Process _process;

        /// <param name="program">What to run.</param>
        /// <param name="arguments">With what.</param>
        /// <param name="listen">The option for the address; null when <paramref name="arguments"/> say it.</param>
        /// <param name="port">Where it will listen; 0 for any.</param>
        public Served(string program, string[] arguments, string? listen, int port = 0)
        {
            port = port == 0 ? FreePort() : port;
            Host = $"127.0.0.1:{port}";
            string[] all = listen is null ? arguments : [.. arguments, listen, Host];
            _process = Process.Start(new ProcessStartInfo(program, all) { UseShellExecute = false, RedirectStandardError = true, RedirectStandardOutput = true })!;
            _process.BeginErrorReadLine();
            _process.BeginOutputReadLine();
            for (int i = 0; i < 600; i++)
            {
                try
                {
                    using var probe = new TcpClient("127.0.0.1", port);
                    return;
                }
                catch (SocketException)
                {
                    Thread.Sleep(50);
                }
            }
            throw new InvalidOperationException($"{program} does not listen on {Host}");
        }

        public string Host { get; }

        public static int FreePort()
        {
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            return ((IPEndPoint)socket.LocalEndPoint!).Port;
        }

        public void Dispose()
        {
            using (Process.Start("kill", ["-TERM", $"{_process.Id}"]))
            {
            }
            if (!_process.WaitForExit(10_000))
            {
                _process.Kill(entireProcessTree: true);
            }
            _process.Dispose();
        }
    }
}
