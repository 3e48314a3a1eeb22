using Caisson.Cli.CommandLine;
using Caisson.Client;
using Caisson.Errors;
using Caisson.Kubernetes.Schema;

namespace Caisson.Cli.Orchestrating;

/// <summary><c>caisson delete</c></summary>
internal sealed class DeleteCommand : ObjectCommand
{
    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(100);

    private readonly ListOption<string> _files;
    private readonly SwitchOption _ignore, _all, _wait;
    private readonly ValueOption<string> _selector;
    private readonly ValueOption<int?> _grace;

    public DeleteCommand()
    {
        _all = Switch("all", "All objects of the type in the namespace");
        _files = List("filename", "What these manifests name", 'f', "file");
        _grace = Seconds("grace-period", "Seconds that pods may take to end");
        _ignore = Switch("ignore-not-found", "What is not there is no error");
        _selector = Text("selector", "Only objects with these labels", 'l');
        _wait = Switch("wait", "Wait until they are gone", value: true);
    }

    public override string Usage => "[OPTIONS] TYPE[/NAME] [NAME...]";

    public override IReadOnlyList<string> Examples => ["delete deployment/web", "delete -f web.yaml", "delete pods -l app=web"];

    public override (int Min, int Max) ArgumentCount => (0, -1);

    public override int Run(Session session)
    {
        var client = new ObjectClient(session.Engine);
        List<(ResourceKind Kind, string Space, string Name)> targets = [];
        if (_files.Values.Count > 0)
        {
            targets.AddRange(ObjectClient.ReadManifests(session, _files.Values).Reverse().Select(one => (one.Kind, SpaceOf(one), one.Name)));
        }
        foreach ((ResourceKind kind, string name) in ObjectClient.Targets(Arguments))
        {
            if (name.Length == 0 && !_all.Value && _selector.Value.Length == 0)
            {
                throw new UsageException($"say which {kind.Plural}: names, --selector, or --all", exitCode: 1);
            }
            targets.AddRange(name.Length > 0 ? [(kind, Space, name)] : client.List(kind, Space, _selector.Value).Select(one => (kind, Space, one.Name)));
        }
        if (targets.Count == 0 && Arguments.Count == 0 && _files.Values.Count == 0)
        {
            throw new UsageException("say what to delete: TYPE NAME, or -f FILE", exitCode: 1);
        }
        bool failed = false;
        List<(ResourceKind Kind, string Space, string Name)> going = [];
        foreach ((ResourceKind kind, string space, string name) in targets)
        {
            try
            {
                client.Delete(kind, space, name, _grace.Value);
                session.Out.WriteLine($"{kind.Qualified} \"{name}\" deleted");
                session.Flush();
                going.Add((kind, space, name));
            }
            catch (EngineException error) when (error.Kind == ErrorKind.NotFound)
            {
                if (!_ignore.Value)
                {
                    session.Error.WriteLine($"caisson: {error.Message}");
                    failed = true;
                }
            }
        }
        foreach ((ResourceKind kind, string space, string name) in _wait.Value ? going : [])
        {
            while (client.Find(kind, space, name) is { IsDeleting: true })
            {
                Thread.Sleep(LookAgain);
            }
        }
        return failed ? 1 : 0;
    }
}
