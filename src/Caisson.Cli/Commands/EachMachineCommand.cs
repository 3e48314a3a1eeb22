using Caisson.Cli.CommandLine;

namespace Caisson.Cli.Commands;

/// <summary>A command that does the same to each machine it names.</summary>
internal abstract class EachMachineCommand : EachContainerCommand
{
    public override string Usage => Options.Count > 0 ? "[OPTIONS] MACHINE [MACHINE...]" : "MACHINE [MACHINE...]";

    public override CompletionKind Completes => CompletionKind.Machines;
}
