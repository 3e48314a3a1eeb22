using Caisson.Cli.CommandLine;
using Caisson.Cli.Formatting;
using Caisson.Cli.Values;
using Caisson.Client.Containers;
using Caisson.Errors;
using Caisson.Linux.Terminals;

namespace Caisson.Cli.Commands;

/// <summary>Removes what nobody uses, after a question.</summary>
internal abstract class PruneCommand : Command
{
    private readonly SwitchOption _force;
    private readonly ListOption<KeyValuePair<string, string>> _filter;

    protected PruneCommand()
    {
        _filter = Values("filter", "filter", "Provide filter values (e.g. \"until=<timestamp>\")", Filters.Parse);
        _force = Switch("force", "Do not prompt for confirmation", 'f');
    }

    public override string Usage => "[OPTIONS]";

    /// <summary>What will be removed, as a warning says it.</summary>
    protected abstract string Warning { get; }

    /// <summary>Over the list of what was removed.</summary>
    protected abstract string Deleted { get; }

    /// <summary>Whether what is removed took room on disk.</summary>
    protected virtual bool FreesSpace => true;

    public override int Run(Session session)
    {
        if (!_force.Value && !Confirm(session))
        {
            return 1;
        }
        var result = Prune(session, Filters.Gather(_filter.Values));
        if (result.Deleted.Count > 0)
        {
            session.Out.WriteLine(Deleted);
            foreach (string deleted in result.Deleted)
            {
                session.Out.WriteLine(deleted);
            }
            session.Out.WriteLine();
        }
        if (FreesSpace)
        {
            session.Out.WriteLine($"Total reclaimed space: {HumanSize.Decimal(result.SpaceReclaimedBytes, 4)}");
        }
        return 0;
    }

    protected abstract PruneResult Prune(Session session, Dictionary<string, List<string>> filters);

    private bool Confirm(Session session)
    {
        if (!session.IsTerminal(StandardDescriptor.Input))
        {
            throw new CaissonException(ErrorKind.FailedPrecondition, "nobody can be asked here; add --force to remove without a question");
        }
        session.Out.WriteLine($"WARNING! This will remove {Warning}.");
        session.Out.Write("Are you sure you want to continue? [y/N] ");
        session.Flush();
        using var reader = new StreamReader(session.InputStream, leaveOpen: true);
        return reader.ReadLine()?.Trim() is "y" or "Y" or "yes";
    }
}
