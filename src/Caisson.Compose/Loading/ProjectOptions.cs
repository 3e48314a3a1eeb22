namespace Caisson.Compose.Loading;

/// <summary>Which project is meant, and what may be read to know it.</summary>
public sealed record ProjectOptions
{
    /// <summary>Absolute; where the search for files begins.</summary>
    public required string CurrentDirectory { get; init; }

    /// <summary>The text of a file by its absolute path; null when it is not there. A directory is not there.</summary>
    public required Func<string, string?> Read { get; init; }

    /// <summary>A variable of the caller's environment; null when it is not set.</summary>
    public required Func<string, string?> Variable { get; init; }

    /// <summary>Files that were named; empty: <c>COMPOSE_FILE</c>, or those found. <c>-</c> is read from <see cref="Input"/>.</summary>
    public IReadOnlyList<string> Files { get; init; } = [];

    /// <summary>Reads what stands for the file <c>-</c>.</summary>
    public Func<string> Input { get; init; } = () => "";

    /// <summary>Where relative paths start; empty: the directory of the first file.</summary>
    public string Directory { get; init; } = "";

    /// <summary>Its name; empty: <c>COMPOSE_PROJECT_NAME</c>, the file's <c>name</c>, or the directory's.</summary>
    public string Name { get; init; } = "";

    /// <summary>Profiles to enable besides those of <c>COMPOSE_PROFILES</c>; <c>*</c>: all.</summary>
    public IReadOnlyList<string> Profiles { get; init; } = [];

    /// <summary>Files of variables instead of <c>.env</c>.</summary>
    public IReadOnlyList<string> EnvironmentFiles { get; init; } = [];

    /// <summary>Services that were named: enabled whatever their profiles are.</summary>
    public IReadOnlyList<string> Services { get; init; } = [];
}
