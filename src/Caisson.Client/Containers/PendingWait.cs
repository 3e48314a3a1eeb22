using Caisson.Client.Http;

namespace Caisson.Client.Containers;

/// <summary>A wait the engine has registered; what happens from now on is not missed.</summary>
public sealed class PendingWait : IDisposable
{
    private readonly HttpResponse _response;

    internal PendingWait(HttpResponse response) => _response = response;

    /// <summary>Blocks until the condition holds.</summary>
    public WaitResult Result()
    {
        using var json = _response.ReadJson();
        string error = json.RootElement.Field("Error").Text("Message");
        return new((int)json.RootElement.Number("StatusCode"), error.Length > 0 ? error : null);
    }

    /// <inheritdoc/>
    public void Dispose() => _response.Dispose();
}
