using System.Buffers;
using System.Text;

using Caisson.Client.Containers;
using Caisson.Client.Streams;
using Caisson.Compose.Model;
using Caisson.Errors;
using Caisson.Linux.Terminals;

namespace Caisson.Cli.Composing;

/// <summary>Output of many containers in one stream: each line after the name of its container, each name in a colour of its own.</summary>
internal sealed class AggregatedLogs
{
    private static readonly string[] Colors = ["36", "33", "32", "35", "34", "36;1", "33;1", "32;1", "35;1", "34;1"];

    private static readonly SearchValues<char> IdDigits = SearchValues.Create("0123456789abcdef");

    private readonly Session _session;
    private readonly string _project;
    private readonly bool _color;
    private readonly bool _prefix;
    private readonly Lock _lock = new();
    private readonly Dictionary<string, string> _colors = new(StringComparer.Ordinal);
    private int _width;

    public AggregatedLogs(Session session, string project, bool noColor, bool noPrefix)
    {
        _session = session;
        _project = project;
        _color = !noColor && ComposeCommand.UsesAnsi(session, StandardDescriptor.Output);
        _prefix = !noPrefix;
    }

    /// <summary>Makes room for the names to come, so that lines stand under each other from the first.</summary>
    public void Reserve(IEnumerable<string> containers)
    {
        foreach (string container in containers)
        {
            Register(Short(container));
        }
    }

    /// <summary>Copies a container's log until its end.</summary>
    /// <param name="container">Its name or id.</param>
    /// <param name="shown">Its name.</param>
    /// <param name="options">Which part.</param>
    public void Copy(string container, string shown, LogOptions options)
    {
        bool tty;
        using (var inspected = _session.Engine.InspectContainer(container))
        {
            tty = Commands.StartCommand.IsTrue(inspected.RootElement.GetProperty("Config"), "Tty");
        }
        using var response = _session.Engine.Logs(container, options);
        using var output = new LineStream(line => Write(Short(shown), line, _session.Out));
        using var error = new LineStream(line => Write(Short(shown), line, _session.Out)); // both are the log, as with docker
        if (tty)
        {
            response.Body.CopyTo(output);
        }
        else
        {
            MultiplexedReader.CopyTo(response.Body, output, error);
        }
    }

    /// <summary>A line of our own among them.</summary>
    public void Say(string container, string text) => Write(null, $"{Short(container)} {text}", _session.Out);

    /// <summary>A container's name without its project, and without what a container that is being replaced has before it.</summary>
    internal string Short(string name)
    {
        string lasting = name.Length > 13 && name[12] == '_' && name.AsSpan(0, 12).IndexOfAnyExcept(IdDigits) < 0 ? name[13..] : name;
        return lasting.StartsWith(_project + "-", StringComparison.Ordinal) ? lasting[(_project.Length + 1)..] : lasting;
    }

    internal static string ServiceOf(ContainerSummary container) => ComposeCommand.Label(container, ComposeLabels.Service);

    private void Write(string? name, string line, TextWriter output)
    {
        lock (_lock)
        {
            string prefix = "";
            if (name is not null && _prefix)
            {
                string color = Register(name);
                string text = $"{name.PadRight(_width)}  | ";
                prefix = _color ? $"\x1b[{color}m{text}\x1b[0m" : text;
            }
            output.WriteLine(prefix + line);
            output.Flush();
        }
    }

    private string Register(string name)
    {
        lock (_lock)
        {
            if (!_colors.TryGetValue(name, out string? color))
            {
                _colors[name] = color = Colors[_colors.Count % Colors.Length];
                _width = Math.Max(_width, name.Length);
            }
            return color;
        }
    }

    /// <summary>Cuts what is written to it into lines.</summary>
    private sealed class LineStream(Action<string> line) : Stream
    {
        private const int LineBytesMax = 64 << 10;
        private readonly List<byte> _rest = [];

        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override void Flush()
        {
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            while (!buffer.IsEmpty)
            {
                int end = buffer.IndexOf((byte)'\n');
                if (end < 0)
                {
                    _rest.AddRange(buffer);
                    if (_rest.Count >= LineBytesMax)
                    {
                        Emit();
                    }
                    return;
                }
                _rest.AddRange(buffer[..end]);
                Emit();
                buffer = buffer[(end + 1)..];
            }
        }

        protected override void Dispose(bool disposing)
        {
            if (_rest.Count > 0)
            {
                Emit();
            }
            base.Dispose(disposing);
        }

        private void Emit()
        {
            string text = Encoding.UTF8.GetString([.. _rest]);
            _rest.Clear();
            line(text.TrimEnd('\r'));
        }
    }
}

/// <summary>What to do when a log cannot be read on: the container went away.</summary>
internal static class LogEnds
{
    public static bool IsGone(Exception e) => e is CaissonException { Kind: ErrorKind.NotFound or ErrorKind.Conflict or ErrorKind.Unavailable } or IOException;
}
