using Caisson.Documents;

namespace Caisson.Kubernetes.Objects;

/// <summary>What objects leave open is said, as a Kubernetes server says it. Source: Kubernetes API reference, defaults of fields.</summary>
public static class Defaults
{
    /// <summary>The object with all that it leaves open.</summary>
    public static KubernetesObject Apply(KubernetesObject one) => one.Kind.Kind switch
    {
        "Pod" => On(one, PodSpec),
        "Deployment" => On(one, spec => Template(Missing(spec,
            ("replicas", Doc.Number(1)), ("revisionHistoryLimit", Doc.Number(10)), ("progressDeadlineSeconds", Doc.Number(600)),
            ("strategy", Doc.Map(("type", Doc.Text("RollingUpdate"))))).Change("strategy", Strategy))),
        "ReplicaSet" => On(one, spec => Template(Missing(spec, ("replicas", Doc.Number(1))))),
        "StatefulSet" => On(one, spec => Template(Missing(spec,
            ("replicas", Doc.Number(1)), ("podManagementPolicy", Doc.Text("OrderedReady")), ("revisionHistoryLimit", Doc.Number(10)),
            ("serviceName", Doc.Text("")),
            ("updateStrategy", Doc.Map(("type", Doc.Text("RollingUpdate")), ("rollingUpdate", Doc.Map(("partition", Doc.Number(0))))))))),
        "DaemonSet" => On(one, spec => Template(Missing(spec,
            ("revisionHistoryLimit", Doc.Number(10)), ("updateStrategy", Doc.Map(("type", Doc.Text("RollingUpdate"))))))),
        "Job" => On(one, Job),
        "CronJob" => On(one, spec => Missing(spec,
            ("concurrencyPolicy", Doc.Text("Allow")), ("suspend", Doc.Flag(false)), ("successfulJobsHistoryLimit", Doc.Number(3)), ("failedJobsHistoryLimit", Doc.Number(1)))
            .Change("jobTemplate", template => template.Change("spec", Job))),
        "Service" => On(one, Service),
        "HorizontalPodAutoscaler" => On(one, spec => Missing(spec, ("minReplicas", Doc.Number(1)))),
        "PersistentVolumeClaim" => On(one, spec => Missing(spec, ("volumeMode", Doc.Text("Filesystem")), ("accessModes", Doc.List(["ReadWriteOnce"])))),
        "Secret" => Secret(one),
        "NetworkPolicy" => On(one, spec => Missing(spec, ("policyTypes", Doc.List(
            spec["egress"] is null ? (string[])["Ingress"] : ["Ingress", "Egress"])))),
        // By this label a NetworkPolicy names it.
        "Namespace" => one.With(Doc.Text("Active"), "status", "phase").With(Doc.Text(one.Name), "metadata", "labels", "kubernetes.io/metadata.name"),
        _ => one,
    };

    private static KubernetesObject On(KubernetesObject one, Func<MappingNode, MappingNode> change) =>
        one.With(change(one.Spec as MappingNode ?? MappingNode.Empty), "spec");

    private static MappingNode Missing(MappingNode mapping, params ReadOnlySpan<(string Key, DocumentNode? Value)> defaults)
    {
        foreach ((string key, DocumentNode? value) in defaults)
        {
            if (value is not null && mapping[key] is null or ScalarNode { Is: ScalarKind.Null })
            {
                mapping = mapping.With(key, value!);
            }
        }
        return mapping;
    }

    private static MappingNode Change(this MappingNode mapping, string key, Func<MappingNode, MappingNode> change) =>
        mapping[key] is MappingNode inner ? mapping.With(key, change(inner)) : mapping;

    private static MappingNode ChangeEach(this MappingNode mapping, string key, Func<MappingNode, MappingNode> change) =>
        mapping[key] is SequenceNode list
            ? mapping.With(key, list with { Items = [.. list.Items.Select(item => item is MappingNode inner ? change(inner) : item)] })
            : mapping;

