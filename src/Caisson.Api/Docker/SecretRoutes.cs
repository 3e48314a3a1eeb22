using System.Text.Json.Serialization;

using Caisson.Api.Http;
using Caisson.Control.Model;
using Caisson.Control.Secrets;
using Caisson.Control.Workloads;
using Caisson.Errors;

namespace Caisson.Api.Docker;

internal sealed record SecretCreate
{
    public string? Name { get; init; }
    public IReadOnlyDictionary<string, string>? Labels { get; init; }

    /// <summary>Base64.</summary>
    public string? Data { get; init; }
}

internal sealed record SecretCreatedBody(string ID);

internal sealed record SecretBody
{
    public required string ID { get; init; }
    public SecretVersionBody Version { get; init; } = new(1);
    public required string CreatedAt { get; init; }
    public required string UpdatedAt { get; init; }
    public required SecretSpecBody Spec { get; init; }
}

internal sealed record SecretVersionBody(long Index);

internal sealed record SecretSpecBody
{
    public required string Name { get; init; }
    public required IReadOnlyDictionary<string, string> Labels { get; init; }

    /// <summary>Base64; of configs only.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Data { get; init; }
}

/// <summary>Secrets and configs, without a swarm. Source: Docker Engine API, "Secrets", "Configs".</summary>
internal sealed class SecretRoutes(EngineServices services, ContainerEngine engine)
{
    public void AddTo(Router.Builder routes)
    {
        foreach (bool isConfig in (bool[])[false, true])
        {
            string kind = isConfig ? "configs" : "secrets";
            string family = "/" + kind;
            routes.Get(family, Need.To("list", kind), call => call.Json([.. services.Secrets.List(isConfig, call.Filters()).Select(Body)], DockerJson.Default.IReadOnlyListSecretBody));
            routes.Post(family + "/create", Need.To("create", kind), call => Create(call, isConfig));
            routes.Get(family + "/{id}", Need.To("get", kind), call => call.Json(Body(services.Secrets.Find(isConfig, call.Path("id"))), DockerJson.Default.SecretBody));
            routes.Post(family + "/{id}/update", Need.To("update", kind), call => throw new CaissonException(
                ErrorKind.Unimplemented, $"a {SecretStore.Kind(isConfig)} is not changed: containers have what it was; create another, and containers with it"));
            routes.Delete(family + "/{id}", Need.To("delete", kind), call =>
            {
                engine.RemoveSecret(isConfig, call.Path("id"));
                return call.Empty();
            });
        }
    }

    private async Task Create(Call call, bool isConfig)
    {
        SecretCreate asked = await call.ReadAsync(DockerJson.Default.SecretCreate);
        SecretRecord record = services.Secrets.Create(isConfig, asked.Name ?? "", asked.Labels, Decode(asked.Data ?? "", isConfig));
        await call.Json(new SecretCreatedBody(record.Id), DockerJson.Default.SecretCreatedBody, 201);
    }

    private static byte[] Decode(string data, bool isConfig)
    {
        try
        {
            return Convert.FromBase64String(data.Replace('-', '+').Replace('_', '/'));
        }
        catch (FormatException error)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"create {SecretStore.Kind(isConfig)}: Data is not base64", error);
        }
    }

    private SecretBody Body(SecretRecord record) => new()
    {
        ID = record.Id,
        CreatedAt = Times.Text(record.Created),
        UpdatedAt = Times.Text(record.Created),
        Spec = new SecretSpecBody
        {
            Name = record.Name,
            Labels = record.Labels,
            Data = record.IsConfig ? Convert.ToBase64String(services.Secrets.Read(record)) : null,
        },
    };
}
