using System.Globalization;

using Xunit;

namespace Caisson.EndToEnd.Tests;

/// <summary>
/// An engine whose caller has secrets in the environment, variables that steer .NET programs, and open descriptors: none of it changes the
/// engine or reaches a container, and what the engine listens at is in its own directory alone.
/// </summary>
public sealed class EnvironmentTests : IDisposable
{
    private const string EngineSecret = "c4n4ry-of-the-engine";
    private const string ContainerSecret = "c4n4ry-of-a-container";

    private readonly string _temporary = Directory.CreateTempSubdirectory("caisson-e2e-tmp-").FullName;
    private readonly List<string> _made = [];
    private readonly FileSystemWatcher _watcher;
    private readonly Engine _engine;

    public EnvironmentTests()
    {
        _watcher = new FileSystemWatcher(_temporary) { IncludeSubdirectories = true };
        _watcher.Created += (_, change) => Note(change.FullPath);
        _watcher.EnableRaisingEvents = true;
        _engine = new Engine(
        [
            ("TMPDIR", _temporary),
            ("CANARY", EngineSecret),
            ("DOTNET_EnableDiagnostics", "1"),
            ("DOTNET_DiagnosticPorts", $"{_temporary}/port,listen,nosuspend"),
            ("DOTNET_DbgEnableMiniDump", "1"),
            ("DOTNET_EnableEventPipe", "1"),
            ("DOTNET_EventPipeOutputPath", $"{_temporary}/trace"),
            ("DOTNET_STARTUP_HOOKS", $"{_temporary}/hook.dll"),
            ("CORECLR_ENABLE_PROFILING", "1"),
            ("CORECLR_PROFILER", "{cf0d821e-299b-5307-a3d8-b283c03916dd}"),
            ("CORECLR_PROFILER_PATH", $"{_temporary}/profiler.so"),
        ]);
    }

    /// <summary>CVE-2020-14370, CVE-2021-3602.</summary>
    [Fact]
    public void The_environment_of_the_engine_reaches_no_container_and_that_of_a_container_nobody_else()
    {
        _engine.SkipUnlessPublished();
        _engine.Caisson("run", "-d", "--init", "--name", "one", "--network", "none", "-e", $"TOKEN={ContainerSecret}", "-e", "LD_PRELOAD=/nosuch.so", "-e", "DOTNET_STARTUP_HOOKS=/nosuch.dll", "busybox", "sleep", "1000");
        _engine.Caisson("run", "-d", "--name", "two", "--network", "none", "--health-cmd", "env >/tmp/health", "--health-interval", "200ms", "busybox", "sleep", "1000");

        string inside = _engine.Caisson("exec", "one", "sh", "-c", "env; for p in /proc/[0-9]*; do cat $p/environ; done").Output
            + _engine.Caisson("exec", "two", "sh", "-c", "env; cat /proc/1/environ; until [ -s /tmp/health ]; do sleep 0.1; done; cat /tmp/health").Output;
        string other = _engine.Caisson("exec", "two", "sh", "-c", "env; cat /proc/[0-9]*/environ /tmp/health").Output;
        string own = new FileInfo("/proc/self/ns/pid").LinkTarget!;
        string[] holders =
        [
            .. Processes().Where(pid => Read($"/proc/{pid}/environ").Contains(ContainerSecret, StringComparison.Ordinal)
                && LinkOf($"/proc/{pid}/ns/pid") == own).Select(pid => Read($"/proc/{pid}/cmdline")),
        ];
        string told = _engine.Caisson("events", "--since", "1h", "--until", "0s", "--format", "json").Output + _engine.Caisson("engine", "logs").Output + _engine.Caisson("ps", "-a").Output;

        Assert.Contains("PATH=", inside, StringComparison.Ordinal);
        Assert.DoesNotContain(EngineSecret, inside, StringComparison.Ordinal);
        Assert.DoesNotContain("CORECLR", inside, StringComparison.Ordinal);
        Assert.DoesNotContain("CAISSON", inside, StringComparison.Ordinal);
        Assert.DoesNotContain(ContainerSecret, other, StringComparison.Ordinal);
        Assert.Empty(holders);
        Assert.DoesNotContain(ContainerSecret, told, StringComparison.Ordinal);
    }

    /// <summary>CVE-2026-33711, CVE-2025-54293: a name in a directory that all may write is a link somebody else made. There is none to make.</summary>
    [Fact]
    public void Nothing_is_made_in_the_directory_for_temporary_files_and_no_diagnostic_port_opened()
    {
        _engine.SkipUnlessPublished();
        string here = _engine.NewDirectory("temporary");
        File.WriteAllText($"{here}/file", "content\n");

        _engine.Caisson("run", "-d", "--name", "busy", "-v", "data:/data", "busybox", "sleep", "1000");
        _engine.Caisson("exec", "busy", "touch", "/data/x");
        _engine.Caisson("cp", $"{here}/file", "busy:/tmp/file");
        _engine.Caisson("cp", "busy:/etc", $"{here}/out");
        _engine.Caisson("commit", "busy", "busy:1");
        _engine.Caisson("save", "-o", $"{here}/busy.tar", "busy:1");
        _engine.Caisson("load", "-i", $"{here}/busy.tar");
        _engine.Caisson("logs", "busy");
        _engine.Caisson("rm", "-f", "busy");
        File.WriteAllText($"{_temporary}/last", "");
        WaitFor($"{_temporary}/last");

        lock (_made)
        {
            Assert.Equal([$"{_temporary}/last"], _made);
        }
        Assert.True(File.Exists($"{here}/busy.tar"));
    }

