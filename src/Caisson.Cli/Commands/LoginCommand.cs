using Caisson.Cli.CommandLine;
using Caisson.Cli.Registries;
using Caisson.Errors;
using Caisson.Linux.Terminals;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson login</c></summary>
internal sealed class LoginCommand : Command
{
    private readonly ValueOption<string> _user;
    private readonly ValueOption<string> _password;
    private readonly SwitchOption _fromInput;

    public LoginCommand()
    {
        _password = Text("password", "Password; seen by everybody who lists processes", 'p');
        _fromInput = Switch("password-stdin", "Take the password from stdin");
        _user = Text("username", "Username", 'u');
    }

    public override string Usage => "[OPTIONS] [SERVER]";

    public override IReadOnlyList<string> Examples => ["login registry.example", "login -u me --password-stdin registry.example < token"];

    public override string Details => "Without SERVER: Docker Hub. Credentials are kept where docker keeps them: in the store that\n"
        + "~/.docker/config.json names, or in that file.";

    public override (int Min, int Max) ArgumentCount => (0, 1);

    public override int Run(Session session)
    {
        string server = CredentialStore.ServerOf(Arguments.Count > 0 ? Arguments[0] : "");
        if (_fromInput.Value && _user.Value.Length == 0)
        {
            throw new UsageException("must provide --username with --password-stdin");
        }
        if (_fromInput.Value && _password.Value.Length > 0)
        {
            throw new UsageException("--password and --password-stdin are mutually exclusive");
        }
        bool asks = !_fromInput.Value && (_user.Value.Length == 0 || _password.Value.Length == 0);
        if (asks && !session.IsTerminal(StandardDescriptor.Input))
        {
            throw new CaissonException(ErrorKind.FailedPrecondition, "cannot ask for a name and a password: stdin is no terminal; give --username and --password-stdin");
        }
        if (_password.Value.Length > 0)
        {
            session.Error.WriteLine("WARNING! Using --password via the CLI is insecure. Use --password-stdin.");
        }
        string user = _user.Value.Length > 0 ? _user.Value : Ask(session, "Username: ", secret: false);
        string password = _fromInput.Value ? ReadAll(session) : _password.Value.Length > 0 ? _password.Value : Ask(session, "Password: ", secret: true);
        if (user.Length == 0 || password.Length == 0)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, "a name and a password are needed");
        }
        var credential = new RegistryCredential(server, user, password, "");
        (string status, string token) = session.Engine.LogIn(credential.ToJson());
        if (token.Length > 0)
        {
            credential = new RegistryCredential(server, "", "", token);
        }
        if (session.Credentials.Put(credential))
        {
            session.Error.WriteLine($"WARNING! Your credentials are stored unencrypted in '{session.Credentials.Path}'.");
        }
        session.Out.WriteLine(status);
        return 0;
    }

    private static string ReadAll(Session session)
    {
        using var reader = new StreamReader(session.InputStream);
        return reader.ReadToEnd().TrimEnd('\r', '\n');
    }

    /// <summary>One line from the terminal; a secret is not shown while it is typed.</summary>
    private static string Ask(Session session, string prompt, bool secret)
    {
        session.Error.Write(prompt);
        using RawMode? raw = secret ? TerminalDevice.EnterRawMode(StandardDescriptor.Input) : null;
        var line = new List<byte>();
        Span<byte> one = stackalloc byte[1];
        while (session.InputStream.Read(one) == 1 && one[0] is not ((byte)'\n' or (byte)'\r'))
        {
            switch (one[0])
            {
                case 3 or 4 when secret: // what a raw terminal makes of Ctrl-C and Ctrl-D
                    throw new CaissonException(ErrorKind.Cancelled, "login cancelled");
                case 8 or 127 when secret:
                    if (line.Count > 0)
                    {
                        line.RemoveAt(line.Count - 1);
                    }
                    break;
                default:
                    line.Add(one[0]);
                    break;
            }
        }
        if (secret)
        {
            session.Error.Write("\r\n");
        }
        return System.Text.Encoding.UTF8.GetString([.. line]);
    }
}
