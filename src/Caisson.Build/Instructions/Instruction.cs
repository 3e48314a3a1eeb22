using System.Collections.Immutable;

using Caisson.Build.Dockerfiles;
using Caisson.Oci;

namespace Caisson.Build.Instructions;

/// <summary>One instruction, understood; variables are not expanded yet.</summary>
/// <remarks>Source: Dockerfile reference.</remarks>
public abstract record Instruction
{
    private Instruction()
    {
    }

    /// <summary>Where it stands.</summary>
    public required DockerfileLine Line { get; init; }

    /// <summary>Begins a stage.</summary>
    /// <param name="Base">A stage, an image or <c>scratch</c>.</param>
    /// <param name="Name">The stage's own name, in lower case; null when it has none.</param>
    /// <param name="Platform">For which machine; null for the build's.</param>
    public sealed record From(string Base, string? Name, string? Platform) : Instruction;

    /// <summary>Declares build arguments.</summary>
    /// <param name="Variables">Names, with what they are when the user gives nothing; null for unset.</param>
    public sealed record Arg(ImmutableArray<(string Name, string? Default)> Variables) : Instruction;

    /// <summary>Sets the environment of later steps and of containers.</summary>
    public sealed record Env(ImmutableArray<(string Name, string Value)> Variables) : Instruction;

    /// <summary>Sets labels.</summary>
    public sealed record Label(ImmutableArray<(string Name, string Value)> Labels) : Instruction;

    /// <summary>Sets the author.</summary>
    public sealed record Maintainer(string Name) : Instruction;

    /// <summary>Runs a program.</summary>
    public sealed record Run(CommandLine Command, RunOptions Options) : Instruction;

    /// <summary>Copies files.</summary>
    public sealed record Copy(CopyOptions Options, ImmutableArray<string> Sources, string Destination) : Instruction;

    /// <summary>What a container runs, or the arguments of its entry point.</summary>
    public sealed record Cmd(CommandLine Command) : Instruction;

    /// <summary>What a container runs.</summary>
    public sealed record Entrypoint(CommandLine Command) : Instruction;

    /// <summary>Ports that containers listen on.</summary>
    public sealed record Expose(string Ports) : Instruction;

    /// <summary>Paths with data of each container.</summary>
    public sealed record Volume(ImmutableArray<string> Paths) : Instruction;

    /// <summary>Who runs later steps and containers.</summary>
    public sealed record User(string Name) : Instruction;

    /// <summary>Where later steps and containers run.</summary>
    public sealed record Workdir(string Path) : Instruction;

    /// <summary>The signal that ends a container.</summary>
    public sealed record StopSignal(string Signal) : Instruction;

    /// <summary>How the health of a container is checked.</summary>
    /// <param name="Command">Null for <c>NONE</c>.</param>
    /// <param name="Check">Times and retries; its test is empty.</param>
    public sealed record Healthcheck(CommandLine? Command, HealthcheckConfig Check) : Instruction;

    /// <summary>The shell for the shell form of other instructions.</summary>
    public sealed record Shell(ImmutableArray<string> Program) : Instruction;

    /// <summary>An instruction for images that build on this one.</summary>
    public sealed record OnBuild(string Text) : Instruction;
}

/// <summary>A command in one of its two forms.</summary>
/// <param name="Words">The program and its arguments; one text when <paramref name="IsShell"/>.</param>
/// <param name="IsShell">The text is for a shell.</param>
public sealed record CommandLine(ImmutableArray<string> Words, bool IsShell);

/// <summary>What <c>RUN</c> has beside its command.</summary>
public sealed record RunOptions
{
    /// <summary>The mounts, as written.</summary>
    public ImmutableArray<string> Mounts { get; init; } = [];

    /// <summary><c>default</c>, <c>none</c> or <c>host</c>.</summary>
    public string Network { get; init; } = "default";
}

/// <summary>What <c>COPY</c> and <c>ADD</c> have beside their paths.</summary>
public sealed record CopyOptions
{
    /// <summary>It is <c>ADD</c>: archives are unpacked and addresses fetched.</summary>
    public bool IsAdd { get; init; }

    /// <summary>The stage or image that is copied from; null for the context.</summary>
    public string? From { get; init; }

    /// <summary>The owner of the copies; null for the source's, which is root in a context.</summary>
    public string? Owner { get; init; }

    /// <summary>The mode of the copies, octal or symbolic; null for the source's.</summary>
    public string? Mode { get; init; }

    /// <summary>The copies are a layer of their own that does not look at what is below.</summary>
    public bool Link { get; init; }

    /// <summary>Directories above the sources are copied too.</summary>
    public bool Parents { get; init; }

    /// <summary>What is left out, as patterns.</summary>
    public ImmutableArray<string> Exclude { get; init; } = [];

    /// <summary>What a fetched file must be: <c>sha256:…</c>; null for anything.</summary>
    public string? Checksum { get; init; }

    /// <summary>Whether archives are unpacked; null for what the source says.</summary>
    public bool? Unpack { get; init; }
}
