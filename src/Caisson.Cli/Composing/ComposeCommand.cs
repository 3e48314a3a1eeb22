using Caisson.Cli.CommandLine;
using Caisson.Client.Containers;
using Caisson.Compose.Loading;
using Caisson.Compose.Model;
using Caisson.Compose.Plans;
using Caisson.Compose.Running;
using Caisson.Errors;
using Caisson.Linux.Terminals;

namespace Caisson.Cli.Composing;

/// <summary>A command on a Compose project: finds the project, and says all that is wrong with its files.</summary>
internal abstract class ComposeCommand : Command
{
    private const int InterruptedExitCode = 130;

    public override string Usage => "[OPTIONS] [SERVICE...]";

    public override (int Min, int Max) ArgumentCount => (0, -1);

    public override CompletionKind Completes => CompletionKind.Services;

    public sealed override int Run(Session session)
    {
        try
        {
            return RunCompose(session);
        }
        catch (ProblemsException e)
        {
            session.Flush();
            foreach (var problem in e.Problems)
            {
                session.Error.WriteLine(problem.ToString());
            }
            session.Error.WriteLine(e.Problems.Count == 1 ? "caisson: 1 problem; nothing was changed" : $"caisson: {e.Problems.Count} problems; nothing was changed");
            return 1;
        }
        catch (OperationCanceledException)
        {
            return InterruptedExitCode;
        }
    }

    protected abstract int RunCompose(Session session);

    /// <summary>The project of the files.</summary>
    /// <param name="session">Of the command.</param>
    /// <param name="services">Those that were named: enabled, and they must be there.</param>
    internal static ComposeProject Load(Session session, IReadOnlyList<string>? services = null)
    {
        var project = ComposeLoader.Load(Describe(session, services ?? []));
        foreach (string notice in project.Notices)
        {
            session.Error.WriteLine("WARN: " + notice);
        }
        Require(project, services ?? []);
        return project;
    }

    /// <summary>The project of the files; when there are none and a name was given, what its containers say.</summary>
    internal static ComposeProject LoadOrReconstruct(Session session, IReadOnlyList<string>? services = null)
    {
        try
        {
            return Load(session, services);
        }
        catch (CaissonException e) when (e.Kind == ErrorKind.NotFound && ProjectNameGiven(session) is { } name)
        {
            var project = ProjectObserver.Reconstruct(session.Engine, name);
            Require(project, services ?? []);
            return project;
        }
    }

    /// <summary>Containers of the project, of the named services when some are.</summary>
    internal static List<ContainerSummary> Containers(Session session, string project, IReadOnlyList<string> services, bool oneOff = false)
    {
        var all = ProjectObserver.Summaries(session.Engine, project)
            .Where(container => oneOff || !IsOneOff(container))
            .OrderBy(container => Label(container, ComposeLabels.Service), StringComparer.Ordinal)
            .ThenBy(NumberOf)
            .ToList();
        foreach (string service in services.Where(service => !all.Exists(container => Label(container, ComposeLabels.Service) == service)))
        {
            throw new CaissonException(ErrorKind.NotFound, $"no container found for service \"{service}\" of project {project}; see 'caisson compose ps -a'");
        }
        return services.Count == 0 ? all : all.FindAll(container => services.Contains(Label(container, ComposeLabels.Service)));
    }

    /// <summary>The container of a service with a number; the first one without.</summary>
    internal static ContainerSummary Container(Session session, string project, string service, long index)
    {
        var all = Containers(session, project, [], oneOff: false).FindAll(container => Label(container, ComposeLabels.Service) == service);
        var found = index > 0 ? all.Find(container => NumberOf(container) == index) : all.Find(container => container.State == "running") ?? all.FirstOrDefault();
        return found ?? throw new CaissonException(
            ErrorKind.NotFound, index > 0 ? $"service \"{service}\" has no container number {index}" : $"service \"{service}\" is not running");
    }

    internal static string Label(ContainerSummary container, string label) => container.Labels.GetValueOrDefault(label, "");

    internal static string NameOf(ContainerSummary container) => container.Names.Count > 0 ? container.Names[0].TrimStart('/') : container.Id[..12];

    internal static int NumberOf(ContainerSummary container) =>
        int.TryParse(Label(container, ComposeLabels.Number), out int number) ? number : 0;

    internal static bool IsOneOff(ContainerSummary container) => Label(container, ComposeLabels.OneOff).Equals("true", StringComparison.OrdinalIgnoreCase);

    /// <summary>Prints a plan instead of running it, or runs it.</summary>
    internal static void Execute(Session session, ComposeProject project, ObservedProject observed, ComposePlan plan, IComposeProgress? progress = null, CancellationToken cancellationToken = default)
    {
        foreach (string notice in plan.Notices)
        {
            session.Error.WriteLine("WARN: " + notice);
        }
        if (session.Compose.DryRun)
        {
            session.Out.Write(plan.ToString());
            return;
        }
        using var display = progress is null ? new ComposeProgress(session) : null;
        Runner(session, project, observed, progress ?? display!).Run(plan, cancellationToken);
    }

    internal static ComposeRunner Runner(Session session, ComposeProject project, ObservedProject observed, IComposeProgress progress)
    {
        // Connect before several threads ask for it.
        _ = session.Engine.Version;
        return new(session.Engine, project, observed, progress)
        {
            Variable = session.VariableAsSet,
            Parallelism = session.Compose.Parallel > 0 ? session.Compose.Parallel
                : int.TryParse(session.Variable("COMPOSE_PARALLEL_LIMIT"), out int limit) && limit > 0 ? limit
                : ComposeRunner.ParallelismDefault,
        };
    }

    /// <summary>Whether colours and cursor movements go to a stream.</summary>
    internal static bool UsesAnsi(Session session, StandardDescriptor stream) => session.Compose.Ansi switch
    {
        "always" => true,
        "never" => false,
        _ => session.IsTerminal(stream) && session.Variable("NO_COLOR") is null,
    };

    private static string? ProjectNameGiven(Session session) =>
        session.Compose.ProjectName.Length > 0 ? session.Compose.ProjectName : session.Variable("COMPOSE_PROJECT_NAME");

    private static void Require(ComposeProject project, IReadOnlyList<string> services)
    {
        List<Problem> problems = [];
        foreach (string service in services.Where(service => !project.Services.ContainsKey(service)))
        {
            problems.Add(new("", $"no such service: {service}{Spelling.Hint(service, project.Services.Keys)}"));
        }
        ProblemsException.ThrowIfAny("command line", problems);
    }

    private static ProjectOptions Describe(Session session, IReadOnlyList<string> services) => new()
    {
        CurrentDirectory = Environment.CurrentDirectory,
        Read = path => File.Exists(path) ? File.ReadAllText(path) : null,
        Variable = session.VariableAsSet,
        Files = session.Compose.Files,
        Input = () => new StreamReader(session.InputStream).ReadToEnd(),
        Directory = session.Compose.ProjectDirectory,
        Name = session.Compose.ProjectName,
        Profiles = session.Compose.Profiles,
        EnvironmentFiles = session.Compose.EnvironmentFiles,
        Services = services,
    };
}
