using Caisson.Api.Http;
using Caisson.Control.Access;
using Caisson.Control.Model;
using Caisson.Control.Orchestration;
using Caisson.Control.Workloads;
using Caisson.Errors;

namespace Caisson.Api.Docker;

/// <summary>In which project a container is: that of its pod, or the one that its label names.</summary>
internal sealed class ContainerProjects(ContainerEngine engine)
{
    /// <summary>The label that puts a container into a project.</summary>
    public const string Label = "caisson.project";

    /// <summary>The project of the container that a route's path names; null for none, and where there is no such container.</summary>
    public string? Of(Call call)
    {
        try
        {
            return Of(engine.Find(call.Path("id")));
        }
        catch (CaissonException error) when (error.Kind is ErrorKind.NotFound or ErrorKind.InvalidArgument)
        {
            return null; // who may see all is told that it is not there
        }
    }

    /// <summary>The project of the container that an exec is in.</summary>
    public string? OfExec(Call call)
    {
        try
        {
            return Of(engine.FindExec(call.Path("id")).Container);
        }
        catch (CaissonException error) when (error.Kind == ErrorKind.NotFound)
        {
            return null;
        }
    }

    /// <summary>The project of a container; null for none.</summary>
    public static string? Of(Workload workload)
    {
        IReadOnlyDictionary<string, string>? labels = workload.Record.Config.Labels;
        return labels?.GetValueOrDefault(PodPlan.PodNamespace) ?? labels?.GetValueOrDefault(Label);
    }

    /// <summary>Lets in who may reach what the container reaches of the host, by itself or by those whose volumes and namespaces it shares.</summary>
    /// <exception cref="AccessException">It may not.</exception>
    public void RequireEntry(Call call, Workload workload)
    {
        if (call.Guard.Caller.Standing != Standing.Owner)
        {
            call.Guard.Require(HostRights.Of(workload), null);
            RequireShared(call, workload.Record.HostConfig);
        }
    }

    /// <summary>The same for those whose volumes and namespaces are shared.</summary>
    /// <exception cref="AccessException">It may not.</exception>
    public void RequireShared(Call call, HostConfig host)
    {
        const string Shared = "container:";
        if (call.Guard.Caller.Standing == Standing.Owner)
        {
            return;
        }
        IEnumerable<string> others = (host.VolumesFrom ?? []).Select(from => from.Split(':')[0])
            .Concat(((string[])[host.NetworkMode, host.PidMode, host.IpcMode, host.UTSMode]).Where(mode => mode.StartsWith(Shared, StringComparison.Ordinal)).Select(mode => mode[Shared.Length..]));
        foreach (string other in others.Distinct())
        {
            RequireEntry(call, engine.Find(other));
        }
    }
}
