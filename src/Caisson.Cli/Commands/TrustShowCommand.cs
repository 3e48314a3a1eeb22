using Caisson.Cli.CommandLine;
using Caisson.Cli.Formatting;
using Caisson.Client;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson image trust show</c></summary>
internal sealed class TrustShowCommand : Command
{
    public override string Usage => "[IMAGE]";

    public override string Details => "Without IMAGE: the scopes of the trust policy. With it: whether the image may run, and why; exit code 1 when it may not.";

    public override IReadOnlyList<string> Examples => ["image trust show", "image trust show registry.example/web:1.2"];

    public override (int Min, int Max) ArgumentCount => (0, 1);

    public override CompletionKind Completes => CompletionKind.Images;

    public override int Run(Session session)
    {
        if (Arguments.Count == 1)
        {
            using var decision = session.Engine.TrustDecision(Arguments[0]);
            bool allowed = decision.RootElement.Truth("Allowed");
            string scope = decision.RootElement.Text("Scope");
            session.Out.WriteLine($"{(allowed ? "trusted" : "refused")}: {decision.RootElement.Text("Reason")}{(scope.Length > 0 ? $" (scope '{scope}')" : "")}");
            return allowed ? 0 : 1;
        }
        using var policy = session.Engine.TrustPolicy();
        string path = policy.RootElement.Text("Path");
        session.Out.WriteLine(path.Length > 0 ? $"Policy: {path}" : "There is no policy: every image may run");
        var lines = new ColumnWriter();
        foreach (var scope in policy.RootElement.Items("Scopes"))
        {
            lines.Add($"{scope.Text("Scope")}\t{scope.Text("Requirements")}");
        }
        lines.Flush(session.Out);
        return 0;
    }
}
