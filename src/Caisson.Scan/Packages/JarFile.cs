using System.IO.Compression;
using System.Text.RegularExpressions;

namespace Caisson.Scan.Packages;

/// <summary>What a Java archive says it is: the <c>pom.properties</c> in it, of archives in it as well, or else its file's name.</summary>
internal static partial class JarFile
{
    private const int EntriesMax = 100_000;
    private const int PropertiesBytesMax = 64 * 1024;
    private const int NestedBytesMax = 64 << 20;
    private const int NestingMax = 2;

    /// <exception cref="InvalidDataException">It is no archive.</exception>
    public static List<(string Name, string Version)> Read(string fileName, byte[] content, int nesting = 0)
    {
        using var archive = new ZipArchive(new MemoryStream(content, writable: false), ZipArchiveMode.Read);
        if (archive.Entries.Count > EntriesMax)
        {
            throw new InvalidDataException($"it has {archive.Entries.Count} entries");
        }
        List<(string, string)> found = [];
        foreach (ZipArchiveEntry entry in archive.Entries)
        {
            if (entry.FullName.StartsWith("META-INF/maven/", StringComparison.Ordinal) && entry.Name == "pom.properties")
            {
                found.AddRange(LockFiles.PomProperties(ReadEntry(entry, PropertiesBytesMax)));
            }
            else if (nesting < NestingMax && entry.Name.EndsWith(".jar", StringComparison.Ordinal))
            {
                found.AddRange(Read(entry.Name, ReadEntry(entry, NestedBytesMax), nesting + 1));
            }
        }
        if (found.Count == 0 && Name().Match(fileName) is { Success: true } name)
        {
            found.Add((name.Groups["name"].Value, name.Groups["version"].Value));
        }
        return found;
    }

    private static byte[] ReadEntry(ZipArchiveEntry entry, int bytesMax)
    {
        using Stream stream = entry.Open();
        using var content = new MemoryStream();
        byte[] buffer = new byte[64 * 1024];
        int read;
        while ((read = stream.Read(buffer)) > 0)
        {
            if (content.Length + read > bytesMax)
            {
                throw new InvalidDataException($"{entry.FullName} in it is longer than {bytesMax} bytes");
            }
            content.Write(buffer, 0, read);
        }
        return content.ToArray();
    }

    [GeneratedRegex(@"^(?<name>[A-Za-z][\w.\-]*?)-(?<version>\d[\w.\-]*)\.[jw]ar$")]
    private static partial Regex Name();
}