    private static MappingNode Strategy(MappingNode strategy)
    {
        strategy = Missing(strategy, ("type", Doc.Text("RollingUpdate")));
        return strategy.Text("type") == "RollingUpdate"
            ? Missing(strategy, ("rollingUpdate", MappingNode.Empty)).Change("rollingUpdate", rolling => Missing(rolling,
                ("maxUnavailable", Doc.Text("25%")), ("maxSurge", Doc.Text("25%"))))
            : strategy;
    }

    private static MappingNode Template(MappingNode spec) => spec.Change("template", template => template.Change("spec", PodSpec));

    private static MappingNode PodSpec(MappingNode spec) => Missing(spec,
        ("restartPolicy", Doc.Text("Always")), ("terminationGracePeriodSeconds", Doc.Number(30)), ("dnsPolicy", Doc.Text("ClusterFirst")),
        ("securityContext", MappingNode.Empty), ("schedulerName", Doc.Text("default-scheduler")))
        .ChangeEach("containers", Container)
        .ChangeEach("initContainers", Container);

    private static MappingNode Container(MappingNode container) => Missing(container,
        ("imagePullPolicy", Doc.Text(IsMoving(container.Text("image")) ? "Always" : "IfNotPresent")),
        ("resources", MappingNode.Empty), ("terminationMessagePath", Doc.Text("/dev/termination-log")), ("terminationMessagePolicy", Doc.Text("File")))
        .ChangeEach("ports", port => Missing(port, ("protocol", Doc.Text("TCP"))))
        .Change("livenessProbe", Probe).Change("readinessProbe", Probe).Change("startupProbe", Probe);

    private static MappingNode Probe(MappingNode probe) => Missing(probe,
        ("timeoutSeconds", Doc.Number(1)), ("periodSeconds", Doc.Number(10)), ("successThreshold", Doc.Number(1)), ("failureThreshold", Doc.Number(3)))
        .Change("httpGet", http => Missing(http, ("path", Doc.Text("/")), ("scheme", Doc.Text("HTTP"))));

    /// <summary>Without a tag or with <c>latest</c>, what an image is may change any time.</summary>
    private static bool IsMoving(string image)
    {
        int colon = image.LastIndexOf(':');
        return !image.Contains('@', StringComparison.Ordinal) && (colon < image.LastIndexOf('/') || colon < 0 || image[(colon + 1)..] == "latest");
    }

    private static MappingNode Job(MappingNode spec)
    {
        bool isOpen = spec["completions"] is null && spec["parallelism"] is not null;
        return Template(Missing(spec,
            ("parallelism", Doc.Number(1)), ("completions", isOpen ? null : Doc.Number(1)), ("backoffLimit", Doc.Number(6)),
            ("completionMode", Doc.Text("NonIndexed")), ("suspend", Doc.Flag(false))));
    }

    private static MappingNode Service(MappingNode spec) => Missing(spec,
        ("type", Doc.Text("ClusterIP")), ("sessionAffinity", Doc.Text("None")), ("internalTrafficPolicy", Doc.Text("Cluster")))
        .ChangeEach("ports", port => Missing(port, ("protocol", Doc.Text("TCP")), ("targetPort", port["port"])));

    /// <summary><c>stringData</c> is for writing only: it becomes <c>data</c>.</summary>
    private static KubernetesObject Secret(KubernetesObject one)
    {
        MappingNode data = one.Tree["data"] as MappingNode ?? MappingNode.Empty;
        foreach (MappingEntry entry in one.Tree["stringData"].Entries())
        {
            data = data.With(entry.Key, Doc.Text(Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(entry.Value.AsText())))!);
        }
        MappingNode tree = one.Tree.Without("stringData");
        tree = data.Entries.IsEmpty ? tree : tree.With("data", data);
        return new(one.Kind, Missing(tree, ("type", Doc.Text("Opaque"))));
    }
}
