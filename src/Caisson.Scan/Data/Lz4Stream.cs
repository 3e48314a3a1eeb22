using System.Buffers.Binary;

using Caisson.Linux;

namespace Caisson.Scan.Data;

/// <summary>Reads LZ4 frames, the form in which apt keeps its indexes. Checksums are not looked at: the files are this machine's own.</summary>
/// <remarks>Source: lz4_Frame_format.md and lz4_Block_format.md.</remarks>
internal sealed class Lz4Stream(Stream source) : ReadOnlyStream
{
    private const uint FrameMagic = 0x184d2204;
    private const int WindowBytes = 64 * 1024;
    private const int BlockBytesMax = 4 << 20;

    private byte[] _output = new byte[WindowBytes + BlockBytesMax];
    private int _start = WindowBytes;
    private int _end = WindowBytes;
    private bool _inFrame;
    private bool _blockChecksums;
    private bool _contentChecksum;

    public override int Read(Span<byte> buffer)
    {
        while (_start == _end)
        {
            if (!_inFrame && !ReadHeader())
            {
                return 0;
            }
            ReadBlock();
        }
        int count = Math.Min(buffer.Length, _end - _start);
        _output.AsSpan(_start, count).CopyTo(buffer);
        _start += count;
        return count;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            source.Dispose();
            _output = [];
        }
        base.Dispose(disposing);
    }

    private bool ReadHeader()
    {
        Span<byte> head = stackalloc byte[6];
        if (source.ReadAtLeast(head, head.Length, throwOnEndOfStream: false) is var read && read == 0)
        {
            return false;
        }
        if (read < head.Length || BinaryPrimitives.ReadUInt32LittleEndian(head) != FrameMagic || head[4] >> 6 != 1)
        {
            throw new InvalidDataException("it is no LZ4 frame");
        }
        int flags = head[4];
        _blockChecksums = (flags & 0x10) != 0;
        _contentChecksum = (flags & 0x04) != 0;
        Skip(((flags & 0x08) != 0 ? 8 : 0) + ((flags & 0x01) != 0 ? 4 : 0) + 1);
        _inFrame = true;
        return true;
    }

    private void ReadBlock()
    {
        Span<byte> head = stackalloc byte[4];
        source.ReadExactly(head);
        uint size = BinaryPrimitives.ReadUInt32LittleEndian(head);
        if (size == 0)
        {
            Skip(_contentChecksum ? 4 : 0);
            _inFrame = false;
            return;
        }
        bool stored = size >> 31 != 0;
        int length = (int)(size & 0x7fffffff);
        if (length > BlockBytesMax + 1024)
        {
            throw new InvalidDataException($"a block has {length} bytes");
        }
        byte[] block = new byte[length];
        source.ReadExactly(block);
        Skip(_blockChecksums ? 4 : 0);

        // What came before stays in front: blocks may refer to it.
        int kept = Math.Min(WindowBytes, _end);
        _output.AsSpan(_end - kept, kept).CopyTo(_output.AsSpan(WindowBytes - kept));
        _start = _end = WindowBytes;
        if (stored)
        {
            if (length > BlockBytesMax)
            {
                throw new InvalidDataException($"a block has {length} bytes");
            }
            block.CopyTo(_output, _start);
            _end += length;
        }
        else
        {
            Decode(block);
        }
    }

    /// <summary>Literals and matches by turns; the last sequence has literals only.</summary>
    private void Decode(ReadOnlySpan<byte> block)
    {
        while (!block.IsEmpty)
        {
            int token = block[0];
            block = block[1..];
            int literals = LengthOf(token >> 4, ref block);
            if (literals > block.Length || literals > _output.Length - _end)
            {
                throw new InvalidDataException("a run of literals is too long");
            }
            block[..literals].CopyTo(_output.AsSpan(_end));
            _end += literals;
            block = block[literals..];
            if (block.IsEmpty)
            {
                return;
            }
            if (block.Length < 2)
            {
                throw new InvalidDataException("a match is cut off");
            }
            int offset = BinaryPrimitives.ReadUInt16LittleEndian(block);
            block = block[2..];
            int length = LengthOf(token & 15, ref block) + 4;
            if (offset == 0 || offset > _end || length > _output.Length - _end)
            {
                throw new InvalidDataException("a match is too long or too far away");
            }
            for (int i = 0; i < length; i++, _end++)
            {
                _output[_end] = _output[_end - offset];
            }
        }
    }

    private static int LengthOf(int nibble, ref ReadOnlySpan<byte> block)
    {
        int length = nibble;
        if (nibble == 15)
        {
            byte more;
            do
            {
                if (block.IsEmpty || length > BlockBytesMax)
                {
                    throw new InvalidDataException("a length is cut off or too large");
                }
                more = block[0];
                block = block[1..];
                length += more;
            }
            while (more == 255);
        }
        return length;
    }

    private void Skip(int bytes)
    {
        Span<byte> skipped = stackalloc byte[16];
        source.ReadExactly(skipped[..bytes]);
    }
}
