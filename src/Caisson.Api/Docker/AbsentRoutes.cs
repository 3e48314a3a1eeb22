using System.Text.Json;

using Caisson.Api.Http;
using Caisson.Errors;

namespace Caisson.Api.Docker;

internal sealed record VolumesBody(IReadOnlyList<JsonElement> Volumes, IReadOnlyList<string>? Warnings);

internal sealed record VolumesPrunedBody(IReadOnlyList<string> VolumesDeleted, long SpaceReclaimed);

internal sealed record CachePrunedBody(IReadOnlyList<string> CachesDeleted, long SpaceReclaimed);

/// <summary>What this engine does not have, answered so that a person understands it and a program goes on: empty lists and clear errors.</summary>
internal static class AbsentRoutes
{
    private const string NoManager =
        "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect this node to swarm and try again.";

    public static void AddTo(Router.Builder routes)
    {
        routes.Get("/volumes", call => call.Json(new VolumesBody([], null), DockerJson.Default.VolumesBody));
        routes.Get("/volumes/{name}", call => throw NoVolume(call));
        routes.Post("/volumes/create", _ => throw NotYet("named volumes come with the volume store; bind a directory of the host"));
        routes.Post("/volumes/prune", call => call.Json(new VolumesPrunedBody([], 0), DockerJson.Default.VolumesPrunedBody));
        routes.Put("/volumes/{name}", call => throw NoVolume(call));
        routes.Delete("/volumes/{name}", call => call.Flag("force") ? call.Empty() : throw NoVolume(call));

        routes.Post("/build", _ => throw NotYet("building images comes with the builder; import or load an image"));
        routes.Post("/build/prune", call => call.Json(new CachePrunedBody([], 0), DockerJson.Default.CachePrunedBody));
        routes.Post("/build/cancel", call => call.Empty());
        routes.Post("/session", _ => throw NotYet("build sessions come with the builder"));
        routes.Post("/grpc", _ => throw NotYet("build sessions come with the builder"));

        routes.Get("/plugins", call => call.Json([], DockerJson.Default.IReadOnlyListJsonElement));
        routes.Get("/plugins/{name*}/json", call => throw new CaissonException(ErrorKind.NotFound, $"plugin \"{call.Path("name")}\" not found"));
        routes.Post("/plugins/pull", _ => throw NotYet("plugins are not supported"));

        foreach (string rest in (string[])["", "/{checkpoint}"])
        {
            routes.Get("/containers/{id}/checkpoints" + rest, _ => throw NoCheckpoints());
            routes.Post("/containers/{id}/checkpoints" + rest, _ => throw NoCheckpoints());
            routes.Delete("/containers/{id}/checkpoints" + rest, _ => throw NoCheckpoints());
        }

        foreach (string family in (string[])["/swarm", "/nodes", "/services", "/tasks"])
        {
            routes.Get(family, _ => throw NotSwarm());
            routes.Get(family + "/{rest*}", _ => throw NotSwarm());
            routes.Post(family + "/{rest*}", _ => throw NotSwarm());
            routes.Delete(family + "/{rest*}", _ => throw NotSwarm());
        }
    }

    private static CaissonException NotSwarm() => new(ErrorKind.Unavailable, NoManager);

    private static CaissonException NoCheckpoints() => NotYet(
        "checkpoints are not supported: they need CRIU, which this engine does not use; commit the container's files, and let its program keep its state in them");

    private static CaissonException NotYet(string message) => new(ErrorKind.Unimplemented, message);

    private static CaissonException NoVolume(Call call) => new(ErrorKind.NotFound, $"get {call.Path("name")}: no such volume");
}
