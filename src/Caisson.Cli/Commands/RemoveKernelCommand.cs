using Caisson.Cli.CommandLine;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson kernel rm</c></summary>
internal sealed class RemoveKernelCommand : EachContainerCommand
{
    public override string Usage => "RELEASE [RELEASE...]";

    public override IReadOnlyList<string> Examples => ["kernel rm 6.1.0-48-cloud-amd64", "kernel rm 6.1.0-47-cloud-amd64 6.1.0-48-cloud-amd64"];

    public override CompletionKind Completes => CompletionKind.None;

    protected override string Act(Session session, string name)
    {
        session.Engine.RemoveKernel(name);
        return name;
    }
}
