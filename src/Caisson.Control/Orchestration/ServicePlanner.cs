using System.Collections.Immutable;

using Caisson.Documents;
using Caisson.Kubernetes.Controllers;
using Caisson.Kubernetes.Objects;
using Caisson.Kubernetes.Schema;
using Caisson.Linux;
using Caisson.Networks.Services;

namespace Caisson.Control.Orchestration;

/// <summary>What services, pods and policies come to in the packet filter and in names. Pure. Source: Kubernetes, "Service", "DNS for Services and Pods", "Network Policies".</summary>
internal static class ServicePlanner
{
    /// <summary>The domain of services.</summary>
    public const string Domain = ".cluster.local";

    /// <summary>Larger blocks of addresses are not written out; what they allow beside pods is refused.</summary>
    private const int BlockMax = 1_024;

    /// <summary>The objects that matter.</summary>
    public sealed record Objects(
        IReadOnlyList<KubernetesObject> Services, IReadOnlyList<KubernetesObject> Pods, IReadOnlyList<KubernetesObject> Policies, IReadOnlyList<KubernetesObject> Namespaces);

    /// <summary>A service, with the pods that its selector fits.</summary>
    public static IEnumerable<KubernetesObject> PodsOf(KubernetesObject service, IReadOnlyList<KubernetesObject> pods)
    {
        LabelSelector selector = LabelSelector.ReadMap(service.Spec.Field("selector"));
        return selector.IsEmpty ? [] : pods.Where(pod => pod.Namespace == service.Namespace && pod.PodIP.Length > 0 && !pod.IsFinished && selector.Fits(pod.Labels));
    }

    /// <summary>The plan.</summary>
    public static ServicePlan Plan(Objects all)
    {
        List<ServicePort> ports = [];
        Dictionary<string, ImmutableArray<InternetAddress>> names = [];
        foreach (KubernetesObject service in all.Services)
        {
            AddService(service, all.Pods, ports, names);
        }
        HashSet<InternetAddress> closedIn = [];
        HashSet<InternetAddress> closedOut = [];
        List<AllowedPath> inward = [];
        List<AllowedPath> outward = [];
        foreach (KubernetesObject policy in all.Policies)
        {
            AddPolicy(policy, all, closedIn, closedOut, inward, outward);
        }
        return new ServicePlan
        {
            Addresses = Admission.ServiceSubnet,
            Ports = [.. ports],
            Domain = Domain,
            Names = names,
            ClosedInward = [.. closedIn.OrderBy(address => address.Bits)],
            ClosedOutward = [.. closedOut.OrderBy(address => address.Bits)],
            Inward = [.. inward.Distinct()],
            Outward = [.. outward.Distinct()],
        };
    }

    /// <summary>The endpoints object of a service: who answers, and who is not ready to.</summary>
    public static KubernetesObject Endpoints(KubernetesObject service, IReadOnlyList<KubernetesObject> pods)
    {
        List<DocumentNode> subsets = [];
        KubernetesObject[] mine = [.. PodsOf(service, pods).Where(pod => !pod.IsDeleting)];
        if (mine.Length > 0)
        {
            subsets.Add(Doc.Map(
                ("addresses", AddressesOf(mine.Where(pod => pod.IsReady))),
                ("notReadyAddresses", AddressesOf(mine.Where(pod => !pod.IsReady))),
                ("ports", Doc.List(service.Spec.Field("ports").Items().Select(port => (DocumentNode)Doc.Map(
                    ("name", port.Field("name")),
                    ("port", Doc.Number(TargetOf(port, mine[0]))),
                    ("protocol", port.Field("protocol"))))))));
        }
        return new(ResourceKind.Of("Endpoints"), Doc.Map(
            ("apiVersion", Doc.Text("v1")), ("kind", Doc.Text("Endpoints")),
            ("metadata", Doc.Map(
                ("name", Doc.Text(service.Name)), ("namespace", Doc.Text(service.Namespace)), ("labels", service.Metadata.Field("labels")),
                ("ownerReferences", Doc.List([service.OwnerReference()])))),
            ("subsets", Doc.List(subsets))));
    }