    /// <summary>CVE-2020-15257, CVE-2025-9074, CVE-2021-4024.</summary>
    [Fact]
    public void The_engine_listens_in_its_own_directory_alone()
    {
        _engine.SkipUnlessPublished();
        _engine.Caisson("run", "-d", "--name", "host", "--network", "host", "busybox", "sleep", "1000");

        int[] ours = [.. Processes().Where(pid => pid == _engine.Pid || Read($"/proc/{pid}/cmdline").Contains(_engine.Run, StringComparison.Ordinal))];
        HashSet<string> sockets = [.. ours.SelectMany(pid => Links($"/proc/{pid}/fd")).Where(link => link.StartsWith("socket:[", StringComparison.Ordinal)).Select(link => link[8..^1])];
        string[] named =
        [
            .. File.ReadLines("/proc/net/unix").Skip(1).Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
                .Where(fields => fields.Length > 7 && sockets.Contains(fields[6])).Select(fields => fields[7]),
        ];
        string[] internet =
        [
            .. ((string[])["tcp", "tcp6", "udp", "udp6", "raw", "raw6"]).SelectMany(table => File.ReadLines($"/proc/net/{table}").Skip(1))
                .Where(line => sockets.Contains(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[9])),
        ];
        var within = _engine.Caisson("exec", "host", "sh", "-c", $"ls {_engine.Run} {_engine.Root} /run/caisson /var/run/docker.sock");

        Assert.True(ours.Length >= 3, $"{ours.Length} processes"); // engine, keeper, monitor
        Assert.NotEmpty(named);
        // Bound by the descriptor of a directory, or by the path; an abstract name begins with an @.
        Assert.All(named, path => Assert.True(path.StartsWith($"{_engine.Run}/", StringComparison.Ordinal) || path.StartsWith("/proc/self/fd/", StringComparison.Ordinal), path));
        Assert.Empty(internet);
        Assert.Empty(within.Output);
        const UnixFileMode GroupToo = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite;
        Assert.Equal(GroupToo, File.GetUnixFileMode($"{_engine.Run}/docker.sock"));
        Assert.Equal(GroupToo, File.GetUnixFileMode($"{_engine.Run}/caisson.sock"));
        Assert.Equal(UnixFileMode.None, File.GetUnixFileMode($"{_engine.Run}/keeper.sock") & ~GroupToo);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(_engine.Root));
    }

    /// <summary>CVE-2024-21626: whoever starts the engine has directories open.</summary>
    [Fact]
    public void Descriptors_of_who_starts_the_engine_are_no_way_out()
    {
        _engine.SkipUnlessPublished();
        string canary = _engine.NewDirectory("descriptors");
        File.WriteAllText($"{canary}/secret-of-the-host", "");
        _engine.Caisson("engine", "stop");
        string opens = string.Join(' ', Enumerable.Range(3, 60).Select(number => string.Create(CultureInfo.InvariantCulture, $"{number}<{canary}")));
        var started = _engine.Host("bash", "-c", $"exec {opens}; exec \"$0\" run -d --name held --network none busybox sleep 1000", Path.Combine(_engine.Binaries!, "caisson"));
        Assert.True(started.Code == 0, started.ToString());

        List<string> seen = [_engine.Caisson("exec", "held", "sh", "-c", "ls -l /proc/[0-9]*/fd/").ToString()];
        for (int number = 3; number < 24; number++)
        {
            seen.Add(_engine.Caisson("exec", "-w", string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{number}"), "held", "sh", "-c", "pwd; ls; ls ..").ToString());
        }
        for (int number = 3; number < 10; number++)
        {
            seen.Add(_engine.Caisson("run", "--rm", "--network", "none", "-w", string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{number}"), "busybox", "sh", "-c", "pwd; ls; ls ..").ToString());
        }

        Assert.All(seen, output => Assert.DoesNotContain("secret-of-the-host", output, StringComparison.Ordinal));
        Assert.All(seen, output => Assert.DoesNotContain(canary, output, StringComparison.Ordinal));
        Assert.All(seen, output => Assert.DoesNotContain("unreachable", output, StringComparison.Ordinal));
    }

    public void Dispose()
    {
        _engine.Dispose();
        _watcher.Dispose();
        Directory.Delete(_temporary, recursive: true);
    }

    private void Note(string path)
    {
        lock (_made)
        {
            _made.Add(path);
            Monitor.PulseAll(_made);
        }
    }

    private void WaitFor(string path)
    {
        lock (_made)
        {
            while (!_made.Contains(path))
            {
                Assert.True(Monitor.Wait(_made, TimeSpan.FromSeconds(30)), "the directory's changes are not told");
            }
        }
    }

    private static IEnumerable<int> Processes() =>
        Directory.EnumerateDirectories("/proc").Select(Path.GetFileName).Where(name => char.IsAsciiDigit(name![0])).Select(name => int.Parse(name!, CultureInfo.InvariantCulture));

    /// <summary>Empty when the process has ended meanwhile.</summary>
    private static string Read(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

    private static string LinkOf(string path)
    {
        try
        {
            return new FileInfo(path).LinkTarget ?? "";
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

    private static string[] Links(string directory)
    {
        try
        {
            return [.. Directory.EnumerateFileSystemEntries(directory).Select(LinkOf)];
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
