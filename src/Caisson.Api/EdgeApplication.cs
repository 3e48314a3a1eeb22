using Caisson.Api.Cri;
using Caisson.Api.Docker;
using Caisson.Control.Sandboxes;

using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Caisson.Api;

/// <summary>Where kubelets call.</summary>
/// <param name="Socket">An absolute path, which must be free; made with mode 0660.</param>
/// <param name="Open">Loads the sandboxes there are, at the first call.</param>
public sealed record CriEndpoint(string Socket, Func<PodSandboxes> Open);

/// <summary>Gives each request to its API: HTTP/2 is spoken on the socket for kubelets alone.</summary>
internal sealed class EdgeApplication(DockerApi docker, CriApi? cri) : IHttpApplication<HttpContext>
{
    public HttpContext CreateContext(IFeatureCollection contextFeatures) => docker.CreateContext(contextFeatures);

    public void DisposeContext(HttpContext context, Exception? exception) => docker.DisposeContext(context, exception);

    public Task ProcessRequestAsync(HttpContext context) =>
        cri is not null && HttpProtocol.IsHttp2(context.Request.Protocol) ? cri.ProcessAsync(context) : docker.ProcessRequestAsync(context);
}
