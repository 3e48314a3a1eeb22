using System.Text.Json;
using System.Text.RegularExpressions;

namespace Caisson.Scan.Packages;

/// <summary>What files of languages' package managers say is installed, by the file's name. Pure: text in, packages out.</summary>
/// <remarks>A file that is not what its name says yields an <see cref="InvalidDataException"/> or a <see cref="JsonException"/>.</remarks>
internal static partial class LockFiles
{
    private const int DepthMax = 256;

    private delegate IEnumerable<(string Name, string Version)> Reader(byte[] content);

    private static readonly Dictionary<string, (string Type, Reader Read)> ByName = new(StringComparer.Ordinal)
    {
        ["package-lock.json"] = ("npm", PackageLock),
        ["npm-shrinkwrap.json"] = ("npm", PackageLock),
        [".package-lock.json"] = ("npm", PackageLock),
        ["yarn.lock"] = ("npm", YarnLock),
        ["pnpm-lock.yaml"] = ("npm", PnpmLock),
        ["requirements.txt"] = ("pypi", Requirements),
        ["poetry.lock"] = ("pypi", TomlPackages),
        ["uv.lock"] = ("pypi", TomlPackages),
        ["pdm.lock"] = ("pypi", TomlPackages),
        ["Pipfile.lock"] = ("pypi", PipfileLock),
        ["Cargo.lock"] = ("cargo", TomlPackages),
        ["go.sum"] = ("golang", GoSum),
        ["Gemfile.lock"] = ("gem", GemfileLock),
        ["composer.lock"] = ("composer", ComposerLock),
        ["installed.json"] = ("composer", ComposerLock),
        ["packages.lock.json"] = ("nuget", NugetLock),
    };

    /// <summary>True when a file of this path may say something.</summary>
    public static bool Knows(string path)
    {
        string name = path[(path.LastIndexOf('/') + 1)..];
        return name == "installed.json" ? path.EndsWith("/vendor/composer/installed.json", StringComparison.Ordinal)
            : ByName.ContainsKey(name)
            || name.EndsWith(".deps.json", StringComparison.Ordinal)
            || (name == "METADATA" && path.EndsWith(".dist-info/METADATA", StringComparison.Ordinal))
            || (name == "PKG-INFO" && path.EndsWith(".egg-info/PKG-INFO", StringComparison.Ordinal))
            || (name == "package.json" && NodeModule().IsMatch(path))
            || (name == "pom.properties" && path.Contains("/META-INF/maven/", StringComparison.Ordinal))
            || name.EndsWith(".gemspec", StringComparison.Ordinal) && path.Contains("/specifications/", StringComparison.Ordinal)
            || name.EndsWith(".jar", StringComparison.Ordinal) || name.EndsWith(".war", StringComparison.Ordinal);
    }

    /// <summary>The packages that a file states.</summary>
    public static IEnumerable<Package> Parse(string path, byte[] content)
    {
        string name = path[(path.LastIndexOf('/') + 1)..];
        var (type, found) = ByName.TryGetValue(name, out var known) ? (known.Type, known.Read(content))
            : name.EndsWith(".deps.json", StringComparison.Ordinal) ? ("nuget", DotnetDeps(content))
            : name is "METADATA" or "PKG-INFO" ? ("pypi", PythonMetadata(content))
            : name == "package.json" ? ("npm", NodePackage(content))
            : name == "pom.properties" ? ("maven", PomProperties(content))
            : name.EndsWith(".gemspec", StringComparison.Ordinal) ? ("gem", Gemspec(name))
            : ("maven", JarFile.Read(name, content));
        foreach (var (package, version) in found)
        {
            if (package.Length is > 0 and <= 512 && version.Length is > 0 and <= 256)
            {
                yield return new Package { Type = type, Name = package, Version = version, Location = path };
            }
        }
    }

    internal static IEnumerable<(string, string)> PomProperties(byte[] content)
    {
        Dictionary<string, string> values = new(StringComparer.Ordinal);
        foreach (string line in Lines(content))
        {
            int equals = line.IndexOf('=');
            if (equals > 0 && line[0] != '#')
            {
                values[line[..equals].Trim()] = line[(equals + 1)..].Trim();
            }
        }
        return values.TryGetValue("groupId", out string? group) && values.TryGetValue("artifactId", out string? artifact) && values.TryGetValue("version", out string? version)
            ? [($"{group}:{artifact}", version)]
            : [];
    }

