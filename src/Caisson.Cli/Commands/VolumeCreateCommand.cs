using Caisson.Cli.CommandLine;
using Caisson.Cli.Values;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson volume create</c></summary>
internal sealed class VolumeCreateCommand : Command
{
    private readonly ValueOption<string> _driver, _name;
    private readonly ListOption<KeyValuePair<string, string>> _option, _label;

    public VolumeCreateCommand()
    {
        _driver = Text("driver", "Specify volume driver name (default \"local\")", 'd');
        _name = Text("name", "Specify volume name, as the argument does");
        _option = Values("opt", "map", "Set driver specific options: size, or type, device and o", ContainerOptions.FullPair, 'o');
        _label = Values("label", "list", "Set metadata for a volume", ContainerOptions.Pair);
    }

    public override string Usage => "[OPTIONS] [VOLUME]";

    public override string Details => """
        A volume with --opt size=1G holds no more than that. With type, device and o it is
        what mount(8) would mount, while a container uses it.
        """;

    public override IReadOnlyList<string> Examples =>
        ["volume create data", "volume create --opt size=1G small", "volume create -o type=tmpfs -o device=tmpfs -o o=size=100m,uid=1000 fast"];

    public override (int Min, int Max) ArgumentCount => (0, 1);

    public override int Run(Session session)
    {
        if (Arguments.Count > 0 && _name.Value.Length > 0)
        {
            throw new UsageException("conflicting options: cannot specify a volume-name through both --name and as a positional arg", exitCode: 1);
        }
        string name = Arguments.Count > 0 ? Arguments[0] : _name.Value;
        session.Out.WriteLine(session.Engine.CreateVolume(name, _driver.Value, Map(_option), Map(_label)));
        return 0;
    }

    /// <summary>Of one name the last value counts.</summary>
    internal static Dictionary<string, string> Map(ListOption<KeyValuePair<string, string>> option)
    {
        var map = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (name, value) in option.Values)
        {
            map[name] = value;
        }
        return map;
    }
}
