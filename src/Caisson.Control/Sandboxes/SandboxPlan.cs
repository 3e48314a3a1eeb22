using System.Globalization;
using System.Text;
using System.Text.Json;

using Caisson.Control.Model;
using Caisson.Errors;
using Caisson.Kubernetes.Objects;
using Caisson.Oci;

namespace Caisson.Control.Sandboxes;

/// <summary>What a sandbox and its containers are in the words of the engine. Pure. Source: the Container Runtime Interface, v1.</summary>
public static class SandboxPlan
{
    /// <summary>The label of a container of a sandbox, and of the one that holds its namespaces: the sandbox's id, empty on the latter.</summary>
    public const string SandboxLabel = "caisson.sandbox";

    /// <summary>The handler of machines.</summary>
    public const string MachineHandler = "vm";

    /// <summary>The profile of containers of pods: images and charts count on what it gives.</summary>
    private const string Profile = "compat-docker";

    private const long MemoryBytesMin = 6 << 20;
    private const uint IdsOfPod = 65_536;

    /// <summary>Where the program is that holds namespaces.</summary>
    private const string HolderTarget = "/.caisson-pod";

    /// <summary>What is wrong with a sandbox that is asked for.</summary>
    /// <exception cref="CaissonException">Says what, and what would be right.</exception>
    public static void Check(SandboxRequest request)
    {
        if (request.Identity is { Name.Length: 0 } or { Uid.Length: 0 } or { Namespace.Length: 0 })
        {
            throw new CaissonException(ErrorKind.InvalidArgument, "the metadata of a pod sandbox has a name, a uid and a namespace");
        }
        if (request.Handler is not ("" or "container" or MachineHandler))
        {
            throw new CaissonException(ErrorKind.NotFound, $"no runtime handler is called '{request.Handler}'; there are container and vm");
        }
        if (request.LogDirectory.Length > 0 && !IsPlain(request.LogDirectory))
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"the log directory '{request.LogDirectory}' is not an absolute path without '..'");
        }
        if (request.CgroupParent.EndsWith(".slice", StringComparison.Ordinal) && !request.CgroupParent.Contains('/', StringComparison.Ordinal))
        {
            throw new CaissonException(
                ErrorKind.InvalidArgument, $"the cgroup parent '{request.CgroupParent}' is a unit of systemd, and the engine makes control groups itself; set cgroupDriver: cgroupfs in the kubelet's configuration");
        }
        if (request.FirstId is { } first && (first == 0 || first % IdsOfPod != 0))
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"the ids of a pod begin at a multiple of {IdsOfPod}, not at {first}");
        }
        bool joinsHost = request.Network == NamespaceScope.Node || request.Pid == NamespaceScope.Node || request.Ipc == NamespaceScope.Node;
        if (request.FirstId is not null && (joinsHost || request.Privileged))
        {
            throw new CaissonException(ErrorKind.InvalidArgument, "a pod with ids of its own has namespaces of its own and no privileged container: leave out hostNetwork, hostPID, hostIPC and privileged");
        }
        if (request.Handler == MachineHandler && (joinsHost || request.FirstId is not null))
        {
            throw new CaissonException(ErrorKind.InvalidArgument, "a machine shares no namespace with the host and has ids of its own: leave out hostNetwork, hostPID, hostIPC and hostUsers");
        }
        if (request.Ports.FirstOrDefault(port => port.Protocol == "sctp" && port.HostPort > 0) is { } sctp && request.Handler == MachineHandler)
        {
            throw new CaissonException(ErrorKind.Unimplemented, $"port {sctp.HostPort} cannot be published by SCTP");
        }
    }

    /// <summary>Whether the containers of the pod have the host's ids: when they are told to, and where other ids could do nothing.</summary>
    public static bool HasHostIds(SandboxRequest request) => request.HasHostIds || request.Privileged
        || request.Network == NamespaceScope.Node || request.Pid == NamespaceScope.Node || request.Ipc == NamespaceScope.Node;

    /// <summary>The container that holds the namespaces of a pod of containers: no image, one process that waits.</summary>
    /// <param name="request">The pod.</param>
    /// <param name="holder">The program on the host.</param>
    /// <param name="ownNetwork">The engine's network that the pod is in; null when plugins connect it.</param>
    public static ContainerCreate Holder(SandboxRequest request, string holder, string? ownNetwork) => new()
    {
        Entrypoint = [HolderTarget],
        Cmd = [],
        User = "0:0",
        WorkingDir = "/",
        Hostname = request.Network == NamespaceScope.Node ? "" : request.Hostname,
        Healthcheck = new HealthcheckConfig { Test = ["NONE"] },
        Labels = new Dictionary<string, string>(request.Labels) { [SandboxLabel] = "" },
        HostConfig = Network(request, ownNetwork) with
        {
            IpcMode = request.Ipc == NamespaceScope.Node ? "host" : "shareable",
            PidMode = request.Pid == NamespaceScope.Node ? "host" : "",
            UsernsMode = HasHostIds(request) ? "host" : "",
            CgroupParent = request.CgroupParent,
            Mounts = [new MountRequest { Type = "bind", Source = holder, Target = HolderTarget, ReadOnly = true }],
            ReadonlyRootfs = true,
            CapDrop = ["ALL"],
            SecurityOpt = ["no-new-privileges"],
            RestartPolicy = new RestartPolicy { Name = "no" },
            Sysctls = request.Sysctls.Count > 0 ? request.Sysctls : null,
            LogConfig = new LogConfig { Type = "none", Config = new Dictionary<string, string>() },
        },
    };

    /// <summary>A container of a pod.</summary>
    /// <param name="sandbox">The pod's sandbox.</param>
    /// <param name="request">The container.</param>
    /// <param name="ownNetwork">The engine's network that machines are in.</param>
    /// <param name="seccomp">The profile of <see cref="SeccompChoice.File"/>; empty without one.</param>
    public static ContainerCreate Container(SandboxRecord sandbox, SandboxContainerRequest request, string ownNetwork, string seccomp)
    {
        SandboxRequest pod = sandbox.Request;
        HostConfig asked = request.Create.HostConfig ?? new HostConfig();
        bool isMachine = pod.Handler == MachineHandler;
        string inPod = "container:" + sandbox.Id;
        List<string> security = [.. asked.SecurityOpt ?? []];
        if (!asked.Privileged)
        {
            security.Add($"profile={(isMachine ? "default" : Profile)}");
            if (request.Seccomp.Unconfined)
            {
                security.Add("seccomp=unconfined");
            }
            else if (seccomp.Length > 0)
            {
                security.Add("seccomp=" + seccomp);
            }
        }
        HostConfig host = asked with
        {
            CgroupParent = pod.CgroupParent,
            Memory = asked.Memory > 0 ? Math.Max(MemoryBytesMin, asked.Memory) : asked.Memory,
            MemorySwap = asked.MemorySwap > 0 ? Math.Max(MemoryBytesMin, asked.MemorySwap) : asked.MemorySwap,
            SecurityOpt = security,
            RestartPolicy = new RestartPolicy { Name = "no" },
        };
        host = isMachine
            ? host with
            {
                Runtime = MachineHandler,
                NetworkMode = ownNetwork,
                PortBindings = Bindings(pod),
                Dns = Some(pod.DnsServers),
                DnsSearch = Some(pod.DnsSearches),
                DnsOptions = Some(pod.DnsOptions),
            }
            : host with
            {
                NetworkMode = pod.Network == NamespaceScope.Node ? "host" : inPod,
                UTSMode = pod.Network == NamespaceScope.Node ? "host" : inPod,
                IpcMode = pod.Ipc == NamespaceScope.Node ? "host" : inPod,
                PidMode = request.Pid switch
                {
                    NamespaceScope.Node => "host",
                    NamespaceScope.Pod => pod.Pid == NamespaceScope.Node ? "host" : inPod,
                    NamespaceScope.Target => "container:" + request.TargetId,
                    _ => "",
                },
                UsernsMode = HasHostIds(pod) ? "host" : "",
                CgroupnsMode = asked.Privileged ? "host" : "",
                Dns = Some(pod.DnsServers),
                DnsSearch = Some(pod.DnsSearches),
                DnsOptions = Some(pod.DnsOptions),
            };
        return request.Create with
        {
            Hostname = pod.Network == NamespaceScope.Node ? "" : pod.Hostname,
            Healthcheck = new HealthcheckConfig { Test = ["NONE"] },
            Labels = new Dictionary<string, string>(request.Labels) { [SandboxLabel] = sandbox.Id },
            HostConfig = host,
        };
    }

    /// <summary>Where the log of a container is; empty for the engine's own.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: it would lie outside of the sandbox's directory.</exception>
    public static string LogFile(SandboxRecord sandbox, SandboxContainerRequest request)
    {
        if (sandbox.Request.LogDirectory.Length == 0 || request.LogPath.Length == 0)
        {
            return "";
        }
        string path = $"{sandbox.Request.LogDirectory.TrimEnd('/')}/{request.LogPath.TrimStart('/')}";
        return IsPlain(path) && !path.EndsWith('/')
            ? path
            : throw new CaissonException(ErrorKind.InvalidArgument, $"the log path '{request.LogPath}' is not a path below the pod's log directory");
    }

    /// <summary>The name of a container for the engine's other clients; null for one of its own making when it would not be a name.</summary>
    public static string Name(SandboxIdentity pod, string container, uint attempt) => string.Create(
        CultureInfo.InvariantCulture, $"k8s_{container}_{pod.Name}_{pod.Namespace}_{pod.Uid}_{attempt}");

    /// <summary>What plugins are told of the pod.</summary>
    /// <param name="sandbox">The sandbox.</param>
    /// <param name="networkPath">Where its network namespace is found; empty when it is gone.</param>
    internal static CniPlace Place(SandboxRecord sandbox, string networkPath)
    {
        SandboxRequest pod = sandbox.Request;
        Dictionary<string, string> facts = [];
        if (pod.Ports.Any(port => port.HostPort > 0))
        {
            facts["portMappings"] = Json(json =>
            {
                json.WriteStartArray();
                foreach (SandboxPort port in pod.Ports.Where(port => port.HostPort > 0))
                {
                    json.WriteStartObject();
                    json.WriteNumber("hostPort", port.HostPort);
                    json.WriteNumber("containerPort", port.ContainerPort);
                    json.WriteString("protocol", port.Protocol);
                    json.WriteString("hostIP", port.HostAddress);
                    json.WriteEndObject();
                }
                json.WriteEndArray();
            });
        }
        long ingress = Rate(pod, "kubernetes.io/ingress-bandwidth");
        long egress = Rate(pod, "kubernetes.io/egress-bandwidth");
        if (ingress > 0 || egress > 0)
        {
            facts["bandwidth"] = Json(json =>
            {
                json.WriteStartObject();
                Write("ingress", ingress);
                Write("egress", egress);
                json.WriteEndObject();

                void Write(string way, long rate)
                {
                    if (rate > 0)
                    {
                        json.WriteNumber($"{way}Rate", rate);
                        json.WriteNumber($"{way}Burst", int.MaxValue);
                    }
                }
            });
        }
        if (pod.DnsServers.Count + pod.DnsSearches.Count + pod.DnsOptions.Count > 0)
        {
            facts["dns"] = Json(json =>
            {
                json.WriteStartObject();
                Write("servers", pod.DnsServers);
                Write("searches", pod.DnsSearches);
                Write("options", pod.DnsOptions);
                json.WriteEndObject();

                void Write(string name, IReadOnlyList<string> words)
                {
                    json.WriteStartArray(name);
                    foreach (string word in words)
                    {
                        json.WriteStringValue(word);
                    }
                    json.WriteEndArray();
                }
            });
        }
        return new CniPlace(
            sandbox.Id, networkPath,
            new Dictionary<string, string>
            {
                ["IgnoreUnknown"] = "1",
                ["K8S_POD_NAMESPACE"] = pod.Identity.Namespace,
                ["K8S_POD_NAME"] = pod.Identity.Name,
                ["K8S_POD_INFRA_CONTAINER_ID"] = sandbox.Id,
                ["K8S_POD_UID"] = pod.Identity.Uid,
            },
            facts);
    }

    private static HostConfig Network(SandboxRequest request, string? ownNetwork) => new()
    {
        NetworkMode = request.Network == NamespaceScope.Node ? "host" : ownNetwork ?? "none",
        UTSMode = request.Network == NamespaceScope.Node ? "host" : "",
        PortBindings = ownNetwork is null || request.Network == NamespaceScope.Node ? null : Bindings(request),
        Dns = Some(request.DnsServers),
        DnsSearch = Some(request.DnsSearches),
        DnsOptions = Some(request.DnsOptions),
    };

    private static Dictionary<string, IReadOnlyList<PortBinding>?>? Bindings(SandboxRequest request)
    {
        Dictionary<string, IReadOnlyList<PortBinding>?> bindings = [];
        foreach (IGrouping<string, SandboxPort> group in request.Ports.Where(port => port.HostPort > 0)
            .GroupBy(port => string.Create(CultureInfo.InvariantCulture, $"{port.ContainerPort}/{port.Protocol}")))
        {
            bindings[group.Key] = [.. group.Select(port => new PortBinding { HostIp = port.HostAddress, HostPort = port.HostPort.ToString(CultureInfo.InvariantCulture) })];
        }
        return bindings.Count > 0 ? bindings : null;
    }

    private static IReadOnlyList<string>? Some(IReadOnlyList<string> words) => words.Count > 0 ? words : null;

    private static bool IsPlain(string path) => path.StartsWith('/') && !path.Split('/').Contains("..") && !path.Contains('\0', StringComparison.Ordinal);

    private static long Rate(SandboxRequest pod, string annotation)
    {
        if (!pod.Annotations.TryGetValue(annotation, out string? text))
        {
            return 0;
        }
        decimal rate = Quantity.TryParse(text, out decimal value) ? value : 0;
        return rate is >= 1_000 and <= 1_000_000_000_000_000
            ? (long)rate
            : throw new CaissonException(ErrorKind.InvalidArgument, $"the annotation {annotation} is '{text}'; it is bits in a second, from 1k to 1P");
    }

    private static string Json(Action<Utf8JsonWriter> write)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            write(json);
        }
        return Encoding.UTF8.GetString(stream.ToArray());
    }
}
