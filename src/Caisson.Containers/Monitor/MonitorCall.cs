using System.Buffers.Binary;

namespace Caisson.Containers.Monitor;

/// <summary>What a connection to <c>monitor.sock</c> is for.</summary>
public enum MonitorCallKind : byte
{
    /// <summary>
    /// Ends when the monitor ends. Answered by <see cref="MonitorCall.Running"/> or <see cref="MonitorCall.NotYetRunning"/>; then
    /// <see cref="MonitorCall.LogRotated"/> may come.
    /// </summary>
    Watch = 1,

    /// <summary>After the answering byte, the connection carries the standard streams.</summary>
    Attach = 2,

    /// <summary>Sets the terminal's size; answered by one byte, then closed.</summary>
    Resize = 3,

    /// <summary>Lets the log go on in another file; answered by one byte, 0 for a log of one file, then closed.</summary>
    RotateLog = 4,
}

/// <summary>The eight bytes that open a connection to a monitor, which answers with one byte: 1 for yes, 0 for no room.</summary>
/// <param name="Kind">What it is for.</param>
/// <param name="Streams">Of an attachment: 1 stdin, 2 stdout, 4 stderr.</param>
/// <param name="Rows">Of a resize.</param>
/// <param name="Columns">Of a resize.</param>
public readonly record struct MonitorCall(MonitorCallKind Kind, byte Streams = 0, ushort Rows = 0, ushort Columns = 0)
{
    /// <summary>The length of the message.</summary>
    public const int Size = 8;

    /// <summary>The answer to a watch: the program runs, or has run.</summary>
    public const byte Running = 1;

    /// <summary>The answer to a watch: the program does not run yet, and never will when the engine that asked for it is gone.</summary>
    public const byte NotYetRunning = 2;

    /// <summary>What a watch hears when a file of the log has become full.</summary>
    public const byte LogRotated = 3;

    /// <summary>The file name of the socket in the process's run directory.</summary>
    public const string SocketName = "monitor.sock";

    /// <summary>The message's bytes.</summary>
    public byte[] Encode()
    {
        byte[] bytes = [(byte)Kind, Streams, 0, 0, 0, 0, 0, 0];
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(4), Rows);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(6), Columns);
        return bytes;
    }

    /// <summary>Reads a message of <see cref="Size"/> bytes.</summary>
    public static MonitorCall Decode(ReadOnlySpan<byte> bytes) => new(
        (MonitorCallKind)bytes[0], bytes[1], BinaryPrimitives.ReadUInt16LittleEndian(bytes[4..]), BinaryPrimitives.ReadUInt16LittleEndian(bytes[6..]));
}
