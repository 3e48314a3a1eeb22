using System.Diagnostics;

using Xunit;

namespace Caisson.EndToEnd.Tests;

/// <summary>Debian machines of one engine, spoken to by ssh from the host, as a user does.</summary>
internal sealed class MachineLab : IDisposable
{
    private static readonly TimeSpan BootLimit = TimeSpan.FromMinutes(3);
    private static readonly Lock Making = new();

    private readonly List<string> _made = [];
    private readonly string _home = Directory.CreateTempSubdirectory("caisson-lab-").FullName;

    public MachineLab(Engine engine)
    {
        engine.SkipUnlessPublished();
        Assert.SkipUnless(Engine.Has("qemu-system-x86_64") && Engine.Has("qemu-img"), "needs QEMU (apt-get install qemu-system-x86 qemu-utils)");
        Assert.SkipUnless(Engine.Has("ssh") && Engine.Has("ssh-keygen"), "needs ssh (apt-get install openssh-client)");
        Engine = engine;
        engine.Host("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", Key);
        Disk = FindDisk(engine);
    }

    public Engine Engine { get; }

    /// <summary>A disk that starts Debian: that of <c>CAISSON_TEST_DEBIAN_DISK</c>, or one of packages that later runs use, too.</summary>
    public string Disk { get; }

    /// <summary>The private key whose public half machines know.</summary>
    public string Key => $"{_home}/key";

    /// <summary>A name, of which nothing is left when this is disposed.</summary>
    public string Named(string name)
    {
        _made.Add(name);
        return name;
    }

    /// <summary>Our command line, which succeeds.</summary>
    public string Caisson(params string[] arguments) => Caisson(Engine, arguments);

    /// <summary>The same, of another engine.</summary>
    public static string Caisson(Engine engine, params string[] arguments)
    {
        long start = Stopwatch.GetTimestamp();
        Answer answer = engine.Caisson(arguments);
        TestContext.Current.TestOutputHelper?.WriteLine($"{Stopwatch.GetElapsedTime(start).TotalSeconds,6:0.0} s  caisson {string.Join(' ', arguments)}{(answer.Error.Length > 0 ? $"\n          {answer.Error.Trim().Split('\n')[^1]}" : "")}");
        Assert.True(answer.Code == 0, $"{string.Join(' ', arguments)}: {answer.Error}");
        return answer.Output.Trim();
    }

    public string Create(string name, params string[] arguments) =>
        Caisson(["machine", "create", "--disk", $"{Disk},size=3g", "--ssh-key", $"{Key}.pub", .. arguments, Named(name)]);

    /// <summary>A line of the shell in a machine, as root; waits until the machine lets us in.</summary>
    public string Shell(string name, string line) => Shell(Engine, name, line);

    /// <summary>The same, of another engine.</summary>
    public string Shell(Engine engine, string name, string line)
    {
        Answer answer = new(-1, "", "");
        for (long start = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(start) < BootLimit; Thread.Sleep(500))
        {
            answer = TryShell(engine, name, line);
            if (answer.Code == 0)
            {
                TestContext.Current.TestOutputHelper?.WriteLine($"{Stopwatch.GetElapsedTime(start).TotalSeconds,6:0.0} s  {name}# {line}: {answer.Output.Trim()}");
                return answer.Output.Trim();
            }
            Assert.True(answer.Code == 255, $"{name}# {line}: {answer}");
        }
        Assert.Fail($"{name}# {line}: {answer}{engine.Caisson("machine", "console", "--history", name).Output}");
        return "";
    }

    /// <summary>The same once; code 255 is that of ssh itself.</summary>
    public Answer TryShell(Engine engine, string name, string line) => engine.Caisson(
        "machine", "ssh", "-l", "debian", "-i", Key, name,
        "-o", "UserKnownHostsFile=/dev/null", "-o", "StrictHostKeyChecking=no", "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=10", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes",
        $"sudo sh -c '{line}'");

    public string Info(string name, string template) => Caisson("machine", "info", "--format", template, name);

    public void Dispose()
    {
        foreach (string name in _made.AsEnumerable().Reverse())
        {
            Engine.Caisson("machine", "delete", "-f", name);
        }
        Directory.Delete(_home, recursive: true);
    }

    private static string FindDisk(Engine engine)
    {
        if (Environment.GetEnvironmentVariable("CAISSON_TEST_DEBIAN_DISK") is { Length: > 0 } given)
        {
            return given;
        }
        Assert.SkipUnless(Engine.Has("mmdebstrap") && Engine.Has("mkfs.ext4"), "needs mmdebstrap and e2fsprogs, or a disk (CAISSON_TEST_DEBIAN_DISK)");
        string kept = Path.GetFullPath(Path.Combine(engine.Binaries!, "..", "cache", "debian-bookworm.qcow2"));
        lock (Making)
        {
            if (!File.Exists(kept))
            {
                Directory.CreateDirectory(Path.GetDirectoryName(kept)!);
                Answer made = engine.Caisson("machine", "bootstrap", "debian", "--output", kept);
                Assert.True(made.Code == 0, made.Error);
            }
        }
        return kept;
    }
}
