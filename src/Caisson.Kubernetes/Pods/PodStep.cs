namespace Caisson.Kubernetes.Pods;

/// <summary>One thing to do for a pod.</summary>
public abstract record PodStep
{
    private PodStep() { }

    /// <summary>Make the namespaces that its containers share.</summary>
    public sealed record StartSandbox : PodStep;

    /// <summary>Give them up.</summary>
    public sealed record StopSandbox : PodStep;

    /// <summary>Make and start a container.</summary>
    /// <param name="Name">Which.</param>
    /// <param name="Attempt">Its restarts so far, this one included.</param>
    public sealed record Start(string Name, int Attempt) : PodStep;

    /// <summary>End a container.</summary>
    /// <param name="Name">Which.</param>
    /// <param name="Grace">How long it may take.</param>
    /// <param name="Why">As an event says it.</param>
    public sealed record Stop(string Name, TimeSpan Grace, string Why) : PodStep;

    /// <summary>Remove what is left of the pod, and the pod.</summary>
    public sealed record Finish : PodStep;
}
