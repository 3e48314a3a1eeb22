using Caisson.Cli.CommandLine;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson explain</c>: the engine's own words about a container, made or not.</summary>
internal sealed class ExplainCommand : Command
{
    public override string Usage => "run [OPTIONS] IMAGE [COMMAND] [ARG...]\nCONTAINER";

    public override string Details =>
        "With 'run', nothing is made: the options are those of 'caisson run', and the answer is the plan that would be carried out.";

    public override IReadOnlyList<string> Examples => ["explain run --profile restricted -v /srv:/srv:ro busybox sh", "explain web"];

    public override (int Min, int Max) ArgumentCount => (1, -1);

    public override bool StopsAtFirstArgument => true;

    public override CompletionKind Completes => CompletionKind.Containers;

    public override int Run(Session session)
    {
        string text = Arguments[0] == "run" && Arguments.Count > 1 ? ExplainRun(session) : ExplainOne(session);
        session.Out.Write(text);
        if (!text.EndsWith('\n'))
        {
            session.Out.WriteLine();
        }
        return 0;
    }

    private string ExplainRun(Session session)
    {
        var run = new RunCommand();
        string[] words = [.. Arguments.Skip(1)];
        if (!ArgumentParser.Parse(run, "explain run", words))
        {
            using var help = new StringWriter { NewLine = "\n" };
            HelpPage.Write(help, CommandTable.Find(["run"], out _, out _)!, run, session.Width);
            return help.ToString();
        }
        return session.Engine.ExplainCreation(run.Describe(session, run.IsDetached));
    }

    private string ExplainOne(Session session) => Arguments.Count == 1
        ? session.Engine.ExplainContainer(Arguments[0])
        : throw new UsageException("'caisson explain' takes one container, or 'run' and what would be run", exitCode: 1);
}
