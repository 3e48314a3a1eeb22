using System.Globalization;

using Caisson.Documents;
using Caisson.Kubernetes.Controllers;
using Caisson.Kubernetes.Objects;
using Caisson.Kubernetes.Pods;

namespace Caisson.Api.Kubernetes;

/// <summary>Objects as rows for people. Source: Kubernetes API, "Receiving resources as Tables".</summary>
internal static class ObjectTable
{
    private static readonly (string Name, string Type, int Priority)[] Usual = [("Name", "string", 0), ("Age", "string", 0)];

    /// <summary>A table of objects of one kind.</summary>
    public static MappingNode Of(string kind, IEnumerable<KubernetesObject> objects, string version, DateTimeOffset now, bool withObjects, bool withColumns = true) => Doc.Map(
        ("kind", Doc.Text("Table")), ("apiVersion", Doc.Text("meta.k8s.io/v1")), ("metadata", Doc.Map(("resourceVersion", Doc.Text(version)))),
        ("columnDefinitions", withColumns ? Doc.List(Columns(kind).Select(column => (DocumentNode)Doc.Map(
            ("name", Doc.Text(column.Name)), ("type", Doc.Text(column.Type)), ("format", Doc.Text(column.Name == "Name" ? "name" : "")), ("description", Doc.Text("")), ("priority", Doc.Number(column.Priority))))) : Doc.EmptyList),
        ("rows", Doc.List(objects.Select(one => (DocumentNode)Doc.Map(
            ("cells", Doc.List(Cells(one, now))),
            ("object", withObjects ? one.Tree : Doc.Map(("kind", Doc.Text("PartialObjectMetadata")), ("apiVersion", Doc.Text("meta.k8s.io/v1")), ("metadata", one.Metadata))))))));

    private static (string Name, string Type, int Priority)[] Columns(string kind) => kind switch
    {
        "Pod" => [("Name", "string", 0), ("Ready", "string", 0), ("Status", "string", 0), ("Restarts", "integer", 0), ("Age", "string", 0), ("IP", "string", 1), ("Node", "string", 1)],
        "Deployment" => [("Name", "string", 0), ("Ready", "string", 0), ("Up-to-date", "integer", 0), ("Available", "integer", 0), ("Age", "string", 0), ("Containers", "string", 1), ("Images", "string", 1), ("Selector", "string", 1)],
        "ReplicaSet" => [("Name", "string", 0), ("Desired", "integer", 0), ("Current", "integer", 0), ("Ready", "integer", 0), ("Age", "string", 0), ("Containers", "string", 1), ("Images", "string", 1)],
        "StatefulSet" => [("Name", "string", 0), ("Ready", "string", 0), ("Age", "string", 0), ("Containers", "string", 1), ("Images", "string", 1)],
        "DaemonSet" => [("Name", "string", 0), ("Desired", "integer", 0), ("Current", "integer", 0), ("Ready", "integer", 0), ("Up-to-date", "integer", 0), ("Available", "integer", 0), ("Age", "string", 0)],
        "Job" => [("Name", "string", 0), ("Completions", "string", 0), ("Duration", "string", 0), ("Age", "string", 0)],
        "CronJob" => [("Name", "string", 0), ("Schedule", "string", 0), ("Suspend", "boolean", 0), ("Active", "integer", 0), ("Last Schedule", "string", 0), ("Age", "string", 0)],
        "Service" => [("Name", "string", 0), ("Type", "string", 0), ("Cluster-IP", "string", 0), ("External-IP", "string", 0), ("Port(s)", "string", 0), ("Age", "string", 0), ("Selector", "string", 1)],
        "Endpoints" => [("Name", "string", 0), ("Endpoints", "string", 0), ("Age", "string", 0)],
        "ConfigMap" => [("Name", "string", 0), ("Data", "integer", 0), ("Age", "string", 0)],
        "Secret" => [("Name", "string", 0), ("Type", "string", 0), ("Data", "integer", 0), ("Age", "string", 0)],
        "PersistentVolumeClaim" => [("Name", "string", 0), ("Status", "string", 0), ("Volume", "string", 0), ("Capacity", "string", 0), ("Access Modes", "string", 0), ("Age", "string", 0)],
        "Namespace" => [("Name", "string", 0), ("Status", "string", 0), ("Age", "string", 0)],
        "Node" => [("Name", "string", 0), ("Status", "string", 0), ("Roles", "string", 0), ("Age", "string", 0), ("Version", "string", 0), ("Internal-IP", "string", 1)],
        "HorizontalPodAutoscaler" => [("Name", "string", 0), ("Reference", "string", 0), ("Targets", "string", 0), ("MinPods", "string", 0), ("MaxPods", "integer", 0), ("Replicas", "integer", 0), ("Age", "string", 0)],
        "PodDisruptionBudget" => [("Name", "string", 0), ("Min Available", "string", 0), ("Max Unavailable", "string", 0), ("Allowed Disruptions", "integer", 0), ("Age", "string", 0)],
        "Event" => [("Last Seen", "string", 0), ("Type", "string", 0), ("Reason", "string", 0), ("Object", "string", 0), ("Message", "string", 0)],
        "Ingress" => [("Name", "string", 0), ("Class", "string", 0), ("Hosts", "string", 0), ("Age", "string", 0)],
        "NetworkPolicy" => [("Name", "string", 0), ("Pod-Selector", "string", 0), ("Age", "string", 0)],
        "ResourceQuota" => [("Name", "string", 0), ("Age", "string", 0), ("Used", "string", 0)],
        "RuntimeClass" => [("Name", "string", 0), ("Handler", "string", 0), ("Age", "string", 0)],
        _ => Usual,
    };