    private static List<(string, string)> PackageLock(byte[] content)
    {
        using JsonDocument document = Json(content);
        List<(string, string)> found = [];
        if (document.RootElement.TryGetProperty("packages", out JsonElement packages) && packages.ValueKind == JsonValueKind.Object)
        {
            foreach (JsonProperty package in packages.EnumerateObject())
            {
                int modules = package.Name.LastIndexOf("node_modules/", StringComparison.Ordinal);
                if (modules >= 0 && !IsTrue(package.Value, "link"))
                {
                    found.Add((Text(package.Value, "name") ?? package.Name[(modules + "node_modules/".Length)..], Text(package.Value, "version") ?? ""));
                }
            }
        }
        else
        {
            AddDependencies(document.RootElement);
        }
        return found;

        void AddDependencies(JsonElement element)
        {
            foreach (JsonProperty package in Object(element, "dependencies"))
            {
                found.Add((package.Name, Text(package.Value, "version") ?? ""));
                AddDependencies(package.Value);
            }
        }
    }

    private static List<(string, string)> YarnLock(byte[] content)
    {
        List<(string, string)> found = [];
        string? name = null;
        foreach (string line in Lines(content))
        {
            if (line.Length > 0 && line[0] is not (' ' or '#') && line.TrimEnd().EndsWith(':'))
            {
                string key = line.Trim().TrimEnd(':').Split(',')[0].Trim().Trim('"');
                int at = key.IndexOf('@', 1 < key.Length ? 1 : 0);
                name = at > 0 ? key[..at] : null;
                name = key.Contains("@workspace:", StringComparison.Ordinal) ? null : name;
            }
            else if (name is not null && YarnVersion().Match(line) is { Success: true } version)
            {
                found.Add((name, version.Groups[1].Value));
                name = null;
            }
        }
        return found;
    }

    /// <summary>Keys of <c>packages</c>: <c>/name@1.0.0(peer)</c>, <c>name@1.0.0</c>, or <c>/name/1.0.0</c> of older files.</summary>
    private static List<(string, string)> PnpmLock(byte[] content)
    {
        List<(string, string)> found = [];
        bool inside = false;
        foreach (string line in Lines(content))
        {
            if (line.Length > 0 && !char.IsWhiteSpace(line[0]) && line[0] != '#')
            {
                inside = line.StartsWith("packages:", StringComparison.Ordinal);
            }
            else if (inside && PnpmKey().Match(line) is { Success: true } key)
            {
                found.Add((key.Groups["name"].Value, key.Groups["version"].Value));
            }
        }
        return found;
    }

    /// <summary>Only versions that are pinned are known to be installed.</summary>
    private static IEnumerable<(string, string)> Requirements(byte[] content) =>
        from line in Lines(content)
        let pinned = Pinned().Match(line)
        where pinned.Success
        select (PythonName(pinned.Groups["name"].Value), pinned.Groups["version"].Value);

    /// <summary><c>[[package]]</c> tables with a name and a version.</summary>
    private static List<(string, string)> TomlPackages(byte[] content)
    {
        List<(string, string)> found = [];
        string? name = null;
        bool inside = false;
        foreach (string line in Lines(content))
        {
            string trimmed = line.Trim();
            if (trimmed.StartsWith('['))
            {
                inside = trimmed == "[[package]]";
                name = null;
            }
            else if (inside && TomlText().Match(trimmed) is { Success: true } pair)
            {
                if (pair.Groups["key"].Value == "name")
                {
                    name = pair.Groups["value"].Value;
                }
                else if (name is not null)
                {
                    found.Add((name, pair.Groups["value"].Value));
                    name = null;
                }
            }
        }
        return found;
    }

    private static List<(string, string)> PipfileLock(byte[] content)
    {
        using JsonDocument document = Json(content);
        return
        [
            .. ((string[])["default", "develop"]).SelectMany(section => Object(document.RootElement, section))
                .Select(package => (PythonName(package.Name), (Text(package.Value, "version") ?? "").TrimStart('='))),
        ];
    }

