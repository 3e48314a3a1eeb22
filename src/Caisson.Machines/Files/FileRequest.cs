using System.Buffers.Binary;

using Caisson.Linux;

namespace Caisson.Machines.Files;

/// <summary>One call of a guest's kernel, read from its bytes; what is missing or no name is refused as it is read.</summary>
/// <remarks>
/// <code>
/// 0  length (4)   4  call (4)   8  unique (8)   16  node (8)   24  user (4)   28  group (4)   32  process (4)   36  (4)   40  arguments
/// </code>
/// </remarks>
internal ref struct FileRequest
{
    private ReadOnlySpan<byte> _rest;

    /// <param name="bytes">All of the call, at least a header.</param>
    public FileRequest(ReadOnlySpan<byte> bytes)
    {
        Call = (FileCall)BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]);
        Unique = BinaryPrimitives.ReadUInt64LittleEndian(bytes[8..]);
        Node = BinaryPrimitives.ReadUInt64LittleEndian(bytes[16..]);
        UserId = BinaryPrimitives.ReadUInt32LittleEndian(bytes[24..]);
        GroupId = BinaryPrimitives.ReadUInt32LittleEndian(bytes[28..]);
        _rest = bytes[FileProtocol.RequestHeaderBytes..];
    }

    public FileCall Call { get; }

    /// <summary>Names the call in its answer.</summary>
    public ulong Unique { get; }

    public ulong Node { get; }

    /// <summary>Who asks, in the numbers of the guest.</summary>
    public uint UserId { get; }

    /// <summary>Whose group asks.</summary>
    public uint GroupId { get; }

    /// <summary>Whether this is a call that nobody waits for.</summary>
    public readonly bool IsOneWay => Call is FileCall.Forget or FileCall.ForgetMany or FileCall.Interrupt;

    public uint Number() => BinaryPrimitives.ReadUInt32LittleEndian(Take(4));

    public ulong Long() => BinaryPrimitives.ReadUInt64LittleEndian(Take(8));

    /// <summary>An offset or a length.</summary>
    public long Offset() => Long() is <= long.MaxValue and var value ? (long)value : throw Refuse(Errno.EINVAL);

    /// <summary>One plain name of a directory.</summary>
    public string Name() => Text() is { Length: > 0 and <= FileProtocol.NameBytesMax } name
        ? name.SequenceEqual("."u8) || name.SequenceEqual(".."u8) || name.Contains((byte)'/') ? throw Refuse(Errno.EINVAL) : PathText.Decode(name)
        : throw Refuse(Errno.ENAMETOOLONG);

    /// <summary>Any text up to its NUL.</summary>
    public ReadOnlySpan<byte> Text()
    {
        int end = _rest.IndexOf((byte)0);
        if (end < 0)
        {
            throw Refuse(Errno.EINVAL);
        }
        ReadOnlySpan<byte> text = _rest[..end];
        _rest = _rest[(end + 1)..];
        return text;
    }

    /// <summary>As many bytes.</summary>
    public ReadOnlySpan<byte> Take(int count)
    {
        if (count < 0 || count > _rest.Length)
        {
            throw Refuse(Errno.EINVAL);
        }
        ReadOnlySpan<byte> bytes = _rest[..count];
        _rest = _rest[count..];
        return bytes;
    }

    private readonly LinuxException Refuse(Errno errno) => new(Call.ToString(), errno, "a call of a machine");
}
