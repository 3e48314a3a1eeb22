using Caisson.Api.Http;
using Caisson.Errors;

namespace Caisson.Api.Docker;

internal sealed record CachePrunedBody(IReadOnlyList<string> CachesDeleted, long SpaceReclaimed);

/// <summary>What this engine does not have, answered so that a person understands it and a program goes on: empty lists and clear errors.</summary>
internal static class AbsentRoutes
{
    private const string NoManager =
        "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect this node to swarm and try again.";

    public static void AddTo(Router.Builder routes)
    {
        routes.Post("/session", Need.Nothing, _ => throw NotYet("BuildKit's sessions are not here: use DOCKER_BUILDKIT=0, or caisson build"));
        routes.Post("/grpc", Need.Nothing, _ => throw NotYet("BuildKit's sessions are not here: use DOCKER_BUILDKIT=0, or caisson build"));

        routes.Get("/plugins", Need.Nothing, call => call.Json([], DockerJson.Default.IReadOnlyListJsonElement));
        routes.Get("/plugins/{name*}/json", Need.Nothing, call => throw NoPlugin(call));
        routes.Get("/plugins/privileges", Need.Nothing, _ => throw NotYet("plugins are not supported"));
        routes.Post("/plugins/pull", Need.Nothing, _ => throw NotYet("plugins are not supported"));
        routes.Post("/plugins/create", Need.Nothing, _ => throw NotYet("plugins are not supported"));
        foreach (string action in (string[])["enable", "disable", "upgrade", "push", "set"])
        {
            routes.Post($"/plugins/{{name*}}/{action}", Need.Nothing, call => throw NoPlugin(call));
        }
        routes.Delete("/plugins/{name*}", Need.Nothing, call => throw NoPlugin(call));
        routes.Post("/swarm/init", Need.Nothing, _ => throw NotYet("this engine is one machine: it makes and joins no swarm"));
        routes.Post("/swarm/join", Need.Nothing, _ => throw NotYet("this engine is one machine: it makes and joins no swarm"));
        routes.Post("/swarm/leave", Need.Nothing, _ => throw new CaissonException(ErrorKind.Unavailable, "This node is not part of a swarm"));

        foreach (string rest in (string[])["", "/{checkpoint}"])
        {
            routes.Get("/containers/{id}/checkpoints" + rest, Need.Nothing, _ => throw NoCheckpoints());
            routes.Post("/containers/{id}/checkpoints" + rest, Need.Nothing, _ => throw NoCheckpoints());
            routes.Delete("/containers/{id}/checkpoints" + rest, Need.Nothing, _ => throw NoCheckpoints());
        }

        foreach (string family in (string[])["/swarm", "/nodes", "/services", "/tasks"])
        {
            routes.Get(family, Need.Nothing, _ => throw NotSwarm());
            routes.Get(family + "/{rest*}", Need.Nothing, _ => throw NotSwarm());
            routes.Post(family + "/{rest*}", Need.Nothing, _ => throw NotSwarm());
            routes.Delete(family + "/{rest*}", Need.Nothing, _ => throw NotSwarm());
        }
    }

    private static CaissonException NotSwarm() => new(ErrorKind.Unavailable, NoManager);

    private static CaissonException NoCheckpoints() => NotYet(
        "checkpoints are not supported: they need CRIU, which this engine does not use; commit the container's files, and let its program keep its state in them");

    private static CaissonException NotYet(string message) => new(ErrorKind.Unimplemented, message);

    private static CaissonException NoPlugin(Call call) => new(ErrorKind.NotFound, $"plugin \"{call.Path("name")}\" not found");
}
