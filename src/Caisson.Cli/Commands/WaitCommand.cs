using System.Globalization;

using Caisson.Errors;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson wait</c></summary>
internal sealed class WaitCommand : EachContainerCommand
{
    public override IReadOnlyList<string> Examples => ["wait job", "wait web job"];

    protected override string Act(Session session, string name)
    {
        using var wait = session.Engine.WaitContainer(name, "not-running");
        var result = wait.Result();
        return result.Error is { } error
            ? throw new CaissonException(ErrorKind.Internal, $"waiting for {name} failed: {error}")
            : result.StatusCode.ToString(CultureInfo.InvariantCulture);
    }
}
