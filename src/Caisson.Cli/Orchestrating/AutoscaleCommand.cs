using Caisson.Cli.CommandLine;
using Caisson.Documents;
using Caisson.Kubernetes.Objects;
using Caisson.Kubernetes.Schema;

namespace Caisson.Cli.Orchestrating;

/// <summary><c>caisson autoscale</c></summary>
internal sealed class AutoscaleCommand : ObjectCommand
{
    private readonly ValueOption<long> _least, _most, _share;

    public AutoscaleCommand()
    {
        _share = Number("cpu-percent", "The share of the requested processor time that pods should use", absent: 80);
        _most = Number("max", "Most pods");
        _least = Number("min", "Fewest pods", absent: 1);
    }

    public override string Usage => "[OPTIONS] --max=NUMBER TYPE/NAME";

    public override IReadOnlyList<string> Examples => ["autoscale deployment/web --min=2 --max=10 --cpu-percent=70", "autoscale deployment/web --max=5"];

    public override (int Min, int Max) ArgumentCount => (1, 2);

    public override int Run(Session session)
    {
        (ResourceKind kind, string name) = ObjectClient.Targets(Arguments)[0];
        if (_most.Value < Math.Max(1, _least.Value) || name.Length == 0 || !kind.HasScale)
        {
            throw new UsageException("say what and how far: TYPE/NAME --max=NUMBER, not below --min", exitCode: 1);
        }
        ResourceKind scaler = ResourceKind.Of("HorizontalPodAutoscaler");
        new ObjectClient(session.Engine).Create(new KubernetesObject(scaler, Doc.Map(
            ("apiVersion", Doc.Text(scaler.ApiVersion)), ("kind", Doc.Text(scaler.Kind)),
            ("metadata", Doc.Map(("name", Doc.Text(name)), ("namespace", Doc.Text(Space)))),
            ("spec", Doc.Map(
                ("scaleTargetRef", Doc.Map(("apiVersion", Doc.Text(kind.ApiVersion)), ("kind", Doc.Text(kind.Kind)), ("name", Doc.Text(name)))),
                ("minReplicas", Doc.Number(_least.Value)), ("maxReplicas", Doc.Number(_most.Value)),
                ("metrics", Doc.List([Doc.Map(
                    ("type", Doc.Text("Resource")),
                    ("resource", Doc.Map(("name", Doc.Text("cpu")), ("target", Doc.Map(("type", Doc.Text("Utilization")), ("averageUtilization", Doc.Number(_share.Value)))))))])))))), Space);
        session.Out.WriteLine($"{scaler.Qualified}/{name} autoscaled");
        return 0;
    }
}
