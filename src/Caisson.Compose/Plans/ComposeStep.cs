using System.Globalization;

using Caisson.Compose.Model;

namespace Caisson.Compose.Plans;

/// <summary>One step towards what the files say. Data only; a runner carries it out.</summary>
public abstract record ComposeStep
{
    private ComposeStep() { }

    /// <summary>What it is about, as progress shows it: <c>Container demo-web-1</c>.</summary>
    public abstract string Subject { get; }

    /// <summary>What happens, and what has happened then: <c>Creating</c>, <c>Created</c>.</summary>
    public abstract (string Doing, string Done) Verbs { get; }

    /// <summary>Fetch an image; when it fails and <paramref name="IsPresent"/>, the one that is there will do.</summary>
    public sealed record PullImage(string Service, string Image, string Platform, bool IsPresent) : ComposeStep
    {
        /// <inheritdoc/>
        public override string Subject => $"Image {Image}";

        /// <inheritdoc/>
        public override (string Doing, string Done) Verbs => ("Pulling", "Pulled");

        /// <inheritdoc/>
        public override string ToString() => $"pull image {Image} of service {Service}";
    }

    /// <summary>Make a network.</summary>
    public sealed record CreateNetwork(ComposeResource Network) : ComposeStep
    {
        /// <inheritdoc/>
        public override string Subject => $"Network {Network.Name}";

        /// <inheritdoc/>
        public override (string Doing, string Done) Verbs => ("Creating", "Created");

        /// <inheritdoc/>
        public override string ToString() => $"create network {Network.Name}";
    }

    /// <summary>Remove a network.</summary>
    public sealed record RemoveNetwork(string Name) : ComposeStep
    {
        /// <inheritdoc/>
        public override string Subject => $"Network {Name}";

        /// <inheritdoc/>
        public override (string Doing, string Done) Verbs => ("Removing", "Removed");

        /// <inheritdoc/>
        public override string ToString() => $"remove network {Name}";
    }

    /// <summary>Make a volume.</summary>
    public sealed record CreateVolume(ComposeResource Volume) : ComposeStep
    {
        /// <inheritdoc/>
        public override string Subject => $"Volume {Volume.Name}";

        /// <inheritdoc/>
        public override (string Doing, string Done) Verbs => ("Creating", "Created");

        /// <inheritdoc/>
        public override string ToString() => $"create volume {Volume.Name}";
    }

    /// <summary>Remove a volume.</summary>
    public sealed record RemoveVolume(string Name) : ComposeStep
    {
        /// <inheritdoc/>
        public override string Subject => $"Volume {Name}";

        /// <inheritdoc/>
        public override (string Doing, string Done) Verbs => ("Removing", "Removed");

        /// <inheritdoc/>
        public override string ToString() => $"remove volume {Name}";
    }

    /// <summary>Remove an image.</summary>
    public sealed record RemoveImage(string Name) : ComposeStep
    {
        /// <inheritdoc/>
        public override string Subject => $"Image {Name}";

        /// <inheritdoc/>
        public override (string Doing, string Done) Verbs => ("Removing", "Removed");

        /// <inheritdoc/>
        public override string ToString() => $"remove image {Name}";
    }

    /// <summary>Make a container of a service.</summary>
    /// <param name="Service">Name of the service.</param>
    /// <param name="Number">Among those of its service, from 1.</param>
    /// <param name="Name">Of the container.</param>
    /// <param name="Replaces">Id of the container whose place it takes; empty: none.</param>
    /// <param name="IsStaged">Without published ports and without the names of its service: it gets them when it is good.</param>
    /// <param name="KeepVolumes">Takes the anonymous volumes of that container over.</param>
    public sealed record CreateContainer(string Service, int Number, string Name, string Replaces, bool IsStaged, bool KeepVolumes) : ComposeStep
    {
        /// <inheritdoc/>
        public override string Subject => $"Container {Name}";

        /// <inheritdoc/>
        public override (string Doing, string Done) Verbs => ("Creating", "Created");

        /// <inheritdoc/>
        public override string ToString() =>
            $"create container {Name} of service {Service}{(Replaces.Length > 0 ? $" in place of {Short(Replaces)}" : "")}{(IsStaged ? ", without ports and names for now" : "")}";
    }

    /// <summary>Start a container.</summary>
    public sealed record StartContainer(string Service, string Name) : ComposeStep
    {
        /// <inheritdoc/>
        public override string Subject => $"Container {Name}";

        /// <inheritdoc/>
        public override (string Doing, string Done) Verbs => ("Starting", "Started");

        /// <inheritdoc/>
        public override string ToString() => $"start container {Name}";
    }

    /// <summary>Wait until a container is as those that depend on it need it.</summary>
    public sealed record AwaitContainer(string Service, string Name, DependencyCondition Condition) : ComposeStep
    {
        /// <inheritdoc/>
        public override string Subject => $"Container {Name}";

