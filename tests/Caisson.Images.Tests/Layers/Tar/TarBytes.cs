using System.Buffers;
using System.Globalization;
using System.Text;

namespace Caisson.Images.Tests.Layers.Tar;

/// <summary>Builds archives byte by byte, also those that no writer would make.</summary>
internal sealed class TarBytes
{
    private readonly ArrayBufferWriter<byte> _bytes = new();

    public static byte[] Header(
        char type, string name, string link = "", long size = 0, int mode = 0x1a4, string magic = "ustar\000",
        Action<byte[]>? change = null, long mtime = 1_000_000)
    {
        byte[] block = new byte[512];
        byte[] nameBytes = Encoding.UTF8.GetBytes(name);
        nameBytes.AsSpan(0, Math.Min(100, nameBytes.Length)).CopyTo(block);
        Octal(block, 100, 8, mode);
        Octal(block, 108, 8, 0);
        Octal(block, 116, 8, 0);
        Octal(block, 124, 12, size);
        Octal(block, 136, 12, mtime);
        block[156] = (byte)type;
        Encoding.UTF8.GetBytes(link, block.AsSpan(157, 100));
        Encoding.ASCII.GetBytes(magic, block.AsSpan(257, 8));
        change?.Invoke(block);
        return Sum(block);
    }

    public static byte[] Sum(byte[] block)
    {
        block.AsSpan(148, 8).Fill((byte)' ');
        int sum = block.Sum(b => b);
        Octal(block, 148, 7, sum);
        block[155] = (byte)' ';
        return block;
    }

    public static void Octal(byte[] block, int offset, int length, long value) =>
        Encoding.ASCII.GetBytes(Convert.ToString(value, 8).PadLeft(length - 1, '0') + "\0", block.AsSpan(offset, length));

    public static string PaxRecord(string key, string value)
    {
        int rest = Encoding.UTF8.GetByteCount(key) + Encoding.UTF8.GetByteCount(value) + 3;
        int length = rest + 1;
        while (length != rest + length.ToString(CultureInfo.InvariantCulture).Length)
        {
            length = rest + length.ToString(CultureInfo.InvariantCulture).Length;
        }
        return $"{length} {key}={value}\n";
    }

    public TarBytes Raw(ReadOnlySpan<byte> bytes)
    {
        _bytes.Write(bytes);
        return this;
    }

    public TarBytes Content(ReadOnlySpan<byte> content)
    {
        _bytes.Write(content);
        _bytes.Write(new byte[(512 - content.Length % 512) % 512]);
        return this;
    }

    public TarBytes File(string name, string content = "", int mode = 0x1a4) =>
        Raw(Header('0', name, size: Encoding.UTF8.GetByteCount(content), mode: mode)).Content(Encoding.UTF8.GetBytes(content));

    public TarBytes Directory(string name, int mode = 0x1ed) => Raw(Header('5', name, mode: mode));

    public TarBytes Link(string name, string target) => Raw(Header('2', name, target, mode: 0x1ff));

    public TarBytes HardLink(string name, string target) => Raw(Header('1', name, target));

    public TarBytes Pax(params (string Key, string Value)[] records)
    {
        byte[] content = Encoding.UTF8.GetBytes(string.Concat(records.Select(record => PaxRecord(record.Key, record.Value))));
        return Raw(Header('x', "pax", size: content.Length)).Content(content);
    }

    public TarBytes Global(params (string Key, string Value)[] records)
    {
        byte[] content = Encoding.UTF8.GetBytes(string.Concat(records.Select(record => PaxRecord(record.Key, record.Value))));
        return Raw(Header('g', "pax", size: content.Length)).Content(content);
    }

    public TarBytes GnuLong(char type, string text)
    {
        byte[] content = Encoding.UTF8.GetBytes(text + "\0");
        return Raw(Header(type, "././@LongLink", size: content.Length, magic: "ustar  \0")).Content(content);
    }

    public byte[] End()
    {
        _bytes.Write(new byte[1024]);
        return _bytes.WrittenSpan.ToArray();
    }

    public byte[] Cut() => _bytes.WrittenSpan.ToArray();
}
