using System.Diagnostics;
using System.Text;
using System.Text.Json;

using Caisson.Errors;
using Caisson.Linux;

namespace Caisson.Machines.Full;

/// <summary>How a program in a machine ended.</summary>
/// <param name="Code">What it returned, or 128 plus the signal that ended it.</param>
/// <param name="Output">What it wrote to stdout.</param>
/// <param name="Errors">What it wrote to stderr.</param>
/// <param name="IsCut">It wrote more than the agent keeps.</param>
public sealed record GuestProgramEnd(int Code, byte[] Output, byte[] Errors, bool IsCut);

/// <summary>A conversation with qemu-guest-agent in a machine, which is the guest's and so is believed nothing: what it says is bounded in size and time.</summary>
/// <remarks>Source: QEMU docs/interop/qemu-ga-ref, guest-sync-delimited, guest-exec.</remarks>
public sealed class GuestAgent : IDisposable
{
    private const int LineBytesMax = 24 << 20;

    private readonly UnixSocket _socket;
    private readonly List<byte> _line = [];
    private readonly byte[] _buffer = new byte[64 << 10];
    private int _start;
    private int _end;

    private GuestAgent(UnixSocket socket) => _socket = socket;

    /// <summary>Begins a conversation: whatever an earlier one left is skipped.</summary>
    /// <param name="path">The host path of the socket that QEMU serves.</param>
    /// <param name="owner">The host's user that QEMU runs as.</param>
    /// <param name="timeout">How long the agent may take.</param>
    /// <exception cref="CaissonException"><see cref="ErrorKind.Unavailable"/>: no agent runs in the machine.</exception>
    public static GuestAgent Open(string path, uint owner, TimeSpan timeout)
    {
        UnixSocket socket;
        try
        {
            socket = UnixSocket.Connect(path, UnixSocketKind.Stream);
        }
        catch (LinuxException error) when (error.Errno is Errno.ENOENT or Errno.ECONNREFUSED)
        {
            throw new CaissonException(ErrorKind.Unavailable, "the machine's QEMU does not answer", error);
        }
        var agent = new GuestAgent(socket);
        try
        {
            if (socket.PeerCredentials.UserId != owner)
            {
                throw new CaissonException(ErrorKind.PermissionDenied, $"{path} leads to a program that is not the machine's");
            }
            agent.Synchronize(timeout);
            return agent;
        }
        catch
        {
            agent.Dispose();
            throw;
        }
    }

    /// <summary>Runs a program to its end.</summary>
    /// <param name="command">The program and its arguments; no shell.</param>
    /// <param name="environment">Variables, as <c>NAME=value</c>; null for the agent's.</param>
    /// <param name="input">What it reads; empty for nothing.</param>
    /// <param name="timeout">How long it may run; the program itself goes on after that.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    public async Task<GuestProgramEnd> RunAsync(IReadOnlyList<string> command, IReadOnlyList<string>? environment, ReadOnlyMemory<byte> input, TimeSpan timeout, CancellationToken cancellationToken)
    {
        long start = Stopwatch.GetTimestamp();
        JsonElement begun = Execute("guest-exec", json =>
        {
            json.WriteString("path", command[0]);
            json.WriteStartArray("arg");
            foreach (string argument in command.Skip(1))
            {
                json.WriteStringValue(argument);
            }
            json.WriteEndArray();
            if (environment is not null)
            {
                json.WriteStartArray("env");
                foreach (string variable in environment)
                {
                    json.WriteStringValue(variable);
                }
                json.WriteEndArray();
            }
            if (!input.IsEmpty)
            {
                json.WriteBase64String("input-data", input.Span);
            }
            json.WriteBoolean("capture-output", true);
        });
        long id = begun.ValueKind == JsonValueKind.Object && begun.TryGetProperty("pid", out JsonElement pid) && pid.ValueKind == JsonValueKind.Number && pid.TryGetInt64(out long number)
            ? number
            : throw Broken("it started a program and did not say its number");
        for (int pause = 5; ; pause = Math.Min(pause * 2, 250))
        {
            JsonElement status = Execute("guest-exec-status", json => json.WriteNumber("pid", id));
            if (status.ValueKind == JsonValueKind.Object && status.TryGetProperty("exited", out JsonElement exited) && exited.ValueKind == JsonValueKind.True)
            {
                return new GuestProgramEnd(
                    status.TryGetProperty("signal", out JsonElement signal) && signal.ValueKind == JsonValueKind.Number && signal.TryGetInt32(out int killed) ? 128 + killed
                        : status.TryGetProperty("exitcode", out JsonElement code) && code.ValueKind == JsonValueKind.Number && code.TryGetInt32(out int returned) ? returned : 0,
                    Bytes(status, "out-data"),
                    Bytes(status, "err-data"),
                    IsTrue(status, "out-truncated") || IsTrue(status, "err-truncated"));
            }
            if (Stopwatch.GetElapsedTime(start) > timeout)
            {
                throw new CaissonException(ErrorKind.Unavailable, $"{command[0]} still runs after {timeout.TotalSeconds:0} s; it goes on in the machine");
            }
            await Task.Delay(pause, cancellationToken);
        }
    }

