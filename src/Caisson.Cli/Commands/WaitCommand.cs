using System.Globalization;

using Caisson.Cli.CommandLine;
using Caisson.Cli.Orchestrating;
using Caisson.Cli.Values;
using Caisson.Errors;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson wait</c></summary>
internal sealed class WaitCommand : EachContainerCommand
{
    private readonly ValueOption<string> _for, _namespace;
    private readonly ValueOption<string> _timeout;

    public WaitCommand()
    {
        _for = Text("for", "Instead of containers, for objects: condition=TYPE, phase=WORD or delete");
        _namespace = Text("namespace", "Of the objects (default \"default\")", 'n');
        _timeout = Text("timeout", "How long to wait for objects, such as 90s or 5m", kind: "duration", absent: "30s");
    }

    public override IReadOnlyList<string> Examples => ["wait job", "wait web job", "wait --for=condition=Available deployment/web"];

    public override int Run(Session session) => _for.Value.Length == 0
        ? base.Run(session)
        : ObjectWait.Run(session, Arguments, _namespace.Value.Length > 0 ? _namespace.Value : "default", _for.Value, Timeout());

    private TimeSpan Timeout()
    {
        try
        {
            return TimeSpan.FromTicks(Durations.Parse(_timeout.Value) / TimeSpan.NanosecondsPerTick);
        }
        catch (FormatException e)
        {
            throw new UsageException($"--timeout: {e.Message}", exitCode: 1);
        }
    }

    protected override string Act(Session session, string name)
    {
        using var wait = session.Engine.WaitContainer(name, "not-running");
        var result = wait.Result();
        return result.Error is { } error
            ? throw new CaissonException(ErrorKind.Internal, $"waiting for {name} failed: {error}")
            : result.StatusCode.ToString(CultureInfo.InvariantCulture);
    }
}
