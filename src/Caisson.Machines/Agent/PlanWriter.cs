using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Caisson.Machines.Agent;

/// <summary>Writes values one after the other: numbers little-endian, texts and bytes with their length in front.</summary>
internal sealed class PlanWriter
{
    private readonly ArrayBufferWriter<byte> _bytes = new();

    public byte[] ToArray() => _bytes.WrittenSpan.ToArray();

    public PlanWriter Add(long value)
    {
        BinaryPrimitives.WriteInt64LittleEndian(_bytes.GetSpan(8), value);
        _bytes.Advance(8);
        return this;
    }

    public PlanWriter Add(bool value) => Add(value ? 1 : 0);

    public PlanWriter Add(ReadOnlySpan<byte> value)
    {
        Add(value.Length);
        _bytes.Write(value);
        return this;
    }

    public PlanWriter Add(string value) => Add(Encoding.UTF8.GetBytes(value));

    public PlanWriter AddAll<T>(IReadOnlyCollection<T> values, Action<PlanWriter, T> add)
    {
        Add(values.Count);
        foreach (T value in values)
        {
            add(this, value);
        }
        return this;
    }
}

/// <summary>Reads what <see cref="PlanWriter"/> wrote; every length is checked.</summary>
internal ref struct PlanReader(ReadOnlySpan<byte> bytes, string what)
{
    private const int ListMax = 4_096;

    private ReadOnlySpan<byte> _rest = bytes;

    public readonly bool IsAtEnd => _rest.IsEmpty;

    public long Number()
    {
        if (_rest.Length < 8)
        {
            throw Broken();
        }
        long value = BinaryPrimitives.ReadInt64LittleEndian(_rest);
        _rest = _rest[8..];
        return value;
    }

    public int Int() => Number() is >= int.MinValue and <= int.MaxValue and var value ? (int)value : throw Broken();

    public bool Bool() => Number() != 0;

    public byte[] Bytes()
    {
        long length = Number();
        if (length < 0 || length > _rest.Length)
        {
            throw Broken();
        }
        byte[] value = _rest[..(int)length].ToArray();
        _rest = _rest[(int)length..];
        return value;
    }

    public string Text() => Encoding.UTF8.GetString(Bytes());

    public int Count() => Number() is >= 0 and <= ListMax and var count ? (int)count : throw Broken();

    public readonly FormatException Broken() => new($"{what}: damaged, or of another version");
}
