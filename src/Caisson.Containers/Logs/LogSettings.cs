using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Caisson.Containers.Logs;

/// <summary>How output stands in a log file.</summary>
public enum LogFormat : byte
{
    /// <summary>Lines of text: <c>TIME STREAM F|P TEXT</c>. Source: Kubernetes' "CRI container logging format".</summary>
    Text = 0,

    /// <summary>Lines of JSON: <c>{"log":"…\n","stream":"stdout","time":"…"}</c>. Source: Docker's documentation, "JSON File logging driver".</summary>
    Json = 1,

    /// <summary>Pieces as they came, see <see cref="LogFrame"/>: no byte is changed, and none is looked at.</summary>
    Local = 2,
}

/// <summary>How a monitor writes a log.</summary>
/// <remarks>
/// The file that is written is called <see cref="Name"/>. When it is full it becomes <c>NAME.K</c>, where K grows by one for each file over the life
/// of the container, so that a file never has another name later but for <c>NAME.K.gz</c>.
/// </remarks>
public sealed record LogSettings
{
    /// <summary>The longest encoded settings.</summary>
    public const int BytesMax = 4_096;

    private const int HeaderSize = 32;

    /// <summary>As before there were settings: text, one file that grows.</summary>
    public static LogSettings Plain { get; } = new();

    /// <summary>How output stands in the files.</summary>
    public LogFormat Format { get; init; }

    /// <summary>Who asks for another file has renamed this one: the next is opened under the same name, and nothing is renamed or removed here.</summary>
    public bool Reopens { get; init; }

    /// <summary>The size from which a file is full; 0 for no end.</summary>
    public long BytesMaxOfFile { get; init; }

    /// <summary>How many files are kept, with the one that is written; at least 1.</summary>
    public int FilesMax { get; init; } = 1;

    /// <summary>Seconds after which a file is full whatever its size, and one that is no longer written goes; 0 for never.</summary>
    public long AgeMaxSeconds { get; init; }

    /// <summary>The number that the next full file gets.</summary>
    public int NextNumber { get; init; } = 1;

    /// <summary>The file's name, without its directory.</summary>
    public string Name { get; init; } = "log";

    /// <summary>A JSON object that stands as <c>attrs</c> in each line of JSON; empty for none.</summary>
    public string Attributes { get; init; } = "";

    /// <summary>Whether files can become full, or be asked to.</summary>
    public bool HasDirectory => this != Plain;

    /// <summary>The name of full file <paramref name="number"/>.</summary>
    public static string NumberedName(string name, int number) => string.Create(CultureInfo.InvariantCulture, $"{name}.{number}");

    /// <summary>Reads the number of a full file; false for another file's name. A compressed one counts, a half-compressed one does not.</summary>
    public static bool TryReadNumber(string name, string file, out int number, out bool compressed)
    {
        number = 0;
        compressed = file.EndsWith(".gz", StringComparison.Ordinal);
        return file.Length > name.Length + 1 && file.StartsWith(name, StringComparison.Ordinal) && file[name.Length] == '.'
            && int.TryParse(file.AsSpan(name.Length + 1, file.Length - name.Length - 1 - (compressed ? 3 : 0)), NumberStyles.None, CultureInfo.InvariantCulture, out number);
    }

    /// <summary>As bytes, for the way to the monitor.</summary>
    public byte[] Encode()
    {
        byte[] name = Encoding.UTF8.GetBytes(Name);
        byte[] attributes = Encoding.UTF8.GetBytes(Attributes);
        byte[] bytes = new byte[HeaderSize + name.Length + attributes.Length];
        if (bytes.Length > BytesMax)
        {
            throw new Errors.CaissonException(
                Errors.ErrorKind.InvalidArgument, $"log settings of {bytes.Length} bytes, at most {BytesMax} go to the monitor; log fewer labels or variables");
        }
        Span<byte> header = bytes;
        header[0] = (byte)Format;
        header[1] = (byte)name.Length;
        header[2] = (byte)(Reopens ? 1 : 0);
        BinaryPrimitives.WriteInt32LittleEndian(header[4..], FilesMax);
        BinaryPrimitives.WriteInt64LittleEndian(header[8..], BytesMaxOfFile);
        BinaryPrimitives.WriteInt64LittleEndian(header[16..], AgeMaxSeconds);
        BinaryPrimitives.WriteInt32LittleEndian(header[24..], NextNumber);
        name.CopyTo(bytes, HeaderSize);
        attributes.CopyTo(bytes, HeaderSize + name.Length);
        return bytes;
    }

    /// <summary>Reads what <see cref="Encode"/> wrote.</summary>
    /// <exception cref="FormatException">It is not that.</exception>
    public static LogSettings Decode(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < HeaderSize || bytes.Length < HeaderSize + bytes[1] || bytes[0] > (byte)LogFormat.Local)
        {
            throw new FormatException("log settings: their lengths do not fit");
        }
        int attributes = HeaderSize + bytes[1];
        return new()
        {
            Format = (LogFormat)bytes[0],
            Reopens = bytes[2] == 1,
            FilesMax = BinaryPrimitives.ReadInt32LittleEndian(bytes[4..]),
            BytesMaxOfFile = BinaryPrimitives.ReadInt64LittleEndian(bytes[8..]),
            AgeMaxSeconds = BinaryPrimitives.ReadInt64LittleEndian(bytes[16..]),
            NextNumber = BinaryPrimitives.ReadInt32LittleEndian(bytes[24..]),
            Name = Encoding.UTF8.GetString(bytes[HeaderSize..attributes]),
            Attributes = Encoding.UTF8.GetString(bytes[attributes..]),
        };
    }
}
