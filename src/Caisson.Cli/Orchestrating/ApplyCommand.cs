using Caisson.Cli.CommandLine;
using Caisson.Kubernetes.Objects;

namespace Caisson.Cli.Orchestrating;

/// <summary><c>caisson apply</c></summary>
internal sealed class ApplyCommand : ObjectCommand
{
    private readonly ListOption<string> _files;
    private readonly SwitchOption _dryRun;

    public ApplyCommand()
    {
        _files = List("filename", "A manifest, a directory of manifests, or - for standard input", 'f', "file");
        _dryRun = Switch("dry-run", "Say what would be done; nothing is changed");
    }

    public override string Usage => "[OPTIONS] -f FILE";

    public override IReadOnlyList<string> Examples => ["apply -f web.yaml", "apply -f manifests/ -n shop", "apply --dry-run -f web.yaml"];

    public override string Details => "All manifests are checked before anything is sent: every problem is reported, with its line and column.";

    public override int Run(Session session)
    {
        if (_files.Values.Count == 0)
        {
            throw new UsageException("say which manifests: -f FILE, -f DIRECTORY or -f -", exitCode: 1);
        }
        var client = new ObjectClient(session.Engine);
        foreach (KubernetesObject one in ObjectClient.ReadManifests(session, _files.Values))
        {
            KubernetesObject? before = client.Find(one.Kind, SpaceOf(one), one.Name);
            (KubernetesObject after, bool isNew) = client.Apply(one, SpaceOf(one), _dryRun.Value);
            string what = isNew ? "created" : before is not null && before.ResourceVersion == after.ResourceVersion && !_dryRun.Value ? "unchanged" : "configured";
            session.Out.WriteLine($"{Title(after)} {what}{(_dryRun.Value ? " (dry run)" : "")}");
            session.Flush();
        }
        return 0;
    }
}
