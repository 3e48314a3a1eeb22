namespace Caisson.Linux.Launch;

/// <summary>A register of the interpreter: holds the result of one step for later ones, most often a descriptor.</summary>
/// <param name="Index">Its place; 0 takes results nobody wants, 1 holds the synchronisation socket.</param>
/// <param name="Name">What it holds, for people.</param>
public sealed record Slot(int Index, string Name)
{
    /// <summary>Takes results that nobody wants.</summary>
    public static Slot None { get; } = new(0, "_");

    /// <summary>The socket on which a child reports and asks; every launch binds it.</summary>
    public static Slot Sync { get; } = new(1, "sync");
}
