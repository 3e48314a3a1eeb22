using Caisson.Api.Http;
using Caisson.Control.Access;
using Caisson.Control.Listing;
using Caisson.Control.Model;
using Caisson.Control.Volumes;
using Caisson.Control.Workloads;
using Caisson.Errors;

namespace Caisson.Api.Docker;

/// <summary>Volumes. Source: Docker Engine API, "Volumes"; what Docker has not is below <c>/caisson</c>.</summary>
internal sealed class VolumeRoutes(EngineServices services, ContainerEngine engine)
{
    /// <summary>From here on, a prune without a filter leaves volumes that somebody named.</summary>
    private static readonly ApiVersion KeepsNamed = new(1, 42);

    private readonly VolumeList _list = new(services.Volumes);
    private readonly VolumeCopies _copies = new(engine);

    private ContainerVolumes Volumes => services.Volumes;

    public void AddTo(Router.Builder routes)
    {
        routes.Get("/volumes", Need.To("list", "volumes"), List);
        routes.Get("/volumes/{name}", Need.To("get", "volumes"), call => call.Json(VolumeBodies.Full(Volumes.Find(call.Path("name")), Volumes, call.Flag("size")), DockerJson.Default.VolumeBody));
        routes.Post("/volumes/create", Need.To("create", "volumes"), Create);
        routes.Post("/volumes/prune", Need.To("delete", "volumes"), Prune);
        routes.Put("/volumes/{name}", Need.To("update", "volumes"), call => throw (Volumes.TryFind(call.Path("name")) is null
            ? new CaissonException(ErrorKind.NotFound, $"get {call.Path("name")}: no such volume")
            : new CaissonException(ErrorKind.Unavailable, "volumes of clusters alone are updated; this engine is in none")));
        routes.Delete("/volumes/{name}", Need.To("delete", "volumes"), Remove);

        routes.Get("/caisson/volumes/{name}/snapshots", Need.To("list", "volumes/snapshots"), Snapshots);
        routes.Post("/caisson/volumes/{name}/snapshots", Need.To("create", "volumes/snapshots"), TakeSnapshot);
        routes.Delete("/caisson/volumes/{name}/snapshots/{snapshot}", Need.To("delete", "volumes/snapshots"), RemoveSnapshot);
        routes.Post("/caisson/volumes/{name}/snapshots/{snapshot}/restore", Need.To("update", "volumes/snapshots"), Restore);
        routes.Post("/caisson/volumes/{name}/clone", Need.To("create", "volumes"), Clone);
        routes.Post("/caisson/containers/{id}/volumes/attach", Need.To("update", "containers/volumes"), Attach);
        routes.Post("/caisson/containers/{id}/volumes/detach", Need.To("update", "containers/volumes"), Detach);
    }

    private Task List(Call call) => call.Json(
        new VolumesBody([.. _list.List(call.Filters()).Select(volume => VolumeBodies.Summary(volume, Volumes))], null), DockerJson.Default.VolumesBody);

    private async Task Create(Call call)
    {
        VolumeCreate asked = await call.ReadOptionalAsync(DockerJson.Default.VolumeCreate) ?? new VolumeCreate();
        call.Guard.Require(HostRights.Volume.Of(asked), null);
        VolumeRecord volume = await Task.Run(() => Volumes.Create(asked), call.Gone);
        await call.Json(VolumeBodies.Summary(volume, Volumes), DockerJson.Default.VolumeBody, 201);
    }

    private async Task Remove(Call call)
    {
        string name = call.Path("name");
        bool force = call.Flag("force");
        _ = await Task.Run(() => Volumes.Remove(name, force));
        await call.Empty();
    }

    private async Task Prune(Call call)
    {
        FilterSet filters = call.Filters();
        var (removed, bytes) = await Task.Run(() => _list.Prune(filters, includeNamed: call.Version < KeepsNamed));
        await call.Json(new VolumesPrunedBody(removed, bytes), DockerJson.Default.VolumesPrunedBody);
    }

    private Task Snapshots(Call call)
    {
        VolumeRecord volume = Volumes.Find(call.Path("name"));
        return call.Json([.. volume.Snapshots.Select(snapshot => VolumeBodies.Snapshot(volume, snapshot))], DockerJson.Default.IReadOnlyListVolumeSnapshotBody);
    }

    private async Task TakeSnapshot(Call call)
    {
        VolumeCopyRequest asked = await call.ReadAsync(DockerJson.Default.VolumeCopyRequest);
        VolumeRecord volume = Volumes.Find(call.Path("name"));
        VolumeSnapshot made = await _copies.SnapshotAsync(volume.Name, asked.Name, asked.Live, call.Gone);
        await call.Json(VolumeBodies.Snapshot(volume, made), DockerJson.Default.VolumeSnapshotBody, 201);
    }

    private async Task RemoveSnapshot(Call call)
    {
        string name = call.Path("name");
        string snapshot = call.Path("snapshot");
        await Task.Run(() => Volumes.RemoveSnapshot(name, snapshot));
        await call.Empty();
    }

    private async Task Restore(Call call)
    {
        VolumeRecord volume = Volumes.Find(call.Path("name"));
        string method = await _copies.RestoreAsync(volume.Name, call.Path("snapshot"), call.Gone);
        await call.Json(new VolumeClonedBody(VolumeBodies.Summary(volume, Volumes), method), DockerJson.Default.VolumeClonedBody);
    }

    private async Task Clone(Call call)
    {
        VolumeCopyRequest asked = await call.ReadAsync(DockerJson.Default.VolumeCopyRequest);
        var (volume, method) = await _copies.CloneAsync(
            call.Path("name"), asked.Snapshot.Length > 0 ? asked.Snapshot : null, new VolumeCreate { Name = asked.Name, Labels = asked.Labels }, asked.Live, call.Gone);
        await call.Json(new VolumeClonedBody(VolumeBodies.Summary(volume, Volumes), method), DockerJson.Default.VolumeClonedBody, 201);
    }

    private async Task Attach(Call call)
    {
        VolumeAttachRequest asked = await call.ReadAsync(DockerJson.Default.VolumeAttachRequest);
        ContainerMount mount = await engine.Find(call.Path("id")).AttachVolumeAsync(asked.Volume, asked.Subpath, call.Gone);
        await call.Json(ContainerBodies.Mount(mount, services), DockerJson.Default.MountPointBody, 201);
    }

    private async Task Detach(Call call)
    {
        VolumeAttachRequest asked = await call.ReadAsync(DockerJson.Default.VolumeAttachRequest);
        ContainerMount mount = await engine.Find(call.Path("id")).DetachVolumeAsync(asked.Volume, call.Gone);
        await call.Json(ContainerBodies.Mount(mount, services), DockerJson.Default.MountPointBody);
    }
}
