using System.Collections.Immutable;

using Caisson.Build.Instructions;

namespace Caisson.Build.Plans;

/// <summary>One step of a stage with everything expanded; data only.</summary>
public abstract record BuildStep
{
    private BuildStep()
    {
    }

    /// <summary>What it comes from.</summary>
    public required Instruction Source { get; init; }

    /// <summary>The instruction with variables replaced, for the image's history.</summary>
    public required string CreatedBy { get; init; }

    /// <summary>Changes how the image runs, no file.</summary>
    public sealed record Configure : BuildStep;

    /// <summary>Makes sure that a directory is there.</summary>
    public sealed record MakeDirectory(string Path) : BuildStep;

    /// <summary>Runs a program.</summary>
    public sealed record Run : BuildStep
    {
        /// <summary>The program and its arguments.</summary>
        public required ImmutableArray<string> Arguments { get; init; }

        /// <summary>The environment, what is of this build alone excepted.</summary>
        public required ImmutableArray<string> Environment { get; init; }

        /// <summary>Variables that are not part of what is cached: proxies.</summary>
        public required ImmutableArray<string> Unkeyed { get; init; }

        /// <summary>Where it runs; absolute.</summary>
        public required string Directory { get; init; }

        /// <summary>Who runs it; empty for root.</summary>
        public required string User { get; init; }

        /// <summary><c>default</c>, <c>none</c> or <c>host</c>.</summary>
        public required string Network { get; init; }

        /// <summary>What is mounted meanwhile.</summary>
        public required ImmutableArray<RunMount> Mounts { get; init; }

        /// <summary>A program that is written as a here-document and mounted; null for none.</summary>
        public string? Script { get; init; }

        /// <summary>Where the script is.</summary>
        public const string ScriptPath = "/dev/pipes/EOF";
    }

    /// <summary>Copies files.</summary>
    public sealed record Copy : BuildStep
    {
        /// <summary>How.</summary>
        public required CopyOptions Options { get; init; }

        /// <summary>Paths, patterns and addresses.</summary>
        public required ImmutableArray<string> Sources { get; init; }

        /// <summary>Files whose content stands in the Dockerfile.</summary>
        public required ImmutableArray<(string Name, string Content)> Documents { get; init; }

        /// <summary>Where to; absolute, with a slash at the end when it is a directory in any case.</summary>
        public required string Destination { get; init; }
    }
}
