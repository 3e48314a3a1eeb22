using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Caisson.Control.Access;

/// <summary>Something that was asked of the engine. Has no bodies and no queries, so no secrets.</summary>
/// <param name="Caller">Who.</param>
/// <param name="Known">How we know.</param>
/// <param name="Right">What for; empty for something that needs none.</param>
/// <param name="Project">Where; empty for the engine as a whole.</param>
/// <param name="Method">The method of the request.</param>
/// <param name="Path">Its path, without what follows a question mark.</param>
/// <param name="Status">The answer's status.</param>
public sealed record AuditEntry(string Caller, string Known, string Right, string Project, string Method, string Path, int Status);

/// <summary>Whether the log is as it was written.</summary>
/// <param name="Entries">How many lines hold.</param>
/// <param name="Broken">The first line that does not: a file and a line of it; null when all hold.</param>
/// <param name="Reason">What is wrong with it; empty when nothing is.</param>
public sealed record AuditCheck(long Entries, string? Broken, string Reason);

/// <summary>Who changed what, and who was refused: lines of JSON, each with the SHA-256 of the line before it.</summary>
/// <remarks>
/// The current file is <c>audit.log</c>; full ones are <c>audit-NUMBER.log</c>, by the number of their first line, and the chain goes on from one to the next. The
/// file <c>head</c> has the number and the SHA-256 of the last line, so that a line that is changed or cut off at the end is found as well. A line is
/// in the kernel's hands when <see cref="Append"/> returns; a power cut may take the last ones, which is said in the log then. Safe for concurrent use.
/// </remarks>
public sealed class AuditLog : IDisposable
{
    private const string Current = "audit.log";
    private const string HeadName = "head";
    private const int FilesKept = 100;
    private const int LineBytesMax = 64 << 10;
    private static readonly TimeSpan StrangerPause = TimeSpan.FromSeconds(1);
    private static readonly string Beginning = new('0', 64);
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly Lock _lock = new();
    private readonly string _directory;
    private readonly TimeProvider _time;
    private readonly long _fileBytesMax;
    private readonly FileStream _head;
    private FileStream _file;
    private long _number;
    private long? _strangerAt;
    private int _strangers;
    private int _rotations;
    private string _previous = Beginning;

