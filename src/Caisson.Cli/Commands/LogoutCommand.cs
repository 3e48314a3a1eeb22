using Caisson.Cli.CommandLine;
using Caisson.Cli.Registries;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson logout</c></summary>
internal sealed class LogoutCommand : Command
{
    public override string Usage => "[SERVER]";

    public override IReadOnlyList<string> Examples => ["logout", "logout registry.example"];

    public override (int Min, int Max) ArgumentCount => (0, 1);

    public override int Run(Session session)
    {
        string server = CredentialStore.ServerOf(Arguments.Count > 0 ? Arguments[0] : "");
        session.Out.WriteLine(session.Credentials.Remove(server) ? $"Removing login credentials for {server}" : $"Not logged in to {server}");
        return 0;
    }
}
