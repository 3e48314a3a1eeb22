using System.Text;
using System.Text.Json;

using Caisson.Client.Containers;
using Caisson.Client.Http;
using Caisson.Errors;

namespace Caisson.Client;

public sealed partial class EngineClient
{
    /// <summary>Versions of the engine and its parts. The caller disposes the document.</summary>
    public JsonDocument EngineVersion()
    {
        using var response = Call("GET", "/version");
        return response.ReadJson();
    }

    /// <summary>What the engine knows of itself and its host. The caller disposes the document.</summary>
    public JsonDocument EngineInfo()
    {
        using var response = Call("GET", "/info");
        return response.ReadJson();
    }

    /// <summary>Events as a stream of JSON values. The caller disposes the response.</summary>
    /// <param name="since">Unix time with fraction; empty: from now on.</param>
    /// <param name="until">Unix time with fraction; empty: without end.</param>
    /// <param name="filters">Values by the filter's name.</param>
    public HttpResponse Events(string since, string until, IReadOnlyDictionary<string, List<string>> filters)
    {
        var query = new QueryString().Add("filters", FormatFilters(filters)).Add("since", since).Add("until", until);
        return Call("GET", "/events" + query);
    }

    /// <summary>Makes an image from this host's own packages; the answer is a stream of progress. The caller disposes the response.</summary>
    /// <remarks>Caisson's own; other engines answer 404.</remarks>
    public HttpResponse BootstrapImage(string name, IReadOnlyList<string> include)
    {
        var query = new QueryString().Add("include", string.Join(',', include)).Add("name", name);
        return Own(new HttpRequest("POST", "/caisson/images/bootstrap" + query));
    }

    /// <summary>Says what a container of this creation would be: the plan, as text.</summary>
    /// <remarks>Caisson's own; other engines answer 404.</remarks>
    public string ExplainCreation(ContainerCreation creation)
    {
        ArgumentNullException.ThrowIfNull(creation);
        using var response = Own(new HttpRequest("POST", "/caisson/explain") { Body = creation.ToJson() });
        return Encoding.UTF8.GetString(response.ReadAll().Span);
    }

    /// <summary>Says what an existing container is: its plan, as text.</summary>
    /// <remarks>Caisson's own; other engines answer 404.</remarks>
    public string ExplainContainer(string id)
    {
        using var response = Own(new HttpRequest("GET", $"/caisson/containers/{Escape(id)}/explain"));
        return Encoding.UTF8.GetString(response.ReadAll().Span);
    }

    /// <summary>A request that only Caisson's engine understands; another one is named as such.</summary>
    private HttpResponse Own(HttpRequest request)
    {
        try
        {
            return Accepted(ExchangeRaw(request));
        }
        catch (EngineException e) when (e.Status == 404 && e.Message == "page not found")
        {
            throw new CaissonException(ErrorKind.Unimplemented, $"the engine at {Endpoint} is not Caisson's and cannot do this", e);
        }
    }
}
