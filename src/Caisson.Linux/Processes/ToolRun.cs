using System.ComponentModel;
using System.Diagnostics;

using Caisson.Errors;

namespace Caisson.Linux.Processes;

/// <summary>Runs a program of this machine that makes files for us, such as a file system; its errors become ours.</summary>
public static class ToolRun
{
    private const int ErrorLinesMax = 12;

    /// <summary>Runs to the end and gives what it printed.</summary>
    public static async Task<string> ReadAsync(string program, IReadOnlyList<string> arguments, string? directory, CancellationToken cancellation)
    {
        using var text = new MemoryStream();
        await StreamAsync(program, arguments, directory, output => output.CopyToAsync(text, cancellation), null, cancellation);
        return System.Text.Encoding.UTF8.GetString(text.GetBuffer(), 0, (int)text.Length);
    }

    /// <summary>Runs while <paramref name="consume"/> reads its output.</summary>
    /// <param name="program">A name that is looked up in PATH, or a path.</param>
    /// <param name="arguments">Passed as they are; no shell.</param>
    /// <param name="directory">Where it runs; null for here.</param>
    /// <param name="consume">Reads standard output to its end.</param>
    /// <param name="line">Told each line of standard error.</param>
    /// <param name="cancellation">Kills the program and what it started.</param>
    /// <exception cref="CaissonException">
    /// <see cref="ErrorKind.FailedPrecondition"/>: it is not installed; <see cref="ErrorKind.Internal"/>: it failed; with its last words.
    /// </exception>
    public static async Task StreamAsync(
        string program,
        IReadOnlyList<string> arguments,
        string? directory,
        Func<Stream, Task> consume,
        Action<string>? line,
        CancellationToken cancellation)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = directory ?? "/",
        };
        start.Environment["LC_ALL"] = "C";
        using Process process = Start(start, program);
        process.StandardInput.Close();
        Queue<string> last = new();
        Task errors = DrainAsync(process.StandardError, last, line);
        try
        {
            await consume(process.StandardOutput.BaseStream);
            await process.WaitForExitAsync(cancellation);
            await errors;
        }
        catch
        {
            Kill(process);
            await process.WaitForExitAsync(CancellationToken.None);
            throw;
        }
        if (process.ExitCode != 0)
        {
            throw new CaissonException(ErrorKind.Internal,
                $"{program} failed with exit code {process.ExitCode}: {string.Join("; ", last).Trim()}");
        }
    }

    private static Process Start(ProcessStartInfo start, string program)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            throw new CaissonException(ErrorKind.FailedPrecondition,
                $"{program} is needed but cannot be run on this machine; install it (Debian: apt-get install {Path.GetFileName(program)})", e);
        }
    }

    private static async Task DrainAsync(StreamReader reader, Queue<string> last, Action<string>? line)
    {
        while (await reader.ReadLineAsync() is { } text)
        {
            if (text.Trim().Length == 0)
            {
                continue;
            }
            line?.Invoke(text);
            last.Enqueue(text.Trim());
            if (last.Count > ErrorLinesMax)
            {
                last.Dequeue();
            }
        }
    }

    private static void Kill(Process process)
    {
        try
        {
            process.Kill(entireProcessTree: true);
        }
        catch (InvalidOperationException)
        {
            // It has ended by itself.
        }
    }
}
