using System.Buffers.Binary;

using Caisson.Linux;

namespace Caisson.Machines.Files;

/// <summary>The answer to a call, being written.</summary>
/// <remarks><code>0  length (4)   4  error (4)   8  unique (8)   16  values</code></remarks>
internal sealed class FileReply
{
    private readonly byte[] _bytes = new byte[FileProtocol.ReplyHeaderBytes + FileProtocol.TransferBytesMax + 4_096];
    private int _length;

    /// <summary>How many bytes of values there are.</summary>
    public int Length => _length - FileProtocol.ReplyHeaderBytes;

    /// <summary>Begins anew.</summary>
    public void Clear() => _length = FileProtocol.ReplyHeaderBytes;

    public FileReply Add(uint value)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(Reserve(4), value);
        return this;
    }

    public FileReply Add(ulong value)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(Reserve(8), value);
        return this;
    }

    public FileReply Add(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(Reserve(bytes.Length));
        return this;
    }

    /// <summary>Room for <paramref name="count"/> bytes, zero.</summary>
    public Span<byte> Reserve(int count)
    {
        Span<byte> room = _bytes.AsSpan(_length, count);
        room.Clear();
        _length += count;
        return room;
    }

    /// <summary>Takes back what was reserved last.</summary>
    public void Shorten(int count) => _length -= count;

    /// <summary><c>struct fuse_attr</c>.</summary>
    public FileReply Add(in FileStatus status, ulong inode)
    {
        uint device = (status.DeviceNode.Minor & 0xFF) | (status.DeviceNode.Major << 8) | ((status.DeviceNode.Minor & ~0xFFu) << 12);
        return Add(inode).Add((ulong)status.Size).Add((ulong)status.Blocks)
            .Add((ulong)status.AccessTime.Seconds).Add((ulong)status.ModifiedTime.Seconds).Add((ulong)status.ChangeTime.Seconds)
            .Add(status.AccessTime.Nanoseconds).Add(status.ModifiedTime.Nanoseconds).Add(status.ChangeTime.Nanoseconds)
            .Add((uint)status.Kind | (uint)status.Mode).Add(status.Links).Add(status.UserId).Add(status.GroupId)
            .Add(device).Add(4_096u).Add(0u);
    }

    /// <summary>The whole answer.</summary>
    public ReadOnlySpan<byte> Finish(ulong unique, Errno error)
    {
        if (error != Errno.None)
        {
            Clear();
        }
        BinaryPrimitives.WriteInt32LittleEndian(_bytes, _length);
        BinaryPrimitives.WriteInt32LittleEndian(_bytes.AsSpan(4), -(int)error);
        BinaryPrimitives.WriteUInt64LittleEndian(_bytes.AsSpan(8), unique);
        return _bytes.AsSpan(0, _length);
    }
}
