using System.Globalization;
using System.Text;

namespace Caisson.Machines.Kernels;

/// <summary>Writes the archive that a kernel unpacks as its first file system. Source: kernel Documentation/driver-api/early-userspace/buffer-format.rst.</summary>
internal sealed class CpioWriter(Stream output)
{
    private const int Directory = 0x41ed;
    private const int CharacterDevice = 0x2180;
    private const int Regular = 0x8000;

    private int _inode;
    private long _written;

    /// <summary>A directory, readable for all.</summary>
    public void AddDirectory(string name) => Add(name, Directory, default);

    /// <summary>A node of a character device, for its owner alone.</summary>
    public void AddDevice(string name, int major, int minor) => Add(name, CharacterDevice, default, major, minor);

    /// <summary>A file.</summary>
    public void AddFile(string name, int mode, ReadOnlySpan<byte> content) => Add(name, Regular | mode, content);

    /// <summary>The end; what comes behind it is not read.</summary>
    public void Finish() => Add("TRAILER!!!", 0, default);

    private void Add(string name, int mode, ReadOnlySpan<byte> content, int major = 0, int minor = 0)
    {
        byte[] text = Encoding.UTF8.GetBytes(name + "\0");
        // inode, mode, user, group, links, time, size, device of the file, device it is, length of the name, check
        int[] fields = [++_inode, mode, 0, 0, 1, 0, content.Length, 0, 0, major, minor, text.Length, 0];
        Write(Encoding.ASCII.GetBytes("070701" + string.Concat(fields.Select(field => field.ToString("x8", CultureInfo.InvariantCulture)))));
        Write(text);
        Pad();
        Write(content);
        Pad();
    }

    private void Write(ReadOnlySpan<byte> bytes)
    {
        output.Write(bytes);
        _written += bytes.Length;
    }

    private void Pad() => Write("\0\0\0"u8[..(int)(-_written & 3)]);
}
