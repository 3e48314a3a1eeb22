using System.Collections.Immutable;

namespace Caisson.Build.Plans;

/// <summary>What a user asks for beside the Dockerfile.</summary>
public sealed record BuildOptions
{
    /// <summary>The stage to build, by name or number; null for the last.</summary>
    public string? Target { get; init; }

    /// <summary>Values of build arguments.</summary>
    public IReadOnlyDictionary<string, string> Arguments { get; init; } = ImmutableDictionary<string, string>.Empty;

    /// <summary>Labels of the image, over those of the file.</summary>
    public IReadOnlyDictionary<string, string> Labels { get; init; } = ImmutableDictionary<string, string>.Empty;

    /// <summary>The machine that builds, such as <c>linux/amd64</c>.</summary>
    public string BuildPlatform { get; init; } = "linux/amd64";

    /// <summary>The machine that the image is for; null for the one that builds.</summary>
    public string? TargetPlatform { get; init; }
}
