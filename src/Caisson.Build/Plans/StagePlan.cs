using System.Collections.Immutable;

using Caisson.Build.Instructions;

namespace Caisson.Build.Plans;

/// <summary>Where files come from: a stage, an image, or nowhere.</summary>
public abstract record FileOrigin
{
    private FileOrigin()
    {
    }

    /// <summary>Nothing: an empty root.</summary>
    public sealed record Scratch : FileOrigin;

    /// <summary>A stage of the file, by its number from 0.</summary>
    public sealed record Stage(int Index) : FileOrigin;

    /// <summary>An image, as the user wrote it.</summary>
    public sealed record Image(string Name) : FileOrigin;
}

/// <summary>One stage of a build.</summary>
/// <param name="Index">Its number from 0.</param>
/// <param name="From">The instruction that begins it.</param>
/// <param name="Name">Its name; null when it has none.</param>
/// <param name="Base">What it stands on.</param>
/// <param name="Platform">For which machine.</param>
/// <param name="Instructions">What follows <c>FROM</c>.</param>
/// <param name="Needs">The other stages it needs, in ascending order.</param>
public sealed record StagePlan(
    int Index, Instruction.From From, string? Name, FileOrigin Base, string Platform, ImmutableArray<Instruction> Instructions, ImmutableArray<int> Needs)
{
    /// <summary>What it is called for people.</summary>
    public string Title => Name ?? string.Create(System.Globalization.CultureInfo.InvariantCulture, $"stage-{Index}");
}
