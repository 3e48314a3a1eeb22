using System.Globalization;
using System.Text;

using Caisson.Control.Model;
using Caisson.Documents;
using Caisson.Errors;
using Caisson.Kubernetes.Objects;
using Caisson.Kubernetes.Pods;
using Caisson.Kubernetes.Schema;
using Caisson.Oci;

namespace Caisson.Control.Orchestration;

/// <summary>What a pod's sandbox and containers are in the words of the engine. Pure. Source: Kubernetes API reference, "PodSpec", "Container".</summary>
public static class PodPlan
{
    /// <summary>Labels of the containers of pods, by which an engine finds them again.</summary>
    public const string PodName = "io.kubernetes.pod.name";

    /// <summary>The namespace of the pod.</summary>
    public const string PodNamespace = "io.kubernetes.pod.namespace";

    /// <summary>The uid of the pod.</summary>
    public const string PodUid = "io.kubernetes.pod.uid";

    /// <summary>The container's name in the pod; <c>POD</c> for the sandbox.</summary>
    public const string ContainerName = "io.kubernetes.container.name";

    /// <summary>Its restarts.</summary>
    public const string Attempt = "io.kubernetes.container.attempt";

    /// <summary>The name of what holds a pod's namespaces.</summary>
    public const string SandboxName = "POD";

    private const long MemoryBytesMin = 6 << 20;

    /// <summary>What a plan must know.</summary>
    /// <param name="Objects">Finds config maps, secrets and services by kind and name, in the pod's namespace.</param>
    /// <param name="List">All objects of a kind in the pod's namespace.</param>
    /// <param name="Network">The network of pods.</param>
    /// <param name="Address">The pod's address; empty before it has one.</param>
    /// <param name="HostAddress">The node's.</param>
    /// <param name="Processors">Of the machine.</param>
    /// <param name="MemoryBytes">Of the machine.</param>
    public sealed record Facts(
        Func<string, string, KubernetesObject?> Objects, Func<string, IReadOnlyList<KubernetesObject>> List,
        string Network, string Address, string HostAddress, int Processors, long MemoryBytes);

    /// <summary>Whether a pod's containers run behind a kernel of their own.</summary>
    public static bool IsMachine(KubernetesObject pod, Func<string, KubernetesObject?> runtimeClass) =>
        pod.Spec.Text("runtimeClassName") is { Length: > 0 } name && (runtimeClass(name) is { } found ? found.Tree.Text("handler") == "vm" : name == "vm");

    /// <summary>Why a pod cannot be run here; null when it can.</summary>
    public static string? Refusal(KubernetesObject pod, bool machine) =>
        machine && PodLifecycle.Mains(pod).Count() + PodLifecycle.Inits(pod).Count(PodLifecycle.IsSidecar) > 1
            ? "a pod with runtimeClassName vm has one container: two kernels cannot share a network; make it two pods"
            : machine && (pod.Spec.Flag("hostNetwork") || pod.Spec.Flag("hostPID") || pod.Spec.Flag("hostIPC"))
            ? "a machine shares no namespace with the host: leave hostNetwork, hostPID and hostIPC out"
            : null;

    /// <summary>What holds the namespaces of a pod.</summary>
    public static ContainerCreate Sandbox(KubernetesObject pod, string holder, Facts facts)
    {
        HostConfig host = Network(pod, facts) with
        {
            IpcMode = pod.Spec.Flag("hostIPC") ? "host" : "shareable",
            PidMode = pod.Spec.Flag("hostPID") ? "host" : "",
            Mounts = [new MountRequest { Type = "bind", Source = holder, Target = "/.caisson-pod", ReadOnly = true }],
            ReadonlyRootfs = true,
            RestartPolicy = new RestartPolicy { Name = "no" },
            Sysctls = pod.Spec.At("securityContext").Field("sysctls").Items().Any()
                ? pod.Spec.At("securityContext").Field("sysctls").Items().ToDictionary(one => one.Text("name"), one => one.Text("value")) : null,
            LogConfig = new LogConfig { Type = "none", Config = new Dictionary<string, string>() },
        };
        return new ContainerCreate
        {
            Image = PodLifecycle.Mains(pod).First().Text("image"),
            Entrypoint = ["/.caisson-pod"],
            Cmd = [],
            User = "0:0",
            WorkingDir = "/",
            Hostname = HostName(pod),
            Healthcheck = new HealthcheckConfig { Test = ["NONE"] },
            Labels = Labels(pod, SandboxName, 0),
            HostConfig = host,
        };
    }

