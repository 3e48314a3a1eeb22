using Caisson.Cli.CommandLine;
using Caisson.Documents;
using Caisson.Kubernetes.Schema;

namespace Caisson.Cli.Orchestrating;

/// <summary><c>caisson scale</c></summary>
internal sealed class ScaleCommand : ObjectCommand
{
    private readonly ValueOption<long> _replicas;

    public ScaleCommand() => _replicas = Number("replicas", "How many pods there should be", absent: -1);

    public override string Usage => "--replicas=NUMBER TYPE/NAME...";

    public override IReadOnlyList<string> Examples => ["scale --replicas=5 deployment/web", "scale --replicas=0 statefulset/db"];

    public override (int Min, int Max) ArgumentCount => (1, -1);

    public override int Run(Session session)
    {
        if (_replicas.Value < 0)
        {
            throw new UsageException("say how many: --replicas=NUMBER", exitCode: 1);
        }
        var client = new ObjectClient(session.Engine);
        foreach ((ResourceKind kind, string name) in ObjectClient.Targets(Arguments))
        {
            if (!kind.HasScale || name.Length == 0)
            {
                throw new UsageException($"{kind.Plural}{(name.Length > 0 ? "/" + name : "")} cannot be scaled; deployments, replica sets and stateful sets can, by name", exitCode: 1);
            }
            _ = client.Merge(kind, Space, name, Doc.Map(("spec", Doc.Map(("replicas", Doc.Number(_replicas.Value))))));
            session.Out.WriteLine($"{kind.Qualified}/{name} scaled");
        }
        return 0;
    }
}
