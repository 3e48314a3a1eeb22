using System.Diagnostics;
using System.Text;

using Caisson.Client;
using Caisson.Errors;

namespace Caisson.Cli.Engines;

/// <summary>Starts the engine when nobody listens; two that try at once make one engine.</summary>
internal sealed class EngineLauncher(EnginePaths paths, Func<string, string?> environment)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private const int LogTailLines = 15;

    /// <summary>Returns once an engine listens on the socket.</summary>
    /// <returns>True when this call started it.</returns>
    /// <exception cref="CaissonException">It could not be started; the message ends with what its log says.</exception>
    public bool EnsureRunning()
    {
        Prepare();
        var waited = Stopwatch.StartNew();
        while (true)
        {
            if (Listens())
            {
                return false;
            }
            using (var held = TryLock())
            {
                if (held is not null)
                {
                    // The one before us may have finished between the two looks.
                    return !Listens() && Start();
                }
            }
            if (waited.Elapsed > Patience)
            {
                throw Failure("another command has been starting the engine for ten seconds without success", 0);
            }
            Thread.Sleep(10);
        }
    }

    /// <summary>True when the socket takes connections.</summary>
    public bool Listens() => EngineClient.Listens(new EngineEndpoint(paths.Socket));

    private bool Start()
    {
        string program = FindEngine();
        long logStart = OpenLog();
        using var process = Spawn(program);
        var waited = Stopwatch.StartNew();
        for (int delay = 1; !Listens(); delay = Math.Min(delay * 2, 20))
        {
            if (process.WaitForExit(delay))
            {
                throw Failure($"the engine ended with exit code {process.ExitCode} before it listened on {paths.Socket}", logStart);
            }
            if (waited.Elapsed > Patience)
            {
                throw Failure($"the engine (pid {process.Id}) does not listen on {paths.Socket} after ten seconds", logStart);
            }
        }
        return true;
    }

    private void Prepare()
    {
        try
        {
            const UnixFileMode mode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
                | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;
            Directory.CreateDirectory(paths.Run, mode);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CaissonException(
                ErrorKind.PermissionDenied,
                $"cannot start the engine: {paths.Run} cannot be made: {e.Message}; run as root, or set CAISSON_RUN and CAISSON_ROOT to directories of your own", e);
        }
    }

    private FileStream? TryLock()
    {
        try
        {
            // Opening without sharing takes flock(LOCK_EX | LOCK_NB): the kernel drops it when we die.
            return new FileStream(paths.StartLock, new FileStreamOptions
            {
                Mode = FileMode.OpenOrCreate,
                Access = FileAccess.ReadWrite,
                Share = FileShare.None,
                UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            });
        }
        catch (UnauthorizedAccessException e)
        {
            throw new CaissonException(
                ErrorKind.PermissionDenied, $"cannot start the engine: {paths.StartLock}: {e.Message}; run as root", e);
        }
        catch (IOException)
        {
            return null;
        }
    }

    private string FindEngine() => Find(environment);

    /// <summary>The engine's binary: <c>CAISSOND</c>, or the one beside this one.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.NotFound"/>.</exception>
    public static string Find(Func<string, string?> environment)
    {
        string program = environment("CAISSOND") is { Length: > 0 } given
            ? given
            : Path.Combine(Path.GetDirectoryName(Environment.ProcessPath) ?? "/", "caissond");
        return File.Exists(program)
            ? Path.GetFullPath(program)
            : throw new CaissonException(
                ErrorKind.NotFound, $"cannot start the engine: {program} does not exist; install caissond beside caisson or set CAISSOND to its path");
    }

    private long OpenLog()
    {
        using var log = new FileStream(paths.Log, new FileStreamOptions
        {
            Mode = FileMode.OpenOrCreate,
            Access = FileAccess.Write,
            Share = FileShare.ReadWrite,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });
        return log.Length;
    }

    /// <summary>A session of its own, the log as its output, the root as its directory: nothing of ours keeps it or is kept by it.</summary>
    private Process Spawn(string program)
    {
        var start = new ProcessStartInfo("/bin/sh") { UseShellExecute = false, WorkingDirectory = "/" };
        start.ArgumentList.Add("-c");
        start.ArgumentList.Add("exec setsid \"$0\" </dev/null >>\"$1\" 2>&1");
        start.ArgumentList.Add(program);
        start.ArgumentList.Add(paths.Log);
        start.Environment["CAISSON_RUN"] = paths.Run;
        start.Environment["CAISSON_ROOT"] = paths.Root;
        return Process.Start(start) ?? throw new CaissonException(ErrorKind.Internal, $"cannot start {program}");
    }

    private CaissonException Failure(string what, long logStart)
    {
        var message = new StringBuilder($"cannot start the engine: {what}");
        string[] tail = ReadTail(logStart);
        message.Append(tail.Length == 0 ? $"; {paths.Log} says nothing" : $"; {paths.Log} ends with:");
        foreach (string line in tail)
        {
            message.Append("\n  ").Append(line);
        }
        return new CaissonException(ErrorKind.Unavailable, message.ToString());
    }

    private string[] ReadTail(long from)
    {
        try
        {
            using var log = new FileStream(paths.Log, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            log.Position = Math.Max(from, log.Length - 16_384);
            using var reader = new StreamReader(log);
            return reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries).TakeLast(LogTailLines).ToArray();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
