using System.Globalization;

using Caisson.Documents;
using Caisson.Kubernetes.Controllers;
using Caisson.Kubernetes.Objects;
using Caisson.Kubernetes.Schema;

namespace Caisson.Kubernetes.Tests;

/// <summary>A world in which time, pods and faults are thrown by a seed: controllers decide, decisions come true, invariants are looked at after each.</summary>
internal sealed class Simulation(int seed)
{
    private readonly Random _random = new(seed);
    private readonly Dictionary<ObjectKey, KubernetesObject> _objects = [];
    private readonly Dictionary<string, HashSet<ObjectKey>> _owned = [];
    private long _version;
    private int _names;

    public DateTimeOffset Now { get; private set; } = new(2024, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public int Steps { get; private set; }

    public int Decisions { get; private set; }

    public Dictionary<string, int> Faults { get; } = [];

    public KubernetesObject? Find(string kind, string name) => _objects.GetValueOrDefault(new(ResourceKind.Of(kind), "default", name));

    public IEnumerable<KubernetesObject> All(string kind) => _objects.Values.Where(one => one.Kind.Kind == kind);

    public IReadOnlyList<KubernetesObject> Owned(string uid, string kind) =>
        _owned.TryGetValue(uid, out HashSet<ObjectKey>? keys) ? [.. keys.Where(key => key.Kind.Kind == kind).Select(key => _objects[key])] : [];

    public KubernetesObject Put(KubernetesObject one)
    {
        KubernetesObject? before = _objects.GetValueOrDefault(one.Key);
        one = one.With(Doc.Number(++_version), "metadata", "resourceVersion");
        if (before is null)
        {
            string name = one.Name.Length > 0 ? one.Name : one.Metadata.Text("generateName") + (++_names).ToString(CultureInfo.InvariantCulture);
            one = Defaults.Apply(one.With(Doc.Text(name), "metadata", "name").With(Doc.Text($"u{++_names}"), "metadata", "uid")
                .With(Times.Node(Now), "metadata", "creationTimestamp").With(Doc.Number(1), "metadata", "generation"));
        }
        else
        {
            one = one.With(Doc.Text(before.Uid), "metadata", "uid").With(before.Metadata.Field("creationTimestamp"), "metadata", "creationTimestamp");
            if (!one.Spec.Same(before.Spec))
            {
                one = one.With(Doc.Number(before.Generation + 1), "metadata", "generation");
            }
        }
        _objects[one.Key] = one;
        if (one.ControllerUid is { Length: > 0 } owner)
        {
            (_owned.TryGetValue(owner, out HashSet<ObjectKey>? keys) ? keys : _owned[owner] = []).Add(one.Key);
        }
        return one;
    }

    public void Change(KubernetesObject one, Func<KubernetesObject, KubernetesObject> change) => _ = Put(change(_objects[one.Key]));

    public void Remove(KubernetesObject one)
    {
        _objects.Remove(one.Key);
        if (one.ControllerUid is { Length: > 0 } owner && _owned.TryGetValue(owner, out HashSet<ObjectKey>? keys))
        {
            keys.Remove(one.Key);
        }
        foreach (ObjectKey key in _owned.TryGetValue(one.Uid, out HashSet<ObjectKey>? mine) ? mine.ToArray() : [])
        {
            Delete(_objects[key]);
        }
    }

    public void Delete(KubernetesObject one)
    {
        if (one.Kind.Kind != "Pod")
        {
            Remove(one);
        }
        else if (!one.IsDeleting)
        {
            _ = Put(one.With(Times.Node(Now.AddSeconds(30)), "metadata", "deletionTimestamp"));
        }
    }

    /// <summary>One thing happens: a controller looks, a pod gets on, or something goes wrong.</summary>
    public void Step(Action<Simulation>? user = null)
    {
        Steps++;
        Now += TimeSpan.FromMilliseconds(_random.Next(1, 4_000));
        int dice = _random.Next(100);
        if (dice < 55)
        {
            Look();
        }
        else if (dice < 92)
        {
            Advance();
        }
        else if (dice < 98)
        {
            Fail();
        }
        else
        {
            user?.Invoke(this);
        }
    }

    /// <summary>A pod gets on, and nothing goes wrong.</summary>
    public void Heal()
    {
        Now += TimeSpan.FromSeconds(1);
        foreach (KubernetesObject pod in All("Pod").ToArray())
        {
            Advance(pod);
        }
    }

    public int Dice(int below) => _random.Next(below);

    public Decision Decide(KubernetesObject one) => one.Kind.Kind switch
    {
        "Deployment" => DeploymentController.Decide(one, Owned(one.Uid, "ReplicaSet"), Now),
        "ReplicaSet" => ReplicaSetController.Decide(one, Owned(one.Uid, "Pod"), Now),
        "StatefulSet" => StatefulSetController.Decide(one, Owned(one.Uid, "Pod"), name => Find("PersistentVolumeClaim", name) is not null, Now),
        "DaemonSet" => DaemonSetController.Decide(one, Owned(one.Uid, "Pod"), Now),
        "Job" => JobController.Decide(one, Owned(one.Uid, "Pod"), Now),
        _ => CronJobController.Decide(one, Owned(one.Uid, "Job"), Now),
    };

    public void Apply(Decision decision)
    {
        Decisions++;
        foreach (ClusterAction action in decision.Actions)
        {
            switch (action)
            {
                case ClusterAction.Create create:
                    if (!_objects.ContainsKey(create.Made.Key) || create.Made.Name.Length == 0)
                    {
                        _ = Put(create.Made);
                    }
                    break;
                case ClusterAction.Update update when _objects.TryGetValue(update.Changed.Key, out KubernetesObject? now):
                    _ = Put(update.Changed.With(now.Status, "status"));
                    break;
                case ClusterAction.Status status when _objects.TryGetValue(status.Of.Key, out KubernetesObject? of):
                    _ = Put(of.WithStatus(status.Now));
                    break;
                case ClusterAction.Delete delete when _objects.TryGetValue(delete.Gone.Key, out KubernetesObject? gone):
                    Delete(gone);
                    break;
            }
        }
    }

    private void Look()
    {
        KubernetesObject[] controlled = [.. _objects.Values.Where(one => one.Kind.Kind is "Deployment" or "ReplicaSet" or "StatefulSet" or "DaemonSet" or "Job" or "CronJob")];
        if (controlled.Length > 0)
        {
            Apply(Decide(controlled[_random.Next(controlled.Length)]));
        }
    }

    private KubernetesObject? AnyPod()
    {
        KubernetesObject[] pods = [.. All("Pod")];
        return pods.Length == 0 ? null : pods[_random.Next(pods.Length)];
    }

    /// <summary>A pod gets on in its life: runs, is ready, ends, or goes.</summary>
    private void Advance()
    {
        if (AnyPod() is { } pod)
        {
            Advance(pod);
        }
    }

    private void Advance(KubernetesObject pod)
    {
        if (pod.IsDeleting)
        {
            Remove(pod);
        }
        else if (pod.Spec.Field("containers").Items().First().Text("image").EndsWith(":bad", StringComparison.Ordinal) || pod.IsFinished)
        {
            // Nothing gets better by itself.
        }
        else if (pod.Phase == "Pending")
        {
            SetPod(pod, "Running", ready: false);
        }
        else if (pod.Controller.Text("kind") == "Job")
        {
            SetPod(pod, "Succeeded", ready: false);
        }
        else if (!pod.IsReady)
        {
            SetPod(pod, "Running", ready: true);
        }
    }

    private void Fail()
    {
        if (AnyPod() is not { } pod)
        {
            return;
        }
        string kind = _random.Next(4) switch
        {
            0 => "unready",
            1 => "failed",
            2 => "deleted by hand",
            _ => "vanished",
        };
        Faults[kind] = Faults.GetValueOrDefault(kind) + 1;
        switch (kind)
        {
            case "unready" when pod.IsReady:
                SetPod(pod, "Running", ready: false);
                break;
            case "failed" when !pod.IsFinished && !pod.IsDeleting:
                SetPod(pod, "Failed", ready: false);
                break;
            case "deleted by hand":
                Delete(pod);
                break;
            case "vanished":
                Remove(pod);
                break;
        }
    }

    private void SetPod(KubernetesObject pod, string phase, bool ready) => _ = Put(pod.WithStatus(Doc.Map(
        ("phase", Doc.Text(phase)),
        ("podIP", Doc.Text("10.0.0.1")),
        ("conditions", Doc.List([Doc.Map(("type", Doc.Text("Ready")), ("status", Doc.Text(ready ? "True" : "False")), ("lastTransitionTime", Times.Node(Now)))])))));
}
