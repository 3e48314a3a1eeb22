using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using Xunit;

namespace Caisson.Containers.Tests.Runtime;

/// <summary>A bundle with busybox as its root, and the published runtime with a state directory of its own.</summary>
internal sealed class Bundle : IDisposable
{
    private static readonly string[] Applets = ["sh", "true", "cat", "echo", "sleep", "id", "ls", "mount", "grep", "readlink", "tty", "ps", "pwd", "dd"];

    private readonly string _directory;
    private readonly string _runtime;
    private readonly List<string> _ids = [];

    public Bundle()
    {
        _runtime = Environment.GetEnvironmentVariable("CAISSON_RUNTIME") ?? Published() ?? "";
        Assert.SkipUnless(File.Exists(_runtime), "needs the published runtime: set CAISSON_RUNTIME, or publish to artifacts/publish");
        Assert.SkipUnless(File.Exists("/bin/busybox"), "needs a static /bin/busybox");
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "needs root");
        _directory = Directory.CreateTempSubdirectory("caisson-bundle-").FullName;
        File.SetUnixFileMode(_directory, (UnixFileMode)0x1ED); // the root of a user namespace must get through
        foreach (string name in (string[])["bin", "proc", "dev", "sys", "tmp", "etc"])
        {
            Directory.CreateDirectory(Path.Combine(Root, name));
        }
        File.Copy("/bin/busybox", Path.Combine(Root, "bin/busybox"));
        foreach (string applet in Applets)
        {
            File.CreateSymbolicLink(Path.Combine(Root, "bin", applet), "busybox");
        }
        Run("spec", "-b", _directory);
        Config = JsonNode.Parse(File.ReadAllText(ConfigFile))!.AsObject();
        Config["process"]!["terminal"] = false;
        Config["root"]!["readonly"] = false;
        Config["linux"]!["cgroupsPath"] = CgroupsPath;
        Program("true");
    }

    public JsonObject Config { get; }

    public string Root => Path.Combine(_directory, "rootfs");

    public string CgroupsPath => $"/{Path.GetFileName(_directory)}/it";

    private string ConfigFile => Path.Combine(_directory, "config.json");

    public string PathOf(string name) => Path.Combine(_directory, name);

    public Bundle Program(params string[] args)
    {
        Config["process"]!["args"] = new JsonArray([.. args.Select(arg => JsonValue.Create(arg))]);
        return this;
    }

    public Bundle Shell(string script) => Program("/bin/sh", "-c", script);

    public void AddMount(string json) => Config["mounts"]!.AsArray().Add(JsonNode.Parse(json));

    /// <summary>A container's id of this test alone, deleted by force in the end.</summary>
    public string NewId()
    {
        _ids.Add($"{Path.GetFileName(_directory)}-{_ids.Count}");
        return _ids[^1];
    }

    public Outcome RunContainer(string? id = null) => Run("run", "-b", _directory, id ?? NewId());

    public Outcome Create(string id, params string[] more)
    {
        return Run(["create", "-b", _directory, .. more, id]);
    }

    /// <summary>Runs the runtime; output goes to files, since containers keep what they inherit.</summary>
    public Outcome Run(params string[] args)
    {
        if (Config is not null)
        {
            File.WriteAllText(ConfigFile, Config.ToJsonString());
        }
        return Run("out", "err", args);
    }

    /// <summary>As <see cref="Run(string[])"/>, while that runs in another thread.</summary>
    public Outcome RunApart(params string[] args) => Run("out2", "err2", args);

    private Outcome Run(string outputName, string errorName, string[] args)
    {
        string output = PathOf(outputName);
        string errors = PathOf(errorName);
        var start = new ProcessStartInfo("/bin/sh")
        {
            ArgumentList = { "-c", $"exec \"$0\" \"$@\" >{output} 2>{errors} </dev/null", _runtime, "--root", PathOf("run") },
        };
        foreach (string arg in args)
        {
            start.ArgumentList.Add(arg);
        }
        using var process = Process.Start(start)!;
        process.WaitForExit();
        return new Outcome(process.ExitCode, File.ReadAllText(output), File.ReadAllText(errors));
    }

    public string StatusOf(string id) =>
        JsonDocument.Parse(Run("state", id).Output).RootElement.GetProperty("status").GetString()!;

    public int PidOf(string id) => JsonDocument.Parse(Run("state", id).Output).RootElement.GetProperty("pid").GetInt32();

    public void WaitStopped(string id)
    {
        for (int i = 0; i < 500 && StatusOf(id) != "stopped"; i++)
        {
            Thread.Sleep(20);
        }
        Assert.Equal("stopped", StatusOf(id));
    }

    /// <summary>Directories of this test's cgroups in all hierarchies.</summary>
    public string[] Cgroups() =>
    [
        .. Directory.GetDirectories("/sys/fs/cgroup").Append("/sys/fs/cgroup")
            .Select(hierarchy => Path.Combine(hierarchy, Path.GetFileName(_directory)))
            .Where(Directory.Exists),
    ];

    public void Dispose()
    {
        foreach (string id in _ids)
        {
            Run("delete", "--force", id);
        }
        Directory.Delete(_directory, recursive: true);
    }

    private static string? Published()
    {
        for (var at = new DirectoryInfo(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            string candidate = Path.Combine(at.FullName, "artifacts/publish/caisson-runtime");
            if (File.Exists(candidate))
            {
                return candidate;
            }
        }
        return null;
    }
}

internal sealed record Outcome(int Code, string Output, string Errors);
