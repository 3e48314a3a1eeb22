using System.Globalization;

using Caisson.Compose.Running;
using Caisson.Linux.Terminals;

namespace Caisson.Cli.Composing;

/// <summary>Shows how a plan goes on: on a terminal one line a thing, rewritten in place; elsewhere a line an event.</summary>
internal sealed class ComposeProgress : IComposeProgress, IDisposable
{
    private readonly Session _session;
    private readonly Lock _lock = new();
    private readonly bool _terminal;
    private readonly bool _quiet;
    private readonly List<Row> _rows = [];

    public ComposeProgress(Session session)
    {
        _session = session;
        _quiet = session.Compose.Progress == "quiet";
        _terminal = session.Compose.Progress is "tty" || (session.Compose.Progress == "auto" && ComposeCommand.UsesAnsi(session, StandardDescriptor.Error));
    }

    /// <summary>Told when a container was started, by its name; not while lines are rewritten.</summary>
    public Action<string>? Started { get; init; }

    public void Begin(string subject, string doing) => Show(subject, doing, ended: false, failed: false);

    public void End(string subject, string done)
    {
        Show(subject, done, ended: true, failed: false);
        if (!_terminal && done == "Started" && subject.StartsWith("Container ", StringComparison.Ordinal))
        {
            Started?.Invoke(subject["Container ".Length..]);
        }
    }

    public void Fail(string subject, string message) => Show(subject, "Error " + message, ended: true, failed: true);

    public void Notice(string message)
    {
        lock (_lock)
        {
            _rows.Clear();
            _session.Error.WriteLine("WARN: " + message);
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _rows.Clear();
        }
    }

    private void Show(string subject, string text, bool ended, bool failed)
    {
        if (_quiet && !failed)
        {
            return;
        }
        lock (_lock)
        {
            if (!_terminal)
            {
                _session.Error.WriteLine($" {subject}  {text}");
                return;
            }
            var row = _rows.Find(known => known.Subject == subject);
            if (row is null)
            {
                _rows.Add(row = new(subject, _session.Clock.GetTimestamp()));
                _session.Error.Write("\n");
            }
            string mark = failed ? "\x1b[31m✘\x1b[0m" : ended ? "\x1b[32m✔\x1b[0m" : "\x1b[33m⠿\x1b[0m";
            string seconds = _session.Clock.GetElapsedTime(row.Begun).TotalSeconds.ToString("0.0", CultureInfo.InvariantCulture);
            int up = _rows.Count - _rows.IndexOf(row);
            string line = Cut($"{subject}  {text}", (_session.Width ?? 80) - 12);
            _session.Error.Write($"\x1b[{up}A\r\x1b[2K {mark} {line}  {seconds}s\x1b[{up}B\r");
        }
    }

    private static string Cut(string text, int width)
    {
        string line = text.ReplaceLineEndings(" ");
        return line.Length > width && width > 1 ? line[..(width - 1)] + "…" : line;
    }

    private sealed record Row(string Subject, long Begun);
}
