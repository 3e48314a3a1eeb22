using System.Collections.Immutable;

using Caisson.Errors;

namespace Caisson.Compose.Loading;

/// <summary>Where a project is: its files, its directory, its variables. Source: docker compose, "Specify multiple Compose files", "Pre-defined environment variables".</summary>
internal sealed class ProjectPlace
{
    private static readonly string[] Names = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];
    private static readonly string[] Overrides = ["compose.override.yml", "compose.override.yaml", "docker-compose.override.yml", "docker-compose.override.yaml"];

    private readonly ProjectOptions _options;
    private readonly Dictionary<string, string?> _values = new(StringComparer.Ordinal);

    private ProjectPlace(ProjectOptions options) => _options = options;

    /// <summary>Absolute paths, or <c>-</c>.</summary>
    public ImmutableArray<string> Files { get; private set; } = [];

    /// <summary>Absolute.</summary>
    public string Directory { get; private set; } = "";

    public ImmutableArray<string> EnvironmentFiles { get; private set; } = [];

    /// <exception cref="CaissonException"><see cref="ErrorKind.NotFound"/>: there is no file.</exception>
    public static ProjectPlace Find(ProjectOptions options, List<Problem> problems)
    {
        var place = new ProjectPlace(options);
        // The .env of the working directory may name the files; that of the project then says the rest.
        if (options.EnvironmentFiles.Count == 0)
        {
            place.ReadVariables(Path.Combine(options.CurrentDirectory, ".env"), isRequired: false, problems);
        }
        place.FindFiles();
        place.Directory = options.Directory.Length > 0 ? Path.GetFullPath(options.Directory, options.CurrentDirectory)
            : place.Files[0] == "-" ? options.CurrentDirectory
            : Path.GetDirectoryName(place.Files[0])!;
        place.FindVariables(problems);
        return place;
    }

    /// <summary>A variable: of the caller, or of the files of variables.</summary>
    public string? Variable(string name) => _options.Variable(name) ?? _values.GetValueOrDefault(name);

    /// <summary>Sets what the caller does not.</summary>
    public void SetDefault(string name, string value) => _values[name] = value;

    /// <summary>Everything the files of variables say.</summary>
    public IEnumerable<string> VariableNames => _values.Keys;

    private void FindFiles()
    {
        IReadOnlyList<string> named = _options.Files;
        if (named.Count == 0 && Variable("COMPOSE_FILE") is { Length: > 0 } listed)
        {
            named = listed.Split(Variable("COMPOSE_PATH_SEPARATOR") is { Length: > 0 } separator ? separator : ":", StringSplitOptions.RemoveEmptyEntries);
        }
        if (named.Count > 0)
        {
            Files = [.. named.Select(file => file == "-" ? file : Path.GetFullPath(file, _options.CurrentDirectory))];
            return;
        }
        string start = _options.Directory.Length > 0 ? Path.GetFullPath(_options.Directory, _options.CurrentDirectory) : _options.CurrentDirectory;
        for (string? at = start; at is not null; at = Path.GetDirectoryName(at))
        {
            if (FirstIn(at, Names) is { } file)
            {
                Files = FirstIn(at, Overrides) is { } over ? [file, over] : [file];
                return;
            }
        }
        throw new CaissonException(
            ErrorKind.NotFound, $"no configuration file provided: there is no compose.yaml in {start} or above it; name one with -f, or a running project with -p");
    }

    private string? FirstIn(string directory, string[] names) =>
        names.Select(name => Path.Combine(directory, name)).FirstOrDefault(file => _options.Read(file) is not null);

    private void FindVariables(List<Problem> problems)
    {
        IReadOnlyList<string> named = _options.EnvironmentFiles;
        if (named.Count == 0 && _options.Variable("COMPOSE_ENV_FILES") is { Length: > 0 } listed)
        {
            named = listed.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        }
        if (named.Count == 0)
        {
            if (_options.Variable("COMPOSE_DISABLE_ENV_FILE") is "1" or "true")
            {
                _values.Clear();
            }
            else if (Directory != _options.CurrentDirectory)
            {
                ReadVariables(Path.Combine(Directory, ".env"), isRequired: false, problems);
            }
            return;
        }
        _values.Clear();
        EnvironmentFiles = [.. named.Select(file => Path.GetFullPath(file, _options.CurrentDirectory))];
        foreach (string file in EnvironmentFiles)
        {
            ReadVariables(file, isRequired: true, problems);
        }
    }

    private void ReadVariables(string file, bool isRequired, List<Problem> problems)
    {
        if (_options.Read(file) is { } text)
        {
            DotEnv.Read(file, text, _values, _options.Variable, raw: false, problems);
        }
        else if (isRequired)
        {
            problems.Add(new(file, "couldn't find env file"));
        }
    }
}
