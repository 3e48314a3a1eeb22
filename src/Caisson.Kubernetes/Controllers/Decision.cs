using Caisson.Documents;
using Caisson.Kubernetes.Objects;

namespace Caisson.Kubernetes.Controllers;

/// <summary>One change that a controller asks for. All of a decision become true together.</summary>
public abstract record ClusterAction
{
    private ClusterAction() { }

    /// <summary>Make an object; one with <c>generateName</c> is given a name.</summary>
    public sealed record Create(KubernetesObject Made) : ClusterAction;

    /// <summary>Put another in the place of the object of the same key and uid; its status stays.</summary>
    public sealed record Update(KubernetesObject Changed) : ClusterAction;

    /// <summary>Give an object another status.</summary>
    public sealed record Status(KubernetesObject Of, MappingNode Now) : ClusterAction;

    /// <summary>Delete the object of a key, if it still is the one of that uid.</summary>
    public sealed record Delete(KubernetesObject Gone) : ClusterAction;

    /// <summary>Say that something happened.</summary>
    public sealed record Tell(KubernetesObject About, string Reason, string Message, bool IsWarning = false) : ClusterAction;
}

/// <summary>What a controller decided.</summary>
public sealed class Decision
{
    private readonly List<ClusterAction> _actions = [];

    /// <summary>What is to be done, in order.</summary>
    public IReadOnlyList<ClusterAction> Actions => _actions;

    /// <summary>When to look again though nothing changes; null for never.</summary>
    public DateTimeOffset? Again { get; private set; }

    internal void Add(ClusterAction action) => _actions.Add(action);

    internal void Tell(KubernetesObject about, string reason, string message, bool isWarning = false) =>
        Add(new ClusterAction.Tell(about, reason, message, isWarning));

    /// <summary>Sets a status unless it is that already.</summary>
    internal void SetStatus(KubernetesObject one, MappingNode status)
    {
        if (!status.Same(one.Status))
        {
            Add(new ClusterAction.Status(one, status));
        }
    }

    internal void LookAgain(DateTimeOffset? at)
    {
        if (at is { } time && (Again is null || time < Again))
        {
            Again = time;
        }
    }
}
