using System.Buffers.Binary;
using System.Text;
using Caisson.Linux;
using Caisson.Linux.Launch;

namespace Caisson.Containers.Monitor;

/// <summary>What a monitor tells the engine while it starts a process. Sixteen bytes and a text.</summary>
public abstract record MonitorReport
{
    private const int HeaderSize = 16;

    private MonitorReport() { }

    /// <summary>Everything but the program is done; it waits for the engine's byte.</summary>
    public sealed record Ready(int Pid) : MonitorReport;

    /// <summary>The program runs.</summary>
    public sealed record Started : MonitorReport;

    /// <summary>A step of the launch failed; nothing is left of it.</summary>
    public sealed record Failed(LaunchReport.Failed Step) : MonitorReport;

    /// <summary>The keeper or the monitor could not do its part; nothing is left of it.</summary>
    public sealed record Refused(string Reason) : MonitorReport;

    /// <summary>Something from outside ended the start before the program ran, so it may be asked for again. Without a reason: the connection ended without a word.</summary>
    public sealed record Lost(string Reason = "") : MonitorReport;

    /// <summary>The longest report.</summary>
    public const int BytesMax = 4096;

    /// <summary>The message's bytes.</summary>
    public byte[] Encode() => this switch
    {
        Ready ready => Words(1, ready.Pid, 0, 0, ""),
        Started => Words(2, 0, 0, 0, ""),
        Failed failed => Words(3, (int)failed.Step.Stage, failed.Step.Index, (int)failed.Step.Errno, ""),
        Refused refused => Words(4, 0, 0, 0, refused.Reason),
        Lost lost => Words(5, 0, 0, 0, lost.Reason),
        _ => throw new System.Diagnostics.UnreachableException("a report of unknown kind"),
    };

    /// <summary>Reads a message; an empty one is the end of the connection.</summary>
    public static MonitorReport Decode(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < HeaderSize)
        {
            return new Lost();
        }
        int a = BinaryPrimitives.ReadInt32LittleEndian(bytes[4..]);
        int b = BinaryPrimitives.ReadInt32LittleEndian(bytes[8..]);
        int c = BinaryPrimitives.ReadInt32LittleEndian(bytes[12..]);
        return BinaryPrimitives.ReadInt32LittleEndian(bytes) switch
        {
            1 => new Ready(a),
            2 => new Started(),
            3 => new Failed(new LaunchReport.Failed((LaunchStage)a, b, (Errno)c)),
            4 => new Refused(Encoding.UTF8.GetString(bytes[HeaderSize..])),
            5 => new Lost(Encoding.UTF8.GetString(bytes[HeaderSize..])),
            var kind => new Refused($"the monitor sent a report of unknown kind {kind}"),
        };
    }

    private static byte[] Words(int kind, int a, int b, int c, string text)
    {
        byte[] tail = Encoding.UTF8.GetBytes(text);
        byte[] bytes = new byte[Math.Min(BytesMax, HeaderSize + tail.Length)];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, kind);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(4), a);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(8), b);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(12), c);
        tail.AsSpan(0, bytes.Length - HeaderSize).CopyTo(bytes.AsSpan(HeaderSize));
        return bytes;
    }
}
