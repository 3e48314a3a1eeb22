using System.Collections.Immutable;
using System.Text.Json;

using Caisson.Client;
using Caisson.Client.Containers;
using Caisson.Client.Networks;
using Caisson.Client.Streams;
using Caisson.Documents;
using Caisson.Compose.Model;
using Caisson.Compose.Plans;
using Caisson.Errors;

namespace Caisson.Compose.Running;

/// <summary>Carries a plan out: each step as soon as those before it are done, several at once.</summary>
/// <param name="engine">Whose containers.</param>
/// <param name="project">Whose plan.</param>
/// <param name="observed">What the plan was made of.</param>
/// <param name="progress">Is told.</param>
public sealed partial class ComposeRunner(EngineClient engine, ComposeProject project, ObservedProject observed, IComposeProgress progress)
{
    /// <summary>Steps at once when nobody says how many.</summary>
    public const int ParallelismDefault = 16;

    private readonly object _lock = new();

    /// <summary>Gives variables of the caller's environment to secrets and configs that name one.</summary>
    public Func<string, string?> Variable { get; init; } = _ => null;

    /// <summary>Text of images that are pulled is shown by this; null: not.</summary>
    public Action<string, JsonElement>? ShowPull { get; init; }

    /// <summary>Steps at once, at least 1.</summary>
    public int Parallelism { get; init; } = ParallelismDefault;

    /// <summary>Pulls that fail are told and not fatal.</summary>
    public bool IgnorePullFailures { get; init; }

    /// <summary>Runs all of <paramref name="plan"/>; after a failure what is under way is finished, and nothing new is begun.</summary>
    /// <exception cref="CaissonException">A step failed: the first failure.</exception>
    /// <exception cref="OperationCanceledException">The caller gave up.</exception>
    public void Run(ComposePlan plan, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(plan);
        var waiting = plan.Steps.ToList();
        var done = new HashSet<int>();
        Exception? failure = null;
        int running = 0;
        using var registration = cancellationToken.Register(Wake);
        lock (_lock)
        {
            while (true)
            {
                bool goOn = failure is null && !cancellationToken.IsCancellationRequested;
                while (goOn && running < Parallelism && waiting.Find(step => step.After.All(done.Contains)) is { } next)
                {
                    waiting.Remove(next);
                    running++;
                    new Thread(() => RunOne(next)) { IsBackground = true, Name = next.Step.Subject }.Start();
                }
                if (running == 0)
                {
                    break;
                }
                Monitor.Wait(_lock);
            }
        }
        if (failure is not null)
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(failure);
        }
        cancellationToken.ThrowIfCancellationRequested();

        void RunOne(PlannedStep step)
        {
            Exception? thrown = null;
            try
            {
                progress.Begin(step.Step.Subject, step.Step.Verbs.Doing);
                RunStep(step.Step, cancellationToken);
                progress.End(step.Step.Subject, step.Step.Verbs.Done);
            }
            catch (Exception e) when (e is CaissonException or OperationCanceledException or IOException or UnauthorizedAccessException)
            {
                thrown = e;
                if (e is not OperationCanceledException)
                {
                    progress.Fail(step.Step.Subject, e.Message);
                }
            }
            lock (_lock)
            {
                if (thrown is null)
                {
                    done.Add(step.Index);
                }
                failure ??= thrown;
                running--;
                Monitor.PulseAll(_lock);
            }
        }

