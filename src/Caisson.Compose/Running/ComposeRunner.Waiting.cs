using System.Globalization;
using System.Text.Json;

using Caisson.Client;
using Caisson.Client.Containers;
using Caisson.Compose.Model;
using Caisson.Compose.Plans;
using Caisson.Errors;

namespace Caisson.Compose.Running;

public sealed partial class ComposeRunner
{
    private static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(200);

    /// <summary>Blocks until a container is as it must be.</summary>
    /// <exception cref="CaissonException">It never will be: it ended, or it is unhealthy.</exception>
    public void Await(string service, string name, DependencyCondition condition, CancellationToken cancellationToken)
    {
        if (condition == DependencyCondition.CompletedSuccessfully)
        {
            using var wait = engine.WaitContainer(name, "not-running");
            using var registration = cancellationToken.Register(wait.Dispose);
            int code = wait.Result().StatusCode;
            if (code != 0)
            {
                throw new CaissonException(
                    ErrorKind.FailedPrecondition, string.Create(CultureInfo.InvariantCulture, $"service \"{service}\" didn't complete successfully: exit {code}; see 'caisson compose logs {service}'"));
            }
            return;
        }
        while (true)
        {
            var state = Look(name);
            if (state.Health == "none" && condition == DependencyCondition.Healthy)
            {
                throw new CaissonException(ErrorKind.FailedPrecondition, $"container {name} has no healthcheck configured, and something waits for its health; give service {service} a healthcheck");
            }
            if (!state.Running)
            {
                throw Ended(service, name, state.ExitCode);
            }
            if (state.Health == "unhealthy")
            {
                throw new CaissonException(ErrorKind.FailedPrecondition, $"dependency failed to start: container {name} is unhealthy; see 'caisson inspect {name}'");
            }
            if (condition == DependencyCondition.Started || state.Health == "healthy")
            {
                return;
            }
            Pause(cancellationToken);
        }
    }

    /// <summary>Blocks until containers are healthy, or run where nobody checks their health: what <c>up --wait</c> means.</summary>
    public void AwaitUp(IEnumerable<(string Service, string Name)> containers, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(containers);
        foreach (var (service, name) in containers)
        {
            progress.Begin($"Container {name}", "Waiting");
            var state = Look(name);
            Await(service, name, state.Health == "none" ? DependencyCondition.Started : DependencyCondition.Healthy, cancellationToken);
            progress.End($"Container {name}", state.Health == "none" ? "Running" : "Healthy");
        }
    }

    /// <summary>A new container that never gets good is taken away again; the one it was to replace goes on.</summary>
    private void AwaitSettled(ComposeStep.AwaitSettled wait, CancellationToken cancellationToken)
    {
        try
        {
            long deadline = Environment.TickCount64 + (wait.MonitorNanoseconds / 1_000_000);
            while (true)
            {
                var state = Look(wait.Name);
                if (!state.Running)
                {
                    throw Ended(wait.Service, wait.Name, state.ExitCode);
                }
                if (state.Health == "unhealthy")
                {
                    throw new CaissonException(ErrorKind.FailedPrecondition, $"container {wait.Name} is unhealthy");
                }
                if (state.Health == "healthy" || (state.Health == "none" && Environment.TickCount64 >= deadline))
                {
                    return;
                }
                Pause(cancellationToken);
            }
        }
        catch (Exception e) when (e is CaissonException or OperationCanceledException)
        {
            TakeAway(wait.Name);
            throw e is OperationCanceledException ? e : new CaissonException(
                ErrorKind.FailedPrecondition, $"the new container of service {wait.Service} is no good, and was removed; the one before goes on: {e.Message}", e);
        }
    }

    private void TakeAway(string name)
    {
        try
        {
            Forgive(() => engine.RemoveContainer(name, force: true, volumes: false));
        }
        catch (CaissonException e)
        {
            progress.Notice($"container {name} could not be removed: {e.Message}");
        }
    }

    private void MoveNames(ComposeStep.MoveNames move)
    {
        var service = project.Services[move.Service];
        foreach (var network in service.Networks)
        {
            string name = project.Networks[network.Key].Name;
            var place = ContainerDescription.Place(project, service, network, named: true);
            try
            {
                engine.RenameInNetwork(name, move.Name, place.Aliases);
                engine.RenameInNetwork(name, move.From, []);
            }
            catch (EngineException e) when (e.Status is 400 or 403 or 404 or 409 or 500 or 501)
            {
                // Another engine: names come with the place in the network, so the new container gets a new place.
                engine.DisconnectNetwork(name, move.Name, force: false);
                engine.ConnectNetwork(name, move.Name, place);
            }
        }
    }

    private void MovePorts(ComposeStep.MovePorts move)
    {
        var service = project.Services[move.Service];
        var ports = ContainerDescription.Ports(service);
        try
        {
            engine.PublishPorts(move.Name, ports, move.From);
            if (HasPorts(move.Name, ports))
            {
                return;
            }
        }
        catch (EngineException e) when (e.Status is 400 or 404 or 409 or 500 or 501)
        {
            progress.Notice($"service {move.Service}: this engine cannot move published ports ({e.Message})");
        }
        progress.Notice($"service {move.Service}: its old container is stopped before the new one has its ports; connections are refused for a moment");
        int number = observed.Containers.FirstOrDefault(container => container.Id == move.From)?.Number ?? 1;
        Forgive(() => engine.StopContainer(move.From, null, null));
        var volumes = VolumesOf(move.Name);
        Forgive(() => engine.RemoveContainer(move.Name, force: true, volumes: false));
        CreateContainer(service, new(number, move.Name) { ImageId = observed.Images.GetValueOrDefault(service.Image, ""), Volumes = volumes });
        engine.StartContainer(move.Name);
    }

    /// <summary>Whether the engine did what it was asked: one that does not know the request says that all is well.</summary>
    private bool HasPorts(string name, IReadOnlyDictionary<string, List<PortBinding>> ports)
    {
        using var json = engine.InspectContainer(name);
        return json.RootElement.GetProperty("NetworkSettings").TryGetProperty("Ports", out var published) && published.ValueKind == JsonValueKind.Object
            && ports.Keys.All(port => published.TryGetProperty(port, out var bindings) && bindings.ValueKind == JsonValueKind.Array && bindings.GetArrayLength() > 0);
    }

    private (bool Running, string Health, int ExitCode) Look(string name)
    {
        using var json = engine.InspectContainer(name);
        var state = json.RootElement.GetProperty("State");
        string status = Text(state, "Status");
        string health = state.TryGetProperty("Health", out var check) && check.ValueKind == JsonValueKind.Object ? Text(check, "Status") : "none";
        int code = state.TryGetProperty("ExitCode", out var number) && number.TryGetInt32(out int exit) ? exit : 0;
        return (status is "running" or "paused" or "restarting", health.Length == 0 ? "none" : health, code);
    }

    private static string Text(JsonElement json, string name) => json.TryGetProperty(name, out var value) ? value.ToString() : "";

    private static CaissonException Ended(string service, string name, int code) => new(
        ErrorKind.FailedPrecondition, string.Create(CultureInfo.InvariantCulture, $"container {name} exited ({code}); see 'caisson compose logs {service}'"));

    private static void Pause(CancellationToken cancellationToken)
    {
        cancellationToken.WaitHandle.WaitOne(LookInterval);
        cancellationToken.ThrowIfCancellationRequested();
    }
}
