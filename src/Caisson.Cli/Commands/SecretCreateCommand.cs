using Caisson.Cli.CommandLine;
using Caisson.Cli.Values;
using Caisson.Client.Secrets;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson secret create</c> and <c>caisson config create</c></summary>
internal sealed class SecretCreateCommand : Command
{
    private readonly SecretKind _kind;
    private readonly ListOption<KeyValuePair<string, string>> _label;

    public SecretCreateCommand(SecretKind kind)
    {
        _kind = kind;
        _label = Values("label", "list", "Set meta data", ContainerOptions.Pair, 'l');
    }

    public override string Usage => _kind == SecretKind.Secret ? "[OPTIONS] SECRET FILE|-" : "[OPTIONS] CONFIG FILE|-";

    public override IReadOnlyList<string> Examples => _kind == SecretKind.Secret
        ? ["secret create db-password password.txt", "secret create token -"]
        : ["config create nginx.conf ./nginx.conf", "config create --label version=2 site -"];

    public override (int Min, int Max) ArgumentCount => (2, 2);

    public override int Run(Session session)
    {
        byte[] content = Read(session);
        session.Out.WriteLine(session.Engine.CreateSecret(_kind, Arguments[0], _label.Values.ToDictionary(), content));
        return 0;
    }

    private byte[] Read(Session session)
    {
        try
        {
            if (Arguments[1] != "-")
            {
                return File.ReadAllBytes(Arguments[1]);
            }
            using var content = new MemoryStream();
            session.InputStream.CopyTo(content);
            return content.ToArray();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"read {Arguments[1]}: {e.Message}", exitCode: 1);
        }
    }
}
