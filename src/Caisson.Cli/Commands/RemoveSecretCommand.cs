using Caisson.Cli.CommandLine;
using Caisson.Client.Secrets;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson secret rm</c> and <c>caisson config rm</c></summary>
internal sealed class RemoveSecretCommand(SecretKind kind) : EachContainerCommand
{
    public override string Usage => kind == SecretKind.Secret ? "SECRET [SECRET...]" : "CONFIG [CONFIG...]";

    public override IReadOnlyList<string> Examples => kind == SecretKind.Secret
        ? ["secret rm db-password", "secret rm db-password token"]
        : ["config rm nginx.conf", "config rm nginx.conf site"];

    public override CompletionKind Completes => CompletionKind.None;

    protected override string Act(Session session, string name)
    {
        session.Engine.RemoveSecret(kind, name);
        return name;
    }
}
