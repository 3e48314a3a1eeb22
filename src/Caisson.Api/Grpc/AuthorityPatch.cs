using System.Buffers.Binary;

namespace Caisson.Api.Grpc;

/// <summary>Gives the requests of one HTTP/2 connection an authority that is a host's name, whatever the client made up.</summary>
/// <remarks>
/// On a unix socket there is no host, and older clients of Go (a kubelet before 1.28 among them) say the socket's path, which Kestrel refuses as no
/// name. The value is replaced by one of the same length, so that both ends go on to agree on the size of the table of headers. Only frames of
/// headers that are whole are looked at; what is not understood goes on as it is, for Kestrel to judge. Source: RFC 9113 §4.1, §6.2; RFC 7541.
/// </remarks>
internal sealed class AuthorityPatch
{
    private const int PrefaceBytes = 24;
    private const int FrameHeadBytes = 9;
    private const int FrameBytesMax = 16_384;
    private const byte Headers = 1, EndHeaders = 0x4, Padded = 0x8, Priority = 0x20;
    private const int AuthorityIndex = 1;

    /// <summary>How many symbols have a code of so many bits: the code is canonical, so that is all it takes to count symbols. Source: RFC 7541, Appendix B.</summary>
    private static readonly int[] CodesOfLength = [0, 0, 0, 0, 0, 10, 26, 32, 6, 0, 5, 3, 2, 6, 2, 3, 0, 0, 0, 3, 8, 13, 26, 29, 12, 4, 15, 19, 29, 0, 4];

    private readonly List<byte> _held = [];
    private int _preface = PrefaceBytes;
    private int _passing;

    /// <summary>Takes what came and gives what goes on, which may be nothing yet.</summary>
    public byte[] Take(ReadOnlySpan<byte> bytes)
    {
        _held.AddRange(bytes);
        List<byte> on = new(_held.Count + 64);
        Span<byte> held = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_held);
        int at = 0;
        while (at < held.Length)
        {
            if (_preface + _passing > 0)
            {
                int take = Math.Min(_preface + _passing, held.Length - at);
                on.AddRange(held.Slice(at, take));
                at += take;
                int ofPreface = Math.Min(take, _preface);
                _preface -= ofPreface;
                _passing -= take - ofPreface;
                continue;
            }
            Span<byte> left = held[at..];
            if (left.Length < FrameHeadBytes)
            {
                break;
            }
            int length = left[0] << 16 | left[1] << 8 | left[2];
            if (left[3] != Headers || (left[4] & EndHeaders) == 0 || length > FrameBytesMax)
            {
                _passing = FrameHeadBytes + length;
                continue;
            }
            if (left.Length < FrameHeadBytes + length)
            {
                break;
            }
            PatchFrame(left[..FrameHeadBytes], left.Slice(FrameHeadBytes, length), on);
            at += FrameHeadBytes + length;
        }
        _held.RemoveRange(0, at);
        return [.. on];
    }

    private static void PatchFrame(Span<byte> head, Span<byte> payload, List<byte> on)
    {
        int before = ((head[4] & Padded) != 0 ? 1 : 0) + ((head[4] & Priority) != 0 ? 5 : 0);
        int after = (head[4] & Padded) != 0 && payload.Length > 0 ? payload[0] : 0;
        byte[]? block = before + after <= payload.Length ? TryPatch(payload[before..^after]) : null;
        int length = before + (block?.Length ?? 0) + after;
        if (block is null || length > FrameBytesMax)
        {
            on.AddRange(head);
            on.AddRange(payload);
            return;
        }
        Span<byte> number = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(number, length);
        number[1..].CopyTo(head);
        on.AddRange(head);
        on.AddRange(payload[..before]);
        on.AddRange(block);
        on.AddRange(payload[^after..]);
    }

    /// <summary>The block of headers with another authority; null when it has none in letters, or is malformed.</summary>
    private static byte[]? TryPatch(ReadOnlySpan<byte> block)
    {
        List<byte> patched = new(block.Length + 32);
        bool any = false;
        int at = 0;
        while (at < block.Length)
        {
            int start = at;
            byte first = block[at];
            bool isLiteral = (first & 0x80) == 0 && (first & 0xE0) != 0x20;
            int bits = (first & 0x80) != 0 ? 7 : (first & 0xC0) == 0x40 ? 6 : (first & 0xE0) == 0x20 ? 5 : 4;
            int index = Number(block, ref at, bits);
            if (index < 0 || (isLiteral && index == 0 && TextEnd(block, ref at) is null))
            {
                return null;
            }
            if (!isLiteral)
            {
                patched.AddRange(block[start..at]);
                continue;
            }
            int value = at;
            if (TextEnd(block, ref at) is not { } text)
            {
                return null;
            }
            if (index != AuthorityIndex)
            {
                patched.AddRange(block[start..at]);
                continue;
            }
            int letters = (block[value] & 0x80) != 0 ? CountSymbols(block[text]) : block[text].Length;
            if (letters is 0 or > 4_096)
            {
                return null;
            }
            patched.AddRange(block[start..value]);
            WriteNumber(patched, letters);
            patched.AddRange(Enumerable.Repeat((byte)'a', letters));
            any = true;
        }
        return any ? [.. patched] : null;
    }

    /// <summary>Steps over a text; says where it is, without its length.</summary>
    private static Range? TextEnd(ReadOnlySpan<byte> block, ref int at)
    {
        int length = at < block.Length ? Number(block, ref at, 7) : -1;
        if (length < 0 || length > block.Length - at)
        {
            return null;
        }
        at += length;
        return new Range(at - length, at);
    }

    /// <summary>Reads a number of which the first byte has so many bits; -1 when it is malformed. Source: RFC 7541 §5.1.</summary>
    private static int Number(ReadOnlySpan<byte> block, ref int at, int bits)
    {
        int most = (1 << bits) - 1;
        int number = block[at++] & most;
        if (number < most)
        {
            return number;
        }
        for (int shift = 0; shift <= 21; shift += 7)
        {
            if (at >= block.Length)
            {
                return -1;
            }
            byte next = block[at++];
            number += (next & 0x7F) << shift;
            if ((next & 0x80) == 0)
            {
                return number;
            }
        }
        return -1;
    }

    private static void WriteNumber(List<byte> to, int number)
    {
        if (number < 0x7F)
        {
            to.Add((byte)number);
            return;
        }
        to.Add(0x7F);
        number -= 0x7F;
        for (; number >= 0x80; number >>= 7)
        {
            to.Add((byte)(number | 0x80));
        }
        to.Add((byte)number);
    }

    private static int CountSymbols(ReadOnlySpan<byte> coded)
    {
        int symbols = 0;
        int code = 0;
        int first = 0;
        int length = 0;
        foreach (byte one in coded)
        {
            for (int bit = 7; bit >= 0; bit--)
            {
                code = code << 1 | (one >> bit & 1);
                first <<= 1;
                length++;
                if (length >= CodesOfLength.Length)
                {
                    return 0;
                }
                if (code - first < CodesOfLength[length])
                {
                    symbols++;
                    code = first = length = 0;
                }
                else
                {
                    first += CodesOfLength[length];
                }
            }
        }
        return symbols; // what is left are ones, up to a byte of them
    }
}
