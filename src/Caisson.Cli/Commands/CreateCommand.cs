using Caisson.Cli.Attaching;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson create</c>: a container that does not run yet.</summary>
internal sealed class CreateCommand : ContainerCommand
{
    public override IReadOnlyList<string> Examples =>
    [
        "create --name job --network none busybox sh -c 'date; sleep 5'",
        "create --rm -m 64m --pids-limit 32 busybox sleep 60",
    ];

    public override int Run(Session session)
    {
        var creation = Describe(session, detached: false);
        session.Out.WriteLine(Creating.Create(session, this, creation).Id);
        return 0;
    }
}
