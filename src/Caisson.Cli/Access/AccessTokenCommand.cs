using Caisson.Cli.CommandLine;
using Caisson.Cli.Formatting;

namespace Caisson.Cli.Access;

/// <summary><c>caisson access token</c></summary>
internal sealed class AccessTokenCommand : Command
{
    private readonly ValueOption<long> _seconds;
    private readonly SwitchOption _revoke;
    private readonly ValueOption<string> _id;

    public AccessTokenCommand()
    {
        _seconds = Number("seconds", "How long it is good; 0 for ever");
        _revoke = Switch("revoke", "Take the user's tokens away instead");
        _id = Text("id", "With --revoke: only this token", kind: "id");
    }

    public override string Usage => "[OPTIONS] USER";

    public override string Details =>
        "Prints the token, once: the engine keeps only its SHA-256. Give it to caisson in the variable CAISSON_TOKEN,\n"
        + "to kubectl in a kubeconfig, and to other clients in the header 'Authorization: Bearer TOKEN'.";

    public override IReadOnlyList<string> Examples => ["access token ci --seconds 3600", "access token alice", "access token --revoke ci"];

    public override (int Min, int Max) ArgumentCount => (1, 1);

    public override int Run(Session session)
    {
        if (_seconds.Value < 0)
        {
            throw new UsageException("--seconds is 0 or more", exitCode: 1);
        }
        if (_revoke.Value)
        {
            session.Out.WriteLine(DisplayText.Printable($"{session.Engine.RemoveTokens(Arguments[0], _id.Value)} tokens of {Arguments[0]} removed"));
            return 0;
        }
        session.Out.WriteLine(session.Engine.MakeToken(Arguments[0], _seconds.Value > 0 ? _seconds.Value : null));
        return 0;
    }
}
