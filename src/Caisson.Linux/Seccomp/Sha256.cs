using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;

namespace Caisson.Linux.Seccomp;

/// <summary>SHA-256 without a library: a static executable cannot load the one that the platform's own class needs.</summary>
/// <remarks>For keys of a few kilobytes; large data belongs to the platform's faster class. Source: FIPS 180-4.</remarks>
internal static class Sha256
{
    /// <summary>Bytes of a digest.</summary>
    public const int Size = 32;

    private const int BlockSize = 64;

    private static ReadOnlySpan<uint> RoundConstants =>
    [
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
        0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
        0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
        0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
        0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
        0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
        0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
    ];

    private static ReadOnlySpan<uint> InitialState =>
    [
        0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
    ];

    /// <summary>Writes the digest of <paramref name="data"/> to <paramref name="digest"/>, 32 bytes.</summary>
    public static void Hash(ReadOnlySpan<byte> data, Span<byte> digest)
    {
        Span<uint> state = stackalloc uint[8];
        InitialState.CopyTo(state);
        var rest = data;
        while (rest.Length >= BlockSize)
        {
            Compress(state, rest[..BlockSize]);
            rest = rest[BlockSize..];
        }

        Span<byte> tail = stackalloc byte[2 * BlockSize];
        tail.Clear();
        rest.CopyTo(tail);
        tail[rest.Length] = 0x80;
        int tailLength = rest.Length + 9 <= BlockSize ? BlockSize : 2 * BlockSize;
        BinaryPrimitives.WriteUInt64BigEndian(tail[(tailLength - 8)..], (ulong)data.Length * 8);
        Compress(state, tail[..BlockSize]);
        if (tailLength > BlockSize)
        {
            Compress(state, tail[BlockSize..]);
        }

        for (int i = 0; i < state.Length; i++)
        {
            BinaryPrimitives.WriteUInt32BigEndian(digest[(i * 4)..], state[i]);
        }
    }

    private static void Compress(Span<uint> state, ReadOnlySpan<byte> block)
    {
        Span<uint> w = stackalloc uint[64];
        for (int i = 0; i < 16; i++)
        {
            w[i] = BinaryPrimitives.ReadUInt32BigEndian(block[(i * 4)..]);
        }
        for (int i = 16; i < w.Length; i++)
        {
            uint a = w[i - 15];
            uint b = w[i - 2];
            uint s0 = BitOperations.RotateRight(a, 7) ^ BitOperations.RotateRight(a, 18) ^ (a >> 3);
            uint s1 = BitOperations.RotateRight(b, 17) ^ BitOperations.RotateRight(b, 19) ^ (b >> 10);
            w[i] = w[i - 16] + s0 + w[i - 7] + s1;
        }

        var k = RoundConstants;
        uint h0 = state[0], h1 = state[1], h2 = state[2], h3 = state[3];
        uint h4 = state[4], h5 = state[5], h6 = state[6], h7 = state[7];
        for (int i = 0; i <= 64 - 8; i += 8)
        {
            Round(h0, h1, h2, ref h3, h4, h5, h6, ref h7, k[i] + w[i]);
            Round(h7, h0, h1, ref h2, h3, h4, h5, ref h6, k[i + 1] + w[i + 1]);
            Round(h6, h7, h0, ref h1, h2, h3, h4, ref h5, k[i + 2] + w[i + 2]);
            Round(h5, h6, h7, ref h0, h1, h2, h3, ref h4, k[i + 3] + w[i + 3]);
            Round(h4, h5, h6, ref h7, h0, h1, h2, ref h3, k[i + 4] + w[i + 4]);
            Round(h3, h4, h5, ref h6, h7, h0, h1, ref h2, k[i + 5] + w[i + 5]);
            Round(h2, h3, h4, ref h5, h6, h7, h0, ref h1, k[i + 6] + w[i + 6]);
            Round(h1, h2, h3, ref h4, h5, h6, h7, ref h0, k[i + 7] + w[i + 7]);
        }
        state[0] += h0;
        state[1] += h1;
        state[2] += h2;
        state[3] += h3;
        state[4] += h4;
        state[5] += h5;
        state[6] += h6;
        state[7] += h7;
    }

    /// <summary>One round, with the variables named as they stand after the rounds before: nothing is moved about.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Round(uint a, uint b, uint c, ref uint d, uint e, uint f, uint g, ref uint h, uint input)
    {
        uint s1 = BitOperations.RotateRight(e, 6) ^ BitOperations.RotateRight(e, 11) ^ BitOperations.RotateRight(e, 25);
        uint t1 = h + s1 + ((e & (f ^ g)) ^ g) + input;
        uint s0 = BitOperations.RotateRight(a, 2) ^ BitOperations.RotateRight(a, 13) ^ BitOperations.RotateRight(a, 22);
        d += t1;
        h = t1 + s0 + ((a & b) | (c & (a | b)));
    }
}
