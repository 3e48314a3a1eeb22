using Caisson.Cli.CommandLine;
using Caisson.Cli.Composing;
using Caisson.Errors;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson compose port</c></summary>
internal sealed class ComposePortCommand : ComposeCommand
{
    private readonly ValueOption<long> _index;
    private readonly ValueOption<string> _protocol;

    public ComposePortCommand()
    {
        _index = Number("index", "Index of the container if service has multiple replicas");
        _protocol = Text("protocol", "tcp or udp (default \"tcp\")", absent: "tcp");
    }

    public override string Usage => "[OPTIONS] SERVICE PRIVATE_PORT";

    public override (int Min, int Max) ArgumentCount => (2, 2);

    public override IReadOnlyList<string> Examples => ["compose port web 80", "compose port --index 2 --protocol udp dns 53"];

    protected override int RunCompose(Session session)
    {
        string project = LoadOrReconstruct(session, [Arguments[0]]).Name;
        if (!int.TryParse(Arguments[1], out int wanted))
        {
            throw new UsageException($"\"{Arguments[1]}\" is not a port", exitCode: 1);
        }
        var container = Container(session, project, Arguments[0], _index.Value);
        var port = container.Ports.Find(port => port.PrivatePort == wanted && port.PublicPort > 0 && port.Type.Equals(_protocol.Value, StringComparison.OrdinalIgnoreCase))
            ?? throw new CaissonException(ErrorKind.NotFound, $"no port {wanted}/{_protocol.Value} for container {NameOf(container)}");
        session.Out.WriteLine($"{(port.Ip.Contains(':', StringComparison.Ordinal) ? $"[{port.Ip}]" : port.Ip)}:{port.PublicPort}");
        return 0;
    }
}
