using System.Diagnostics;
using System.Net.Sockets;
using System.Text;

using Caisson.Control.Tests;

using Xunit;

namespace Caisson.Api.Tests;

/// <summary>The docker command line against the API; the processes behind it are the tests' own.</summary>
public sealed class DockerCliTests
{
    private static bool NoDocker { get; } = !(Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(directory => File.Exists($"{directory}/docker"));

    [Fact]
    public async Task Run_gives_input_output_and_exit_code()
    {
        Assert.SkipWhen(NoDocker, "docker's command line is not installed");
        await using ApiFixture api = await ApiFixture.CreateAsync();
        api.Host.Born = process => _ = UpperAsync(process);

        (int code, string output, string error) = await DockerAsync(api, "hello", "run", "--rm", "-i", "tiny", "upper");

        Assert.Equal("HELLO", output);
        Assert.Equal("", error);
        Assert.Equal(5, code);
        Assert.Empty(api.Engine.Engine.List());
    }

    [Fact]
    public async Task Exec_gives_input_output_and_exit_code()
    {
        Assert.SkipWhen(NoDocker, "docker's command line is not installed");
        await using ApiFixture api = await ApiFixture.CreateAsync();
        await api.Engine.StartAsync(name: "web");
        api.Host.Born = process => _ = UpperAsync(process);

        (int code, string output, _) = await DockerAsync(api, "abc", "exec", "-i", "web", "upper");

        Assert.Equal("ABC", output);
        Assert.Equal(5, code);
    }

    [Fact]
    public async Task What_scripts_read_has_its_shape()
    {
        Assert.SkipWhen(NoDocker, "docker's command line is not installed");
        await using ApiFixture api = await ApiFixture.CreateAsync();
        await api.Engine.StartAsync(name: "web");
        await api.Engine.CreateAsync(name: "idle");

        Assert.Equal("web|running|tiny\n", (await DockerAsync(api, "", "ps", "--format", "{{.Names}}|{{.State}}|{{.Image}}")).Output);
        Assert.Equal("idle\nweb\n", (await DockerAsync(api, "", "ps", "-a", "--format", "{{.Names}}")).Output);
        Assert.Equal("true /bin/serve default\n", (await DockerAsync(api, "", "inspect", "-f", "{{.State.Running}} {{.Path}} {{.HostConfig.NetworkMode}}", "web")).Output);
        Assert.Equal("tiny:latest\n", (await DockerAsync(api, "", "images", "--format", "{{.Repository}}:{{.Tag}}")).Output);
        Assert.Equal("web\n", (await DockerAsync(api, "", "stop", "-t", "1", "web")).Output);
        Assert.Equal("143\n", (await DockerAsync(api, "", "wait", "web")).Output);
        (int code, _, string error) = await DockerAsync(api, "", "rm", "none");
        Assert.Equal(1, code);
        Assert.Contains("No such container: none", error, StringComparison.Ordinal);
        (code, _, error) = await DockerAsync(api, "", "run", "absent");
        Assert.Equal(125, code);
        Assert.Contains("absent", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Files_are_copied_in_and_out_of_a_container_that_does_not_run()
    {
        Assert.SkipWhen(NoDocker, "docker's command line is not installed");
        await using ApiFixture api = await ApiFixture.CreateAsync();
        await api.Engine.CreateAsync(name: "idle");
        string source = $"{api.Engine.Root}/given";
        await File.WriteAllTextAsync(source, "content", TestContext.Current.CancellationToken);

        (int code, _, string error) = await DockerAsync(api, "", "cp", source, "idle:/etc/put");
        Assert.True(code == 0, error);
        (code, _, error) = await DockerAsync(api, "", "cp", "idle:/etc", $"{api.Engine.Root}/out");
        Assert.True(code == 0, error);

        Assert.Equal("content", await File.ReadAllTextAsync($"{api.Engine.Root}/out/put", TestContext.Current.CancellationToken));
        Assert.StartsWith("root:", await File.ReadAllTextAsync($"{api.Engine.Root}/out/passwd", TestContext.Current.CancellationToken), StringComparison.Ordinal);
        Assert.Contains("A /etc/put", (await DockerAsync(api, "", "diff", "idle")).Output, StringComparison.Ordinal);
        (code, _, error) = await DockerAsync(api, "", "cp", "idle:/none", "-");
        Assert.NotEqual(0, code);
        Assert.Contains("Could not find the file /none", error, StringComparison.Ordinal);
    }

    /// <summary>A program that gives its input back in capitals after the input has ended, and returns 5.</summary>
    private static async Task UpperAsync(FakeProcess process)
    {
        Socket stream = process.Streams[0];
        byte[] buffer = new byte[1_024];
        string text = "";
        int count;
        while ((count = await stream.ReceiveAsync(buffer)) > 0)
        {
            text += Encoding.ASCII.GetString(buffer, 0, count);
        }
        byte[] output = Encoding.ASCII.GetBytes(text.ToUpperInvariant());
        await stream.SendAsync((byte[])[1, 0, 0, 0, 0, 0, 0, (byte)output.Length, .. output]);
        process.End(5);
    }

    private static async Task<(int Code, string Output, string Error)> DockerAsync(ApiFixture api, string input, params string[] arguments)
    {
        var start = new ProcessStartInfo("docker", ["-H", $"unix://{api.Socket}", .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["DOCKER_CONFIG"] = $"{api.Engine.Root}/docker-config";
        start.Environment.Remove("DOCKER_HOST");
        start.Environment.Remove("DOCKER_CONTEXT");
        using Process docker = Process.Start(start)!;
        await docker.StandardInput.WriteAsync(input);
        docker.StandardInput.Close();
        Task<string> output = docker.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        Task<string> error = docker.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await docker.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (docker.ExitCode, await output, await error);
    }
}
