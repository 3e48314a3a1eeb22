using Caisson.Documents;
using Caisson.Kubernetes.Controllers;
using Caisson.Kubernetes.Objects;

namespace Caisson.Kubernetes.Pods;

/// <summary>Says what was observed of a pod in the words of its status. Pure. Source: Kubernetes API reference, "PodStatus".</summary>
public static class PodStatus
{
    /// <summary>The status.</summary>
    public static MappingNode Make(KubernetesObject pod, PodObservation observed, string hostAddress, DateTimeOffset now)
    {
        string phase = PodLifecycle.PhaseOf(pod, observed, now);
        bool initialized = phase == "Succeeded" || PodLifecycle.IsInitialized(pod, observed);
        string[] unready = [.. PodLifecycle.Mains(pod).Concat(PodLifecycle.Inits(pod).Where(PodLifecycle.IsSidecar))
            .Select(container => container.Text("name")).Where(name => !observed.Of(name).Ready)];
        bool ready = initialized && unready.Length == 0 && phase == "Running" && observed.HasSandbox;
        string reason = phase == "Succeeded" ? "PodCompleted" : "ContainersNotReady";
        string message = ready ? "" : $"containers with unready status: [{string.Join(' ', unready)}]";
        bool late = phase == "Failed" && !pod.IsFinished && PodLifecycle.PastDeadline(pod, now);

        MappingNode status = pod.Status as MappingNode ?? MappingNode.Empty;
        foreach ((string type, bool holds) in (ReadOnlySpan<(string, bool)>)[("Initialized", initialized), ("Ready", ready), ("ContainersReady", ready), ("PodScheduled", true)])
        {
            bool plain = holds || type == "Initialized";
            status = status.With("conditions", Condition(status, type, holds, plain ? "" : reason, plain ? "" : message, now));
        }
        status = status
            .Set(Doc.Text(phase), "phase")
            .Set(Doc.Text(hostAddress), "hostIP")
            .Set(observed.Address.Length > 0 ? Doc.Text(observed.Address) : pod.IsFinished ? status["podIP"] : null, "podIP")
            .Set(observed.Address.Length > 0 ? Doc.List([Doc.Map(("ip", Doc.Text(observed.Address)))]) : null, "podIPs")
            .Set(status["startTime"] ?? Times.Node(now), "startTime")
            .Set(Doc.Text(QosOf(pod)), "qosClass")
            .Set(late ? Doc.Text("DeadlineExceeded") : status["reason"], "reason")
            .Set(late ? Doc.Text("Pod was active on the node longer than the specified deadline") : observed.SandboxError.Length > 0 ? Doc.Text(observed.SandboxError) : pod.IsFinished ? status["message"] : null, "message")
            .Set(Statuses(pod, PodLifecycle.Mains(pod), observed, initialized), "containerStatuses");
        return PodLifecycle.Inits(pod).Any() ? status.Set(Statuses(pod, PodLifecycle.Inits(pod), observed, true), "initContainerStatuses") : status;
    }

    /// <summary>What the resources of a pod's containers promise. Source: Kubernetes, "Pod Quality of Service Classes".</summary>
    public static string QosOf(KubernetesObject pod)
    {
        bool any = false;
        bool all = true;
        foreach (DocumentNode container in PodLifecycle.Mains(pod).Concat(PodLifecycle.Inits(pod)))
        {
            DocumentNode? resources = container.Field("resources");
            foreach (string name in (ReadOnlySpan<string>)["cpu", "memory"])
            {
                string limit = resources.Field("limits").Text(name);
                string request = resources.Field("requests").Text(name);
                any |= limit.Length > 0 || request.Length > 0;
                all &= limit.Length > 0 && (request.Length == 0 || Quantity.Parse(request) == Quantity.Parse(limit));
            }
        }
        return !any ? "BestEffort" : all ? "Guaranteed" : "Burstable";
    }

