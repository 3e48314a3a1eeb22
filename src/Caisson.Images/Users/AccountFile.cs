using System.Globalization;
using System.Text;

using Caisson.Errors;
using Caisson.Linux;

namespace Caisson.Images.Users;

/// <summary>Lines of <c>/etc/passwd</c> and <c>/etc/group</c> of a root filesystem, which may hold anything.</summary>
/// <remarks>
/// Only a regular file of up to 1 MiB is read, opened inside the root. Lines that are not well-formed are passed over, as
/// every reader does. Source: passwd(5), group(5).
/// </remarks>
internal static class AccountFile
{
    private const int BytesMax = 1 << 20;

    /// <summary>The fields of each line with <paramref name="fields"/> fields; none when the file does not exist.</summary>
    /// <exception cref="CaissonException">It is no regular file, or too large.</exception>
    public static IEnumerable<string[]> Read(RootDirectory root, string path, int fields)
    {
        if (root.TryReadFile(path, BytesMax) is not { } content)
        {
            yield break;
        }
        foreach (string line in Encoding.UTF8.GetString(content).Split('\n'))
        {
            string[] parts = line.TrimEnd('\r').Split(':');
            if (parts.Length == fields && parts[0].Length > 0 && parts[0][0] is not ('#' or '+' or '-'))
            {
                yield return parts;
            }
        }
    }

    /// <summary>
    /// An id of digits alone, 0 to 2³²−2. What only looks like a number, or is too large, is no id and never becomes 0.
    /// </summary>
    public static bool TryId(string text, out uint id)
    {
        id = 0;
        return text.Length is > 0 and <= 10
            && text.All(char.IsAsciiDigit)
            && uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out id)
            && id != uint.MaxValue;
    }
}
