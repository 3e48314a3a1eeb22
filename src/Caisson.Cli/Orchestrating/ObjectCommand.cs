using Caisson.Cli.CommandLine;
using Caisson.Kubernetes.Objects;

namespace Caisson.Cli.Orchestrating;

/// <summary>What commands about Kubernetes objects share: the namespace, and where manifests are.</summary>
internal abstract class ObjectCommand : Command
{
    private readonly ValueOption<string> _namespace;

    protected ObjectCommand() => _namespace = Text("namespace", "The namespace (default: the manifest's, else \"default\")", 'n');

    /// <summary>The namespace that was asked for, or the usual one.</summary>
    protected string Space => _namespace.Value.Length > 0 ? _namespace.Value : "default";

    /// <summary>The namespace of an object of a manifest.</summary>
    protected string SpaceOf(KubernetesObject one) => _namespace.Value.Length > 0 ? _namespace.Value : one.Namespace.Length > 0 ? one.Namespace : "default";

    /// <summary><c>deployment.apps/web</c>.</summary>
    protected static string Title(KubernetesObject one) => $"{one.Kind.Qualified}/{one.Name}";
}
