using System.Text.Json;

namespace Caisson.Client.Secrets;

/// <summary>Secrets and configs are alike but for who may read them.</summary>
public enum SecretKind
{
    /// <summary>Nobody but containers reads it.</summary>
    Secret,

    /// <summary>Whoever asks the engine reads it.</summary>
    Config,
}

/// <summary>A secret or config in a list.</summary>
public sealed class SecretSummary
{
    internal SecretSummary(JsonElement json)
    {
        Id = json.Text("ID");
        Name = json.Field("Spec").Text("Name");
        Labels = json.Field("Spec").TextMap("Labels");
        Created = json.Time("CreatedAt");
    }

    /// <summary>Its id.</summary>
    public string Id { get; }

    /// <summary>Its name.</summary>
    public string Name { get; }

    /// <summary>Free text by key.</summary>
    public IReadOnlyDictionary<string, string> Labels { get; }

    /// <summary>When it was made.</summary>
    public DateTimeOffset Created { get; }
}

/// <summary>A secret or config as a file of a container.</summary>
/// <param name="Source">Its name or id.</param>
/// <param name="Target">A name below <c>/run/secrets</c>, of a config a path; empty: as its name.</param>
/// <param name="User">The owner's number; empty: 0.</param>
/// <param name="Group">The group's number; empty: 0.</param>
/// <param name="Mode">Permission bits; null: 0444 octal.</param>
public sealed record SecretFile(string Source, string Target = "", string User = "", string Group = "", int? Mode = null);
