using System.Globalization;

using Caisson.Documents;
using Caisson.Errors;
using Caisson.Kubernetes.Controllers;
using Caisson.Kubernetes.Schema;

namespace Caisson.Kubernetes.Objects;

/// <summary>Reads manifests: syntax, kind, fields, then what fields mean together. Nothing is touched; every problem is reported at its place.</summary>
public static class ManifestCheck
{
    /// <summary>More documents than this are no manifest.</summary>
    private const int DocumentsMax = 10_000;

    /// <summary>The objects of a text, as they were written.</summary>
    /// <param name="file">Its name, as messages show it.</param>
    /// <param name="text">YAML or JSON, one document or many.</param>
    /// <param name="problems">Receives everything that is wrong.</param>
    public static IReadOnlyList<KubernetesObject> Read(string file, string text, ICollection<Problem> problems)
    {
        List<KubernetesObject> objects = [];
        foreach (DocumentNode document in YamlReader.Read(file, text, problems).Take(DocumentsMax))
        {
            ReadDocument(document, objects, problems);
        }
        return objects;
    }

    /// <summary>Checks one document of a known kind.</summary>
    /// <returns>The object; null when the document is none at all.</returns>
    public static KubernetesObject? Check(MappingNode document, ICollection<Problem> problems)
    {
        if (ResourceKind.Read(document, problems) is not { } kind)
        {
            return null;
        }
        int before = problems.Count;
        SchemaCheck.Check(kind, document, problems);
        var made = new KubernetesObject(kind, document);
        if (problems.Count == before)
        {
            CheckMeaning(made, problems);
        }
        return made;
    }

    private static void ReadDocument(DocumentNode document, List<KubernetesObject> objects, ICollection<Problem> problems)
    {
        if (document is ScalarNode { Is: ScalarKind.Null })
        {
            return; // nothing stands between two lines of ---
        }
        if (document is not MappingNode mapping)
        {
            problems.Add(document.Problem($"a manifest is a mapping, and this is {document.Kind}"));
            return;
        }
        if (mapping.Text("kind") is "List" or "ConfigMapList" or "ServiceList" or "PodList" or "DeploymentList" && mapping.Field("items") is SequenceNode items)
        {
            foreach (DocumentNode item in items.Items)
            {
                ReadDocument(item, objects, problems);
            }
            return;
        }
        if (Check(mapping, problems) is { } made)
        {
            objects.Add(made);
        }
    }

    private static void CheckMeaning(KubernetesObject one, ICollection<Problem> problems)
    {
        if (one.Name.Length == 0 && one.Metadata.Text("generateName").Length == 0)
        {
            problems.Add((one.Metadata ?? one.Tree).Problem("metadata needs the field 'name'"));
        }
        if (!one.Kind.Namespaced && one.Namespace.Length > 0)
        {
            problems.Add(one.Metadata.Field("namespace")!.Problem($"kind {one.Kind.Kind} has no namespace"));
        }
        CheckLabels(one.Metadata, problems);
        DocumentNode? spec = one.Spec;
        switch (one.Kind.Kind)
        {
            case "Pod":
                CheckPod(spec, problems);
                break;
            case "Deployment" or "ReplicaSet" or "StatefulSet" or "DaemonSet":
                CheckSelector(spec, problems);
                CheckTemplate(spec, problems, "Always");
                CheckNotNegative(spec, "replicas", problems);
                CheckRolling(spec.At("strategy", "rollingUpdate"), problems);
                if (spec.At("strategy", "type").AsText() == "Recreate" && spec.At("strategy", "rollingUpdate") is MappingNode rolling)
                {
                    problems.Add(rolling.Problem("strategy Recreate has no rollingUpdate"));
                }
                break;
            case "Job":
                CheckJob(spec, problems);
                break;
            case "CronJob":
                if (!CronSchedule.TryParse(spec.Text("schedule"), out _, out string? mistake))
                {
                    problems.Add(spec.Field("schedule")!.Problem($"'{spec.Text("schedule")}' is no schedule: {mistake}"));
                }
                CheckJob(spec.At("jobTemplate", "spec"), problems);
                break;
            case "Service":
                CheckService(spec, problems);
                break;
            case "Secret" or "ConfigMap":
                CheckData(one.Tree.Field(one.Kind.Kind == "Secret" ? "data" : "binaryData"), problems);
                break;
            case "HorizontalPodAutoscaler":
                if (spec.Whole("maxReplicas") < Math.Max(1, spec.Whole("minReplicas") ?? 1))
                {
                    problems.Add(spec.Field("maxReplicas")!.Problem("maxReplicas is below minReplicas"));
                }
                break;
            case "PodDisruptionBudget":
                if (spec.Field("minAvailable") is not null && spec.Field("maxUnavailable") is { } both)
                {
                    problems.Add(both.Problem("give minAvailable or maxUnavailable, not both"));
                }
                break;
            case "RuntimeClass":
                if (one.Tree.Text("handler") is not ("container" or "vm" or "caisson"))
                {
                    problems.Add(one.Tree.Field("handler")!.Problem($"there is no handler '{one.Tree.Text("handler")}'; container and vm are known"));
                }
                break;
            case "NetworkPolicy":
                CheckPolicy(spec, problems);
                break;
        }
    }

