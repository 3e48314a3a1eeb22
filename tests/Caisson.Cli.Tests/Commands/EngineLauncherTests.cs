using System.Net.Sockets;

using Caisson.Cli.Engines;
using Caisson.Errors;

using Xunit;

namespace Caisson.Cli.Tests.Commands;

/// <summary>Starting a program as the engine: a script that leaves a line and lives as long as its directory.</summary>
public sealed class EngineLauncherTests : IDisposable
{
    private readonly string _run = Directory.CreateTempSubdirectory("caisson-run-").FullName;

    public void Dispose() => Directory.Delete(_run, recursive: true);

    [Fact]
    public async Task Two_that_start_at_once_make_one_engine()
    {
        WriteEngine("echo $PWD >> \"$CAISSON_RUN/starts\"; while [ -e \"$CAISSON_RUN/starts\" ]; do sleep 0.05; done");
        var starters = Enumerable.Range(0, 4).Select(_ => Task.Run(() => Launcher().EnsureRunning(), TestContext.Current.CancellationToken)).ToList();
        while (!File.Exists(Path.Combine(_run, "starts")))
        {
            await Task.Delay(5, TestContext.Current.CancellationToken);
        }
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(Path.Combine(_run, "docker.sock")));
        listener.Listen(64);

        bool[] started = await Task.WhenAll(starters);

        Assert.Single(started, one => one);
        Assert.Equal(["/"], await File.ReadAllLinesAsync(Path.Combine(_run, "starts"), TestContext.Current.CancellationToken));
    }

    [Fact]
    public void An_engine_that_ends_at_once_is_reported_with_the_end_of_its_log()
    {
        File.WriteAllText(Path.Combine(_run, "engine.log"), "an old line\n");
        WriteEngine("echo 'state.db is locked' >&2; exit 3");

        var problem = Assert.Throws<CaissonException>(() => Launcher().EnsureRunning());

        Assert.Contains("exit code 3", problem.Message, StringComparison.Ordinal);
        Assert.Contains("\n  state.db is locked", problem.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("an old line", problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_engine_that_is_not_installed_is_said()
    {
        var problem = Assert.Throws<CaissonException>(() => Launcher().EnsureRunning());

        Assert.Equal(ErrorKind.NotFound, problem.Kind);
        Assert.Contains("set CAISSOND", problem.Message, StringComparison.Ordinal);
    }

    private void WriteEngine(string script)
    {
        string path = Path.Combine(_run, "caissond");
        File.WriteAllText(path, "#!/bin/sh\n" + script + "\n");
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserExecute);
    }

    private EngineLauncher Launcher() => new(
        new EnginePaths(_run, Path.Combine(_run, "root")), name => name == "CAISSOND" ? Path.Combine(_run, "caissond") : null);
}
