using System.Buffers;
using System.Text.Json;
using Caisson.Containers.Seccomp;
using Caisson.Containers.State;
using Caisson.Errors;
using Caisson.Linux.Seccomp;

namespace Caisson.Runtime.CommandLine;

/// <summary>What holds for a whole run of the program: the flags before the command, and where messages go.</summary>
internal sealed class Invocation
{
    internal const string Version = "0.1.0";

    private static readonly string[] Flags =
    [
        "root=", "log=", "log-format=", "debug", "systemd-cgroup", "rootless=", "criu=", "version|v", "help|h",
    ];

    private readonly string? _log;
    private readonly bool _isJson;

    private Invocation(Arguments arguments, string[] command)
    {
        Root = new RuntimeRoot(arguments.Value("root") ?? RuntimeRoot.DefaultPath);
        Command = command;
        IsDebug = arguments.Has("debug");
        AsksVersion = arguments.Has("version");
        AsksHelp = arguments.Has("help");
        UsesSystemd = arguments.Has("systemd-cgroup");
        _log = arguments.Value("log") is { Length: > 0 } log ? Path.GetFullPath(log) : null;
        _isJson = arguments.Value("log-format") switch
        {
            null or "text" => false,
            "json" => true,
            var other => throw Arguments.Usage($"--log-format must be text or json, not '{other}'"),
        };
    }

    /// <summary>The command's name and its arguments.</summary>
    public string[] Command { get; }

    /// <summary>Where the containers are.</summary>
    public RuntimeRoot Root { get; }

    public bool AsksVersion { get; }

    public bool AsksHelp { get; }

    private bool IsDebug { get; }

    private bool UsesSystemd { get; }

    /// <summary>Compiled seccomp filters are kept beside the containers.</summary>
    public SeccompPlans Seccomp => new(new SeccompFilterCache(Path.Combine(Root.Path, ".seccomp-filters")));

    public static Invocation Read(string[] args)
    {
        var arguments = Arguments.Read(args, Flags, 1, out int rest);
        string[] command = [.. arguments.Words, .. args[rest..]];
        return new Invocation(arguments, command);
    }

    /// <summary>Refuses what only a service manager could do.</summary>
    public void RefuseSystemd()
    {
        if (UsesSystemd)
        {
            throw new CaissonException(
                ErrorKind.Unimplemented,
                Directory.Exists("/run/systemd/system")
                    ? "--systemd-cgroup: cgroups are made in the cgroup file system only; configure the engine for cgroupfs"
                    : "--systemd-cgroup: systemd is not running on this host; configure the engine for cgroupfs");
        }
    }

    /// <summary>Says what went wrong, on stderr and in the log.</summary>
    public void Error(string message)
    {
        Console.Error.WriteLine($"caisson-runtime: {message.ReplaceLineEndings(" ")}");
        Log("error", message);
    }

    /// <summary>Says what is odd, in the log; on stderr too when debugging.</summary>
    public void Warn(string message)
    {
        if (IsDebug)
        {
            Console.Error.WriteLine($"caisson-runtime: {message.ReplaceLineEndings(" ")}");
        }
        Log("warning", message);
    }

    /// <summary>Says what is done, in the log and on stderr when debugging.</summary>
    public void Debug(string message)
    {
        if (IsDebug)
        {
            Log("debug", message, alsoToStandardError: true);
        }
    }

    private void Log(string level, string message, bool alsoToStandardError = false)
    {
        if (_log is null && !alsoToStandardError)
        {
            return;
        }
        string time = RuntimeStateJson.Stamp(DateTimeOffset.UtcNow);
        var line = new ArrayBufferWriter<byte>(512);
        if (_isJson)
        {
            using var json = new Utf8JsonWriter(line);
            json.WriteStartObject();
            json.WriteString("level", level);
            json.WriteString("msg", message);
            json.WriteString("time", time);
            json.WriteEndObject();
        }
        else
        {
            line.Write(System.Text.Encoding.UTF8.GetBytes($"time=\"{time}\" level={level} msg=\"{JsonEncodedText.Encode(message)}\""));
        }
        line.Write("\n"u8);
        if (_log is null)
        {
            Console.Error.Write(System.Text.Encoding.UTF8.GetString(line.WrittenSpan));
            return;
        }
        try
        {
            using var file = new FileStream(_log, FileMode.Append, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
            file.Write(line.WrittenSpan);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Console.Error.WriteLine($"caisson-runtime: log {_log}: {e.Message}");
        }
    }
}
