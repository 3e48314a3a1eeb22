using System.Text.Json.Serialization;

namespace Caisson.Api.Docker;

/// <summary>The shape of every error: <c>{"message": "…"}</c>.</summary>
internal sealed record ErrorBody([property: JsonPropertyName("message")] string Message);

/// <summary>Serialization of Docker's documents, generated.</summary>
[JsonSourceGenerationOptions(
    PropertyNameCaseInsensitive = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.Never)]
[JsonSerializable(typeof(ErrorBody))]
internal sealed partial class DockerJson : JsonSerializerContext;
