using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

using Caisson.Errors;
using Caisson.Linux;

namespace Caisson.Qmp;

/// <summary>A conversation with one QEMU: commands and their answers, events between them.</summary>
/// <remarks>
/// For one thread: <see cref="Execute"/> waits for its answer and keeps the events that come meanwhile; whoever waits for something else, too,
/// watches <see cref="Signal"/> and calls <see cref="Pump"/>. Memory is bounded whatever QEMU sends. Source: QEMU docs/interop/qmp-spec.
/// </remarks>
public sealed class QmpClient : IDisposable
{
    /// <summary>The longest line that is taken: the schema of QEMU 7.2 has 300 KB.</summary>
    private const int LineBytesMax = 16 << 20;

    /// <summary>Events that wait to be taken; the oldest go first when nobody takes them.</summary>
    private const int EventsMax = 1_024;

    private readonly UnixSocket _socket;
    private readonly Queue<QmpEvent> _events = new();
    private byte[] _buffer = new byte[8 * 1024];
    private int _start;
    private int _end;
    private long _nextId;
    private HashSet<string>? _commands;

    private QmpClient(UnixSocket socket) => _socket = socket;

    /// <summary>What QEMU said first.</summary>
    public QmpGreeting Greeting { get; private set; } = new("", "", []);

    /// <summary>How many events were dropped because nobody took them.</summary>
    public long DroppedEvents { get; private set; }

    /// <summary>Becomes readable when <see cref="Pump"/> has something to do.</summary>
    public Descriptor Signal => _socket;

    /// <summary>Takes QEMU's greeting and begins the conversation.</summary>
    /// <param name="socket">Connected to a monitor in mode <c>control</c>; owned from now on, also when this fails.</param>
    /// <param name="timeout">How long QEMU may take.</param>
    /// <exception cref="CaissonException"><see cref="ErrorKind.Unavailable"/>: QEMU ended or said nothing in time.</exception>
    public static QmpClient Open(UnixSocket socket, TimeSpan timeout)
    {
        var client = new QmpClient(socket);
        try
        {
            long start = Stopwatch.GetTimestamp();
            if (client.Next(timeout, "its greeting") is not QmpMessage.Greeting greeting)
            {
                throw new CaissonException(ErrorKind.Internal, "qemu's monitor began without a greeting: it is not in mode control");
            }
            client.Greeting = greeting.Value;
            client.Execute("qmp_capabilities", null, timeout - Stopwatch.GetElapsedTime(start));
            return client;
        }
        catch
        {
            client.Dispose();
            throw;
        }
    }

    /// <summary>Asks for something and waits for the answer.</summary>
    /// <param name="command">Such as <c>query-status</c>.</param>
    /// <param name="arguments">Writes the members of the arguments; null for none.</param>
    /// <param name="timeout">How long QEMU may take; afterwards the conversation goes on, and a late answer is dropped.</param>
    /// <param name="descriptors">Go along, for <c>getfd</c> and <c>add-fd</c>; stay the caller's.</param>
    /// <returns>What QEMU returned.</returns>
    /// <exception cref="QmpException">QEMU refused.</exception>
    /// <exception cref="CaissonException"><see cref="ErrorKind.Unavailable"/>: QEMU ended, or did not answer in time.</exception>
    public JsonElement Execute(string command, Action<Utf8JsonWriter>? arguments, TimeSpan timeout, params ReadOnlySpan<Descriptor> descriptors)
    {
        long id = ++_nextId;
        try
        {
            _socket.Send(QmpMessage.Format(command, id, arguments), descriptors);
        }
        catch (LinuxException error) when (error.Errno is Errno.EPIPE or Errno.ECONNRESET)
        {
            throw Ended(command, error);
        }
        long start = Stopwatch.GetTimestamp();
        while (true)
        {
            switch (Next(timeout - Stopwatch.GetElapsedTime(start), command))
            {
                case QmpMessage.Return answer when answer.Id == id:
                    KeepReceived(); // what came with the answer does not make the socket readable again
                    return answer.Value;
                case QmpMessage.Error error when error.Id is null || error.Id == id:
                    KeepReceived();
                    throw new QmpException(command, error.Class, error.Description);
                case QmpMessage.Event told:
                    Keep(told.Value);
                    break;
            }
        }
    }

    /// <summary>Gives QEMU a descriptor under a name, for commands that take names of descriptors. Source: QEMU qapi, getfd.</summary>
    public void GiveDescriptor(string name, Descriptor descriptor, TimeSpan timeout) =>
        Execute("getfd", writer => writer.WriteString("fdname", name), timeout, descriptor);

    /// <summary>From now on a migration leaves out memory that both sides map from one file. Source: QEMU qapi, migrate-set-capabilities.</summary>
    public void IgnoreSharedMemory(TimeSpan timeout) => Execute(
        "migrate-set-capabilities",
        writer =>
        {
            writer.WriteStartArray("capabilities");
            writer.WriteStartObject();
            writer.WriteString("capability", "x-ignore-shared");
            writer.WriteBoolean("state", true);
            writer.WriteEndObject();
            writer.WriteEndArray();
        },
        timeout);