    private static SequenceNode? AddressesOf(IEnumerable<KubernetesObject> pods)
    {
        DocumentNode[] addresses = [.. pods.Select(pod => (DocumentNode)Doc.Map(
            ("ip", Doc.Text(pod.PodIP)),
            ("targetRef", Doc.Map(("kind", Doc.Text("Pod")), ("namespace", Doc.Text(pod.Namespace)), ("name", Doc.Text(pod.Name)), ("uid", Doc.Text(pod.Uid))))))];
        return addresses.Length == 0 ? null : Doc.List(addresses);
    }

    private static void AddService(
        KubernetesObject service, IReadOnlyList<KubernetesObject> pods, List<ServicePort> ports, Dictionary<string, ImmutableArray<InternetAddress>> names)
    {
        string name = $"{service.Name}.{service.Namespace}.svc{Domain}";
        bool unready = service.Spec.Flag("publishNotReadyAddresses");
        KubernetesObject[] ready = [.. PodsOf(service, pods).Where(pod => pod.IsReady || (unready && !pod.IsDeleting)).OrderBy(pod => pod.Name, StringComparer.Ordinal)];
        foreach (KubernetesObject pod in ready.Where(pod => pod.Spec.Text("subdomain") == service.Name || pod.Spec.Text("hostname").Length > 0))
        {
            if (pod.Spec.Text("subdomain") == service.Name && InternetAddress.TryParse(pod.PodIP, out InternetAddress own))
            {
                names[$"{(pod.Spec.Text("hostname") is { Length: > 0 } host ? host : pod.Name)}.{name}"] = [own];
            }
        }
        if (!InternetAddress.TryParse(service.Spec.Text("clusterIP"), out InternetAddress address))
        {
            if (service.Spec.Text("clusterIP") == "None")
            {
                names[name] = [.. ready.Select(pod => InternetAddress.TryParse(pod.PodIP, out InternetAddress one) ? one : default).Where(one => one != default)];
            }
            return;
        }
        names[name] = [address];
        foreach (DocumentNode port in service.Spec.Field("ports").Items())
        {
            if (ProtocolOf(port.Text("protocol")) is not { } protocol)
            {
                continue; // SCTP is not carried
            }
            List<InternetEndpoint> receivers = [];
            foreach (KubernetesObject pod in ready)
            {
                if (TargetOf(port, pod) is { } target and > 0 and < 65_536 && InternetAddress.TryParse(pod.PodIP, out InternetAddress at))
                {
                    receivers.Add(new(at, (ushort)target));
                }
            }
            ports.Add(new(
                address, protocol, (ushort)(port.Whole("port") ?? 0),
                service.Spec.Text("type") is "NodePort" or "LoadBalancer" ? (ushort)(port.Whole("nodePort") ?? 0) : (ushort)0,
                service.Spec.Text("sessionAffinity") == "ClientIP", [.. receivers]));
        }
    }

    /// <summary>The pod's port that a service's leads to: a number, or the name of one of its containers' ports.</summary>
    private static long? TargetOf(DocumentNode port, KubernetesObject pod)
    {
        DocumentNode? target = port.Field("targetPort");
        if (target is ScalarNode { Is: ScalarKind.Text } named)
        {
            return pod.Spec.Field("containers").Items().SelectMany(container => container.Field("ports").Items())
                .FirstOrDefault(one => one.Text("name") == named.Text).Whole("containerPort");
        }
        return port.Whole("targetPort") ?? port.Whole("port");
    }

    private static TransportProtocol? ProtocolOf(string text) => text switch
    {
        "UDP" => TransportProtocol.Udp,
        "" or "TCP" => TransportProtocol.Tcp,
        _ => null,
    };

    private static void AddPolicy(
        KubernetesObject policy, Objects all, HashSet<InternetAddress> closedIn, HashSet<InternetAddress> closedOut, List<AllowedPath> inward, List<AllowedPath> outward)
    {
        LabelSelector selector = LabelSelector.Read(policy.Spec.Field("podSelector"));
        KubernetesObject[] pods = [.. all.Pods.Where(pod => pod.Namespace == policy.Namespace && pod.PodIP.Length > 0 && selector.Fits(pod.Labels))];
        HashSet<string> types = [.. policy.Spec.Texts("policyTypes")];
        foreach (KubernetesObject pod in pods)
        {
            if (!InternetAddress.TryParse(pod.PodIP, out InternetAddress address))
            {
                continue;
            }
            if (types.Contains("Ingress"))
            {
                closedIn.Add(address);
                foreach (DocumentNode rule in policy.Spec.Field("ingress").Items())
                {
                    AddRule(address, rule, rule.Field("from"), policy.Namespace, all, _ => pod, inward);
                }
            }
            if (types.Contains("Egress"))
            {
                closedOut.Add(address);
                foreach (DocumentNode rule in policy.Spec.Field("egress").Items())
                {
                    AddRule(address, rule, rule.Field("to"), policy.Namespace, all, peer => peer, outward);
                }
            }
        }
    }

