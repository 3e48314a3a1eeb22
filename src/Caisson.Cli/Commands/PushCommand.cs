using Caisson.Cli.CommandLine;
using Caisson.Cli.Formatting;
using Caisson.Cli.Values;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson push</c></summary>
internal sealed class PushCommand : Command
{
    private readonly SwitchOption _all, _quiet;

    public PushCommand()
    {
        _all = Switch("all-tags", "Push all tags of the repository", 'a');
        _quiet = Switch("quiet", "Suppress verbose output", 'q');
    }

    public override string Usage => "[OPTIONS] NAME[:TAG]";

    public override IReadOnlyList<string> Examples => ["push registry.example/app:1.2", "push -q localhost:5000/app", "push --all-tags registry.example/app"];

    public override (int Min, int Max) ArgumentCount => (1, 1);

    public override CompletionKind Completes => CompletionKind.Images;

    public override int Run(Session session)
    {
        var name = ImageName.Parse(Arguments[0]);
        if (_all.Value && name.Tag.Length > 0)
        {
            throw new UsageException("tag can't be used with --all-tags/-a", exitCode: 1);
        }
        if (name.Tag.Length == 0 && !_all.Value)
        {
            name = name with { Tag = "latest" };
            if (!_quiet.Value)
            {
                session.Out.WriteLine("Using default tag: latest");
            }
        }
        using var response = session.Engine.PushImage(name.Repository, name.Tag);
        ProgressDisplay.Show(session, response.Body, _quiet.Value ? TextWriter.Null : session.Out);
        if (_quiet.Value)
        {
            session.Out.WriteLine(_all.Value ? name.Repository : name.Familiar);
        }
        return 0;
    }
}
