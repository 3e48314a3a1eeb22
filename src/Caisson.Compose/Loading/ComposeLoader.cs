using System.Globalization;
using System.Text;

using Caisson.Documents;
using Caisson.Compose.Model;
using Caisson.Errors;

namespace Caisson.Compose.Loading;

/// <summary>Reads a project: finds its files, merges them, checks all and completes what they leave open.</summary>
/// <remarks>Source: Compose Specification; what it leaves open is as docker compose has it.</remarks>
public static class ComposeLoader
{
    /// <summary>The project that <paramref name="options"/> mean.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.NotFound"/>: there is no file.</exception>
    /// <exception cref="ProblemsException">The files are wrong; carries every problem with its place.</exception>
    public static ComposeProject Load(ProjectOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        List<Problem> problems = [];
        var place = ProjectPlace.Find(options, problems);
        var loader = new ModelLoader(options, problems);
        string name = NameOf(options, place, loader, problems);
        place.SetDefault("COMPOSE_PROJECT_NAME", name);
        var document = loader.Load(place.Files, place.Directory, place.Variable);
        document = (MappingNode?)NodeMerge.Settle(document) ?? MappingNode.Empty;
        var binder = new ProjectBinder(options, place, name, problems);
        var project = binder.Bind(document);
        ProblemsException.ThrowIfAny("invalid compose project", InOrder(problems));
        return project with
        {
            Notices =
            [
                .. loader.MissingVariables.Select(variable => $"The \"{variable}\" variable is not set. Defaulting to a blank string."),
                .. project.Notices,
            ],
        };
    }

    /// <summary>A directory's or file's name as the name of a project: lower case, without what names may not have.</summary>
    public static string NormalizeName(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var name = new StringBuilder(text.Length);
        foreach (char c in text.ToLowerInvariant())
        {
            if (char.IsAsciiLetterOrDigit(c) || c is '_' or '-')
            {
                name.Append(c);
            }
        }
        return name.ToString().TrimStart('_', '-');
    }

    /// <summary>Each place once a message, file by file from top to bottom: a person mends them in one go.</summary>
    private static List<Problem> InOrder(List<Problem> problems) =>
    [
        .. problems.Distinct().Select(problem => (problem, place: problem.Path.Split(':')))
            .OrderBy(pair => problems.FindIndex(other => other.Path.Split(':')[0] == pair.place[0]))
            .ThenBy(pair => Number(pair.place, 1))
            .ThenBy(pair => Number(pair.place, 2))
            .Select(pair => pair.problem),
    ];

    private static int Number(string[] place, int index) =>
        place.Length > index && int.TryParse(place[index], NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : 0;

    private static string NameOf(ProjectOptions options, ProjectPlace place, ModelLoader loader, List<Problem> problems)
    {
        string given = options.Name.Length > 0 ? options.Name
            : place.Variable("COMPOSE_PROJECT_NAME") is { Length: > 0 } variable ? variable
            : loader.FindName(place.Files, place.Variable);
        if (given.Length > 0)
        {
            Check(given, problems);
            return given;
        }
        string name = NormalizeName(Path.GetFileName(place.Directory));
        if (name.Length == 0)
        {
            problems.Add(new(place.Directory, "project name must not be empty; name it with -p, or with 'name:' in the file"));
        }
        return name;
    }

    private static void Check(string name, List<Problem> problems)
    {
        if (NormalizeName(name) != name)
        {
            problems.Add(new(
                "", $"invalid project name \"{name}\": must consist only of lowercase alphanumeric characters, hyphens, and underscores as well as start with a letter or number"));
        }
    }
}
