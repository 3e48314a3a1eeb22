using Caisson.Cli.CommandLine;
using Caisson.Cli.Values;
using Caisson.Client.Machines;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson machine replicate</c></summary>
internal sealed class MachineReplicateCommand : MachineWorkCommand
{
    private const int KeepDefault = 24;
    private const long Second = 1_000_000_000;

    private readonly ValueOption<long> _every, _keep;
    private readonly SwitchOption _ha, _now, _stop;

    public MachineReplicateCommand()
    {
        _every = Value("every", "duration", "How long from one copy to the next (default 5m)", Every, 300L);
        _keep = Number("keep", $"At least as many points are kept (default {KeepDefault})", absent: KeepDefault);
        _ha = Switch("ha", "Another engine runs it when this one is gone (see machine standby)");
        _now = Switch("now", "Copy it now, and wait for it");
        _stop = Switch("stop", "No longer; what was copied stays");
    }

    public override string Usage => "[OPTIONS] MACHINE [DIRECTORY]";

    public override string Details => """
        Copies a machine to a directory again and again, also one of another host that is mounted
        here: what has changed since the last time, as of one moment, while it runs. Each copy is
        read again and checked. machine info says how it goes, machine recover makes a machine of
        it.
        """;

    public override IReadOnlyList<string> Examples => ["machine replicate --every 5m deb /backup/deb", "machine replicate --now deb", "machine replicate --stop deb"];

    public override (int Min, int Max) ArgumentCount => (1, 2);

    public override CompletionKind Completes => CompletionKind.Machines;

    protected override MachineWork Act(Session session, Action<string, double> progress)
    {
        if (_stop.Value)
        {
            session.Engine.ReplicateMachine(Arguments[0], null, 0, 0, isLeased: false);
        }
        else if (Arguments.Count > 1)
        {
            session.Engine.ReplicateMachine(Arguments[0], Absolute(Arguments[1]), (int)_every.Value, (int)_keep.Value, _ha.Value);
        }
        else if (!_now.Value)
        {
            throw new UsageException("say where to: a DIRECTORY; or --now, or --stop", exitCode: 1);
        }
        return _now.Value ? session.Engine.ReplicateMachineNow(Arguments[0], progress) : new MachineWork(Arguments[0], []);
    }

    private static long Every(string text) => Durations.TryParse(text, out long nanoseconds) && nanoseconds is >= Second and <= int.MaxValue * Second
        ? nanoseconds / Second
        : throw new FormatException($"'{text}' is no duration of a second or more, such as 5m");
}
