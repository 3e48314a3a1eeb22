using System.Text.Json;

namespace Caisson.Client.Machines;

/// <summary>A kernel that machines boot.</summary>
public sealed class KernelSummary
{
    internal KernelSummary(JsonElement json)
    {
        Release = json.Text("Release");
        Architecture = json.Text("Architecture");
        Source = json.Text("Source");
        Installed = json.Time("Installed");
        Bytes = json.Number("Size");
        Templates = (int)json.Number("Templates");
    }

    /// <summary>Its release, which is also its name.</summary>
    public string Release { get; }

    /// <summary>What it is made for, as images call it: <c>amd64</c>, <c>arm64</c>.</summary>
    public string Architecture { get; }

    /// <summary>Where it came from.</summary>
    public string Source { get; }

    /// <summary>When it was installed.</summary>
    public DateTimeOffset Installed { get; }

    /// <summary>Its size, unpacked.</summary>
    public long Bytes { get; }

    /// <summary>How many shapes of machines start from a template of it.</summary>
    public int Templates { get; }
}
