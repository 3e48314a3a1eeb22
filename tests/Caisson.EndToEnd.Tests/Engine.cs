using System.Diagnostics;
using System.Globalization;
using System.Text;
using Xunit;

namespace Caisson.EndToEnd.Tests;

/// <summary>An engine of its own, with its own directories, and the two command lines pointed at it.</summary>
public sealed class Engine : IDisposable
{
    private readonly string _home = Directory.CreateTempSubdirectory("caisson-e2e-").FullName;
    private readonly (string Name, string Value)[] _environment;
    private readonly string[] _before = [];

    /// <summary>An engine in a network namespace of its own, which ends with it; nothing is in its store.</summary>
    internal static Engine InOwnNetwork() => new(["unshare", "--net", "--", "sh", "-c", "ip link set lo up && exec \"$0\" \"$@\""]);

    private Engine(string[] starter)
    {
        _environment = [];
        File.SetUnixFileMode(_home, (UnixFileMode)0x1C9);
        Binaries = FindBinaries();
        Answer started = Start(starter[0], null, [.. starter[1..], Path.Combine(Binaries!, "caisson"), "engine", "start"]);
        if (started.Code != 0)
        {
            throw new InvalidOperationException($"engine start: {started.Error}");
        }
        _before = ["nsenter", $"--net=/proc/{Pid}/ns/net", "--"];
    }

    public Engine()
        : this(Array.Empty<(string Name, string Value)>())
    {
    }

    /// <param name="environment">Added to what every program that is started here has.</param>
    internal Engine((string Name, string Value)[] environment)
    {
        _environment = environment;
        File.SetUnixFileMode(_home, (UnixFileMode)0x1C9); // 0711: the root of a user namespace must get through
        Binaries = FindBinaries();
        if (Binaries is null)
        {
            return;
        }
        Answer made = Caisson("image", "bootstrap", "busybox");
        if (made.Code != 0)
        {
            throw new InvalidOperationException($"image bootstrap busybox: {made.Error}");
        }
    }

    /// <summary>Where the published binaries are; null when nobody published them.</summary>
    public string? Binaries { get; }

    public string Run => $"{_home}/run";

    public string Root => $"{_home}/root";

    /// <summary>The engine's process id, as it wrote it.</summary>
    public int Pid => int.Parse(File.ReadAllText($"{Run}/engine.pid"), CultureInfo.InvariantCulture);

    public void SkipUnlessPublished() =>
        Assert.SkipWhen(Binaries is null, "needs the published binaries: run ./test, which publishes them");

    /// <summary>Runs our command line, in the engine's own network if it has one.</summary>
    public Answer Caisson(params string[] arguments) => _before is [var first, .. var rest]
        ? Start(first, null, [.. rest, Path.Combine(Binaries!, "caisson"), .. arguments])
        : Start(Path.Combine(Binaries!, "caisson"), null, arguments);

    public Answer CaissonWith(string input, params string[] arguments) => Start(Path.Combine(Binaries!, "caisson"), input, arguments);

    public Answer Docker(params string[] arguments) => Start("docker", null, ["-H", $"unix://{Run}/docker.sock", .. arguments]);

    /// <summary>Both command lines, as a test's parameter names them: the program and what comes before the command.</summary>
    public (string Program, string[] Before) Client(string name)
    {
        SkipUnlessPublished();
        if (name == "caisson")
        {
            return (Path.Combine(Binaries!, "caisson"), []);
        }
        Assert.SkipUnless(HasDocker, "needs the docker command line");
        return (name, ["-H", $"unix://{Run}/docker.sock"]);
    }

    /// <summary>Runs one of the two command lines.</summary>
    public Answer By(string client, params string[] arguments)
    {
        (string program, string[] before) = Client(client);
        return Start(program, null, [.. before, .. arguments]);
    }

    /// <summary>Runs one of the two command lines in a terminal.</summary>
    public TerminalSession InTerminal(string client, ushort rows, ushort columns, params string[] arguments)
    {
        (string program, string[] before) = Client(client);
        return new TerminalSession(new(rows, columns), [("CAISSON_ROOT", Root), ("CAISSON_RUN", Run)], [program, .. before, .. arguments]);
    }

    /// <summary>The digests of everything in the content store.</summary>
    public string[] Stored() => [.. Directory.GetFiles($"{Root}/content/blobs/sha256").Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];

    /// <summary>A directory of the test's own, removed with the engine.</summary>
    public string NewDirectory(string name) => Directory.CreateDirectory($"{_home}/{name}").FullName;

    public static bool HasDocker => Has("docker");

    /// <summary>Whether the host has <paramref name="program"/>.</summary>
    public static bool Has(string program) => $"{Environment.GetEnvironmentVariable("PATH")}:/usr/sbin:/sbin".Split(':').Any(directory => File.Exists($"{directory}/{program}"));

    /// <summary>The same for anything else the host has.</summary>
    public Answer Host(string program, params string[] arguments) => Start(program, null, arguments);

    /// <summary>Ends the engine without any chance to tidy up, and waits until it is gone.</summary>
    public void Kill()
    {
        using var process = Process.GetProcessById(Pid);
        process.Kill();
        process.WaitForExit();
    }

    public void Dispose()
    {
        if (Binaries is not null)
        {
            string ids = Caisson("ps", "-aq").Output;
            if (ids.Length > 0)
            {
                Caisson(["rm", "-f", .. ids.Split('\n', StringSplitOptions.RemoveEmptyEntries)]);
            }
            Caisson("engine", "stop");
        }
        Directory.Delete(_home, recursive: true);
    }

    internal static string? FindBinaries()
    {
        for (var at = new DirectoryInfo(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            string candidate = Path.Combine(at.FullName, "artifacts", "publish");
            if (File.Exists(Path.Combine(candidate, "caisson")))
            {
                return candidate;
            }
        }
        return null;
    }

    /// <summary>Starts our command line and leaves it running; its streams are the caller's, who also ends it.</summary>
    public Process Begin(params string[] arguments)
    {
        ProcessStartInfo start = new(Path.Combine(Binaries!, "caisson"), arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["CAISSON_ROOT"] = Root;
        start.Environment["CAISSON_RUN"] = Run;
        return Process.Start(start)!;
    }

    public Answer Start(string program, string? input, params string[] arguments)
    {
        const int LimitSeconds = 600;
        ProcessStartInfo start = new(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["CAISSON_ROOT"] = Root;
        start.Environment["CAISSON_RUN"] = Run;
        foreach ((string name, string value) in _environment)
        {
            start.Environment[name] = value;
        }
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        if (input is not null)
        {
            process.StandardInput.Write(input);
        }
        process.StandardInput.Close();
        if (!process.WaitForExit(TimeSpan.FromSeconds(LimitSeconds)))
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{program} {string.Join(' ', arguments)}: no end after {LimitSeconds} s");
        }
        return new(process.ExitCode, output.GetAwaiter().GetResult(), error.GetAwaiter().GetResult());
    }
}

/// <summary>What a command line answered.</summary>
public sealed record Answer(int Code, string Output, string Error)
{
    public override string ToString() => new StringBuilder().Append(Code).Append('\n').Append(Output).Append(Error).ToString();
}