    private static IEnumerable<DocumentNode> Cells(KubernetesObject one, DateTimeOffset now)
    {
        string age = Age(now - one.Created);
        DocumentNode? spec = one.Spec;
        DocumentNode? status = one.Status;
        DocumentNode?[] cells = one.Kind.Kind switch
        {
            "Pod" => PodCells(one, age),
            "Deployment" => [T(one.Name), T($"{N(status, "readyReplicas")}/{N(spec, "replicas")}"), D(N(status, "updatedReplicas")), D(N(status, "availableReplicas")), T(age), T(Containers(one)), T(Images(one)), T(LabelSelector.Read(spec.Field("selector")).ToString())],
            "ReplicaSet" => [T(one.Name), D(N(spec, "replicas")), D(N(status, "replicas")), D(N(status, "readyReplicas")), T(age), T(Containers(one)), T(Images(one))],
            "StatefulSet" => [T(one.Name), T($"{N(status, "readyReplicas")}/{N(spec, "replicas")}"), T(age), T(Containers(one)), T(Images(one))],
            "DaemonSet" => [T(one.Name), D(N(status, "desiredNumberScheduled")), D(N(status, "currentNumberScheduled")), D(N(status, "numberReady")), D(N(status, "updatedNumberScheduled")), D(N(status, "numberAvailable")), T(age)],
            "Job" => [T(one.Name), T($"{N(status, "succeeded")}/{(spec.Field("completions") is null ? "1" : spec.Text("completions"))}"), T(Duration(one, now)), T(age)],
            "CronJob" => [T(one.Name), T(spec.Text("schedule")), Doc.Flag(spec.Flag("suspend")), D(status.Field("active").Items().Count()), T(Times.Read(status.Text("lastScheduleTime")) is { } last ? Age(now - last) : "<none>"), T(age)],
            "Service" => [T(one.Name), T(spec.Text("type")), T(spec.Text("clusterIP") is { Length: > 0 } ip ? ip : "<none>"), T("<none>"), T(Ports(one)), T(age), T(LabelSelector.ReadMap(spec.Field("selector")).ToString())],
            "Endpoints" => [T(one.Name), T(EndpointsOf(one)), T(age)],
            "ConfigMap" => [T(one.Name), D(one.Tree["data"].Entries().Count() + one.Tree["binaryData"].Entries().Count()), T(age)],
            "Secret" => [T(one.Name), T(one.Tree.Text("type")), D(one.Tree["data"].Entries().Count()), T(age)],
            "PersistentVolumeClaim" => [T(one.Name), T(status.Text("phase") is { Length: > 0 } phase ? phase : "Pending"), T($"pvc-{one.Namespace}-{one.Name}"), T(status.Field("capacity").Text("storage")), T(string.Join(',', spec.Texts("accessModes").Select(Short))), T(age)],
            "Namespace" => [T(one.Name), T(status.Text("phase")), T(age)],
            "Node" => [T(one.Name), T("Ready"), T("control-plane"), T(age), T(status.Field("nodeInfo").Text("kubeletVersion")), T(status.Field("addresses").Items().FirstOrDefault().Text("address"))],
            "HorizontalPodAutoscaler" => [T(one.Name), T($"{spec.Field("scaleTargetRef").Text("kind")}/{spec.Field("scaleTargetRef").Text("name")}"), T(Targets(one)), T(spec.Text("minReplicas")), D(N(spec, "maxReplicas")), D(N(status, "currentReplicas")), T(age)],
            "PodDisruptionBudget" => [T(one.Name), T(Or(spec.Text("minAvailable"), "N/A")), T(Or(spec.Text("maxUnavailable"), "N/A")), D(N(status, "disruptionsAllowed")), T(age)],
            "Event" => [T(Age(now - (Times.Read(one.Tree.Text("lastTimestamp")) ?? one.Created))), T(one.Tree.Text("type")), T(one.Tree.Text("reason")), T($"{one.Tree["involvedObject"].Text("kind").ToLowerInvariant()}/{one.Tree["involvedObject"].Text("name")}"), T(one.Tree.Text("message"))],
            "Ingress" => [T(one.Name), T(Or(spec.Text("ingressClassName"), "<none>")), T(string.Join(',', spec.Field("rules").Items().Select(rule => Or(rule.Text("host"), "*")))), T(age)],
            "NetworkPolicy" => [T(one.Name), T(Or(LabelSelector.Read(spec.Field("podSelector")).ToString(), "<none>")), T(age)],
            "ResourceQuota" => [T(one.Name), T(age), T(string.Join(", ", status.Pairs("used").Select(pair => $"{pair.Key}: {pair.Value}/{spec.Field("hard").Text(pair.Key)}")))],
            "RuntimeClass" => [T(one.Name), T(one.Tree.Text("handler")), T(age)],
            _ => [T(one.Name), T(age)],
        };
        return cells.Select(cell => cell ?? Doc.Text("")!);
    }

