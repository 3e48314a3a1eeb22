using Caisson.Compose.Loading;
using Caisson.Compose.Model;
using Caisson.Errors;

using Xunit;

namespace Caisson.Compose.Tests;

/// <summary>Files of a project that are nowhere but in memory, in the directory <c>/app</c>.</summary>
internal sealed class Files
{
    private readonly Dictionary<string, string> _files = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _variables = new(StringComparer.Ordinal) { ["HOME"] = "/users/me" };

    public Files(string compose) => this["compose.yaml"] = compose;

    /// <summary>A file by its path below <c>/app</c>, or an absolute one.</summary>
    public string this[string path]
    {
        set => _files[Path.GetFullPath(path, "/app")] = value;
    }

    public Files With(string path, string text)
    {
        this[path] = text;
        return this;
    }

    public Files Set(string variable, string value)
    {
        _variables[variable] = value;
        return this;
    }

    public ComposeProject Load(Func<ProjectOptions, ProjectOptions>? change = null)
    {
        var options = new ProjectOptions
        {
            CurrentDirectory = "/app",
            Read = path => _files.GetValueOrDefault(path),
            Variable = name => _variables.GetValueOrDefault(name),
        };
        return ComposeLoader.Load(change is null ? options : change(options));
    }

    /// <summary>The problems of files that are wrong, one a line.</summary>
    public string Problems(Func<ProjectOptions, ProjectOptions>? change = null) =>
        string.Join('\n', Assert.Throws<ProblemsException>(() => Load(change)).Problems);
}
