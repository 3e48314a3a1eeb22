using System.Buffers;
using System.Text;
using System.Text.Unicode;
using Caisson.Errors;

namespace Caisson.Linux;

/// <summary>File names as .NET strings without loss, although Linux names are bytes and need not be UTF-8.</summary>
/// <remarks>
/// A byte that is not part of valid UTF-8 becomes the lone surrogate U+DC00 + byte and goes back to the same byte
/// (the rule of PEP 383). So every name read from a directory or an archive can be given to any call of this project again.
/// </remarks>
public static class PathText
{
    /// <summary>The string for the bytes of a name, which hold no final NUL.</summary>
    public static string Decode(ReadOnlySpan<byte> name)
    {
        if (Utf8.IsValid(name))
        {
            return Encoding.UTF8.GetString(name);
        }

        Span<char> chars = name.Length <= 512 ? stackalloc char[name.Length] : new char[name.Length];
        int length = 0;
        while (true)
        {
            var status = Utf8.ToUtf16(name, chars[length..], out int read, out int written, replaceInvalidSequences: false);
            length += written;
            name = name[read..];
            if (status == OperationStatus.Done)
            {
                return new(chars[..length]);
            }
            chars[length++] = (char)(0xDC00 + name[0]);
            name = name[1..];
        }
    }

    /// <summary>The bytes of a name, without a final NUL.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: holds NUL or a surrogate that stands for no byte.</exception>
    public static byte[] Encode(string name)
    {
        byte[] bytes = new byte[MaxBytes(name)];
        int length = Encode(name, bytes);
        return bytes[..length];
    }

    /// <summary>An upper bound of the bytes <see cref="Encode(string, Span{byte})"/> writes for <paramref name="name"/>.</summary>
    internal static int MaxBytes(string name) => name.Length * 3;

    /// <summary>Writes the bytes of <paramref name="name"/> and says how many.</summary>
    internal static int Encode(string name, Span<byte> bytes)
    {
        ReadOnlySpan<char> rest = name;
        int length = 0;
        while (true)
        {
            var status = Utf8.FromUtf16(rest, bytes[length..], out int read, out int written, replaceInvalidSequences: false);
            length += written;
            rest = rest[read..];
            if (status == OperationStatus.Done)
            {
                break;
            }
            if (rest[0] is < (char)0xDC80 or > (char)0xDCFF)
            {
                throw new CaissonException(ErrorKind.InvalidArgument, $"path {name}: holds a lone surrogate, which no file name can be");
            }
            bytes[length++] = (byte)(rest[0] - 0xDC00);
            rest = rest[1..];
        }
        return bytes[..length].Contains((byte)0)
            ? throw new CaissonException(ErrorKind.InvalidArgument, $"path {name.Replace('\0', '?')}: holds a NUL character")
            : length;
    }
}
