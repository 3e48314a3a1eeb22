namespace Caisson.Client.Machines;

/// <summary>How a program in a machine ended.</summary>
/// <param name="Code">What it returned, or 128 plus the signal that ended it.</param>
/// <param name="Output">What it wrote to stdout.</param>
/// <param name="Errors">What it wrote to stderr.</param>
/// <param name="IsCut">It wrote more than the machine's agent keeps.</param>
public sealed record MachineExecEnd(int Code, ReadOnlyMemory<byte> Output, ReadOnlyMemory<byte> Errors, bool IsCut);
