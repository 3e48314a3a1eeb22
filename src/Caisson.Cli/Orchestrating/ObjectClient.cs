using System.Text;

using Caisson.Cli.CommandLine;
using Caisson.Client;
using Caisson.Client.Http;
using Caisson.Documents;
using Caisson.Errors;
using Caisson.Kubernetes.Objects;
using Caisson.Kubernetes.Schema;

namespace Caisson.Cli.Orchestrating;

/// <summary>Kubernetes objects of the engine, as commands need them.</summary>
internal sealed class ObjectClient(EngineClient engine)
{
    private const string TableType = "application/json;as=Table;v=v1;g=meta.k8s.io";

    /// <summary>The path of objects.</summary>
    /// <param name="kind">Which kind.</param>
    /// <param name="space">Null for all namespaces.</param>
    /// <param name="name">Empty for all of them.</param>
    /// <param name="part">Such as <c>/scale</c>.</param>
    public static string PathOf(ResourceKind kind, string? space, string name = "", string part = "")
    {
        string group = kind.Group.Length == 0 ? $"/api/{kind.Version}" : $"/apis/{kind.Group}/{kind.Version}";
        string home = kind.Namespaced && space is not null ? $"/namespaces/{Uri.EscapeDataString(space)}" : "";
        return $"{group}{home}/{kind.Plural}{(name.Length > 0 ? "/" + Uri.EscapeDataString(name) : "")}{part}";
    }

    /// <summary>An object; null when there is none.</summary>
    public KubernetesObject? Find(ResourceKind kind, string space, string name)
    {
        try
        {
            return new(kind, Document("GET", PathOf(kind, space, name)));
        }
        catch (EngineException error) when (error.Kind == ErrorKind.NotFound)
        {
            return null;
        }
    }

    /// <summary>An object.</summary>
    /// <exception cref="EngineException">There is none.</exception>
    public KubernetesObject Get(ResourceKind kind, string space, string name) => new(kind, Document("GET", PathOf(kind, space, name)));

    /// <summary>Objects of a kind.</summary>
    public IReadOnlyList<KubernetesObject> List(ResourceKind kind, string? space, string selector = "") =>
        [.. Document("GET", PathOf(kind, space) + Query(selector))["items"].Items().OfType<MappingNode>().Select(item => new KubernetesObject(kind, item))];

    /// <summary>Objects as a table.</summary>
    public MappingNode Table(ResourceKind kind, string? space, string name, string selector) =>
        Document("GET", PathOf(kind, space, name) + Query(selector), accept: TableType);

    /// <summary>Makes an object what a manifest says.</summary>
    /// <returns>The object, and whether it is new.</returns>
    public (KubernetesObject Object, bool IsNew) Apply(KubernetesObject given, string space, bool dryRun)
    {
        string path = PathOf(given.Kind, space, given.Name) + (dryRun ? "?dryRun=All" : "");
        using HttpResponse response = engine.Kubernetes("PATCH", path, YamlWriter.WriteJsonBytes(given.Tree), "application/apply-patch+yaml");
        return (new(given.Kind, Read(response)), response.Head.Status == 201);
    }

    /// <summary>Changes an object by a merge patch.</summary>
    public KubernetesObject Merge(ResourceKind kind, string space, string name, MappingNode patch, string part = "")
    {
        using HttpResponse response = engine.Kubernetes("PATCH", PathOf(kind, space, name, part), YamlWriter.WriteJsonBytes(patch), "application/merge-patch+json");
        return new(kind, Read(response));
    }

    /// <summary>Puts a whole object in the place of another.</summary>
    public void Replace(KubernetesObject one, string space) => _ = Document("PUT", PathOf(one.Kind, space, one.Name), YamlWriter.WriteJsonBytes(one.Tree));

    /// <summary>Makes an object.</summary>
    public void Create(KubernetesObject one, string space) => _ = Document("POST", PathOf(one.Kind, space), YamlWriter.WriteJsonBytes(one.Tree));

    /// <summary>Deletes an object.</summary>
    public void Delete(ResourceKind kind, string space, string name, long? grace)
    {
        string query = grace is { } seconds ? $"?gracePeriodSeconds={seconds}" : "";
        _ = Document("DELETE", PathOf(kind, space, name) + query);
    }

