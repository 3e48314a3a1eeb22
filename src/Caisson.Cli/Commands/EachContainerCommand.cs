using Caisson.Cli.CommandLine;
using Caisson.Errors;

namespace Caisson.Cli.Commands;

/// <summary>A command that does the same to each thing it names; one failure does not spare the others.</summary>
internal abstract class EachContainerCommand : Command
{
    private const int AtOnceMax = 16;

    public override string Usage => "CONTAINER [CONTAINER...]";

    public override (int Min, int Max) ArgumentCount => (1, -1);

    public override CompletionKind Completes => CompletionKind.Containers;

    public override int Run(Session session)
    {
        // Connect, and start the engine if need be, before several threads ask for it.
        _ = session.Engine.Version;
        string[] lines = new string[Arguments.Count];
        var failures = new CaissonException?[Arguments.Count];
        if (Arguments.Count == 1)
        {
            ActOn(session, 0, lines, failures);
        }
        else
        {
            Parallel.For(0, Arguments.Count, new ParallelOptions { MaxDegreeOfParallelism = AtOnceMax }, i => ActOn(session, i, lines, failures));
        }
        for (int i = 0; i < lines.Length; i++)
        {
            if (failures[i] is { } failure)
            {
                session.Flush();
                session.Error.WriteLine($"caisson: {failure.Message}");
            }
            else if (lines[i].Length > 0)
            {
                session.Out.WriteLine(lines[i]);
            }
        }
        return failures.Any(failure => failure is not null) ? 1 : 0;
    }

    /// <summary>Does it to one and returns what to print: its name, as a rule.</summary>
    protected abstract string Act(Session session, string name);

    private void ActOn(Session session, int i, string[] lines, CaissonException?[] failures)
    {
        try
        {
            lines[i] = Act(session, Arguments[i]);
        }
        catch (CaissonException e)
        {
            failures[i] = e;
        }
    }
}