    /// <summary>A time as a person says it: <c>45s</c>, <c>5m</c>, <c>3h</c>, <c>2d</c>.</summary>
    public static string Age(TimeSpan span) =>
        span < TimeSpan.Zero ? "0s" : span.TotalSeconds < 120 ? $"{(int)span.TotalSeconds}s" : span.TotalMinutes < 10 ? $"{(int)span.TotalMinutes}m{(span.Seconds > 0 ? $"{span.Seconds}s" : "")}"
        : span.TotalHours < 3 ? $"{(int)span.TotalMinutes}m" : span.TotalDays < 2 ? $"{(int)span.TotalHours}h" : $"{(int)span.TotalDays}d";

    /// <summary>What a person wants to know first of a pod.</summary>
    public static string StatusOf(KubernetesObject pod)
    {
        if (pod.IsDeleting)
        {
            return "Terminating";
        }
        string word = pod.Status.Text("reason") is { Length: > 0 } reason ? reason : pod.Phase;
        DocumentNode[] inits = [.. pod.Status.Field("initContainerStatuses").Items()];
        int done = 0;
        foreach (DocumentNode init in inits)
        {
            DocumentNode? state = init.Field("state");
            if (state.At("terminated").Whole("exitCode") == 0 || init.Flag("started"))
            {
                done++;
                continue;
            }
            return state.At("terminated") is { } failed ? $"Init:{Or(failed.Text("reason"), "Error")}"
                : state.At("waiting").Text("reason") is { Length: > 0 } waits && waits is not ("PodInitializing" or "ContainerCreating") ? $"Init:{waits}" : $"Init:{done}/{inits.Length}";
        }
        foreach (DocumentNode container in pod.Status.Field("containerStatuses").Items())
        {
            DocumentNode? state = container.Field("state");
            if (state.At("waiting").Text("reason") is { Length: > 0 } waits)
            {
                return waits;
            }
            if (state.At("terminated") is { } ended)
            {
                word = Or(ended.Text("reason"), "Completed");
            }
        }
        return pod.Phase == "Running" && word is "Running" or "" ? "Running" : word;
    }