    /// <summary>A container of a pod.</summary>
    /// <param name="pod">The pod.</param>
    /// <param name="container">Its container.</param>
    /// <param name="attempt">Its restarts.</param>
    /// <param name="sandbox">The id of the sandbox; null for a machine, which has a network of its own.</param>
    /// <param name="mounts">Its volumes.</param>
    /// <param name="facts">What must be known.</param>
    /// <exception cref="CaissonException"><see cref="ErrorKind.NotFound"/>: a config map or secret is not there.</exception>
    public static ContainerCreate Container(
        KubernetesObject pod, DocumentNode container, int attempt, string? sandbox, IReadOnlyList<MountRequest> mounts, Facts facts)
    {
        List<KeyValuePair<string, string>> environment = Environment(pod, container, facts);
        DocumentNode? own = container.Field("securityContext");
        DocumentNode? shared = pod.Spec.Field("securityContext");
        string[] command = [.. container.Texts("command").Select(Expand)];
        string[] args = [.. container.Texts("args").Select(Expand)];
        long? user = own.Whole("runAsUser") ?? shared.Whole("runAsUser");
        long? group = own.Whole("runAsGroup") ?? shared.Whole("runAsGroup");
        HostConfig host = sandbox is null ? Network(pod, facts) with { Runtime = "vm" }
            : new HostConfig
            {
                NetworkMode = pod.Spec.Flag("hostNetwork") ? "host" : "container:" + sandbox,
                IpcMode = pod.Spec.Flag("hostIPC") ? "host" : "container:" + sandbox,
                UTSMode = pod.Spec.Flag("hostNetwork") ? "host" : "container:" + sandbox,
                PidMode = pod.Spec.Flag("hostPID") ? "host" : pod.Spec.Flag("shareProcessNamespace") ? "container:" + sandbox : "",
            };
        DocumentNode? limits = container.At("resources", "limits");
        DocumentNode? requests = container.At("resources", "requests");
        decimal cpu = Quantity.Parse(limits.Text("cpu"));
        decimal share = Quantity.Parse(requests.Text("cpu") is { Length: > 0 } asked ? asked : limits.Text("cpu"));
        decimal memory = Quantity.Parse(limits.Text("memory"));
        List<string> security = [];
        if (own.TryFlag("allowPrivilegeEscalation") == false)
        {
            security.Add("no-new-privileges");
        }
        if ((own.Field("seccompProfile") ?? shared.Field("seccompProfile")).Text("type") == "Unconfined")
        {
            security.Add("seccomp=unconfined");
        }
        return new ContainerCreate
        {
            Image = container.Text("image"),
            Entrypoint = command.Length > 0 ? command : null,
            Cmd = args.Length > 0 ? args : null,
            Env = [.. environment.Select(pair => $"{pair.Key}={pair.Value}")],
            WorkingDir = container.Text("workingDir"),
            User = user is null ? "" : group is null ? Text(user.Value) : $"{Text(user.Value)}:{Text(group.Value)}",
            Tty = container.Flag("tty"),
            OpenStdin = container.Flag("stdin"),
            StdinOnce = container.Flag("stdinOnce"),
            Hostname = sandbox is null ? HostName(pod) : "",
            StopSignal = container.Field("lifecycle").Text("stopSignal") is { Length: > 0 } signal ? signal : null,
            Healthcheck = new HealthcheckConfig { Test = ["NONE"] },
            Labels = Labels(pod, container.Text("name"), attempt),
            HostConfig = host with
            {
                Mounts = mounts,
                NanoCpus = cpu > 0 ? (long)(Math.Min(cpu, facts.Processors) * 1_000_000_000) : 0,
                CpuShares = share > 0 ? Math.Max(2, (int)(share * 1024)) : 0,
                Memory = memory > 0 ? Math.Max(MemoryBytesMin, (long)memory) : 0,
                Privileged = own.Flag("privileged"),
                ReadonlyRootfs = own.Flag("readOnlyRootFilesystem"),
                CapAdd = own.Field("capabilities").Texts("add"),
                CapDrop = own.Field("capabilities").Texts("drop"),
                SecurityOpt = security,
                GroupAdd = [.. shared.Field("supplementalGroups").Items().Select(one => one.AsText()), .. shared.Whole("fsGroup") is { } files ? [Text(files)] : (string[])[]],
                RestartPolicy = new RestartPolicy { Name = "no" },
            },
        };

        string Expand(string text) => ExpandReferences(text, environment);
    }

