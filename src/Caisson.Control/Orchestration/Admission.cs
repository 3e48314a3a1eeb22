using Caisson.Documents;
using Caisson.Errors;
using Caisson.Kubernetes.Objects;
using Caisson.Linux;

namespace Caisson.Control.Orchestration;

/// <summary>What the engine says about objects before they are stored: addresses of services, limits and quotas of a namespace, what cannot be changed.</summary>
internal static class Admission
{
    /// <summary>Where the addresses of services come from.</summary>
    public static readonly Subnet ServiceSubnet = Subnet.Parse("10.96.0.0/16");

    private const int NodePortFirst = 30_000;
    private const int NodePortLast = 32_767;

    /// <summary>Completes a new object, or refuses it.</summary>
    /// <exception cref="CaissonException">What it asks for is taken, or more than its namespace may have.</exception>
    public static KubernetesObject Complete(KubernetesObject made, Func<string, IReadOnlyList<KubernetesObject>> list)
    {
        if (!made.Kind.Namespaced || made.Kind.Kind is "Event" or "Endpoints")
        {
            return made;
        }
        made = made.Kind.Kind is "Pod" or "PersistentVolumeClaim" ? NamespaceLimits.Apply(made, list("LimitRange")) : made;
        NamespaceLimits.RequireQuota(made, list);
        return made.Kind.Kind == "Service" ? GiveAddresses(made, list("Service")) : made;
    }

    /// <summary>What was given once and is left out now stays.</summary>
    public static KubernetesObject KeepGiven(KubernetesObject before, KubernetesObject after)
    {
        if (after.Kind.Kind != "Service" || after.Spec.Text("type") == "ExternalName")
        {
            return after;
        }
        after = after.Spec.Text("clusterIP").Length == 0 ? after.With(before.Spec.Field("clusterIP"), "spec", "clusterIP").With(before.Spec.Field("clusterIPs"), "spec", "clusterIPs") : after;
        if (after.Spec.Text("type") is not ("NodePort" or "LoadBalancer"))
        {
            return after;
        }
        Dictionary<string, DocumentNode?> had = before.Spec.Field("ports").Items().ToDictionary(PortKey, port => port.Field("nodePort"));
        return after.With(
            Doc.List(after.Spec.Field("ports").Items().Select(port => (DocumentNode)(port.Field("nodePort") is null && had.GetValueOrDefault(PortKey(port)) is { } node
                ? ((MappingNode)port).With("nodePort", node) : port))),
            "spec", "ports");
    }

    /// <summary>Refuses changes of what is fixed when an object is made.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: says which field.</exception>
    public static void RequireChangeable(KubernetesObject before, KubernetesObject after)
    {
        string[] fixedFields = after.Kind.Kind switch
        {
            "Deployment" or "ReplicaSet" or "DaemonSet" => ["selector"],
            "StatefulSet" => ["selector", "serviceName", "podManagementPolicy", "volumeClaimTemplates"],
            "Job" => ["template", "completionMode", "selector"],
            "PersistentVolumeClaim" => ["accessModes", "storageClassName"],
            _ => [],
        };
        foreach (string field in fixedFields)
        {
            if (!before.Spec.Field(field).Same(after.Spec.Field(field)))
            {
                throw Immutable(after, $"spec.{field}");
            }
        }
        if (after.Kind.Kind is "ConfigMap" or "Secret" && before.Tree.Flag("immutable")
            && (!before.Tree["data"].Same(after.Tree["data"]) || !before.Tree["binaryData"].Same(after.Tree["binaryData"]) || !after.Tree.Flag("immutable")))
        {
            throw Immutable(after, "data");
        }
        if (after.Kind.Kind == "Pod" && !Bare(before.Spec).Same(Bare(after.Spec)))
        {
            throw new CaissonException(
                ErrorKind.InvalidArgument,
                $"Pod \"{after.Name}\" is invalid: spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`, `spec.initContainers[*].image`, `spec.activeDeadlineSeconds`; delete the pod and make another");
        }
        if (after.Kind.Kind == "Service" && before.Spec.Text("clusterIP") is { Length: > 0 } address && after.Spec.Text("clusterIP") is { Length: > 0 } other && address != other)
        {
            throw Immutable(after, "spec.clusterIP");
        }
    }

