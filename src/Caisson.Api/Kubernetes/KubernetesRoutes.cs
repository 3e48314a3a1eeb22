using Caisson.Api.Http;

namespace Caisson.Api.Kubernetes;

/// <summary>The Kubernetes API on the engine's own socket, where the socket's mode says who may: below <c>/caisson/kubernetes</c>.</summary>
internal sealed class KubernetesRoutes(ObjectRoutes objects, KubernetesServer server, Action<string> log)
{
    private const string Prefix = "/caisson/kubernetes";

    public void AddTo(Router.Builder routes)
    {
        routes.Get("/caisson/kubeconfig", async call => await call.Text(await server.ConfigAsync(), "application/yaml"));
        routes.Get(Prefix + "/{path*}", Handle);
        routes.Post(Prefix + "/{path*}", Handle);
        routes.Put(Prefix + "/{path*}", Handle);
        routes.Patch(Prefix + "/{path*}", Handle);
        routes.Delete(Prefix + "/{path*}", Handle);
    }

    private Task Handle(Call call) => objects.HandleAsync(call.Http, "/" + call.Path("path"), log);
}
