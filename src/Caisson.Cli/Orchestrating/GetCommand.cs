using Caisson.Cli.CommandLine;
using Caisson.Documents;
using Caisson.Kubernetes.Objects;
using Caisson.Kubernetes.Schema;

namespace Caisson.Cli.Orchestrating;

/// <summary><c>caisson get</c></summary>
internal sealed class GetCommand : ObjectCommand
{
    private readonly SwitchOption _all, _watch;
    private readonly ValueOption<string> _output, _selector;

    public GetCommand()
    {
        _all = Switch("all-namespaces", "Of all namespaces", 'A');
        _output = Text("output", "json, yaml, wide or name", 'o');
        _selector = Text("selector", "Only objects with these labels, such as app=web,tier!=cache", 'l');
        _watch = Switch("watch", "Print changes as they come", 'w');
    }

    public override string Usage => "[OPTIONS] TYPE[/NAME] [NAME...]";

    public override IReadOnlyList<string> Examples => ["get pods -o wide", "get deployment/web -o yaml", "get all -A"];

    public override (int Min, int Max) ArgumentCount => (1, -1);

    public override int Run(Session session)
    {
        var client = new ObjectClient(session.Engine);
        string? space = _all.Value ? null : Space;
        IReadOnlyList<(ResourceKind Kind, string Name)> targets = ObjectClient.Targets(Arguments);
        if (_output.Value is "json" or "yaml" or "name")
        {
            Print(session, client, targets, space);
            return 0;
        }
        bool any = false;
        bool several = targets.Select(target => target.Kind).Distinct().Count() > 1;
        foreach ((ResourceKind kind, string name) in targets)
        {
            MappingNode table = client.Table(kind, name.Length > 0 ? Space : space, name, _selector.Value);
            if (!table["rows"].Items().Any())
            {
                continue;
            }
            if (any)
            {
                session.Out.WriteLine();
            }
            any = true;
            ObjectText.PrintTable(session.Out, table, _output.Value == "wide", _all.Value && kind.Namespaced, several ? kind.Qualified + "/" : "");
        }
        if (!any)
        {
            session.Error.WriteLine(_all.Value ? "No resources found" : $"No resources found in {Space} namespace.");
        }
        if (_watch.Value)
        {
            Watch(session, client, targets[0], space);
        }
        return 0;
    }

    private void Print(Session session, ObjectClient client, IReadOnlyList<(ResourceKind Kind, string Name)> targets, string? space)
    {
        List<KubernetesObject> objects = [];
        foreach ((ResourceKind kind, string name) in targets)
        {
            objects.AddRange(name.Length > 0 ? [client.Get(kind, Space, name)] : client.List(kind, space, _selector.Value));
        }
        if (_output.Value == "name")
        {
            objects.ForEach(one => session.Out.WriteLine(Title(one)));
            return;
        }
        DocumentNode document = targets is [(_, { Length: > 0 })] ? objects[0].Tree
            : Doc.Map(("apiVersion", Doc.Text("v1")), ("kind", Doc.Text("List")), ("items", Doc.List(objects.Select(one => (DocumentNode)one.Tree))));
        session.Out.Write(_output.Value == "json" ? YamlWriter.WriteJson(document) : YamlWriter.Write(document));
    }

    private void Watch(Session session, ObjectClient client, (ResourceKind Kind, string Name) target, string? space)
    {
        session.Flush();
        string query = (target.Name.Length > 0 ? "&fieldSelector=metadata.name%3D" + target.Name : "") + (_selector.Value.Length > 0 ? "&labelSelector=" + Uri.EscapeDataString(_selector.Value) : "");
        bool first = true;
        foreach ((string type, MappingNode one) in client.Watch(target.Kind, space, query))
        {
            if (first && type == "ADDED")
            {
                continue; // it was printed above
            }
            first = false;
            session.Out.WriteLine($"{type}\t{target.Kind.Singular}/{one["metadata"].Text("name")}\t{one["status"].Text("phase")}");
            session.Flush();
        }
    }
}
