using System.Buffers.Binary;
using System.Text;

namespace Caisson.Control.Hosting;

/// <summary>Keeps the beginning of what an <see cref="Attachment"/> without a terminal brings, and takes the rest without keeping it.</summary>
/// <param name="bytesMax">How much is kept of both streams together.</param>
internal sealed class OutputBeginning(int bytesMax)
{
    private const int HeaderSize = 8;

    private readonly byte[] _header = new byte[HeaderSize];
    private readonly byte[] _kept = new byte[bytesMax];
    private int _headerBytes;
    private int _used;
    private uint _left;

    /// <summary>Takes the next bytes, which may begin and end anywhere in a frame.</summary>
    public void Take(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            if (_left == 0)
            {
                int part = Math.Min(HeaderSize - _headerBytes, bytes.Length);
                bytes[..part].CopyTo(_header.AsSpan(_headerBytes));
                bytes = bytes[part..];
                _headerBytes += part;
                if (_headerBytes == HeaderSize)
                {
                    _left = BinaryPrimitives.ReadUInt32BigEndian(_header.AsSpan(4));
                    _headerBytes = 0;
                }
                continue;
            }
            int take = (int)Math.Min(_left, (uint)bytes.Length);
            int keep = Math.Min(take, _kept.Length - _used);
            bytes[..keep].CopyTo(_kept.AsSpan(_used));
            _used += keep;
            _left -= (uint)take;
            bytes = bytes[take..];
        }
    }

    /// <summary>What is kept, as text.</summary>
    public override string ToString() => Encoding.UTF8.GetString(_kept, 0, _used);
}