    /// <summary>Asks the agent for something.</summary>
    /// <exception cref="CaissonException">It refused, with its reason; or does not answer.</exception>
    public JsonElement Execute(string command, Action<Utf8JsonWriter>? arguments, TimeSpan? timeout = null)
    {
        Send(command, arguments);
        return Answer(command, timeout ?? TimeSpan.FromSeconds(10));
    }

    /// <summary>Asks for what has no answer, as a shutdown has none.</summary>
    public void Send(string command, Action<Utf8JsonWriter>? arguments)
    {
        string text = QmpStep.Json(json =>
        {
            json.WriteString("execute", command);
            if (arguments is not null)
            {
                json.WriteStartObject("arguments");
                arguments(json);
                json.WriteEndObject();
            }
        });
        _socket.Send(Encoding.UTF8.GetBytes(text + "\n"));
    }

    /// <inheritdoc/>
    public void Dispose() => _socket.Dispose();

    private void Synchronize(TimeSpan timeout)
    {
        long id = BitConverter.ToUInt32(KernelRandom.Take(4));
        _socket.Send([0xff]); // an invalid byte: whatever was begun before is over
        Send("guest-sync-delimited", json => json.WriteNumber("id", id));
        long start = Stopwatch.GetTimestamp();
        while (true)
        {
            JsonElement answer;
            try
            {
                answer = Answer("guest-sync-delimited", timeout - Stopwatch.GetElapsedTime(start));
            }
            catch (CaissonException error) when (error.Kind == ErrorKind.Internal && Stopwatch.GetElapsedTime(start) < timeout)
            {
                continue; // of an earlier conversation
            }
            if (answer.ValueKind == JsonValueKind.Number && answer.TryGetInt64(out long echoed) && echoed == id)
            {
                return;
            }
        }
    }

    private JsonElement Answer(string command, TimeSpan timeout)
    {
        byte[] line = Line(timeout);
        try
        {
            using JsonDocument document = JsonDocument.Parse(line);
            JsonElement root = document.RootElement;
            if (root.ValueKind == JsonValueKind.Object && root.TryGetProperty("return", out JsonElement value))
            {
                return value.Clone();
            }
            string reason = root.ValueKind == JsonValueKind.Object && root.TryGetProperty("error", out JsonElement error) && error.ValueKind == JsonValueKind.Object
                && error.TryGetProperty("desc", out JsonElement text) && text.ValueKind == JsonValueKind.String ? text.GetString()! : "no reason";
            throw new CaissonException(ErrorKind.Internal, $"the machine's agent refuses {command}: {string.Concat(reason.Where(c => !char.IsControl(c)).Take(400))}");
        }
        catch (JsonException)
        {
            throw Broken($"its answer to {command} is no JSON");
        }
    }

    private byte[] Line(TimeSpan timeout)
    {
        long start = Stopwatch.GetTimestamp();
        _line.Clear();
        while (true)
        {
            while (_start < _end)
            {
                byte one = _buffer[_start++];
                if (one == 0xff)
                {
                    _line.Clear(); // begins a delimited answer
                }
                else if (one != '\n')
                {
                    _line.Add(one);
                }
                else if (_line.Count > 0)
                {
                    return [.. _line];
                }
            }
            if (_line.Count > LineBytesMax)
            {
                throw Broken($"it sent a line of more than {LineBytesMax >> 20} MiB");
            }
            TimeSpan left = timeout - Stopwatch.GetElapsedTime(start);
            if (left <= TimeSpan.Zero || !_socket.WaitReadable((int)Math.Ceiling(left.TotalMilliseconds)))
            {
                throw new CaissonException(ErrorKind.Unavailable, "no agent answers in the machine; install and start qemu-guest-agent there (Debian: apt-get install qemu-guest-agent)");
            }
            (_start, _end) = (0, _socket.Receive(_buffer));
            if (_end == 0)
            {
                throw new CaissonException(ErrorKind.Unavailable, "the machine ended meanwhile");
            }
        }
    }

    private static byte[] Bytes(JsonElement status, string name) =>
        status.TryGetProperty(name, out JsonElement data) && data.ValueKind == JsonValueKind.String && data.TryGetBytesFromBase64(out byte[]? bytes) ? bytes : [];

    private static bool IsTrue(JsonElement status, string name) => status.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.True;

    private static CaissonException Broken(string why) => new(ErrorKind.Unavailable, $"the machine's agent does not keep to its protocol: {why}");
}
