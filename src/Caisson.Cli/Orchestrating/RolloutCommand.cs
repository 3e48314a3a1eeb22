using System.Globalization;

using Caisson.Cli.CommandLine;
using Caisson.Cli.Formatting;
using Caisson.Documents;
using Caisson.Errors;
using Caisson.Kubernetes.Controllers;
using Caisson.Kubernetes.Objects;
using Caisson.Kubernetes.Schema;

namespace Caisson.Cli.Orchestrating;

/// <summary><c>caisson rollout status|undo|history|restart</c></summary>
internal sealed class RolloutCommand : ObjectCommand
{
    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(200);

    private readonly string _verb;
    private readonly ValueOption<long>? _revision;
    private readonly ValueOption<int?>? _timeout;

    public RolloutCommand(string verb)
    {
        _verb = verb;
        _revision = verb == "undo" ? Number("to-revision", "Which one (default: the one before)") : null;
        _timeout = verb == "status" ? Seconds("timeout", "Give up after so many seconds") : null;
    }

    public override string Usage => "[OPTIONS] TYPE/NAME";

    public override IReadOnlyList<string> Examples => [$"rollout {_verb} deployment/web", $"rollout {_verb} -n shop deployment/cart"];

    public override (int Min, int Max) ArgumentCount => (1, 2);

    public override int Run(Session session)
    {
        var client = new ObjectClient(session.Engine);
        (ResourceKind kind, string name) = ObjectClient.Targets(Arguments)[0];
        if (kind.Kind is not ("Deployment" or "StatefulSet" or "DaemonSet") || name.Length == 0 || (_verb is "undo" or "history" && kind.Kind != "Deployment"))
        {
            throw new UsageException($"rollout {_verb} is of {(_verb is "undo" or "history" ? "a deployment" : "a deployment, a stateful set or a daemon set")}, by its name", exitCode: 1);
        }
        return _verb switch
        {
            "status" => Wait(session, client, kind, name),
            "restart" => Restart(session, client, kind, name),
            "history" => History(session, client, name),
            _ => Undo(session, client, name),
        };
    }

    private int Wait(Session session, ObjectClient client, ResourceKind kind, string name)
    {
        DateTimeOffset end = session.Clock.GetUtcNow().AddSeconds(_timeout!.Value ?? int.MaxValue);
        string last = "";
        while (true)
        {
            KubernetesObject one = client.Get(kind, Space, name);
            if (ObjectText.Remaining(one) is not { } remaining)
            {
                session.Out.WriteLine($"{kind.Singular} \"{name}\" successfully rolled out");
                return 0;
            }
            if (ObjectText.IsLate(one))
            {
                throw new CaissonException(ErrorKind.FailedPrecondition, $"{kind.Singular} \"{name}\" exceeded its progress deadline; see caisson describe {kind.Singular}/{name}, and caisson rollout undo");
            }
            if (remaining != last)
            {
                session.Out.WriteLine(last = remaining);
                session.Flush();
            }
            if (session.Clock.GetUtcNow() >= end)
            {
                throw new CaissonException(ErrorKind.Unavailable, $"{kind.Singular} \"{name}\" is not rolled out in time");
            }
            Thread.Sleep(LookAgain);
        }
    }

    private int Restart(Session session, ObjectClient client, ResourceKind kind, string name)
    {
        DocumentNode at = Times.Node(session.Clock.GetUtcNow())!;
        _ = client.Merge(kind, Space, name, MappingNode.Empty.Set(at, "spec", "template", "metadata", "annotations", "kubectl.kubernetes.io/restartedAt"));
        session.Out.WriteLine($"{kind.Qualified}/{name} restarted");
        return 0;
    }

    private IEnumerable<KubernetesObject> Sets(ObjectClient client, KubernetesObject deployment) =>
        client.List(ResourceKind.Of("ReplicaSet"), Space).Where(set => set.ControllerUid == deployment.Uid).OrderBy(DeploymentController.RevisionOf);

    private int History(Session session, ObjectClient client, string name)
    {
        KubernetesObject deployment = client.Get(ResourceKind.Of("Deployment"), Space, name);
        var lines = new ColumnWriter();
        lines.Add("REVISION\tREPLICAS\tIMAGES\tCHANGE-CAUSE");
        foreach (KubernetesObject set in Sets(client, deployment))
        {
            string images = string.Join(',', set.Spec.At("template", "spec").Field("containers").Items().Select(container => container.Text("image")));
            string cause = set.Annotation("kubernetes.io/change-cause");
            lines.Add($"{DeploymentController.RevisionOf(set)}\t{set.Spec.Text("replicas")}\t{images}\t{(cause.Length > 0 ? cause : "<none>")}");
        }
        lines.Flush(session.Out);
        return 0;
    }

    private int Undo(Session session, ObjectClient client, string name)
    {
        KubernetesObject deployment = client.Get(ResourceKind.Of("Deployment"), Space, name);
        KubernetesObject[] sets = [.. Sets(client, deployment)];
        long current = DeploymentController.RevisionOf(deployment);
        long wanted = _revision!.Value;
        KubernetesObject to = (wanted == 0 ? sets.LastOrDefault(set => DeploymentController.RevisionOf(set) < current) : sets.FirstOrDefault(set => DeploymentController.RevisionOf(set) == wanted))
            ?? throw new CaissonException(
                ErrorKind.NotFound,
                wanted == 0 ? $"deployment \"{name}\" has no earlier revision" : string.Create(CultureInfo.InvariantCulture, $"deployment \"{name}\" has no revision {wanted}; see caisson rollout history"));
        client.Replace(DeploymentController.RollBack(deployment, to), Space);
        session.Out.WriteLine($"deployment.apps/{name} rolled back to revision {DeploymentController.RevisionOf(to)}");
        return 0;
    }
}