    private static IEnumerable<(string, string)> GoSum(byte[] content) =>
        from line in Lines(content)
        let words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries)
        where words.Length == 3 && !words[1].EndsWith("/go.mod", StringComparison.Ordinal)
        select (words[0], words[1]);

    private static List<(string, string)> GemfileLock(byte[] content)
    {
        List<(string, string)> found = [];
        foreach (string line in Lines(content))
        {
            if (GemSpec().Match(line) is { Success: true } gem)
            {
                found.Add((gem.Groups["name"].Value, gem.Groups["version"].Value));
            }
        }
        return found;
    }

    private static List<(string, string)> ComposerLock(byte[] content)
    {
        using JsonDocument document = Json(content);
        IEnumerable<JsonElement> lists = document.RootElement.ValueKind == JsonValueKind.Array
            ? document.RootElement.EnumerateArray()
            : ((string[])["packages", "packages-dev"]).SelectMany(section => Array(document.RootElement, section));
        return [.. lists.Select(package => (Text(package, "name") ?? "", (Text(package, "version") ?? "").TrimStart('v')))];
    }

    private static List<(string, string)> NugetLock(byte[] content)
    {
        using JsonDocument document = Json(content);
        return
        [
            .. Object(document.RootElement, "dependencies").SelectMany(framework =>
                framework.Value.ValueKind == JsonValueKind.Object ? framework.Value.EnumerateObject().ToArray() : [])
                .Select(package => (package.Name, Text(package.Value, "resolved") ?? "")),
        ];
    }

    private static List<(string, string)> DotnetDeps(byte[] content)
    {
        using JsonDocument document = Json(content);
        List<(string, string)> found = [];
        foreach (JsonProperty library in Object(document.RootElement, "libraries"))
        {
            if (library.Name.Split('/') is [var name, var version] && Text(library.Value, "type") == "package")
            {
                found.Add((name, version));
            }
        }
        return found;
    }

    private static IEnumerable<(string, string)> PythonMetadata(byte[] content)
    {
        string? name = null, version = null;
        foreach (string line in Lines(content))
        {
            if (line.Length == 0)
            {
                break;
            }
            name ??= Header(line, "Name:");
            version ??= Header(line, "Version:");
        }
        return name is null || version is null ? [] : [(PythonName(name), version)];
    }

    private static List<(string, string)> NodePackage(byte[] content)
    {
        using JsonDocument document = Json(content);
        return [(Text(document.RootElement, "name") ?? "", Text(document.RootElement, "version") ?? "")];
    }

    /// <summary>The file is a program; its name says enough: <c>name-1.2.3.gemspec</c>, with a platform where there is one.</summary>
    private static IEnumerable<(string, string)> Gemspec(string fileName) =>
        GemFile().Match(fileName) is { Success: true } gem ? [(gem.Groups["name"].Value, gem.Groups["version"].Value)] : [];

    /// <summary>One name for all spellings. Source: PEP 503.</summary>
    private static string PythonName(string name) => NameSeparators().Replace(name, "-").ToLowerInvariant();

    private static string? Header(string line, string name) =>
        line.StartsWith(name, StringComparison.OrdinalIgnoreCase) ? line[name.Length..].Trim() : null;

    private static IEnumerable<string> Lines(byte[] content)
    {
        using var reader = new StreamReader(new MemoryStream(content, writable: false));
        while (reader.ReadLine() is { } line)
        {
            if (line.Length <= 65536)
            {
                yield return line;
            }
        }
    }

    private static JsonDocument Json(byte[] content)
    {
        ReadOnlyMemory<byte> text = content;
        JsonDocument document = JsonDocument.Parse(
            text.Span.StartsWith<byte>([0xef, 0xbb, 0xbf]) ? text[3..] : text, new JsonDocumentOptions { MaxDepth = DepthMax, AllowTrailingCommas = true });
        if (document.RootElement.ValueKind is JsonValueKind.Object or JsonValueKind.Array)
        {
            return document;
        }
        document.Dispose();
        throw new InvalidDataException("it is no JSON object");
    }

    private static JsonElement.ObjectEnumerator Object(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.Object
            ? value.EnumerateObject()
            : default;

    private static JsonElement.ArrayEnumerator Array(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.Array
            ? value.EnumerateArray()
            : default;

    private static string? Text(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()
            : null;

    private static bool IsTrue(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.True;

    [GeneratedRegex(@"/node_modules/(@[^/]+/)?[^/]+/package\.json$")]
    private static partial Regex NodeModule();

    [GeneratedRegex("^ +\"?version\"?:? \"?([^\"\\s]+)\"?")]
    private static partial Regex YarnVersion();

    [GeneratedRegex(@"^ {2}['""]?/?(?<name>(?:@[^/@\s]+/)?[^/@\s'""]+)[@/](?<version>\d[^('""\s:_]*)")]
    private static partial Regex PnpmKey();

    [GeneratedRegex(@"^\s*(?<name>[A-Za-z0-9][\w.\-]*)\s*(?:\[[^\]]*\])?\s*={2,3}\s*(?<version>[^\s;#,\\*]+)\s*(?:[;#\\].*)?$")]
    private static partial Regex Pinned();

    [GeneratedRegex("^(?<key>name|version)\\s*=\\s*[\"'](?<value>[^\"']+)[\"']")]
    private static partial Regex TomlText();

    [GeneratedRegex(@"^ {4}(?<name>[^\s(]+) \((?<version>[^\s()\-]+)(?:-[^()]*)?\)\s*$")]
    private static partial Regex GemSpec();

    [GeneratedRegex(@"^(?<name>.+?)-(?<version>\d[^\-]*)(?:-.+)?\.gemspec$")]
    private static partial Regex GemFile();

    [GeneratedRegex(@"[-_.]+")]
    private static partial Regex NameSeparators();
}
