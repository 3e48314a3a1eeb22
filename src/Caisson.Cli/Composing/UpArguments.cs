using System.Globalization;

using Caisson.Compose.Model;
using Caisson.Compose.Plans;
using Caisson.Compose.Running;
using Caisson.Errors;

namespace Caisson.Cli.Composing;

/// <summary>Bringing a project up, as <c>up</c>, <c>create</c>, <c>run</c> and <c>watch</c> do: images first, then the plan.</summary>
internal static class UpArguments
{
    /// <summary><c>web=3</c>.</summary>
    /// <exception cref="FormatException">Malformed.</exception>
    public static KeyValuePair<string, int> Scale(string text)
    {
        string[] parts = text.Split('=');
        return parts.Length == 2 && parts[0].Length > 0 && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out int count)
            ? new(parts[0], count)
            : throw new FormatException("write SERVICE=NUM");
    }

    /// <exception cref="FormatException">No such policy.</exception>
    public static string Pull(string text) => text is "always" or "missing" or "never" or "build" or "policy"
        ? text == "policy" ? "" : text
        : throw new FormatException("write always, missing or never");

    /// <summary>Makes what is there what the files say.</summary>
    /// <returns>The plan that was run, or only printed.</returns>
    /// <exception cref="ProblemsException">It cannot be; nothing was changed.</exception>
    public static ComposePlan Up(Session session, ComposeProject project, UpOptions options, IComposeProgress progress, CancellationToken cancellationToken = default)
    {
        List<Problem> problems = [];
        var observed = ProjectObserver.Observe(session.Engine, project);
        var pulls = ComposePlan.CompilePulls(project, observed, options, problems);
        ProblemsException.ThrowIfAny("compose project", problems);
        if (pulls.Steps.Length > 0)
        {
            ComposeCommand.Execute(session, project, observed, pulls, progress, cancellationToken);
            observed = session.Compose.DryRun ? observed : ProjectObserver.Observe(session.Engine, project);
        }
        var plan = ComposePlan.Compile(project, observed, options, problems);
        ProblemsException.ThrowIfAny("compose project", problems);
        ComposeCommand.Execute(session, project, observed, plan, progress, cancellationToken);
        return plan;
    }
}
