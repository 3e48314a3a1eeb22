using Caisson.Api.Http;
using Caisson.Control.Access;
using Caisson.Errors;

namespace Caisson.Api.Kubernetes;

/// <summary>The Kubernetes API on the engine's own socket, whose callers are known by it: below <c>/caisson/kubernetes</c>.</summary>
internal sealed class KubernetesRoutes(ObjectRoutes objects, KubernetesServer server, Action<string> log)
{
    private const string Prefix = "/caisson/kubernetes";

    public void AddTo(Router.Builder routes)
    {
        routes.Get("/caisson/kubeconfig", Need.To("create", "kubeconfig").Anywhere, Config);
        routes.Get(Prefix + "/{path*}", Need.Inside, Handle);
        routes.Post(Prefix + "/{path*}", Need.Inside, Handle);
        routes.Put(Prefix + "/{path*}", Need.Inside, Handle);
        routes.Patch(Prefix + "/{path*}", Need.Inside, Handle);
        routes.Delete(Prefix + "/{path*}", Need.Inside, Handle);
    }

    /// <summary>For the owner, whose token is the file's; for a user one of its own. Who has all rights without being a user of ours is as the owner.</summary>
    private async Task Config(Call call)
    {
        Guard guard = call.Guard;
        string? token = guard.Access.ListUsers().Any(user => user.Name == guard.Caller.Name) ? guard.Access.MakeToken(guard.Caller.Name, null)
            : guard.Caller.Standing == Standing.Owner || guard.Has(new Right("*", "*", "*"), null) ? null
            : throw new CaissonException(ErrorKind.FailedPrecondition, $"{guard.Caller} is no user of this engine, which a kubeconfig is for; see caisson access user add");
        await call.Text(await server.ConfigAsync(token), "application/yaml");
    }

    private Task Handle(Call call) => objects.HandleAsync(call.Http, "/" + call.Path("path"), log);
}
