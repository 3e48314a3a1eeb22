using Caisson.Api.Grpc;
using Caisson.Control.Images;
using Caisson.Control.Sandboxes;

using Microsoft.AspNetCore.Http;

namespace Caisson.Api.Cri;

/// <summary>The Container Runtime Interface, v1, by which a kubelet has its pods run. Nothing of it exists before the first call.</summary>
/// <param name="open">Loads the sandboxes there are.</param>
/// <param name="log">Told of what goes wrong.</param>
internal sealed class CriApi(Func<PodSandboxes> open, Action<string> log) : IAsyncDisposable
{
    private readonly Lock _lock = new();
    private GrpcApi? _api;
    private StreamServer? _streams;

    /// <summary>Answers one call.</summary>
    public Task ProcessAsync(HttpContext context) => Open().ProcessAsync(context);

    public async ValueTask DisposeAsync()
    {
        if (_streams is { } streams)
        {
            await streams.DisposeAsync();
        }
    }

    private GrpcApi Open()
    {
        lock (_lock)
        {
            if (_api is null)
            {
                PodSandboxes pods = open();
                _streams = new StreamServer(pods, log);
                var methods = new GrpcMethods.Builder();
                new RuntimeService(pods, _streams).AddTo(methods);
                new ImageService(new ImageActions(pods.Engine), pods.Engine.Services).AddTo(methods);
                _api = new GrpcApi(methods.Build(), log, pods.Engine.Services.Rest);
            }
            return _api;
        }
    }
}