    private static DocumentNode?[] PodCells(KubernetesObject pod, string age)
    {
        DocumentNode[] statuses = [.. pod.Status.Field("containerStatuses").Items()];
        int sidecars = PodLifecycle.Inits(pod).Count(PodLifecycle.IsSidecar);
        int ready = statuses.Count(one => one.Flag("ready"))
            + pod.Status.Field("initContainerStatuses").Items().Count(one => one.Flag("ready") && PodLifecycle.Find(pod, one.Text("name")) is { } init && PodLifecycle.IsSidecar(init));
        return
        [
            T(pod.Name), T($"{ready}/{PodLifecycle.Mains(pod).Count() + sidecars}"), T(StatusOf(pod)), D(statuses.Sum(one => one.Whole("restartCount") ?? 0)), T(age),
            T(Or(pod.PodIP, "<none>")), T("caisson"),
        ];
    }

    private static string Duration(KubernetesObject job, DateTimeOffset now) =>
        Times.Read(job.Status.Text("startTime")) is { } start ? Age((Times.Read(job.Status.Text("completionTime")) ?? now) - start) : "";

    private static string Ports(KubernetesObject service) => Or(string.Join(',', service.Spec.Field("ports").Items().Select(port =>
        $"{port.Text("port")}{(port.Text("nodePort") is { Length: > 0 } node ? ":" + node : "")}/{port.Text("protocol")}")), "<none>");

    private static string EndpointsOf(KubernetesObject one)
    {
        string[] all = [.. one.Tree["subsets"].Items().SelectMany(subset => subset.Field("addresses").Items().SelectMany(address =>
            subset.Field("ports").Items().Select(port => $"{address.Text("ip")}:{port.Text("port")}")))];
        return all.Length == 0 ? "<none>" : all.Length <= 3 ? string.Join(',', all) : $"{string.Join(',', all.Take(3))} + {all.Length - 3} more...";
    }

    private static string Targets(KubernetesObject scaler) => string.Join(", ", scaler.Spec.Field("metrics").Items().Select(metric =>
    {
        DocumentNode? resource = metric.Field("resource");
        DocumentNode? current = scaler.Status.Field("currentMetrics").Items().Select(one => one.Field("resource")).FirstOrDefault(one => one.Text("name") == resource.Text("name")).Field("current");
        return resource.Field("target").Text("type") == "Utilization"
            ? $"{(current.Text("averageUtilization") is { Length: > 0 } percent ? percent + "%" : "<unknown>")}/{resource.Field("target").Text("averageUtilization")}%"
            : $"{Or(current.Text("averageValue"), "<unknown>")}/{resource.Field("target").Text("averageValue")}";
    }));

    private static string Containers(KubernetesObject one) => string.Join(',', one.Spec.At("template", "spec").Field("containers").Items().Select(container => container.Text("name")));

    private static string Images(KubernetesObject one) => string.Join(',', one.Spec.At("template", "spec").Field("containers").Items().Select(container => container.Text("image")));

    private static string Short(string mode) => mode switch { "ReadWriteOnce" => "RWO", "ReadOnlyMany" => "ROX", "ReadWriteMany" => "RWX", "ReadWriteOncePod" => "RWOP", _ => mode };

    private static string Or(string text, string otherwise) => text.Length > 0 ? text : otherwise;

    private static long N(DocumentNode? node, string field) => node.Whole(field) ?? 0;

    private static DocumentNode? T(string text) => Doc.Text(text);

    private static DocumentNode? D(long number) => ScalarNode.Of(number.ToString(CultureInfo.InvariantCulture), SourcePosition.None) with { Is = ScalarKind.Number };
}