        void Wake()
        {
            lock (_lock)
            {
                Monitor.PulseAll(_lock);
            }
        }
    }

    private void RunStep(ComposeStep step, CancellationToken cancellationToken)
    {
        switch (step)
        {
            case ComposeStep.PullImage pull:
                Pull(pull);
                break;
            case ComposeStep.CreateNetwork create:
                engine.CreateNetwork(Describe(create.Network));
                break;
            case ComposeStep.RemoveNetwork remove:
                RemoveNetwork(remove.Name);
                break;
            case ComposeStep.CreateVolume create:
                MakeVolume(create.Volume);
                break;
            case ComposeStep.RemoveVolume remove:
                Forgive(() => engine.RemoveVolume(remove.Name, force: false));
                break;
            case ComposeStep.RemoveImage remove:
                Forgive(() => engine.RemoveImage(remove.Name, force: false, noPrune: false));
                break;
            case ComposeStep.CreateContainer create:
                Create(create);
                break;
            case ComposeStep.StartContainer start:
                Start(start);
                break;
            case ComposeStep.AwaitContainer wait:
                Await(wait.Service, wait.Name, wait.Condition, cancellationToken);
                break;
            case ComposeStep.AwaitSettled wait:
                AwaitSettled(wait, cancellationToken);
                break;
            case ComposeStep.MoveNames move:
                MoveNames(move);
                break;
            case ComposeStep.MovePorts move:
                MovePorts(move);
                break;
            case ComposeStep.StopContainer stop:
                RunHooks(stop.Service, stop.Id, "pre_stop");
                Forgive(() => engine.StopContainer(stop.Id, stop.TimeoutSeconds, null));
                break;
            case ComposeStep.RemoveContainer remove:
                Forgive(() => engine.RemoveContainer(remove.Id, force: true, remove.Volumes));
                break;
            case ComposeStep.RenameContainer rename:
                engine.RenameContainer(rename.From, rename.To);
                break;
            case ComposeStep.Delay delay:
                cancellationToken.WaitHandle.WaitOne(TimeSpan.FromTicks(delay.Nanoseconds / 100));
                break;
            default:
                throw new System.Diagnostics.UnreachableException($"a step unknown to its runner: {step}");
        }
    }

    /// <summary>What is gone already needs no removal.</summary>
    private static void Forgive(Action remove)
    {
        try
        {
            remove();
        }
        catch (EngineException e) when (e.Kind == ErrorKind.NotFound)
        {
            // As it should be.
        }
    }

    private void RemoveNetwork(string name)
    {
        try
        {
            Forgive(() => engine.RemoveNetwork(name));
        }
        catch (EngineException e) when (e.Message.Contains("has active endpoints", StringComparison.Ordinal))
        {
            progress.Notice($"network {name} stays: {e.Message}");
        }
    }

    private void Pull(ComposeStep.PullImage pull)
    {
        (string repository, string tag) = SplitReference(pull.Image);
        try
        {
            using var response = engine.PullImage(repository, tag, pull.Platform);
            foreach (var document in JsonLines.Read(response.Body))
            {
                using (document)
                {
                    if (document.RootElement.TryGetProperty("error", out var error))
                    {
                        throw new CaissonException(ErrorKind.Unavailable, $"pull {pull.Image} of service {pull.Service}: {error.GetString()}");
                    }
                    ShowPull?.Invoke(pull.Image, document.RootElement);
                }
            }
        }
        catch (CaissonException e) when (pull.IsPresent || IgnorePullFailures)
        {
            progress.Notice($"image {pull.Image} could not be pulled{(pull.IsPresent ? ", and the one that is there is used" : "")}: {e.Message}");
        }
        catch (EngineException e)
        {
            throw new CaissonException(e.Kind, $"image {pull.Image} of service {pull.Service} is not there, and cannot be pulled: {e.Message}", e);
        }
    }

    /// <summary>A reference in two parts: name, and tag or digest.</summary>
    private static (string Repository, string Tag) SplitReference(string image)
    {
        int digest = image.IndexOf('@', StringComparison.Ordinal);
        if (digest >= 0)
        {
            return (image[..digest], image[(digest + 1)..]);
        }
        int colon = image.LastIndexOf(':');
        return colon > image.LastIndexOf('/') ? (image[..colon], image[(colon + 1)..]) : (image, "latest");
    }

    private NetworkCreation Describe(ComposeResource network)
    {
        var definition = network.Definition;
        var labels = definition.Pairs("labels").ToDictionary(label => label.Key, label => label.Value, StringComparer.Ordinal);
        labels[ComposeLabels.Project] = project.Name;
        labels[ComposeLabels.Network] = network.Key;
        labels[ComposeLabels.ConfigHash] = network.Hash();
        return new(network.Name)
        {
            Driver = definition.Text("driver") is "default" ? "" : definition.Text("driver"),
            Internal = definition.Flag("internal"),
            Attachable = definition.Flag("attachable"),
            IPv6 = definition.Flag("enable_ipv6"),
            Pools = [.. definition["ipam"].Field("config").Items().Select(pool => new NetworkPool(
                pool.Text("subnet"), pool.Text("ip_range"), pool.Text("gateway"), pool.Pairs("aux_addresses").ToDictionary(pair => pair.Key, pair => pair.Value, StringComparer.Ordinal)))],
            Options = definition.Pairs("driver_opts").ToDictionary(option => option.Key, option => option.Value, StringComparer.Ordinal),
            Labels = labels,
        };
    }

    private void MakeVolume(ComposeResource volume)
    {
        var labels = volume.Definition.Pairs("labels").ToDictionary(label => label.Key, label => label.Value, StringComparer.Ordinal);
        labels[ComposeLabels.Project] = project.Name;
        labels[ComposeLabels.Volume] = volume.Key;
        labels[ComposeLabels.ConfigHash] = volume.Hash();
        var options = volume.Definition.Pairs("driver_opts").ToDictionary(option => option.Key, option => option.Value, StringComparer.Ordinal);
        engine.CreateVolume(volume.Name, volume.Definition.Text("driver"), options, labels);
    }

    private void Create(ComposeStep.CreateContainer create)
    {
        var service = project.Services[create.Service];
        CreateContainer(service, new(create.Number, create.Name)
        {
            HasNames = !create.IsStaged,
            HasPorts = !create.IsStaged || !service.HasFixedPorts,
            ImageId = observed.Images.GetValueOrDefault(service.Image, ""),
            Replaces = create.Replaces.Length > 0 ? observed.Containers.FirstOrDefault(container => container.Id == create.Replaces)?.Name ?? "" : "",
            Volumes = create.KeepVolumes ? VolumesOf(create.Replaces) : ImmutableDictionary<string, string>.Empty,
            IdOf = IdOf,
        });
    }

    /// <summary>Makes a container of a service and puts into it what its configs and secrets say; returns its id.</summary>
    public string CreateContainer(ComposeService service, ContainerIdentity identity, Action<ContainerCreation>? change = null)
    {
        ArgumentNullException.ThrowIfNull(service);
        ArgumentNullException.ThrowIfNull(identity);
        var creation = ContainerDescription.Describe(project, service, identity with { IdOf = IdOf });
        change?.Invoke(creation);
        var created = engine.CreateContainer(creation, identity.Name, service.Definition.Text("platform"));
        foreach (string warning in created.Warnings)
        {
            progress.Notice($"{identity.Name}: {warning}");
        }
        try
        {
            FileContents.Put(engine, project, service, created.Id, Variable);
        }
        catch
        {
            Forgive(() => engine.RemoveContainer(created.Id, force: true, volumes: true));
            throw;
        }
        return created.Id;
    }

    private void Start(ComposeStep.StartContainer start)
    {
        engine.StartContainer(start.Name);
        RunHooks(start.Service, start.Name, "post_start");
    }

    /// <summary>The id of a running container of a service.</summary>
    private string IdOf(string service)
    {
        var containers = ProjectObserver.Containers(engine, project.Name).Where(container => container.Service == service && !container.IsOneOff).ToList();
        return (containers.Find(container => container.IsRunning) ?? containers.FirstOrDefault())?.Id
            ?? throw new CaissonException(ErrorKind.FailedPrecondition, $"service {service} has no container to share with; start it first");
    }

    /// <summary>Anonymous volumes of a container by their path inside.</summary>
    private Dictionary<string, string> VolumesOf(string container)
    {
        var volumes = new Dictionary<string, string>(StringComparer.Ordinal);
        using var json = engine.InspectContainer(container);
        if (!json.RootElement.TryGetProperty("Mounts", out var mounts) || mounts.ValueKind != JsonValueKind.Array)
        {
            return volumes;
        }
        var own = project.Volumes.Values.Select(volume => volume.Name).ToHashSet(StringComparer.Ordinal);
        foreach (var mount in mounts.EnumerateArray())
        {
            if (mount.TryGetProperty("Type", out var type) && type.GetString() == "volume"
                && mount.TryGetProperty("Name", out var name) && name.GetString() is { Length: > 0 } volume && !own.Contains(volume)
                && mount.TryGetProperty("Destination", out var destination) && destination.GetString() is { Length: > 0 } target)
            {
                volumes[target] = volume;
            }
        }
        return volumes;
    }

    /// <summary>Runs commands in a container that was started or is about to be stopped. Source: Compose Specification, "post_start", "pre_stop".</summary>
    private void RunHooks(string service, string container, string kind)
    {
        if (!project.Services.TryGetValue(service, out var described))
        {
            return;
        }
        foreach (var hook in described.Definition[kind].Items())
        {
            string id = engine.CreateExec(container, new ExecConfig
            {
                Cmd = hook.Texts("command"),
                AttachOutput = true,
                Privileged = hook.Flag("privileged"),
                User = hook.Text("user"),
                WorkingDir = hook.Text("working_dir"),
                Env = [.. hook.Pairs("environment").Select(pair => $"{pair.Key}={pair.Value}")],
            });
            using var output = new MemoryStream();
            using (var stream = engine.StartExec(id, tty: false))
            {
                MultiplexedReader.CopyTo(stream, output, output);
            }
            int code = engine.InspectExec(id).ExitCode;
            if (code != 0)
            {
                string said = System.Text.Encoding.UTF8.GetString(output.ToArray()).Trim();
                throw new CaissonException(ErrorKind.FailedPrecondition, $"service {service}: {kind} hook exited with status {code}{(said.Length > 0 ? ": " + said : "")}");
            }
        }
    }
}
