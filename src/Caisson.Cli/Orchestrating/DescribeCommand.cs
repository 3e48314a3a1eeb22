using Caisson.Documents;
using Caisson.Kubernetes.Objects;
using Caisson.Kubernetes.Schema;

namespace Caisson.Cli.Orchestrating;

/// <summary><c>caisson describe</c></summary>
internal sealed class DescribeCommand : ObjectCommand
{
    public override string Usage => "[OPTIONS] TYPE[/NAME] [NAME...]";

    public override IReadOnlyList<string> Examples => ["describe deployment/web", "describe pods -n shop"];

    public override (int Min, int Max) ArgumentCount => (1, -1);

    public override int Run(Session session)
    {
        var client = new ObjectClient(session.Engine);
        IReadOnlyList<KubernetesObject> events = client.List(ResourceKind.Of("Event"), Space);
        bool any = false;
        foreach ((ResourceKind kind, string name) in ObjectClient.Targets(Arguments))
        {
            foreach (KubernetesObject one in name.Length > 0 ? [client.Get(kind, Space, name)] : client.List(kind, Space))
            {
                if (any)
                {
                    session.Out.WriteLine();
                }
                any = true;
                ObjectText.Describe(session.Out, one, events.Where(happened => happened.Tree["involvedObject"].Text("uid") == one.Uid));
            }
        }
        return 0;
    }
}
