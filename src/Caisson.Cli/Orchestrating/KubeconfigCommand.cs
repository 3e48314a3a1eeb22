using Caisson.Cli.CommandLine;

namespace Caisson.Cli.Orchestrating;

/// <summary><c>caisson kubeconfig</c></summary>
internal sealed class KubeconfigCommand : Command
{
    public override string Usage => "";

    public override IReadOnlyList<string> Examples => ["kubeconfig > ~/.kube/caisson", "kubeconfig"];

    public override string Details =>
        "Opens an address of 127.0.0.1 where the engine speaks Kubernetes, and prints how kubectl reaches it. "
        + "Whoever has this text may do what root may do: keep it where only you can read it.";

    public override int Run(Session session)
    {
        session.Out.Write(session.Engine.Kubeconfig());
        return 0;
    }
}
