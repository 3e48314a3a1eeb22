using Caisson.Cli.CommandLine;
using Caisson.Errors;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson engine logs</c></summary>
internal sealed class EngineLogsCommand : Command
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(200);

    private readonly SwitchOption _follow;
    private readonly ValueOption<string> _tail;

    public EngineLogsCommand()
    {
        _follow = Switch("follow", "Follow log output", 'f');
        _tail = Text("tail", "Number of lines to show from the end of the log (default \"all\")", 'n', absent: "all");
    }

    public override string Usage => "[OPTIONS]";

    public override IReadOnlyList<string> Examples => ["engine logs --tail 20", "engine logs -f"];

    public override int Run(Session session)
    {
        int? tail = _tail.Value == "all" ? null
            : int.TryParse(_tail.Value, out int lines) && lines >= 0 ? lines
            : throw new UsageException($"invalid number of lines: \"{_tail.Value}\"");
        if (!File.Exists(session.Paths.Log))
        {
            throw new CaissonException(ErrorKind.NotFound, $"there is no log at {session.Paths.Log}: the engine was not started by this command line");
        }
        using var log = new FileStream(session.Paths.Log, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        if (tail is { } count)
        {
            SeekToLast(log, count);
        }
        log.CopyTo(session.OutputStream);
        while (_follow.Value)
        {
            Thread.Sleep(Look);
            log.CopyTo(session.OutputStream);
        }
        return 0;
    }

    private static void SeekToLast(FileStream log, int lines)
    {
        long at = log.Length;
        int found = 0;
        Span<byte> block = stackalloc byte[4096];
        while (at > 0)
        {
            int length = (int)Math.Min(block.Length, at);
            at -= length;
            log.Position = at;
            log.ReadExactly(block[..length]);
            for (int i = length - 1; i >= 0; i--)
            {
                // The newline that ends the last line begins none.
                if (block[i] == '\n' && at + i != log.Length - 1 && ++found == lines)
                {
                    log.Position = at + i + 1;
                    return;
                }
            }
        }
        log.Position = lines == 0 ? log.Length : 0;
    }
}