    /// <summary>A document at a path.</summary>
    public MappingNode Document(string method, string path, ReadOnlyMemory<byte> body = default, string accept = "application/json")
    {
        using HttpResponse response = engine.Kubernetes(method, path, body, accept: accept);
        return Read(response);
    }

    /// <summary>Changes of objects of a kind, until nobody reads them any more.</summary>
    public IEnumerable<(string Type, MappingNode Object)> Watch(ResourceKind kind, string? space, string query)
    {
        using HttpResponse response = engine.Kubernetes("GET", $"{PathOf(kind, space)}?watch=true{query}");
        using var reader = new StreamReader(response.Body);
        while (reader.ReadLine() is { } line)
        {
            var change = (MappingNode)JsonNodeReader.Read(Encoding.UTF8.GetBytes(line), withPaths: false);
            yield return (change.Text("type"), (MappingNode)change["object"]!);
        }
    }

    /// <summary>A kind and names that words mean: <c>TYPE NAME…</c> or <c>TYPE/NAME…</c>.</summary>
    /// <exception cref="UsageException">There is no such kind.</exception>
    public static IReadOnlyList<(ResourceKind Kind, string Name)> Targets(IReadOnlyList<string> words)
    {
        if (words.Count == 0)
        {
            return [];
        }
        if (words[0].Contains('/', StringComparison.Ordinal))
        {
            return [.. words.Select(word => word.Split('/', 2)).Select(parts => (KindOf(parts[0]), parts.Length > 1 ? parts[1] : ""))];
        }
        return [.. words[0].Split(',').SelectMany(word => Kinds(word)).SelectMany(kind => words.Count == 1 ? [(kind, "")] : words.Skip(1).Select(name => (kind, name)))];
    }

    /// <summary>The kind that a word means.</summary>
    /// <exception cref="UsageException">There is none.</exception>
    public static ResourceKind KindOf(string word) => ResourceKind.FindWord(word)
        ?? throw new UsageException($"there is no resource type '{word}'{Spelling.Hint(word, ResourceKind.All.SelectMany(kind => (string[])[kind.Singular, kind.Plural]))}", exitCode: 1);

    /// <summary>The manifests of files, directories and standard input, checked as a whole before anything is sent.</summary>
    /// <exception cref="ProblemsException">Everything that is wrong in all of them.</exception>
    public static IReadOnlyList<KubernetesObject> ReadManifests(Session session, IReadOnlyList<string> places)
    {
        List<Problem> problems = [];
        List<KubernetesObject> objects = [];
        foreach (string place in places)
        {
            if (place == "-")
            {
                using var reader = new StreamReader(session.InputStream, leaveOpen: true);
                objects.AddRange(ManifestCheck.Read("stdin", reader.ReadToEnd(), problems));
                continue;
            }
            string[] files = Directory.Exists(place)
                ? [.. Directory.EnumerateFiles(place).Where(file => Path.GetExtension(file) is ".yaml" or ".yml" or ".json").Order(StringComparer.Ordinal)]
                : [place];
            foreach (string file in files)
            {
                objects.AddRange(ManifestCheck.Read(file, File.ReadAllText(file), problems));
            }
        }
        if (problems.Count > 0)
        {
            foreach (Problem problem in problems)
            {
                session.Error.WriteLine(problem.ToString());
            }
            throw new CaissonException(ErrorKind.InvalidArgument, $"{problems.Count} problem{(problems.Count == 1 ? "" : "s")} in the manifests; nothing was changed");
        }
        if (objects.Count == 0)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, "the manifests hold no object");
        }
        // What others are in comes first.
        return [.. objects.OrderBy(one => one.Kind.Kind switch
        {
            "Namespace" => 0,
            "ResourceQuota" or "LimitRange" or "ServiceAccount" or "ConfigMap" or "Secret" or "PersistentVolumeClaim" or "RuntimeClass" => 1,
            "Service" => 2,
            _ => 3,
        })];
    }

    private static IEnumerable<ResourceKind> Kinds(string word) => word == "all" ? ResourceKind.All.Where(kind => kind.InAll && kind.Stored == kind) : [KindOf(word)];

    private static string Query(string selector) => selector.Length > 0 ? "?labelSelector=" + Uri.EscapeDataString(selector) : "";

    private static MappingNode Read(HttpResponse response) => (MappingNode)JsonNodeReader.Read(response.ReadAll().Span, withPaths: false);
}