    private static SequenceNode Condition(DocumentNode status, string type, bool holds, string reason, string message, DateTimeOffset now)
    {
        DocumentNode? before = status.Field("conditions").Items().FirstOrDefault(one => one.Text("type") == type);
        string word = holds ? "True" : "False";
        MappingNode condition = Doc.Map(
            ("type", Doc.Text(type)), ("status", Doc.Text(word)),
            ("lastTransitionTime", before.Text("status") == word ? before.Field("lastTransitionTime") : Times.Node(now)),
            ("reason", reason.Length > 0 ? Doc.Text(reason) : null), ("message", message.Length > 0 ? Doc.Text(message) : null));
        DocumentNode[] all = [.. status.Field("conditions").Items()];
        int at = Array.FindIndex(all, one => one.Text("type") == type);
        return Doc.List(at < 0 ? [.. all, condition] : [.. all[..at], condition, .. all[(at + 1)..]]);
    }

    private static SequenceNode Statuses(KubernetesObject pod, IEnumerable<DocumentNode> containers, PodObservation observed, bool mayRun) =>
        Doc.List(containers.Select(container => (DocumentNode)StatusOf(pod, container, observed.Of(container.Text("name")), mayRun)));

    private static MappingNode StatusOf(KubernetesObject pod, DocumentNode container, ContainerFacts facts, bool mayRun)
    {
        string id = facts.ContainerId.Length > 0 ? "caisson://" + facts.ContainerId : "";
        return Doc.Map(
            ("name", Doc.Text(container.Text("name"))),
            ("state", StateOf(pod, facts, mayRun)),
            ("lastState", facts.LastEnd is { } last ? Terminated(last) : MappingNode.Empty),
            ("ready", Doc.Flag(facts.Ready || (facts is { State: ContainerState.Exited, End.ExitCode: 0 } && PodLifecycle.Inits(pod).Contains(container)))),
            ("restartCount", Doc.Number(facts.Restarts)),
            ("image", Doc.Text(container.Text("image"))),
            ("imageID", Doc.Text(facts.ImageId)),
            ("containerID", id.Length > 0 ? Doc.Text(id) : null),
            ("started", Doc.Flag(facts.Started)));
    }

    private static MappingNode StateOf(KubernetesObject pod, ContainerFacts facts, bool mayRun)
    {
        if (facts.State == ContainerState.Running)
        {
            return Doc.Map(("running", Doc.Map(("startedAt", Times.Node(facts.StartedAt)))));
        }
        if (facts.Error.Length > 0)
        {
            string reason = facts.ErrorReason == "ErrImagePull" && facts.Failures > 1 ? "ImagePullBackOff" : facts.ErrorReason;
            return Waiting(reason, facts.Error);
        }
        if (facts.State == ContainerState.Exited)
        {
            bool comesBack = pod.Spec.Text("restartPolicy") is "Always" or "" || (pod.Spec.Text("restartPolicy") == "OnFailure" && facts.End!.ExitCode != 0);
            return comesBack && facts.Streak > 0 && !pod.IsDeleting && facts.End!.ExitCode != 0
                ? Waiting("CrashLoopBackOff", $"back-off {PodLifecycle.DelayAfter(facts.Streak).TotalSeconds:0}s restarting failed container")
                : Terminated(facts.End!);
        }
        return Waiting(mayRun ? "ContainerCreating" : "PodInitializing", "");
    }

    private static MappingNode Waiting(string reason, string message) =>
        Doc.Map(("waiting", Doc.Map(("reason", Doc.Text(reason)), ("message", message.Length > 0 ? Doc.Text(message) : null))));

    private static MappingNode Terminated(ContainerEnd end) => Doc.Map(("terminated", Doc.Map(
        ("exitCode", Doc.Number(end.ExitCode)),
        ("reason", Doc.Text(end.OomKilled ? "OOMKilled" : end.ExitCode == 0 ? "Completed" : "Error")),
        ("message", end.Message.Length > 0 ? Doc.Text(end.Message) : null),
        ("startedAt", Times.Node(end.StartedAt)),
        ("finishedAt", Times.Node(end.FinishedAt)),
        ("containerID", Doc.Text("caisson://" + end.ContainerId)))));
}
