using System.IO.Compression;

using Caisson.Containers.Logs;

namespace Caisson.Control.Logs;

/// <summary>The files of one log: the one that is written, and the full ones before it.</summary>
/// <remarks>
/// A monitor writes and renames while this reads; a full file never changes its number, and of one that is there twice, plain and compressed,
/// the plain one counts.
/// </remarks>
/// <param name="path">The file that is written, absolute.</param>
internal sealed class LogFiles(string path)
{
    private readonly string _directory = Path.GetDirectoryName(path)!;
    private readonly string _name = Path.GetFileName(path);

    /// <summary>The file that is written.</summary>
    public string Current => path;

    /// <summary>The number that the next full file gets.</summary>
    public int NextNumber => Numbers() is [.., var last] ? last + 1 : 1;

    /// <summary>The numbers of the full files, oldest first.</summary>
    public IReadOnlyList<int> Numbers()
    {
        SortedSet<int> numbers = [];
        foreach (string file in Entries())
        {
            if (LogSettings.TryReadNumber(_name, file, out int number, out _))
            {
                numbers.Add(number);
            }
        }
        return [.. numbers];
    }

    /// <summary>Opens a full file; null when it is gone.</summary>
    public LogSource? TryOpen(int number)
    {
        string plain = Numbered(number);
        // Compressed between the two questions, it is there under its other name.
        return LogSource.TryOpen(plain) ?? LogSource.TryOpenCompressed(plain + ".gz");
    }

    /// <summary>Opens the file that is written, with the number it will get; null when there is none.</summary>
    public (LogSource Source, int Number)? TryOpenCurrent()
    {
        while (LogSource.TryOpen(path) is { } source)
        {
            int number = NextNumber;
            // Between opening and counting it may have become full, and then it is not the current one any more.
            if (IsCurrent(source))
            {
                return (source, number);
            }
            source.Dispose();
        }
        return null;
    }

    /// <summary>Whether <paramref name="source"/> is still the file that is written.</summary>
    public bool IsCurrent(LogSource source) => LogSource.IdentityOf(path) == source.Identity;

    /// <summary>The number of an open file that has become full; null when it has another name now, or none.</summary>
    public int? NumberOf(LogSource source)
    {
        foreach (int number in Numbers().Reverse())
        {
            if (LogSource.IdentityOf(Numbered(number)) == source.Identity)
            {
                return number;
            }
        }
        return null;
    }

    /// <summary>Removes everything; the file that is written only when nobody writes it.</summary>
    public void Clear(bool alsoCurrent)
    {
        foreach (string file in Entries())
        {
            if ((alsoCurrent && file == _name) || file.StartsWith(_name + ".", StringComparison.Ordinal))
            {
                File.Delete($"{_directory}/{file}");
            }
        }
    }

    /// <summary>Bytes of all files.</summary>
    public long Measure() => Entries()
        .Where(file => file == _name || file.StartsWith(_name + ".", StringComparison.Ordinal))
        .Sum(file => new FileInfo($"{_directory}/{file}") is { Exists: true } info ? info.Length : 0);

    /// <summary>Compresses full files that are not, and removes those that are too many; for one caller at a time.</summary>
    /// <param name="filesMax">How many files may be there, with the one that is written.</param>
    public void Compress(int filesMax)
    {
        foreach (string file in Entries())
        {
            if (!LogSettings.TryReadNumber(_name, file, out _, out bool compressed) || compressed)
            {
                continue;
            }
            string plain = $"{_directory}/{file}";
            string aside = plain + ".gz.new";
            if (!TryCompress(plain, aside))
            {
                continue; // the monitor has removed it meanwhile
            }
            File.Move(aside, plain + ".gz", overwrite: true);
            File.Delete(plain);
        }
        // The monitor may have removed a file by its plain name in the moment in which it became a compressed one.
        IReadOnlyList<int> numbers = Numbers();
        foreach (int number in numbers.Take(Math.Max(0, numbers.Count - (filesMax - 1))))
        {
            File.Delete(Numbered(number));
            File.Delete(Numbered(number) + ".gz");
        }
    }

    private static bool TryCompress(string plain, string aside)
    {
        try
        {
            using var source = new FileStream(plain, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            using var target = new FileStream(aside, new FileStreamOptions
            {
                Mode = FileMode.Create,
                Access = FileAccess.Write,
                UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead,
            });
            using var writer = new GZipStream(target, CompressionLevel.Fastest);
            source.CopyTo(writer);
            return true;
        }
        catch (FileNotFoundException)
        {
            return false;
        }
    }

    private string Numbered(int number) => $"{_directory}/{LogSettings.NumberedName(_name, number)}";

    private IReadOnlyList<string> Entries() => Directory.Exists(_directory) ? [.. Directory.EnumerateFiles(_directory).Select(file => Path.GetFileName(file))] : [];
}
