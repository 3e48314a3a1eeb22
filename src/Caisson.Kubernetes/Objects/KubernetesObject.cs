using System.Globalization;

using Caisson.Documents;
using Caisson.Kubernetes.Schema;

namespace Caisson.Kubernetes.Objects;

/// <summary>Names an object: kind, namespace, name.</summary>
/// <param name="Kind">Of its stored version.</param>
/// <param name="Namespace">Empty for kinds without.</param>
/// <param name="Name">Unique there.</param>
public readonly record struct ObjectKey(ResourceKind Kind, string Namespace, string Name)
{
    /// <summary><c>deployment.apps/web</c>, with the namespace in front when it has one.</summary>
    public override string ToString() => Namespace.Length == 0 ? $"{Kind.Qualified}/{Name}" : $"{Namespace}/{Kind.Qualified}/{Name}";
}

/// <summary>An object: its document is the truth, all else is read from it. Immutable; a change is a new object.</summary>
/// <param name="kind">What it is.</param>
/// <param name="tree">The whole document, with every field that was ever given.</param>
public sealed class KubernetesObject(ResourceKind kind, MappingNode tree)
{
    private IReadOnlyDictionary<string, string>? _labels;

    /// <summary>What it is.</summary>
    public ResourceKind Kind => kind;

    /// <summary>The whole document.</summary>
    public MappingNode Tree => tree;

    /// <summary>Its metadata.</summary>
    public DocumentNode? Metadata { get; } = tree["metadata"];

    /// <summary>What is asked for.</summary>
    public DocumentNode? Spec { get; } = tree["spec"];

    /// <summary>What was observed.</summary>
    public DocumentNode? Status { get; } = tree["status"];

    /// <summary>Its name.</summary>
    public string Name { get; } = tree["metadata"].Text("name");

    /// <summary>Its namespace; empty for kinds without.</summary>
    public string Namespace { get; } = tree["metadata"].Text("namespace");

    /// <summary>Of this very object, unlike any before or after of the same name.</summary>
    public string Uid { get; } = tree["metadata"].Text("uid");

    /// <summary>Grows over all objects with each change; 0 before it is stored.</summary>
    public long ResourceVersion => tree["metadata"].Field("resourceVersion").AsText() is { Length: > 0 } text
        && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long version) ? version : 0;

    /// <summary>Grows with each change of what is asked for.</summary>
    public long Generation => Metadata.Whole("generation") ?? 0;

    /// <summary>How to find it.</summary>
    public ObjectKey Key => new(kind.Stored, Namespace, Name);

    /// <summary>Its labels.</summary>
    public IReadOnlyDictionary<string, string> Labels => _labels ??= Metadata.Pairs("labels").ToDictionary(pair => pair.Key, pair => pair.Value);

    /// <summary>When it was made; the beginning of time for one that nobody stored.</summary>
    public DateTimeOffset Created => Times.Read(Metadata.Text("creationTimestamp")) ?? DateTimeOffset.UnixEpoch;

    /// <summary>When it was, or is to be, deleted at the latest; null while it is to stay.</summary>
    public DateTimeOffset? Deleted => Times.Read(Metadata.Text("deletionTimestamp"));

    /// <summary>It is to go.</summary>
    public bool IsDeleting => Metadata.Field("deletionTimestamp") is ScalarNode { Is: not ScalarKind.Null };

    /// <summary>The owner that manages it; null for none.</summary>
    public DocumentNode? Controller => Metadata.Field("ownerReferences").Items().FirstOrDefault(owner => owner.Flag("controller"));

    /// <summary>The uid of the owner that manages it; empty for none.</summary>
    public string ControllerUid => Controller.Text("uid");

    /// <summary>An annotation; empty when it is not there.</summary>
    public string Annotation(string name) => Metadata.Field("annotations").Text(name);

    /// <summary>The same with another value at a path; null takes it away.</summary>
    public KubernetesObject With(DocumentNode? value, params ReadOnlySpan<string> path) => new(kind, tree.Set(value, path));

    /// <summary>The same with another status.</summary>
    public KubernetesObject WithStatus(MappingNode status) => With(status, "status");

    /// <summary>A reference to it as the owner that manages another.</summary>
    public DocumentNode OwnerReference() => Doc.Map(
        ("apiVersion", Doc.Text(kind.ApiVersion)), ("kind", Doc.Text(kind.Kind)), ("name", Doc.Text(Name)), ("uid", Doc.Text(Uid)),
        ("controller", Doc.Flag(true)), ("blockOwnerDeletion", Doc.Flag(true)));

    /// <inheritdoc/>
    public override string ToString() => Key.ToString();
}