    private static void CheckLabels(DocumentNode? metadata, ICollection<Problem> problems)
    {
        foreach (MappingEntry label in metadata.Field("labels").Entries())
        {
            string value = label.Value.AsText();
            if (value.Length > 63 || (value.Length > 0 && (!char.IsAsciiLetterOrDigit(value[0]) || !char.IsAsciiLetterOrDigit(value[^1])
                || value.Any(c => !char.IsAsciiLetterOrDigit(c) && c is not ('-' or '_' or '.')))))
            {
                problems.Add(label.Value.Problem($"'{value}' cannot be a label's value; it has at most 63 letters, digits, hyphens, underscores and dots"));
            }
        }
    }

    private static void CheckSelector(DocumentNode? spec, ICollection<Problem> problems)
    {
        LabelSelector selector = LabelSelector.Read(spec.Field("selector"));
        if (selector.IsEmpty)
        {
            problems.Add(spec.Field("selector")!.Problem("the selector is empty and would fit every pod"));
        }
        else if (!selector.Fits(spec.At("template", "metadata").Pairs("labels").ToDictionary(pair => pair.Key, pair => pair.Value)))
        {
            problems.Add((spec.At("template", "metadata", "labels") ?? spec.Field("template")!).Problem($"the selector ({selector}) does not fit the labels of the template"));
        }
    }

    private static void CheckTemplate(DocumentNode? spec, ICollection<Problem> problems, params string[] policies)
    {
        DocumentNode? pod = spec.At("template", "spec");
        CheckLabels(spec.At("template", "metadata"), problems);
        if (pod.Field("restartPolicy") is { } policy && !policies.Contains(policy.AsText()))
        {
            problems.Add(policy.Problem($"restartPolicy {policy.AsText()} is not possible here; it is {string.Join(" or ", policies)}"));
        }
        CheckPod(pod, problems, [.. spec.Field("volumeClaimTemplates").Items().Select(claim => claim.Field("metadata").Text("name"))]);
    }

