using Caisson.Cli.CommandLine;
using Caisson.Cli.Values;
using Caisson.Trust;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson image trust key</c>: needs no engine.</summary>
internal sealed class TrustKeyCommand : Command
{
    private readonly ValueOption<string> _password;
    private readonly SwitchOption _plain;

    public TrustKeyCommand()
    {
        _password = KeyPassword.Option(Text);
        _plain = Switch("no-password", "Write the private key without a password");
    }

    public override string Usage => "[OPTIONS] generate NAME";

    public override string Details =>
        "Writes NAME.key, which signs, and NAME.pub, which verifies: ECDSA P-256 in PEM, as cosign and openssl read it.\n"
        + "The password is the first line of --password-file, or the variable CAISSON_KEY_PASSWORD.";

    public override IReadOnlyList<string> Examples => ["image trust key generate release", "image trust key --no-password generate test"];

    public override (int Min, int Max) ArgumentCount => (2, 2);

    public override int Run(Session session)
    {
        if (Arguments[0] != "generate")
        {
            throw new UsageException($"unknown action: {Arguments[0]}; write: image trust key generate NAME");
        }
        string? password = KeyPassword.Read(session, _password.Value);
        if (password is null && !_plain.Value)
        {
            throw new UsageException("the private key needs a password: set CAISSON_KEY_PASSWORD, give --password-file, or say --no-password", exitCode: 1);
        }
        using var key = SigningKey.Generate();
        string name = Arguments[1];
        Write($"{name}.key", key.ExportPrivatePem(_plain.Value ? null : password), UnixFileMode.UserRead | UnixFileMode.UserWrite);
        Write($"{name}.pub", key.ExportPublicPem(), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead);
        session.Out.WriteLine($"{name}.key");
        session.Out.WriteLine($"{name}.pub");
        return 0;
    }

    private static void Write(string path, string text, UnixFileMode mode)
    {
        try
        {
            using var file = new FileStream(path, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = mode });
            using var writer = new StreamWriter(file);
            writer.Write(text);
        }
        catch (IOException) when (File.Exists(path))
        {
            throw new UsageException($"{path} exists; a key is never overwritten", exitCode: 1);
        }
    }
}