    private static DocumentNode? Bare(DocumentNode? spec)
    {
        if (spec is not MappingNode mapping)
        {
            return spec;
        }
        MappingNode bare = mapping.Without("activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds");
        foreach (string list in (ReadOnlySpan<string>)["containers", "initContainers"])
        {
            if (bare[list] is SequenceNode containers)
            {
                bare = bare.With(list, Doc.List(containers.Items.Select(container => (DocumentNode)((MappingNode)container).Without("image", "imagePullPolicy"))));
            }
        }
        return bare;
    }

    private static CaissonException Immutable(KubernetesObject one, string field) =>
        new(ErrorKind.InvalidArgument, $"{one.Kind.Kind}{(one.Kind.Group.Length > 0 ? "." + one.Kind.Group : "")} \"{one.Name}\" is invalid: {field}: Invalid value: field is immutable");

    private static string PortKey(DocumentNode port) => $"{port.Text("port")}/{port.Text("protocol")}";

    private static KubernetesObject GiveAddresses(KubernetesObject service, IReadOnlyList<KubernetesObject> others)
    {
        string type = service.Spec.Text("type");
        string asked = service.Spec.Text("clusterIP");
        if (type == "ExternalName" || asked == "None")
        {
            return service;
        }
        HashSet<string> taken = [.. others.Select(other => other.Spec.Text("clusterIP"))];
        if (asked.Length == 0)
        {
            // Where a name's hash says, so that a service that is made anew mostly has the address that it had.
            uint at = 10 + (Hash($"{service.Namespace}/{service.Name}") % 65_000);
            while (taken.Contains(ServiceSubnet.First.Plus(at).ToString()))
            {
                at = at >= 65_500 ? 10 : at + 1;
            }
            asked = ServiceSubnet.First.Plus(at).ToString();
        }
        else if (!InternetAddress.TryParse(asked, out InternetAddress given) || !ServiceSubnet.Contains(given))
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"Service \"{service.Name}\" is invalid: spec.clusterIP: '{asked}' is not in {ServiceSubnet}, where services have their addresses");
        }
        else if (taken.Contains(asked))
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"Service \"{service.Name}\" is invalid: spec.clusterIP: {asked} is the address of another service");
        }
        service = service.With(Doc.Text(asked), "spec", "clusterIP").With(Doc.List([asked]), "spec", "clusterIPs");
        return type is "NodePort" or "LoadBalancer" ? GiveNodePorts(service, others) : service;
    }

    private static KubernetesObject GiveNodePorts(KubernetesObject service, IReadOnlyList<KubernetesObject> others)
    {
        HashSet<long> taken = [.. others.Where(other => other.Key != service.Key).SelectMany(other => other.Spec.Field("ports").Items()).Select(port => port.Whole("nodePort") ?? 0)];
        List<DocumentNode> ports = [];
        foreach (DocumentNode port in service.Spec.Field("ports").Items())
        {
            long node = port.Whole("nodePort") ?? 0;
            if (node == 0)
            {
                node = NodePortFirst + (Hash($"{service.Namespace}/{service.Name}/{PortKey(port)}") % (NodePortLast - NodePortFirst));
                while (taken.Contains(node))
                {
                    node = node == NodePortLast ? NodePortFirst : node + 1;
                }
            }
            else if (taken.Contains(node))
            {
                throw new CaissonException(ErrorKind.InvalidArgument, $"Service \"{service.Name}\" is invalid: spec.ports.nodePort: {node} is the port of another service");
            }
            taken.Add(node);
            ports.Add(((MappingNode)port).With("nodePort", Doc.Number(node)!));
        }
        return service.With(Doc.List(ports), "spec", "ports");
    }

    private static uint Hash(string text)
    {
        uint hash = 2166136261;
        foreach (char one in text)
        {
            hash = (hash ^ one) * 16777619;
        }
        return hash;
    }
}