        /// <inheritdoc/>
        public override (string Doing, string Done) Verbs => ("Waiting", Condition == DependencyCondition.CompletedSuccessfully ? "Exited" : Condition == DependencyCondition.Healthy ? "Healthy" : "Started");

        /// <inheritdoc/>
        public override string ToString() => Condition switch
        {
            DependencyCondition.Healthy => $"wait until container {Name} is healthy",
            DependencyCondition.CompletedSuccessfully => $"wait until container {Name} has ended with exit code 0",
            _ => $"wait until container {Name} runs",
        };
    }

    /// <summary>Wait until a new container is good: healthy, or without a check running for a time.</summary>
    public sealed record AwaitSettled(string Service, string Name, long MonitorNanoseconds) : ComposeStep
    {
        /// <inheritdoc/>
        public override string Subject => $"Container {Name}";

        /// <inheritdoc/>
        public override (string Doing, string Done) Verbs => ("Settling", "Settled");

        /// <inheritdoc/>
        public override string ToString() =>
            string.Create(CultureInfo.InvariantCulture, $"wait until container {Name} is healthy, or has run for {MonitorNanoseconds / 1e9:0.###} s without a check");
    }

    /// <summary>Give a staged container the names of its service, and take them from the one it replaces.</summary>
    public sealed record MoveNames(string Service, string Name, string From) : ComposeStep
    {
        /// <inheritdoc/>
        public override string Subject => $"Container {Name}";

        /// <inheritdoc/>
        public override (string Doing, string Done) Verbs => ("Taking names", "Has names");

        /// <inheritdoc/>
        public override string ToString() => $"move the names of service {Service} from {Short(From)} to container {Name}";
    }

    /// <summary>Publish the ports of a staged container, and take them in the same moment from the one it replaces.</summary>
    public sealed record MovePorts(string Service, string Name, string From) : ComposeStep
    {
        /// <inheritdoc/>
        public override string Subject => $"Container {Name}";

        /// <inheritdoc/>
        public override (string Doing, string Done) Verbs => ("Taking ports", "Has ports");

        /// <inheritdoc/>
        public override string ToString() => $"move the published ports of service {Service} from {Short(From)} to container {Name}";
    }

    /// <summary>Ask a container to end, and make it after its time.</summary>
    public sealed record StopContainer(string Service, string Id, string Name, int? TimeoutSeconds) : ComposeStep
    {
        /// <inheritdoc/>
        public override string Subject => $"Container {Name}";

        /// <inheritdoc/>
        public override (string Doing, string Done) Verbs => ("Stopping", "Stopped");

        /// <inheritdoc/>
        public override string ToString() =>
            $"stop container {Name}{(TimeoutSeconds is { } seconds ? string.Create(CultureInfo.InvariantCulture, $" within {seconds} s") : "")}";
    }

    /// <summary>Remove a container.</summary>
    public sealed record RemoveContainer(string Id, string Name, bool Volumes) : ComposeStep
    {
        /// <inheritdoc/>
        public override string Subject => $"Container {Name}";

        /// <inheritdoc/>
        public override (string Doing, string Done) Verbs => ("Removing", "Removed");

        /// <inheritdoc/>
        public override string ToString() => $"remove container {Name}{(Volumes ? " and its anonymous volumes" : "")}";
    }

    /// <summary>Give a container its lasting name.</summary>
    public sealed record RenameContainer(string From, string To) : ComposeStep
    {
        /// <inheritdoc/>
        public override string Subject => $"Container {To}";

        /// <inheritdoc/>
        public override (string Doing, string Done) Verbs => ("Recreating", "Recreated");

        /// <inheritdoc/>
        public override string ToString() => $"rename container {From} to {To}";
    }

    /// <summary>Wait between two batches of an update.</summary>
    public sealed record Delay(string Service, long Nanoseconds) : ComposeStep
    {
        /// <inheritdoc/>
        public override string Subject => $"Service {Service}";

        /// <inheritdoc/>
        public override (string Doing, string Done) Verbs => ("Waiting", "Waited");

        /// <inheritdoc/>
        public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"wait {Nanoseconds / 1e9:0.###} s before the next of service {Service}");
    }

    private static string Short(string id) => id.Length > 12 ? id[..12] : id;
}

/// <summary>A step of a plan and what must be done before it.</summary>
/// <param name="Index">Its place in the plan, from 0.</param>
/// <param name="Step">What to do.</param>
/// <param name="After">Places of earlier steps.</param>
public sealed record PlannedStep(int Index, ComposeStep Step, System.Collections.Immutable.ImmutableArray<int> After)
{
    /// <inheritdoc/>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{Index + 1,3}. {Step}{(After.Length > 0 ? $"  (after {string.Join(", ", After.Select(index => index + 1))})" : "")}");
}
