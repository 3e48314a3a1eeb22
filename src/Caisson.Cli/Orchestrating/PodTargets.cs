using Caisson.Documents;
using Caisson.Errors;
using Caisson.Kubernetes.Controllers;
using Caisson.Kubernetes.Objects;
using Caisson.Kubernetes.Schema;

namespace Caisson.Cli.Orchestrating;

/// <summary>Pods where commands want a container: <c>pod/NAME</c>, <c>deployment/NAME</c>. No container has a slash in its name.</summary>
internal static class PodTargets
{
    /// <summary>The id of the container that words mean; the word itself when it means no pod.</summary>
    public static string Resolve(Session session, string word, string space, string container, bool previous = false)
    {
        string[] parts = word.Split('/', 2);
        if (parts.Length < 2 || parts[0].Length == 0 || ResourceKind.FindWord(parts[0]) is not { } kind)
        {
            return word;
        }
        var client = new ObjectClient(session.Engine);
        space = space.Length > 0 ? space : "default";
        KubernetesObject one = client.Get(kind, space, parts[1]);
        KubernetesObject pod = kind.Kind == "Pod" ? one : PodOf(client, one, space);
        string name = container.Length > 0 ? container
            : pod.Annotation("kubectl.kubernetes.io/default-container") is { Length: > 0 } meant ? meant : pod.Spec.Field("containers").Items().First().Text("name");
        DocumentNode status = pod.Status.Field("containerStatuses").Items().Concat(pod.Status.Field("initContainerStatuses").Items()).FirstOrDefault(one => one.Text("name") == name)
            ?? throw new CaissonException(ErrorKind.NotFound, $"pod {pod.Name} has no container '{name}'");
        string id = previous ? status.At("lastState", "terminated").Text("containerID") : status.Text("containerID");
        return id.Length > 0 ? id[(id.LastIndexOf('/') + 1)..]
            : throw new CaissonException(ErrorKind.FailedPrecondition, $"container {name} of pod {pod.Name} {(previous ? "had no run before this one" : "is not made yet: " + status.At("state", "waiting").Text("reason"))}");
    }

    private static KubernetesObject PodOf(ObjectClient client, KubernetesObject owner, string space)
    {
        LabelSelector selector = owner.Kind.Kind == "Service" ? LabelSelector.ReadMap(owner.Spec.Field("selector")) : LabelSelector.Read(owner.Spec.Field("selector"));
        KubernetesObject[] pods = [.. client.List(ResourceKind.Of("Pod"), space).Where(pod => owner.Kind.Kind == "Job" ? pod.ControllerUid == owner.Uid : !selector.IsEmpty && selector.Fits(pod.Labels))];
        return pods.OrderByDescending(pod => pod.IsReady).ThenBy(pod => pod.Created).FirstOrDefault()
            ?? throw new CaissonException(ErrorKind.NotFound, $"{owner.Kind.Singular} {owner.Name} has no pods");
    }
}
