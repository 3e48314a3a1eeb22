namespace Caisson.Scan.Packages;

/// <summary>What apk has installed: <c>/lib/apk/db/installed</c>, lines of one letter and a value.</summary>
/// <remarks>Source: apk-package(5); Alpine wiki, "Apk spec".</remarks>
internal static class ApkDatabase
{
    /// <param name="text">The database.</param>
    /// <param name="location">Its place in the image.</param>
    /// <param name="owned">Told every file that a package has, absolute.</param>
    public static IEnumerable<Package> Parse(TextReader text, string location, Action<string> owned)
    {
        string? name = null, version = null, architecture = null, origin = null, license = null;
        string directory = "";
        while (true)
        {
            string? line = text.ReadLine();
            if (string.IsNullOrEmpty(line))
            {
                if (name is not null && version is not null)
                {
                    yield return new Package
                    {
                        Type = "apk",
                        Name = name,
                        Version = version,
                        Architecture = architecture,
                        SourceName = origin ?? name,
                        License = license,
                        Location = location,
                    };
                }
                name = version = architecture = origin = license = null;
                if (line is null)
                {
                    yield break;
                }
                continue;
            }
            if (line.Length < 2 || line[1] != ':')
            {
                continue;
            }
            string value = line[2..];
            switch (line[0])
            {
                case 'P': name = value; break;
                case 'V': version = value; break;
                case 'A': architecture = value; break;
                case 'o': origin = value; break;
                case 'L': license = value; break;
                case 'F': directory = value; break;
                case 'R': owned($"/{directory}/{value}"); break;
            }
        }
    }
}
