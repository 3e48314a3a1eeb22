namespace Caisson.Control.Model;

/// <summary>What is known of a secret or a config but its content, which is in a file of the engine alone. Immutable.</summary>
public sealed record SecretRecord
{
    /// <summary>25 letters and digits.</summary>
    public required string Id { get; init; }

    /// <summary>Unique within its kind.</summary>
    public required string Name { get; init; }

    /// <summary>When it was made.</summary>
    public required DateTimeOffset Created { get; init; }

    /// <summary>Free text by key.</summary>
    public IReadOnlyDictionary<string, string> Labels { get => field ?? new Dictionary<string, string>(); init; } = new Dictionary<string, string>();

    /// <summary>A config, which may be shown, and no secret.</summary>
    public bool IsConfig { get; init; }

    /// <summary>The length of its content.</summary>
    public int Bytes { get; init; }
}

/// <summary>A secret or config as a file of a container; Caisson's own, in <see cref="HostConfig"/>.</summary>
public sealed record SecretMount
{
    /// <summary>The directory, a tmpfs, in which a container finds its secrets.</summary>
    public const string Directory = "/run/secrets";

    /// <summary>Its name or id, as asked for.</summary>
    public string Source { get => field ?? ""; init; } = "";

    /// <summary>Its id; filled in by the engine.</summary>
    public string Id { get => field ?? ""; init; } = "";

    /// <summary>Of a secret a name below <see cref="Directory"/>, of a config a path; empty for the secret's name, or <c>/NAME</c>.</summary>
    public string Target { get => field ?? ""; init; } = "";

    /// <summary>The owner's number inside; empty for 0.</summary>
    public string UID { get => field ?? ""; init; } = "";

    /// <summary>The group's number inside; empty for 0.</summary>
    public string GID { get => field ?? ""; init; } = "";

    /// <summary>Permission bits; null for 0444 octal.</summary>
    public int? Mode { get; init; }
}