    /// <summary>A field of a pod, as downward API and environment give it.</summary>
    public static string FieldOf(KubernetesObject pod, string path, Facts facts)
    {
        if (path.StartsWith("metadata.labels['", StringComparison.Ordinal))
        {
            return pod.Labels.GetValueOrDefault(path[17..^2], "");
        }
        if (path.StartsWith("metadata.annotations['", StringComparison.Ordinal))
        {
            return pod.Annotation(path[22..^2]);
        }
        return path switch
        {
            "metadata.name" => pod.Name,
            "metadata.namespace" => pod.Namespace,
            "metadata.uid" => pod.Uid,
            "metadata.labels" => Lines(pod.Metadata.Pairs("labels")),
            "metadata.annotations" => Lines(pod.Metadata.Pairs("annotations")),
            "spec.nodeName" => "caisson",
            "spec.serviceAccountName" => pod.Spec.Text("serviceAccountName") is { Length: > 0 } account ? account : "default",
            "status.podIP" or "status.podIPs" => facts.Address,
            "status.hostIP" or "status.hostIPs" => facts.HostAddress,
            _ => throw new CaissonException(ErrorKind.InvalidArgument, $"there is no field {path} that could be given to a container"),
        };
    }

    /// <summary>A resource of a container, in units of <c>divisor</c>.</summary>
    public static string ResourceOf(KubernetesObject pod, DocumentNode reference, DocumentNode? container, Facts facts)
    {
        string name = reference.Text("containerName");
        DocumentNode? of = name.Length > 0 ? PodLifecycle.Find(pod, name) : container;
        string[] words = reference.Text("resource").Split('.', 2);
        string text = words.Length == 2 ? of.At("resources", words[0]).Text(words[1]) : "";
        decimal amount = text.Length > 0 ? Quantity.Parse(text)
            : words[^1] == "cpu" ? facts.Processors : words[^1] == "memory" ? facts.MemoryBytes : 0;
        decimal divisor = reference.Text("divisor") is { Length: > 0 } given && Quantity.Parse(given) > 0 ? Quantity.Parse(given) : 1;
        return Math.Ceiling(amount / divisor).ToString(CultureInfo.InvariantCulture);
    }

    /// <summary>The content of a key of a config map or a secret.</summary>
    public static byte[]? ContentOf(KubernetesObject one, string key)
    {
        if (one.Kind.Kind == "Secret")
        {
            return one.Tree.Field("data").Field(key) is { } data ? Convert.FromBase64String(data.AsText()) : null;
        }
        return one.Tree.Field("data").Field(key) is { } text ? Encoding.UTF8.GetBytes(text.AsText())
            : one.Tree.Field("binaryData").Field(key) is { } binary ? Convert.FromBase64String(binary.AsText()) : null;
    }

    /// <summary>The keys of a config map or a secret.</summary>
    public static IEnumerable<string> KeysOf(KubernetesObject one) =>
        one.Tree.Field("data").Entries().Concat(one.Tree.Field("binaryData").Entries()).Select(entry => entry.Key);

    private static HostConfig Network(KubernetesObject pod, Facts facts)
    {
        bool ofHost = pod.Spec.Flag("hostNetwork");
        Dictionary<string, IReadOnlyList<PortBinding>?> bindings = [];
        foreach (DocumentNode port in PodLifecycle.Mains(pod).SelectMany(container => container.Field("ports").Items()).Where(port => port.Whole("hostPort") is > 0))
        {
            string protocol = port.Text("protocol") == "UDP" ? "udp" : "tcp";
            bindings[$"{port.Text("containerPort")}/{protocol}"] = [new PortBinding { HostIp = port.Text("hostIP"), HostPort = port.Text("hostPort") }];
        }
        bool own = pod.Spec.Text("dnsPolicy") == "None";
        DocumentNode? dns = pod.Spec.Field("dnsConfig");
        string[] search = [.. own ? (string[])[] : [$"{pod.Namespace}.svc{ServicePlanner.Domain}", $"svc{ServicePlanner.Domain}", ServicePlanner.Domain[1..]], .. dns.Texts("searches")];
        string[] options = [.. own ? (string[])[] : ["ndots:5"], .. dns.Field("options").Items().Select(one => one.Text("value") is { Length: > 0 } value ? $"{one.Text("name")}:{value}" : one.Text("name"))];
        return new HostConfig
        {
            NetworkMode = ofHost ? "host" : facts.Network,
            UTSMode = ofHost ? "host" : "",
            PortBindings = bindings.Count > 0 && !ofHost ? bindings : null,
            Dns = dns.Texts("nameservers"),
            DnsSearch = ofHost || pod.Spec.Text("dnsPolicy") == "Default" ? null : search,
            DnsOptions = ofHost || pod.Spec.Text("dnsPolicy") == "Default" ? null : options,
            ExtraHosts = [.. pod.Spec.Field("hostAliases").Items().SelectMany(alias => alias.Texts("hostnames").Select(name => $"{name}:{alias.Text("ip")}"))],
        };
    }

    private static string HostName(KubernetesObject pod)
    {
        string name = pod.Spec.Text("hostname") is { Length: > 0 } given ? given : pod.Name;
        return pod.Spec.Flag("hostNetwork") ? "" : name.Length <= 63 ? name : name[..63].TrimEnd('-', '.');
    }

