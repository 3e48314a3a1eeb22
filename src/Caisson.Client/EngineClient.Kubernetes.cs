using Caisson.Client.Http;

namespace Caisson.Client;

public sealed partial class EngineClient
{
    /// <summary>A request to the engine's Kubernetes API. The caller disposes the answer.</summary>
    /// <param name="method">Such as <c>GET</c>.</param>
    /// <param name="path">With its query, such as <c>/api/v1/namespaces/default/pods</c>.</param>
    /// <param name="body">Empty for none.</param>
    /// <param name="contentType">Of the body.</param>
    /// <param name="accept">What the answer may be.</param>
    /// <exception cref="EngineException">The engine refused.</exception>
    public HttpResponse Kubernetes(
        string method, string path, ReadOnlyMemory<byte> body = default, string contentType = "application/json", string accept = "application/json") =>
        Exchange(new HttpRequest(method, "/caisson/kubernetes" + path)
        {
            Body = body,
            ContentType = contentType,
            Headers = new Dictionary<string, string> { ["Accept"] = accept },
        });

    /// <summary>A kubeconfig by which kubectl reaches the engine; its address is open from then on.</summary>
    public string Kubeconfig()
    {
        using var response = Call("GET", "/caisson/kubeconfig");
        return System.Text.Encoding.UTF8.GetString(response.ReadAll().Span);
    }
}