    private static void CheckPod(DocumentNode? spec, ICollection<Problem> problems, params IReadOnlyList<string> claims)
    {
        HashSet<string> volumes = [];
        foreach (DocumentNode volume in spec.Field("volumes").Items())
        {
            if (!volumes.Add(volume.Text("name")))
            {
                problems.Add(volume.Problem($"volume '{volume.Text("name")}' is there twice"));
            }
            if (volume.Entries().Count() > 2)
            {
                problems.Add(volume.Problem("a volume has one source, and this one has several"));
            }
            if (volume.At("hostPath", "path").AsText() is { Length: > 0 } path && (!path.StartsWith('/') || path.Split('/').Contains("..")))
            {
                problems.Add(volume.At("hostPath", "path")!.Problem($"'{path}' should be an absolute path without '..'"));
            }
        }
        volumes.UnionWith(claims); // each pod gets a volume of the claim's name
        HashSet<string> names = [];
        if (!spec.Field("containers").Items().Any())
        {
            problems.Add((spec ?? MappingNode.Empty).Problem("a pod needs a container"));
        }
        foreach (DocumentNode container in spec.Field("initContainers").Items().Concat(spec.Field("containers").Items()))
        {
            if (!names.Add(container.Text("name")))
            {
                problems.Add(container.Field("name")!.Problem($"container '{container.Text("name")}' is there twice"));
            }
            CheckContainer(container, volumes, problems);
        }
        foreach (DocumentNode container in spec.Field("containers").Items())
        {
            if (container.Field("restartPolicy") is { } own)
            {
                problems.Add(own.Problem("only an init container has a restartPolicy of its own, which makes it a sidecar"));
            }
        }
    }

    private static void CheckContainer(DocumentNode container, HashSet<string> volumes, ICollection<Problem> problems)
    {
        foreach (DocumentNode mount in container.Field("volumeMounts").Items())
        {
            if (!volumes.Contains(mount.Text("name")))
            {
                problems.Add(mount.Field("name")!.Problem($"there is no volume '{mount.Text("name")}'{Spelling.Hint(mount.Text("name"), volumes)}"));
            }
            foreach (string field in (string[])["subPath", "subPathExpr"])
            {
                if (mount.Text(field) is { Length: > 0 } part && (part.StartsWith('/') || part.Split('/').Contains("..")))
                {
                    problems.Add(mount.Field(field)!.Problem($"'{part}' should be a relative path without '..'"));
                }
            }
            if (!mount.Text("mountPath").StartsWith('/'))
            {
                problems.Add(mount.Field("mountPath")!.Problem($"'{mount.Text("mountPath")}' should be an absolute path"));
            }
        }
        foreach (DocumentNode variable in container.Field("env").Items())
        {
            if (variable.Field("valueFrom") is { } from && variable.Text("value").Length > 0)
            {
                problems.Add(from.Problem($"variable {variable.Text("name")} has a value and valueFrom; give one"));
            }
        }
        foreach (string name in (string[])["livenessProbe", "readinessProbe", "startupProbe"])
        {
            if (container.Field(name) is MappingNode probe)
            {
                CheckProbe(probe, name, problems);
            }
        }
        DocumentNode? resources = container.Field("resources");
        foreach (MappingEntry request in resources.Field("requests").Entries())
        {
            if (resources.Field("limits").Field(request.Key) is { } limit && Quantity.Parse(request.Value.AsText()) > Quantity.Parse(limit.AsText()))
            {
                problems.Add(request.Value.Problem($"the request of {request.Key} is above its limit, {limit.AsText()}"));
            }
        }
    }

    private static void CheckProbe(MappingNode probe, string name, ICollection<Problem> problems)
    {
        int actions = probe.Entries.Count(entry => entry.Key is "exec" or "httpGet" or "tcpSocket" or "grpc");
        if (actions != 1)
        {
            problems.Add(probe.Problem($"{name} needs one of exec, httpGet, tcpSocket and grpc, and has {actions}"));
        }
        if (name != "readinessProbe" && probe.Whole("successThreshold") is > 1)
        {
            problems.Add(probe["successThreshold"]!.Problem($"successThreshold of a {name} is 1"));
        }
    }

