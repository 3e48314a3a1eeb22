using System.Globalization;

using Caisson.Cli.CommandLine;

namespace Caisson.Cli.Access;

/// <summary><c>caisson access user add</c></summary>
internal sealed class AccessUserAddCommand : Command
{
    private const string Accounts = "/etc/passwd";

    private readonly ValueOption<string> _uid;
    private readonly ListOption<string> _groups;
    private readonly ListOption<string> _certificates;

    public AccessUserAddCommand()
    {
        _uid = Text("uid", "The user of this machine that it is, by number or name", kind: "user");
        _groups = List("group", "A group that roles may be given to", 'g');
        _certificates = List("certificate", "Another common name of a certificate that it is known by");
    }

    public override string Usage => "[OPTIONS] NAME";

    public override string Details =>
        "A user is known by its uid at the engine's socket, by a client certificate with its name, or by a token.\n"
        + "It may do nothing until a role is given to it; nobody else's rights change.";

    public override IReadOnlyList<string> Examples => ["access user add alice --uid alice", "access user add ci --group builders", "access user add bob --uid 1001 --certificate bob@example.com"];

    public override (int Min, int Max) ArgumentCount => (1, 1);

    public override int Run(Session session)
    {
        session.Engine.AddUser(Arguments[0], _uid.Value.Length > 0 ? UserId(_uid.Value) : null, _groups.Values, _certificates.Values);
        session.Out.WriteLine(Arguments[0]);
        return 0;
    }

    private static uint UserId(string text)
    {
        if (uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out uint number))
        {
            return number;
        }
        foreach (string line in File.Exists(Accounts) ? File.ReadLines(Accounts) : [])
        {
            if (line.Split(':') is [var name, _, var id, ..] && name == text && uint.TryParse(id, NumberStyles.None, CultureInfo.InvariantCulture, out number))
            {
                return number;
            }
        }
        throw new UsageException($"there is no user '{text}' in {Accounts}; give its number", exitCode: 1);
    }
}
