using Caisson.Cli.CommandLine;

namespace Caisson.Cli.Access;

/// <summary><c>caisson access grant</c> and <c>caisson access revoke</c></summary>
internal sealed class AccessGrantCommand : Command
{
    private readonly bool _give;
    private readonly ValueOption<string> _project;

    public AccessGrantCommand(bool give)
    {
        _give = give;
        _project = Text("project", "Only in this project (a namespace of Kubernetes)", 'p', "name");
    }

    public override string Usage => "[OPTIONS] USER|group:GROUP ROLE";

    public override IReadOnlyList<string> Examples => _give
        ? ["access grant alice viewer", "access grant bob developer --project shop", "access grant group:system:socket none"]
        : ["access revoke alice viewer", "access revoke bob developer --project shop"];

    public override string Details => _give
        ? "Nobody gives what it has not itself. The groups system:socket, system:certificates and system:local are those whom the\n"
            + "socket's group, a certificate or an open address lets in without being users: they may do everything until a role is given to them."
        : "";

    public override (int Min, int Max) ArgumentCount => (2, 2);

    public override int Run(Session session)
    {
        session.Engine.SetGrant(_give, Arguments[0], Arguments[1], _project.Value);
        return 0;
    }
}
