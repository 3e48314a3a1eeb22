using Caisson.Runtime.CommandLine;
using Caisson.Runtime.Running;

namespace Caisson.Runtime.Commands;

/// <summary><c>explain BUNDLE</c>: every step that <c>create</c> would take, and why; nothing is done.</summary>
internal static class ExplainCommand
{
    public static int Run(Invocation invocation, string[] args)
    {
        var arguments = Arguments.Read(args, ["id="], 0, 1);
        string bundle = arguments.Words.Count > 0 ? arguments.Words[0] : ".";
        string id = arguments.Value("id") ?? "container";
        var blueprint = Blueprint.Read(invocation, id, bundle, hasGate: true, preserved: 0);
        Console.Out.Write("cgroups:\n");
        foreach (var step in blueprint.Cgroups.Steps)
        {
            Console.Out.Write($"      {step}\n");
        }
        Console.Out.Write(blueprint.Launch.Explain());
        return 0;
    }
}
