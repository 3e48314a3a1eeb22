namespace Caisson.Api.Kubernetes;

/// <summary>Unpacks a deflate stream that begins with a dictionary and comes in pieces, each of which ends with a block (a sync flush).</summary>
/// <remarks>The library's own cannot be given a dictionary. Source: RFC 1951.</remarks>
internal sealed class Inflater
{
    private static readonly int[] LengthBase = [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258];
    private static readonly int[] LengthExtra = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
    private static readonly int[] DistanceBase = [1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577];
    private static readonly int[] DistanceExtra = [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13];
    private static readonly int[] CodeOrder = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
    private static readonly Code FixedLiterals = new([.. Enumerable.Repeat(8, 144), .. Enumerable.Repeat(9, 112), .. Enumerable.Repeat(7, 24), .. Enumerable.Repeat(8, 8)]);
    private static readonly Code FixedDistances = new([.. Enumerable.Repeat(5, 30)]);

    private readonly int _windowBytes;
    private readonly int _bytesMax;
    private List<byte> _window;
    private byte[] _input = [];
    private int _at;
    private int _bits;
    private int _bitCount;

    /// <param name="dictionary">What goes before the stream.</param>
    /// <param name="windowBytes">How far back it refers.</param>
    /// <param name="bytesMax">The most that one piece may unpack to.</param>
    public Inflater(byte[] dictionary, int windowBytes, int bytesMax) => (_window, _windowBytes, _bytesMax) = ([.. dictionary], windowBytes, bytesMax);

    /// <summary>Unpacks the next piece.</summary>
    /// <exception cref="IOException">It is malformed, or unpacks to more than it may.</exception>
    public byte[] Inflate(byte[] piece)
    {
        (_input, _at, _bits, _bitCount) = (piece, 0, 0, 0);
        int begin = _window.Count;
        while (_at < _input.Length)
        {
            bool last = Take(1) == 1;
            switch (Take(2))
            {
                case 0:
                    Stored(begin);
                    break;
                case 1:
                    Packed(FixedLiterals, FixedDistances, begin);
                    break;
                case 2:
                    (Code literals, Code distances) = ReadCodes();
                    Packed(literals, distances, begin);
                    break;
                default:
                    throw Malformed();
            }
            if (last)
            {
                break;
            }
        }
        byte[] plain = [.. _window.Skip(begin)];
        if (_window.Count > 2 * _windowBytes)
        {
            _window = [.. _window.Skip(_window.Count - _windowBytes)];
        }
        return plain;
    }

    private static IOException Malformed() => new("a header block of SPDY is not packed as it should be");

    private int Take(int count)
    {
        while (_bitCount < count)
        {
            if (_at >= _input.Length)
            {
                throw Malformed();
            }
            _bits |= _input[_at++] << _bitCount;
            _bitCount += 8;
        }
        int value = _bits & ((1 << count) - 1);
        _bits >>= count;
        _bitCount -= count;
        return value;
    }

    private void Add(byte one, int begin)
    {
        if (_window.Count - begin >= _bytesMax)
        {
            throw new IOException("a header block of SPDY unpacks to too much");
        }
        _window.Add(one);
    }

    private void Stored(int begin)
    {
        _bits = _bitCount = 0;
        if (_at + 4 > _input.Length)
        {
            throw Malformed();
        }
        int length = _input[_at] | _input[_at + 1] << 8;
        _at += 4;
        if (_at + length > _input.Length)
        {
            throw Malformed();
        }
        for (int i = 0; i < length; i++)
        {
            Add(_input[_at++], begin);
        }
    }

    private void Packed(Code literals, Code distances, int begin)
    {
        while (true)
        {
            int symbol = literals.Read(this);
            if (symbol < 256)
            {
                Add((byte)symbol, begin);
                continue;
            }
            if (symbol == 256)
            {
                return;
            }
            symbol -= 257;
            if (symbol >= LengthBase.Length)
            {
                throw Malformed();
            }
            int length = LengthBase[symbol] + Take(LengthExtra[symbol]);
            int far = distances.Read(this);
            if (far >= DistanceBase.Length)
            {
                throw Malformed();
            }
            int distance = DistanceBase[far] + Take(DistanceExtra[far]);
            if (distance > _window.Count)
            {
                throw Malformed();
            }
            for (int i = 0; i < length; i++)
            {
                Add(_window[^distance], begin);
            }
        }
    }

    private (Code Literals, Code Distances) ReadCodes()
    {
        int literals = Take(5) + 257;
        int distances = Take(5) + 1;
        int count = Take(4) + 4;
        int[] lengths = new int[19];
        for (int i = 0; i < count; i++)
        {
            lengths[CodeOrder[i]] = Take(3);
        }
        var code = new Code(lengths);
        List<int> all = [];
        while (all.Count < literals + distances)
        {
            int symbol = code.Read(this);
            int before = all.Count > 0 ? all[^1] : 0;
            switch (symbol)
            {
                case < 16:
                    all.Add(symbol);
                    break;
                case 16:
                    all.AddRange(Enumerable.Repeat(before, 3 + Take(2)));
                    break;
                case 17:
                    all.AddRange(Enumerable.Repeat(0, 3 + Take(3)));
                    break;
                default:
                    all.AddRange(Enumerable.Repeat(0, 11 + Take(7)));
                    break;
            }
        }
        return (new Code([.. all.Take(literals)]), new Code([.. all.Skip(literals).Take(distances)]));
    }

    /// <summary>A canonical Huffman code.</summary>
    private sealed class Code
    {
        private readonly int[] _counts = new int[16];
        private readonly int[] _symbols;

        public Code(int[] lengths)
        {
            foreach (int length in lengths)
            {
                _counts[length]++;
            }
            _counts[0] = 0;
            int[] offsets = new int[16];
            for (int i = 1; i < 15; i++)
            {
                offsets[i + 1] = offsets[i] + _counts[i];
            }
            _symbols = new int[lengths.Length];
            for (int symbol = 0; symbol < lengths.Length; symbol++)
            {
                if (lengths[symbol] != 0)
                {
                    _symbols[offsets[lengths[symbol]]++] = symbol;
                }
            }
        }

        public int Read(Inflater from)
        {
            int code = 0;
            int first = 0;
            int index = 0;
            for (int length = 1; length <= 15; length++)
            {
                code |= from.Take(1);
                int count = _counts[length];
                if (code - count < first)
                {
                    return _symbols[index + code - first];
                }
                index += count;
                first = (first + count) << 1;
                code <<= 1;
            }
            throw Malformed();
        }
    }
}
