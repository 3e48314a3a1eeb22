using System.Collections.Immutable;
using System.Text;

namespace Caisson.Linux.Launch;

/// <summary>A list of system calls under construction, with its slots and labels. Data only: nothing is called.</summary>
/// <param name="stage">Which part of a launch this is; reported with errors.</param>
public sealed class LaunchProgram(LaunchStage stage)
{
    private readonly List<LaunchStep> _steps = [];
    private readonly List<Slot> _slots = [Slot.None, Slot.Sync];
    private readonly List<Slot> _inherited = [];

    /// <summary>Which part of a launch this is.</summary>
    public LaunchStage Stage { get; } = stage;

    /// <summary>Namespaces the child is born into; a stage that begins with a join makes its own later.</summary>
    public NamespaceKind Namespaces { get; set; }

    /// <summary>The inherited slot that holds the version 2 cgroup into which the child is born; none: that of its parent.</summary>
    public Slot Cgroup { get; set; } = Slot.None;

    /// <summary>Whether the child shares the memory of the process that starts it.</summary>
    public LaunchMode Mode { get; set; }

    /// <summary>What <see cref="Slot.Sync"/> holds at first; a launcher binds its own socket over it.</summary>
    public int SyncDescriptor { get; set; } = -1;

    /// <summary>Where a join stage split: the slots with the pid of the process it made and with what that waits for, and where the joiner itself goes on.</summary>
    public (Slot Child, Slot Told, Label Parent) Joiner { get; set; }

    /// <summary>The steps so far, in order.</summary>
    public IReadOnlyList<LaunchStep> Steps => _steps;

    /// <summary>All slots, by index.</summary>
    public IReadOnlyList<Slot> Slots => _slots;

    /// <summary>The slots that the launcher fills with descriptors before the first step.</summary>
    public IReadOnlyList<Slot> Inherited => _inherited;

    /// <summary>A register for the result of a step.</summary>
    public Slot NewSlot(string name)
    {
        Slot slot = new(_slots.Count, name);
        _slots.Add(slot);
        return slot;
    }

    /// <summary>Inherited slots come first, so that the launcher can fill them by position.</summary>
    private void RequireNoOtherSlots()
    {
        if (_slots.Count != 2 + _inherited.Count)
        {
            throw new InvalidOperationException("inherited slots are named before all others");
        }
    }

    /// <summary>A register that the launcher fills with the number of a descriptor it was given under <paramref name="name"/>.</summary>
    public Slot Inherit(string name)
    {
        RequireNoOtherSlots();
        Slot slot = NewSlot(name);
        _inherited.Add(slot);
        return slot;
    }

    /// <summary>Adds a step; refine it with its own methods.</summary>
    public LaunchStep Add(SystemCall call, string reason, params ReadOnlySpan<Argument> arguments)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(arguments.Length, 6);
        LaunchStep step = new(call, reason, [.. arguments]);
        _steps.Add(step);
        return step;
    }

    /// <summary>Puts <paramref name="label"/> before the next step.</summary>
    public void Mark(Label label) => label.Position = _steps.Count;

    /// <summary>The program as a person reads it: number, call, result, reason.</summary>
    public string Explain()
    {
        StringBuilder text = new();
        for (int i = 0; i < _steps.Count; i++)
        {
            string line = _steps[i].ToString();
            text.Append($"{i,4}  {line}");
            text.Append(' ', Math.Max(2, 84 - line.Length)).Append("# ").Append(_steps[i].Reason).Append('\n');
        }
        return text.ToString();
    }

    /// <summary>The flat bytes that the interpreter walks.</summary>
    /// <param name="architecture">For which machine: ours unless it is to run in another.</param>
    public LaunchImage Encode(KernelArchitecture architecture = KernelArchitectures.Own) => LaunchImage.Encode(this, architecture);

    internal ImmutableArray<LaunchStep> Snapshot() => [.. _steps];
}

/// <summary>The parts of a launch, in the order in which they run.</summary>
public enum LaunchStage
{
    /// <summary>In the clone: namespaces, mounts, devices, the new root.</summary>
    World = 0,

    /// <summary>In the sealed program of ours that the clone executes: limits, ids, capabilities, seccomp, the user's program.</summary>
    Self = 1,
}
