using System.Text.Json;

using Caisson.Client.Http;
using Caisson.Client.Secrets;

namespace Caisson.Client;

public sealed partial class EngineClient
{
    /// <summary>Secrets, or configs.</summary>
    /// <param name="kind">Which of both.</param>
    /// <param name="filters">Values by the filter's name.</param>
    public IReadOnlyList<SecretSummary> ListSecrets(SecretKind kind, IReadOnlyDictionary<string, List<string>>? filters = null)
    {
        using var response = Call("GET", Family(kind) + new QueryString().Add("filters", FormatFilters(filters)));
        using var json = response.ReadJson(JsonValueKind.Array);
        return [.. json.RootElement.EnumerateArray().Select(item => new SecretSummary(item))];
    }

    /// <summary>Everything about one, of a secret without its content. The caller disposes the document.</summary>
    public JsonDocument InspectSecret(SecretKind kind, string name)
    {
        using var response = Call("GET", $"{Family(kind)}/{Escape(name)}");
        return response.ReadJson();
    }

    /// <summary>Makes one and returns its id.</summary>
    /// <param name="kind">Which of both.</param>
    /// <param name="name">Its name.</param>
    /// <param name="labels">Free text by key.</param>
    /// <param name="content">1 byte to 500 KiB.</param>
    public string CreateSecret(SecretKind kind, string name, IReadOnlyDictionary<string, string> labels, ReadOnlySpan<byte> content)
    {
        string data = Convert.ToBase64String(content);
        var body = JsonBody.Write(json =>
        {
            json.WriteString("Name", name);
            json.WriteStartObject("Labels");
            foreach (var (key, value) in labels)
            {
                json.WriteString(key, value);
            }
            json.WriteEndObject();
            json.WriteString("Data", data);
        });
        using var response = Call("POST", Family(kind) + "/create", body);
        using var document = response.ReadJson();
        return document.RootElement.Text("ID");
    }

    /// <summary>Removes one that no container has.</summary>
    public void RemoveSecret(SecretKind kind, string name) => Do("DELETE", $"{Family(kind)}/{Escape(name)}");

    private static string Family(SecretKind kind) => kind == SecretKind.Config ? "/configs" : "/secrets";
}
