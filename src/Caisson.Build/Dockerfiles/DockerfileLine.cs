using System.Collections.Immutable;

namespace Caisson.Build.Dockerfiles;

/// <summary>One instruction as it is written: its word, its flags and the rest, continuation lines joined and comments left out.</summary>
public sealed record DockerfileLine
{
    /// <summary>The instruction's word as written; instructions are understood in any case.</summary>
    public required string Keyword { get; init; }

    /// <summary>Words in front of the arguments that begin with <c>--</c>, quotes and escapes resolved.</summary>
    public required ImmutableArray<string> Flags { get; init; }

    /// <summary>What follows the flags, trimmed.</summary>
    public required string Arguments { get; init; }

    /// <summary>The whole instruction without its here-documents.</summary>
    public required string Text { get; init; }

    /// <summary>Where it begins, from 1.</summary>
    public required int FirstLine { get; init; }

    /// <summary>Where it ends, here-documents included.</summary>
    public required int LastLine { get; init; }

    /// <summary>The here-documents, in the order of the line.</summary>
    public ImmutableArray<Heredoc> Heredocs { get; init; } = [];
}