    private static void CheckJob(DocumentNode? spec, ICollection<Problem> problems)
    {
        CheckTemplate(spec, problems, "Never", "OnFailure");
        if (spec.At("template", "spec", "restartPolicy") is null)
        {
            problems.Add((spec.At("template", "spec") ?? spec!).Problem("the pods of a job need a restartPolicy, OnFailure or Never"));
        }
        CheckNotNegative(spec, "parallelism", problems);
        CheckNotNegative(spec, "completions", problems);
        CheckNotNegative(spec, "backoffLimit", problems);
    }

    private static void CheckService(DocumentNode? spec, ICollection<Problem> problems)
    {
        SequenceNode? ports = spec.Field("ports") as SequenceNode;
        HashSet<string> names = [];
        foreach (DocumentNode port in ports.Items())
        {
            if (ports!.Items.Length > 1 && !names.Add(port.Text("name")))
            {
                problems.Add(port.Problem("of several ports each needs a name of its own"));
            }
            if (port.Whole("nodePort") is { } node && (node < 30000 || node > 32767))
            {
                problems.Add(port.Field("nodePort")!.Problem("a nodePort is 30000 to 32767"));
            }
            if (port.Field("nodePort") is { } given && spec.Text("type") is not ("NodePort" or "LoadBalancer"))
            {
                problems.Add(given.Problem("only services of type NodePort have a nodePort"));
            }
        }
        if (ports is not { Items.Length: > 0 } && spec.Text("type") != "ExternalName" && spec.Text("clusterIP") != "None")
        {
            problems.Add((spec ?? MappingNode.Empty).Problem("a service needs ports"));
        }
    }

    private static void CheckData(DocumentNode? data, ICollection<Problem> problems)
    {
        foreach (MappingEntry entry in data.Entries())
        {
            string text = entry.Value.AsText();
            if (!Convert.TryFromBase64String(text, new byte[text.Length], out _))
            {
                problems.Add(entry.Value.Problem($"the value of '{entry.Key}' is not base64; plain text belongs in stringData of a secret, or in data of a config map"));
            }
        }
    }

    private static void CheckPolicy(DocumentNode? spec, ICollection<Problem> problems)
    {
        foreach (DocumentNode type in spec.Field("policyTypes").Items())
        {
            if (type.AsText() is not ("Ingress" or "Egress"))
            {
                problems.Add(type.Problem($"'{type.AsText()}' should be Ingress or Egress"));
            }
        }
        foreach (DocumentNode peer in spec.Field("ingress").Items().SelectMany(rule => rule.Field("from").Items())
            .Concat(spec.Field("egress").Items().SelectMany(rule => rule.Field("to").Items())))
        {
            if (peer.Field("ipBlock") is { } block && !System.Net.IPNetwork.TryParse(block.Text("cidr"), out _))
            {
                problems.Add(block.Problem($"'{block.Text("cidr")}' is no subnet, such as 10.0.0.0/8"));
            }
        }
    }

    private static void CheckRolling(DocumentNode? rolling, ICollection<Problem> problems)
    {
        foreach (string name in (string[])["maxSurge", "maxUnavailable"])
        {
            if (rolling.Field(name) is { } value && !Share.TryParse(value.AsText(), out _))
            {
                problems.Add(value.Problem($"'{value.AsText()}' should be a number of pods, or a share such as 25%"));
            }
        }
        if (rolling is not null && Share.TryParse(rolling.Field("maxSurge") is null ? "25%" : rolling.Text("maxSurge"), out Share surge)
            && Share.TryParse(rolling.Field("maxUnavailable") is null ? "25%" : rolling.Text("maxUnavailable"), out Share down) && surge.Value == 0 && down.Value == 0)
        {
            problems.Add(rolling.Problem("maxSurge and maxUnavailable are both 0: the update could never begin"));
        }
    }

    private static void CheckNotNegative(DocumentNode? spec, string name, ICollection<Problem> problems)
    {
        if (spec.Whole(name) is < 0)
        {
            problems.Add(spec.Field(name)!.Problem(string.Create(CultureInfo.InvariantCulture, $"{name} is {spec.Whole(name)}, and cannot be negative")));
        }
    }
}