    /// <summary>Gives QEMU a descriptor that it opens as <c>/dev/fdset/N</c>. Source: QEMU qapi, add-fd.</summary>
    /// <returns>The N.</returns>
    public int AddToSet(Descriptor descriptor, TimeSpan timeout) =>
        Execute("add-fd", _ => { }, timeout, descriptor) is { ValueKind: JsonValueKind.Object } answer
            && answer.TryGetProperty("fdset-id", out JsonElement id) && id.TryGetInt32(out int number)
            ? number
            : throw new CaissonException(ErrorKind.Internal, "qemu took a descriptor and did not say its set");

    /// <summary>Whether this QEMU knows a command; asked once of its own list, never of its version.</summary>
    public bool Knows(string command, TimeSpan timeout)
    {
        if (_commands is null)
        {
            JsonElement listed = Execute("query-commands", null, timeout);
            _commands = [];
            foreach (JsonElement entry in listed.ValueKind == JsonValueKind.Array ? listed.EnumerateArray() : default)
            {
                if (entry.TryGetProperty("name", out JsonElement name) && name.GetString() is { } text)
                {
                    _commands.Add(text);
                }
            }
        }
        return _commands.Contains(command);
    }

    /// <summary>The description of everything this QEMU can be asked. Source: QEMU qapi, query-qmp-schema.</summary>
    public QmpSchema ReadSchema(TimeSpan timeout) => QmpSchema.Read(Execute("query-qmp-schema", null, timeout));

    /// <summary>Takes what has come without waiting; false when QEMU has ended.</summary>
    public bool Pump()
    {
        while (_socket.WaitReadable(0))
        {
            if (!Fill())
            {
                return false;
            }
            KeepReceived();
        }
        return true;
    }

    /// <summary>The oldest event that nobody has taken; null when there is none.</summary>
    public QmpEvent? TakeEvent() => _events.TryDequeue(out QmpEvent? oldest) ? oldest : null;

    /// <summary>Waits for an event; null when the time is over. Others that come before it stay to be taken.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.Unavailable"/>: QEMU ended.</exception>
    public QmpEvent? WaitEvent(string name, TimeSpan timeout)
    {
        long start = Stopwatch.GetTimestamp();
        while (true)
        {
            for (int i = _events.Count; i > 0; i--)
            {
                QmpEvent told = _events.Dequeue();
                if (told.Name == name)
                {
                    return told;
                }
                _events.Enqueue(told);
            }
            TimeSpan left = timeout - Stopwatch.GetElapsedTime(start);
            if (left <= TimeSpan.Zero || !_socket.WaitReadable((int)Math.Ceiling(left.TotalMilliseconds)))
            {
                return null;
            }
            if (!Pump())
            {
                throw Ended($"the event {name}", null);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _socket.Dispose();

    private static CaissonException Ended(string waitedFor, Exception? cause) =>
        new(ErrorKind.Unavailable, $"qemu ended while {waitedFor} was waited for", cause);

    private void KeepReceived()
    {
        while (TakeLine() is { } line)
        {
            if (QmpMessage.Parse(line) is QmpMessage.Event told)
            {
                Keep(told.Value);
            }
        }
    }

    private void Keep(QmpEvent told)
    {
        if (_events.Count == EventsMax)
        {
            _events.Dequeue();
            DroppedEvents++;
        }
        _events.Enqueue(told);
    }

    private QmpMessage Next(TimeSpan timeout, string waitedFor)
    {
        long start = Stopwatch.GetTimestamp();
        while (true)
        {
            if (TakeLine() is { } line)
            {
                return QmpMessage.Parse(line);
            }
            TimeSpan left = timeout - Stopwatch.GetElapsedTime(start);
            if (left <= TimeSpan.Zero || !_socket.WaitReadable((int)Math.Ceiling(left.TotalMilliseconds)))
            {
                throw new CaissonException(ErrorKind.Unavailable, string.Create(
                    CultureInfo.InvariantCulture, $"qemu did not answer within {timeout.TotalSeconds:0.#} s, {waitedFor} was waited for"));
            }
            if (!Fill())
            {
                throw Ended(waitedFor, null);
            }
        }
    }

    /// <summary>Receives once; false at the end.</summary>
    private bool Fill()
    {
        if (_start > 0)
        {
            _buffer.AsSpan(_start.._end).CopyTo(_buffer);
            (_start, _end) = (0, _end - _start);
        }
        if (_end == _buffer.Length)
        {
            if (_buffer.Length >= LineBytesMax)
            {
                throw new CaissonException(ErrorKind.ResourceExhausted, $"qemu sent a line of more than {LineBytesMax} bytes");
            }
            Array.Resize(ref _buffer, _buffer.Length * 2);
        }
        try
        {
            int count = _socket.Receive(_buffer.AsSpan(_end));
            _end += count;
            return count > 0;
        }
        catch (LinuxException error) when (error.Errno == Errno.ECONNRESET)
        {
            return false;
        }
    }

    private ReadOnlyMemory<byte>? TakeLine()
    {
        int length = _buffer.AsSpan(_start.._end).IndexOf((byte)'\n');
        if (length < 0)
        {
            return null;
        }
        var line = _buffer.AsMemory(_start, length);
        _start += length + 1;
        return line.Span.Trim(" \r"u8).IsEmpty ? TakeLine() : line;
    }
}