    private static Dictionary<string, string> Labels(KubernetesObject pod, string container, int attempt) => new()
    {
        [PodName] = pod.Name,
        [PodNamespace] = pod.Namespace,
        [PodUid] = pod.Uid,
        [ContainerName] = container,
        [Attempt] = attempt.ToString(CultureInfo.InvariantCulture),
    };

    private static List<KeyValuePair<string, string>> Environment(KubernetesObject pod, DocumentNode container, Facts facts)
    {
        List<KeyValuePair<string, string>> all = [];
        void Set(string name, string value)
        {
            all.RemoveAll(pair => pair.Key == name);
            all.Add(new(name, value));
        }

        foreach (KubernetesObject service in pod.Spec.TryFlag("enableServiceLinks") == false ? [] : facts.List("Service"))
        {
            if (service.Spec.Text("clusterIP") is { Length: > 0 } address && address != "None" && service.Spec.Field("ports").Items().FirstOrDefault() is { } port)
            {
                string prefix = service.Name.Replace('-', '_').Replace('.', '_').ToUpperInvariant();
                Set($"{prefix}_SERVICE_HOST", address);
                Set($"{prefix}_SERVICE_PORT", port.Text("port"));
            }
        }
        foreach (DocumentNode from in container.Field("envFrom").Items())
        {
            bool isSecret = from.Field("secretRef") is not null;
            DocumentNode? reference = from.Field("secretRef") ?? from.Field("configMapRef");
            if (Find(facts, isSecret, reference) is { } source)
            {
                foreach (string key in KeysOf(source).Where(key => key.Length > 0 && !key.Contains('=', StringComparison.Ordinal)))
                {
                    Set(from.Text("prefix") + key, Encoding.UTF8.GetString(ContentOf(source, key) ?? []));
                }
            }
        }
        foreach (DocumentNode variable in container.Field("env").Items())
        {
            string name = variable.Text("name");
            if (variable.Field("valueFrom") is not { } from)
            {
                Set(name, ExpandReferences(variable.Text("value"), all));
            }
            else if (from.Field("fieldRef") is { } field)
            {
                Set(name, FieldOf(pod, field.Text("fieldPath"), facts));
            }
            else if (from.Field("resourceFieldRef") is { } resource)
            {
                Set(name, ResourceOf(pod, resource, container, facts));
            }
            else
            {
                bool isSecret = from.Field("secretKeyRef") is not null;
                DocumentNode? reference = from.Field("secretKeyRef") ?? from.Field("configMapKeyRef");
                KubernetesObject? source = Find(facts, isSecret, reference);
                byte[]? content = source is null ? null : ContentOf(source, reference.Text("key"));
                if (content is not null)
                {
                    Set(name, Encoding.UTF8.GetString(content));
                }
                else if (source is not null && !reference.Flag("optional"))
                {
                    throw new CaissonException(ErrorKind.NotFound, $"couldn't find key {reference.Text("key")} in {source.Kind.Kind} {source.Namespace}/{source.Name}");
                }
            }
        }
        return all;
    }

    private static KubernetesObject? Find(Facts facts, bool isSecret, DocumentNode? reference)
    {
        string kind = isSecret ? "Secret" : "ConfigMap";
        string name = reference.Text("name");
        return facts.Objects(kind, name)
            ?? (reference.Flag("optional") ? null : throw new CaissonException(ErrorKind.NotFound, $"{ResourceKind.Of(kind).Singular} \"{name}\" not found"));
    }

    /// <summary><c>$(NAME)</c> is the value of a variable that was defined before; <c>$$</c> is a dollar sign.</summary>
    private static string ExpandReferences(string text, List<KeyValuePair<string, string>> environment)
    {
        if (!text.Contains('$', StringComparison.Ordinal))
        {
            return text;
        }
        var expanded = new StringBuilder();
        for (int i = 0; i < text.Length; i++)
        {
            int end;
            if (text[i] == '$' && i + 1 < text.Length && text[i + 1] == '$')
            {
                expanded.Append('$');
                i++;
            }
            else if (text[i] == '$' && i + 1 < text.Length && text[i + 1] == '(' && (end = text.IndexOf(')', i)) > 0)
            {
                string name = text[(i + 2)..end];
                int at = environment.FindIndex(pair => pair.Key == name);
                expanded.Append(at >= 0 ? environment[at].Value : text[i..(end + 1)]);
                i = end;
            }
            else
            {
                expanded.Append(text[i]);
            }
        }
        return expanded.ToString();
    }

    private static string Lines(IEnumerable<KeyValuePair<string, string>> pairs) =>
        string.Concat(pairs.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => $"{pair.Key}=\"{pair.Value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\"\n"));

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