    private AuditLog(string directory, TimeProvider time, long fileBytesMax)
    {
        (_directory, _time, _fileBytesMax) = (directory, time, fileBytesMax);
        Directory.CreateDirectory(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        (long headNumber, string headHash) = ReadHead(directory);
        string? torn = Resume();
        _file = OpenFile();
        _head = new FileStream(Path.Combine(directory, HeadName), new FileStreamOptions
        {
            Mode = FileMode.OpenOrCreate,
            Access = FileAccess.Write,
            Share = FileShare.ReadWrite,
            BufferSize = 0,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });
        if (torn is not null)
        {
            Append(new("engine", "own", "", "", "RECOVER", torn, 0));
        }
        if (headNumber > 0 && (headNumber != _number || headHash != _previous) && torn is null)
        {
            Append(new("engine", "own", "", "", "RECOVER", $"the last line was {headNumber} with {headHash}, and is {_number}", 0));
        }
    }

    /// <summary>Goes on with the log of a directory, or begins one.</summary>
    /// <param name="directory">Its own; made for the engine's user alone.</param>
    /// <param name="time">The clock.</param>
    /// <param name="fileBytesMax">From how many bytes on a file is full.</param>
    public static AuditLog Open(string directory, TimeProvider time, long fileBytesMax = 8 << 20) => new(directory, time, fileBytesMax);

    /// <summary>Writes a line.</summary>
    public void Append(AuditEntry entry)
    {
        ArgumentNullException.ThrowIfNull(entry);
        lock (_lock)
        {
            if (_file.Position >= _fileBytesMax)
            {
                Rotate();
            }
            byte[] line = Line(entry, _number + 1, _time.GetUtcNow(), _previous);
            _file.Write(line);
            _number++;
            _previous = Hash(line.AsSpan(0, line.Length - 1));
            _head.Position = 0;
            _head.Write(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{_number:D20} {_previous}\n")));
        }
    }

    /// <summary>Writes a line about somebody we do not know: one a second, which says of how many more it stands, so that strangers cannot fill the log.</summary>
    public void AppendStranger(AuditEntry entry)
    {
        ArgumentNullException.ThrowIfNull(entry);
        int untold;
        lock (_lock)
        {
            if (_strangerAt is { } last && _time.GetElapsedTime(last) < StrangerPause)
            {
                _strangers++;
                return;
            }
            _strangerAt = _time.GetTimestamp();
            untold = _strangers;
            _strangers = 0;
        }
        Append(untold == 0 ? entry : entry with { Known = string.Create(CultureInfo.InvariantCulture, $"{entry.Known}, and {untold} more since the last") });
    }

    /// <summary>Lines as they were written, oldest first.</summary>
    /// <param name="since">Only those not before it; null for all.</param>
    /// <param name="limit">At most so many, the newest.</param>
    public IReadOnlyCollection<string> Read(DateTimeOffset? since, int limit)
    {
        Queue<string> lines = new();
        string[] files = FilesOf(_directory);
        foreach (string file in files)
        {
            if (since is { } begin && Path.GetFileName(file) != Current && File.GetLastWriteTimeUtc(file) < begin.UtcDateTime)
            {
                continue;
            }
            foreach (string line in File.ReadLines(file).Where(line => since is null || IsSince(line, since.Value)))
            {
                lines.Enqueue(line);
                if (lines.Count > limit)
                {
                    lines.Dequeue();
                }
            }
        }
        return lines;
    }

    /// <summary>Looks whether each line has the hash of the one before it, and the head that of the last. Entries that are written meanwhile are not looked at.</summary>
    public AuditCheck Verify()
    {
        while (true)
        {
            long number;
            string hash;
            int rotations;
            lock (_lock)
            {
                (number, hash, rotations) = (_number, _previous, _rotations);
            }
            AuditCheck check = Verify(_directory, (number, hash), upTo: true);
            lock (_lock)
            {
                if (check.Broken is null || rotations == _rotations)
                {
                    return check;
                }
            }
        }
    }

    /// <summary>The same for the log of a directory that no engine has open.</summary>
    public static AuditCheck Verify(string directory) => Verify(directory, ReadHead(directory), upTo: false);

    private static AuditCheck Verify(string directory, (long Number, string Hash) head, bool upTo)
    {
        long number = -1;
        string previous = "";
        string at = "";
        long entries = 0;
        foreach (string file in FilesOf(directory))
        {
            int row = 0;
            foreach (byte[] line in LinesOf(file))
            {
                row++;
                string here = string.Create(CultureInfo.InvariantCulture, $"{Path.GetFileName(file)}:{row}");
                if (!TryReadLink(line, out long found, out string before))
                {
                    return new(entries, here, "the line is none of ours");
                }
                if (number >= 0 && before != previous)
                {
                    // What a line says of the one before it does not fit: that one was changed, or lines between them are gone.
                    return found == number + 1
                        ? new(entries - 1, at, string.Create(CultureInfo.InvariantCulture, $"entry {number} was changed: entry {found} has another SHA-256 of it"))
                        : new(entries, here, string.Create(CultureInfo.InvariantCulture, $"entries are missing or were put in between {number} and {found}"));
                }
                if (number >= 0 && found != number + 1)
                {
                    return new(entries, here, string.Create(CultureInfo.InvariantCulture, $"entry {found} follows entry {number}"));
                }
                (number, previous, at) = (found, Hash(line), here);
                entries++;
                if (upTo && number == head.Number)
                {
                    break; // what was written since then is looked at the next time
                }
            }
        }
        (long headNumber, string headHash) = head;
        return headNumber > Math.Max(number, 0) ? new(entries, at, string.Create(CultureInfo.InvariantCulture, $"the log ends with entry {Math.Max(number, 0)}, and {headNumber} were written"))
            : headNumber == number && headHash != previous ? new(entries - 1, at, string.Create(CultureInfo.InvariantCulture, $"entry {number} was changed: another SHA-256 of it was noted when it was written"))
            : headNumber < number ? new(entries, at, string.Create(CultureInfo.InvariantCulture, $"entries after {headNumber} were not written by the engine"))
            : new(entries, null, "");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lock)
        {
            _file.Dispose();
            _head.Dispose();
        }
    }

    private static byte[] Line(AuditEntry entry, long number, DateTimeOffset now, string previous)
    {
        var buffer = new ArrayBufferWriter<byte>(512);
        using (var json = new Utf8JsonWriter(buffer, Options))
        {
            json.WriteStartObject();
            json.WriteNumber("n", number);
            json.WriteString("time", now.ToString("yyyy-MM-ddTHH:mm:ss.ffffffZ", CultureInfo.InvariantCulture));
            json.WriteString("caller", Cut(entry.Caller));
            json.WriteString("known", Cut(entry.Known));
            json.WriteString("right", entry.Right);
            json.WriteString("project", Cut(entry.Project));
            json.WriteString("method", Cut(entry.Method));
            json.WriteString("path", Cut(entry.Path));
            json.WriteNumber("status", entry.Status);
            json.WriteString("prev", previous);
            json.WriteEndObject();
        }
        buffer.Write("\n"u8);
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>What a client wrote has an end here, so that it cannot make lines that nobody reads.</summary>
    private static string Cut(string text) => text.Length <= 1_024 ? text : text[..1_024] + "…";

    private static string Hash(ReadOnlySpan<byte> line) => Convert.ToHexStringLower(SHA256.HashData(line));

    private static bool TryReadLink(byte[] line, out long number, out string previous)
    {
        (number, previous) = (0, "");
        try
        {
            using JsonDocument document = JsonDocument.Parse(line);
            JsonElement root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty("n", out JsonElement n) || !n.TryGetInt64(out number)
                || !root.TryGetProperty("prev", out JsonElement prev) || prev.ValueKind != JsonValueKind.String)
            {
                return false;
            }
            previous = prev.GetString()!;
            return true;
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            return false;
        }
    }

    private static bool IsSince(string line, DateTimeOffset since)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(line);
            return document.RootElement.TryGetProperty("time", out JsonElement time) && time.TryGetDateTimeOffset(out DateTimeOffset at) && at >= since;
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            return true; // what nobody of us wrote is to be seen
        }
    }

    private static IEnumerable<byte[]> LinesOf(string file)
    {
        foreach (string line in File.ReadLines(file, Encoding.Latin1))
        {
            // Latin-1 gives back each byte as it was, whatever the line holds.
            yield return Encoding.Latin1.GetBytes(line);
        }
    }

    private static string[] FilesOf(string directory) =>
    [
        .. Directory.Exists(directory) ? Directory.GetFiles(directory, "audit-*.log").Order(StringComparer.Ordinal) : Enumerable.Empty<string>(),
        .. File.Exists(Path.Combine(directory, Current)) ? [Path.Combine(directory, Current)] : Array.Empty<string>(),
    ];

    private static (long Number, string Hash) ReadHead(string directory)
    {
        string path = Path.Combine(directory, HeadName);
        if (!File.Exists(path))
        {
            return (0, Beginning);
        }
        string[] parts = File.ReadAllText(path).Trim().Split(' ');
        return parts is [var number, { Length: 64 } hash] && long.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out long value) ? (value, hash) : (0, Beginning);
    }

    /// <summary>Finds the last line; what a crash left of one is taken away.</summary>
    /// <returns>What is to be said of that; null for nothing.</returns>
    private string? Resume()
    {
        string[] files = FilesOf(_directory);
        string? torn = files is [.., var newest] && Path.GetFileName(newest) == Current ? CutTorn(newest) : null;
        foreach (string file in files.AsEnumerable().Reverse())
        {
            byte[]? last = LinesOf(file).LastOrDefault();
            if (last is not null)
            {
                _previous = Hash(last);
                _number = TryReadLink(last, out long number, out _) ? number : ReadHead(_directory).Number;
                break;
            }
        }
        return torn;
    }

    private static string? CutTorn(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite);
        if (file.Length == 0)
        {
            return null;
        }
        byte[] tail = new byte[Math.Min(LineBytesMax, file.Length)];
        file.Position = file.Length - tail.Length;
        file.ReadExactly(tail);
        int end = Array.LastIndexOf(tail, (byte)'\n') + 1;
        int torn = tail.Length - end;
        if (torn == 0)
        {
            return null;
        }
        file.SetLength(file.Length - torn);
        return string.Create(CultureInfo.InvariantCulture, $"{torn} bytes of an entry that was not written to its end were taken away");
    }

    private FileStream OpenFile()
    {
        var file = new FileStream(Path.Combine(_directory, Current), new FileStreamOptions
        {
            Mode = FileMode.OpenOrCreate,
            Access = FileAccess.Write,
            Share = FileShare.ReadWrite,
            BufferSize = 0,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });
        file.Position = file.Length;
        return file;
    }

    private void Rotate()
    {
        string path = Path.Combine(_directory, Current);
        long first = LinesOf(path).FirstOrDefault() is { } line && TryReadLink(line, out long number, out _) ? number : _number;
        _file.Dispose();
        File.Move(path, Path.Combine(_directory, string.Create(CultureInfo.InvariantCulture, $"audit-{first:D12}.log")), overwrite: false);
        _file = OpenFile();
        _rotations++;
        string[] full = [.. FilesOf(_directory).Where(file => Path.GetFileName(file) != Current)];
        foreach (string old in full.Take(Math.Max(0, full.Length - FilesKept)))
        {
            File.Delete(old);
        }
    }
}
