using Caisson.Cli.CommandLine;
using Caisson.Cli.Formatting;
using Caisson.Cli.Orchestrating;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson diff</c></summary>
internal sealed class DiffCommand : Command
{
    private readonly ListOption<string> _files;
    private readonly ValueOption<string> _namespace;

    public DiffCommand()
    {
        _files = List("filename", "Instead of a container: what an apply of these manifests would change", 'f', "file");
        _namespace = Text("namespace", "Of the manifests (default: their own, else \"default\")", 'n');
    }

    public override string Usage => "[OPTIONS] CONTAINER";

    public override IReadOnlyList<string> Examples => ["diff web", "diff job", "diff -f web.yaml"];

    public override string Details => "A: added, C: changed, D: deleted.";

    public override (int Min, int Max) ArgumentCount => (0, 1);

    public override CompletionKind Completes => CompletionKind.Containers;

    public override int Run(Session session)
    {
        if (_files.Values.Count > 0)
        {
            return ObjectDiff.Run(session, _files.Values, one => _namespace.Value.Length > 0 ? _namespace.Value : one.Namespace.Length > 0 ? one.Namespace : "default");
        }
        if (Arguments.Count == 0)
        {
            throw new UsageException("\"caisson diff\" requires exactly 1 argument, or -f FILE", exitCode: 1);
        }
        foreach (var change in session.Engine.Changes(Arguments[0]))
        {
            char kind = change.Kind switch { 0 => 'C', 1 => 'A', 2 => 'D', _ => '?' };
            session.Out.WriteLine($"{kind} {DisplayText.Printable(change.Path)}");
        }
        return 0;
    }
}
