using System.Diagnostics;
using System.Globalization;
using System.Text;
using Caisson.Linux;

namespace Caisson.EndToEnd.Tests;

/// <summary>A program in a terminal of its own, as a person has it: typed to, read from, resized.</summary>
public sealed class TerminalSession : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly Pty _terminal = Pty.Open();
    private readonly Process _process;
    private readonly Thread _reader;
    private readonly StringBuilder _seen = new();
    private int _taken;
    private bool _over;

    /// <param name="size">Of the terminal at first.</param>
    /// <param name="environment">Added to the test's own.</param>
    /// <param name="command">The program and its arguments.</param>
    public TerminalSession(TerminalSize size, (string Name, string Value)[] environment, params string[] command)
    {
        Resize(size);
        string device = string.Create(CultureInfo.InvariantCulture, $"/dev/pts/{_terminal.Index}");
        ProcessStartInfo start = new("sh", ["-c", $"exec setsid -c \"$@\" <{device} >{device} 2>&1", "sh", .. command]);
        foreach ((string name, string value) in environment)
        {
            start.Environment[name] = value;
        }
        _process = Process.Start(start)!;
        _reader = new Thread(Read) { IsBackground = true };
        _reader.Start();
    }

    public void Type(string text) => _terminal.Write(Encoding.UTF8.GetBytes(text));

    public void Resize(TerminalSize size) => Terminal.SetSize(_terminal, size);

    /// <summary>Waits until <paramref name="text"/> is shown, after what was waited for before; gives back all up to its end.</summary>
    public string WaitFor(string text)
    {
        var deadline = Stopwatch.StartNew();
        lock (_seen)
        {
            while (true)
            {
                string rest = _seen.ToString(_taken, _seen.Length - _taken);
                int at = rest.IndexOf(text, StringComparison.Ordinal);
                if (at >= 0)
                {
                    _taken += at + text.Length;
                    return rest[..(at + text.Length)];
                }
                TimeSpan left = Patience - deadline.Elapsed;
                if (_over || left <= TimeSpan.Zero || !Monitor.Wait(_seen, left))
                {
                    throw new TimeoutException($"waiting for \"{text}\", the terminal {(_over ? "ended" : "stayed")} with: {_seen}");
                }
            }
        }
    }

    /// <summary>Waits for the program's end and gives back its exit code.</summary>
    public int WaitExit()
    {
        if (!_process.WaitForExit(Patience))
        {
            throw new TimeoutException($"the program did not end; the terminal shows: {_seen}");
        }
        return _process.ExitCode;
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            _process.WaitForExit();
        }
        _reader.Join();
        _process.Dispose();
        _terminal.Dispose();
    }

    private void Read()
    {
        byte[] buffer = new byte[4096];
        Decoder decoder = Encoding.UTF8.GetDecoder();
        char[] text = new char[4096];
        while (TryRead(buffer) is > 0 and var count)
        {
            int length = decoder.GetChars(buffer, 0, count, text, 0);
            lock (_seen)
            {
                _seen.Append(text, 0, length);
                Monitor.PulseAll(_seen);
            }
        }
        lock (_seen)
        {
            _over = true;
            Monitor.PulseAll(_seen);
        }
    }

    /// <summary>Until the program opens its side, and after the last one has closed it, the kernel says EIO.</summary>
    private int TryRead(byte[] buffer)
    {
        while (true)
        {
            try
            {
                return _terminal.Read(buffer);
            }
            catch (LinuxException e) when (e.Errno == Errno.EIO)
            {
                if (_process.HasExited)
                {
                    return 0;
                }
                Thread.Sleep(10);
            }
        }
    }
}
