using System.Collections.Immutable;

namespace Caisson.Machines.Agent;

/// <summary>What fills an inherited slot of a launch inside a machine.</summary>
public enum GuestInputKind
{
    /// <summary>The sealed executable of the second stage.</summary>
    Self = 0,

    /// <summary>The machine's root file system, a detached mount.</summary>
    Root = 1,

    /// <summary>A standard stream; <see cref="GuestInput.Number"/> says which.</summary>
    Stdio = 2,

    /// <summary>The cgroup in the directory <see cref="GuestInput.Path"/>.</summary>
    Cgroup = 3,

    /// <summary>A detached copy of what is mounted at <see cref="GuestInput.Path"/>; with what is below it where the number is 1.</summary>
    Bind = 4,

    /// <summary>The machine's first program, for its namespaces.</summary>
    Program = 5,
}

/// <summary>A descriptor that a launch inside a machine needs.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Number">See the kind.</param>
/// <param name="Path">See the kind; inside the machine.</param>
public readonly record struct GuestInput(GuestInputKind Kind, int Number = 0, string Path = "");

/// <summary>One program for a machine's agent to run: the same list of system calls that starts a container, and what it inherits.</summary>
public sealed record GuestLaunch
{
    /// <summary>The first stage, encoded.</summary>
    public required ReadOnlyMemory<byte> World { get; init; }

    /// <summary>The executable that becomes the second stage.</summary>
    public required ReadOnlyMemory<byte> Self { get; init; }

    /// <summary>What the first stage inherits, in its order.</summary>
    public required ImmutableArray<GuestInput> Inputs { get; init; }

    /// <summary>The program has a terminal of its own, which the first stage sends.</summary>
    public bool Terminal { get; init; }

    /// <summary>Why each step of the first stage is there; stays on the host.</summary>
    public ImmutableArray<string> WorldSteps { get; init; } = [];

    /// <summary>Why each step of the second stage is there; stays on the host.</summary>
    public ImmutableArray<string> SelfSteps { get; init; } = [];

    /// <summary>As the agent gets it.</summary>
    public byte[] Encode() => new PlanWriter()
        .Add(AgentFrame.Version)
        .Add(World.Span)
        .Add(Self.Span)
        .Add(Terminal)
        .AddAll(Inputs, static (writer, input) => writer.Add((int)input.Kind).Add(input.Number).Add(input.Path))
        .ToArray();

    /// <summary>Reads what <see cref="Encode"/> wrote.</summary>
    /// <exception cref="FormatException">It is damaged, or of another version.</exception>
    public static GuestLaunch Decode(ReadOnlySpan<byte> bytes)
    {
        var reader = new PlanReader(bytes, "a launch inside a machine");
        if (reader.Int() != AgentFrame.Version)
        {
            throw reader.Broken();
        }
        byte[] world = reader.Bytes();
        byte[] self = reader.Bytes();
        bool terminal = reader.Bool();
        var inputs = ImmutableArray.CreateBuilder<GuestInput>();
        for (int count = reader.Count(); count > 0; count--)
        {
            inputs.Add(new GuestInput((GuestInputKind)reader.Int(), reader.Int(), reader.Text()));
        }
        return new() { World = world, Self = self, Terminal = terminal, Inputs = inputs.ToImmutable() };
    }

    /// <summary>With what stays on the host, for the process beside QEMU.</summary>
    public byte[] EncodeWhole() => new PlanWriter()
        .Add(Encode())
        .AddAll(WorldSteps, static (writer, step) => writer.Add(step))
        .AddAll(SelfSteps, static (writer, step) => writer.Add(step))
        .ToArray();

    internal static GuestLaunch DecodeWhole(ReadOnlySpan<byte> bytes)
    {
        var reader = new PlanReader(bytes, "a launch inside a machine");
        GuestLaunch launch = Decode(reader.Bytes());
        return launch with { WorldSteps = Texts(ref reader), SelfSteps = Texts(ref reader) };
    }

    internal static ImmutableArray<string> Texts(ref PlanReader reader)
    {
        var texts = ImmutableArray.CreateBuilder<string>();
        for (int count = reader.Count(); count > 0; count--)
        {
            texts.Add(reader.Text());
        }
        return texts.ToImmutable();
    }
}

/// <summary>Why a program inside a machine never ran.</summary>
/// <param name="Stage">0 and 1: a step of that stage failed; -1: the agent could not do its part.</param>
/// <param name="Step">The step.</param>
/// <param name="Error">The kernel's error number.</param>
/// <param name="Text">What the agent says of its own part.</param>
public sealed record GuestFailure(int Stage, int Step, int Error, string Text)
{
    /// <summary>The bytes of the frame.</summary>
    public byte[] Encode() => new PlanWriter().Add(Stage).Add(Step).Add(Error).Add(Text).ToArray();

    /// <summary>Reads them.</summary>
    public static GuestFailure Decode(ReadOnlySpan<byte> bytes)
    {
        var reader = new PlanReader(bytes, "a failure inside a machine");
        return new GuestFailure(reader.Int(), reader.Int(), reader.Int(), reader.Text());
    }
}