    /// <param name="address">Whom the policy is about.</param>
    /// <param name="rule">With its ports.</param>
    /// <param name="peers">Who is allowed; null or empty for anybody.</param>
    /// <param name="space">The policy's namespace.</param>
    /// <param name="all">Everything.</param>
    /// <param name="portsOf">Of a peer, whose ports a name means.</param>
    /// <param name="paths">Receives what is allowed.</param>
    private static void AddRule(
        InternetAddress address, DocumentNode rule, DocumentNode? peers, string space, Objects all, Func<KubernetesObject?, KubernetesObject?> portsOf, List<AllowedPath> paths)
    {
        if (!peers.Items().Any())
        {
            Add(null, null);
            return;
        }
        foreach (DocumentNode peer in peers.Items())
        {
            if (peer.Field("ipBlock") is { } block)
            {
                AddBlock(block);
                continue;
            }
            HashSet<string> spaces = peer.Field("namespaceSelector") is { } some
                ? [.. all.Namespaces.Where(one => LabelSelector.Read(some).Fits(one.Labels)).Select(one => one.Name)]
                : [space];
            LabelSelector selector = LabelSelector.Read(peer.Field("podSelector"));
            foreach (KubernetesObject pod in all.Pods.Where(pod => pod.PodIP.Length > 0 && spaces.Contains(pod.Namespace) && selector.Fits(pod.Labels)))
            {
                if (InternetAddress.TryParse(pod.PodIP, out InternetAddress one))
                {
                    Add(one, pod);
                }
            }
        }

        void AddBlock(DocumentNode block)
        {
            if (!Subnet.TryParse(block.Text("cidr"), out Subnet subnet) || subnet.First.IsIPv6)
            {
                return;
            }
            Subnet[] except = [.. block.Texts("except").Select(text => Subnet.TryParse(text, out Subnet one) ? one : default).Where(one => one != default)];
            bool Allowed(InternetAddress one) => subnet.Contains(one) && !except.Any(other => other.Contains(one));
            if (subnet.PrefixLength == 0 && except.Length == 0)
            {
                Add(null, null);
                return;
            }
            foreach (KubernetesObject pod in all.Pods.Where(pod => InternetAddress.TryParse(pod.PodIP, out InternetAddress one) && Allowed(one)))
            {
                Add(InternetAddress.Parse(pod.PodIP), pod);
            }
            for (uint i = 0; subnet.HostBits <= 10 && i < Math.Min(BlockMax, 1u << subnet.HostBits); i++)
            {
                if (Allowed(subnet.First.Plus(i)))
                {
                    Add(subnet.First.Plus(i), null);
                }
            }
        }

        void Add(InternetAddress? peer, KubernetesObject? pod)
        {
            if (!rule.Field("ports").Items().Any())
            {
                paths.Add(new(address, peer, null, 0));
                return;
            }
            foreach (DocumentNode port in rule.Field("ports").Items())
            {
                if (ProtocolOf(port.Text("protocol")) is not { } protocol)
                {
                    continue;
                }
                if (port.Field("port") is ScalarNode { Is: ScalarKind.Text } named)
                {
                    if (portsOf(pod)?.Spec.Field("containers").Items().SelectMany(container => container.Field("ports").Items())
                        .FirstOrDefault(one => one.Text("name") == named.Text).Whole("containerPort") is { } number)
                    {
                        paths.Add(new(address, peer, protocol, (ushort)number));
                    }
                    continue;
                }
                long first = port.Whole("port") ?? 0;
                for (long one = first; one <= Math.Min(Math.Max(first, port.Whole("endPort") ?? first), first + BlockMax); one++)
                {
                    paths.Add(new(address, peer, protocol, (ushort)one));
                }
            }
        }
    }
}
