using System.Globalization;
using System.Text;

using Caisson.Api.Http;
using Caisson.Api.Metrics;
using Caisson.Control.Access;
using Caisson.Control.Orchestration;
using Caisson.Documents;
using Caisson.Errors;
using Caisson.Kubernetes.Controllers;
using Caisson.Kubernetes.Objects;
using Caisson.Kubernetes.Patches;
using Caisson.Kubernetes.Schema;

using Microsoft.AspNetCore.Http;

namespace Caisson.Api.Kubernetes;

/// <summary>Get, list, watch, create, update, patch and delete of objects. Source: Kubernetes API reference, "API concepts".</summary>
internal sealed class ObjectRoutes(Func<Orchestrator> begin, EngineMetrics metrics)
{
    /// <summary>Where clients keep what they applied last.</summary>
    public const string LastApplied = "kubectl.kubernetes.io/last-applied-configuration";

    /// <summary>Answers a request, whatever happens.</summary>
    public async Task HandleAsync(HttpContext context, string path, Action<string> log)
    {
        try
        {
            await DispatchAsync(context, path);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // The client went away; there is nobody to tell.
        }
        catch (AccessException error)
        {
            Guard.Of(context).Note(context, StatusCodes.Status403Forbidden, error);
            await KubernetesAnswer.FailAsync(context, 403, "Forbidden", ObjectRights.Say(error, ObjectPath.Read(path)?.Name ?? ""));
        }
        catch (CaissonException error)
        {
            (int code, string reason) = KubernetesAnswer.Of(error);
            await KubernetesAnswer.FailAsync(context, code, reason, error.Message);
        }
        catch (BadHttpRequestException error)
        {
            await KubernetesAnswer.FailAsync(context, error.StatusCode, "BadRequest", error.Message);
        }
#pragma warning disable CA1031 // the edge: whatever happens, one client gets an answer and the others are served
        catch (Exception error)
#pragma warning restore CA1031
        {
            log($"{context.Request.Method} {path}: {error}");
            await KubernetesAnswer.FailAsync(context, 500, "InternalError", $"a fault of the engine: {error.Message}");
        }
        finally
        {
            Guard.Of(context).Note(context, context.Response.StatusCode);
        }
    }

    private async Task DispatchAsync(HttpContext context, string path)
    {
        Guard guard = AccessReviews.Impersonate(context);
        if (path.Trim('/') is "healthz" or "readyz" or "livez")
        {
            await KubernetesAnswer.SendAsync(context, "ok"u8.ToArray(), "text/plain");
            return;
        }
        if (path == "/metrics")
        {
            guard.Require(new Right("get", "metrics"), null);
            await KubernetesAnswer.SendAsync(context, Encoding.UTF8.GetBytes(metrics.Read()), MetricsText.ContentType);
            return;
        }
        if (path == "/openapi/v2")
        {
            await KubernetesAnswer.SendAsync(context, Discovery.OpenApi, "application/com.github.proto-openapi.spec.v2.v1.0+protobuf");
            return;
        }
        if (Discovery.Find(path) is { } document)
        {
            await KubernetesAnswer.SendAsync(context, document);
            return;
        }
        if (AccessReviews.Has(path))
        {
            await AccessReviews.AnswerAsync(context, guard, path);
            return;
        }
        if (path.StartsWith("/apis/metrics.k8s.io/v1beta1/", StringComparison.Ordinal))
        {
            string[] parts = path.Split('/', StringSplitOptions.RemoveEmptyEntries)[3..];
            (string? space, string[] rest) = parts is ["namespaces", var home, ..] ? (home, parts[2..]) : (null, parts);
            guard.Require(new Right(rest.Length > 1 ? "get" : "list", rest.FirstOrDefault(""), "metrics.k8s.io"), space);
            Orchestrator measured = begin();
            await KubernetesAnswer.SendAsync(context, Metrics(measured, path));
            return;
        }
        if (ObjectPath.Read(path) is not { } at)
        {
            throw new CaissonException(ErrorKind.NotFound, $"the server could not find the requested resource: {path}");
        }
        string method = context.Request.Method;
        guard.Require(ObjectRights.Of(at, method, Flag(context, "watch")), ObjectRights.ProjectOf(at), at.Name);
        Orchestrator all = begin();
        if (at.Part.Length > 0 && at.Part is not "status")
        {
            await PartAsync(context, all, at, method);
            return;
        }
        switch (method)
        {
            case "GET" when at.Name.Length == 0 && Flag(context, "watch"):
                await WatchAsync(context, all, at);
                break;
            case "GET" when at.Name.Length == 0:
                await ListAsync(context, all, at);
                break;
            case "GET":
                await AnswerAsync(context, at.Kind, all.Objects.Get(KeyOf(at)), all);
                break;
            case "POST" when at.Name.Length == 0:
                KubernetesObject made = all.Objects.Create(Admit(context, InPlace(await ReadAsync(context, at.Kind), at)), IsDryRun(context));
                await AnswerAsync(context, at.Kind, made, all, 201);
                break;
            case "PUT" when at.Part == "status":
                KubernetesObject told = await ReadAsync(context, at.Kind);
                await AnswerAsync(context, at.Kind, all.Objects.SetStatus(KeyOf(at), "", told.Status as MappingNode ?? MappingNode.Empty), all);
                break;
            case "PUT":
                await AnswerAsync(context, at.Kind, all.Objects.Update(Admit(context, InPlace(await ReadAsync(context, at.Kind), at)), IsDryRun(context)), all);
                break;
            case "PATCH":
                await PatchAsync(context, all, at);
                break;
            case "DELETE" when at.Name.Length > 0:
                await DeleteAsync(context, all, at);
                break;
            case "DELETE":
                foreach (KubernetesObject one in Select(context, all.Objects.List(at.Kind, at.Namespace)))
                {
                    _ = all.Objects.Delete(one.Key);
                }
                await KubernetesAnswer.SendAsync(context, Success());
                break;
            default:
                await KubernetesAnswer.FailAsync(context, 405, "MethodNotAllowed", $"{method} is not possible for {path}");
                break;
        }
    }

    private static KubernetesObject Admit(HttpContext context, KubernetesObject one)
    {
        AccessReviews.Admit(Guard.Of(context), one);
        return one;
    }

    private static ObjectKey KeyOf(ObjectPath at) => new(at.Kind.Stored, at.Namespace ?? "default", at.Name);

    private static bool Flag(HttpContext context, string name) => context.Request.Query[name].ToString() is "true" or "1";

    private static bool IsDryRun(HttpContext context) => context.Request.Query["dryRun"].ToString() == "All";

    private static MappingNode Success() => Doc.Map(("kind", Doc.Text("Status")), ("apiVersion", Doc.Text("v1")), ("metadata", MappingNode.Empty), ("status", Doc.Text("Success")));

    /// <summary>The object of a request's body, checked.</summary>
    /// <exception cref="ProblemsException">Everything that is wrong with it.</exception>
    private static async Task<KubernetesObject> ReadAsync(HttpContext context, ResourceKind kind)
    {
        byte[] body = await KubernetesAnswer.ReadAsync(context);
        DocumentNode document;
        if (context.Request.ContentType?.Contains("yaml", StringComparison.OrdinalIgnoreCase) == true)
        {
            List<Problem> mistakes = [];
            document = YamlReader.Read("body", Encoding.UTF8.GetString(body), mistakes).FirstOrDefault() ?? MappingNode.Empty;
            ProblemsException.ThrowIfAny("the document", mistakes);
        }
        else
        {
            document = JsonNodeReader.Read(body);
        }
        if (document is not MappingNode mapping)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"an object is a mapping, and this is {document.Kind}");
        }
        mapping = mapping["kind"] is null ? mapping.With("kind", Doc.Text(kind.Kind)!) : mapping;
        mapping = mapping["apiVersion"] is null ? mapping.With("apiVersion", Doc.Text(kind.ApiVersion)!) : mapping;
        return Check(mapping, kind);
    }

    private static KubernetesObject Check(MappingNode document, ResourceKind kind)
    {
        List<Problem> problems = [];
        KubernetesObject? one = ManifestCheck.Check(document, problems);
        if (problems.Count > 0 || one is null)
        {
            throw new ProblemsException($"{kind.Kind} \"{document["metadata"].Text("name")}\" is invalid", problems);
        }
        if (one.Kind != kind)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"the document is of kind {one.Kind.Kind} in {one.Kind.ApiVersion}, and the path is of {kind.Plural} in {kind.ApiVersion}");
        }
        return ScalerVersions.ToStored(one);
    }

    private static KubernetesObject InPlace(KubernetesObject one, ObjectPath at)
    {
        if (at.Name.Length > 0 && one.Name != at.Name)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"the name of the object ({one.Name}) does not match the name on the URL ({at.Name})");
        }
        if (!at.Kind.Namespaced)
        {
            return one;
        }
        if (one.Namespace.Length > 0 && at.Namespace is { } space && one.Namespace != space)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"the namespace of the provided object does not match the namespace sent on the request ({space})");
        }
        return one.Namespace.Length > 0 ? one : one.With(Doc.Text(at.Namespace ?? "default"), "metadata", "namespace");
    }

    private static bool WantsTable(HttpContext context) => context.Request.Headers.Accept.ToString().Contains("as=Table", StringComparison.Ordinal);

    private static Task AnswerAsync(HttpContext context, ResourceKind kind, KubernetesObject one, Orchestrator all, int status = 200)
    {
        KubernetesObject shown = ScalerVersions.ToVersion(one, kind);
        return KubernetesAnswer.SendAsync(
            context,
            WantsTable(context)
                ? ObjectTable.Of(kind.Kind, [shown], Version(all.Objects.Version), all.Engine.Services.Time.GetUtcNow(), context.Request.Query["includeObject"] == "Object")
                : shown.Tree,
            status);
    }

    private static string Version(long version) => version.ToString(CultureInfo.InvariantCulture);

    private static async Task ListAsync(HttpContext context, Orchestrator all, ObjectPath at)
    {
        (IReadOnlyList<KubernetesObject> objects, long version) = all.Objects.ListAt(at.Kind, at.Kind.Namespaced ? at.Namespace : null);
        IEnumerable<KubernetesObject> shown = Select(context, objects).Select(one => ScalerVersions.ToVersion(one, at.Kind));
        await KubernetesAnswer.SendAsync(
            context,
            WantsTable(context)
                ? ObjectTable.Of(at.Kind.Kind, shown, Version(version), all.Engine.Services.Time.GetUtcNow(), context.Request.Query["includeObject"] == "Object")
                : Doc.Map(
                    ("kind", Doc.Text(at.Kind.Kind + "List")), ("apiVersion", Doc.Text(at.Kind.ApiVersion)),
                    ("metadata", Doc.Map(("resourceVersion", Doc.Text(Version(version))))),
                    ("items", Doc.List(shown.Select(one => (DocumentNode)one.Tree)))));
    }

    private static IEnumerable<KubernetesObject> Select(HttpContext context, IEnumerable<KubernetesObject> objects)
    {
        Func<KubernetesObject, bool> fits = Selector(context);
        return objects.Where(fits);
    }

    private static Func<KubernetesObject, bool> Selector(HttpContext context)
    {
        LabelSelector labels = LabelSelector.Parse(context.Request.Query["labelSelector"].ToString());
        string[] fields = context.Request.Query["fieldSelector"].ToString().Split(',', StringSplitOptions.RemoveEmptyEntries);
        return one => labels.Fits(one.Labels) && fields.All(field => FieldFits(one, field));
    }

    private static bool FieldFits(KubernetesObject one, string field)
    {
        int not = field.IndexOf("!=", StringComparison.Ordinal);
        int equals = not >= 0 ? not : field.IndexOf('=', StringComparison.Ordinal);
        if (equals < 0)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"'{field}' is no field selector; it is path=value or path!=value");
        }
        string value = field[equals..].TrimStart('!', '=');
        string[] path = field[..equals].Split('.');
        string there = path is ["spec", "nodeName"] ? "caisson" : one.Tree.At(path).AsText();
        return (there == value) != (not >= 0);
    }

    private static async Task WatchAsync(HttpContext context, Orchestrator all, ObjectPath at)
    {
        Func<KubernetesObject, bool> fits = Selector(context);
        long? since = long.TryParse(context.Request.Query["resourceVersion"], NumberStyles.None, CultureInfo.InvariantCulture, out long version) ? version : null;
        bool table = WantsTable(context);
        bool whole = context.Request.Query["includeObject"] == "Object";
        using var end = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted);
        if (int.TryParse(context.Request.Query["timeoutSeconds"], NumberStyles.None, CultureInfo.InvariantCulture, out int seconds))
        {
            end.CancelAfter(TimeSpan.FromSeconds(Math.Max(1, seconds)));
        }
        List<KubernetesObject> first = [];
        if (since is null or 0)
        {
            (IReadOnlyList<KubernetesObject> objects, long now) = all.Objects.ListAt(at.Kind, at.Kind.Namespaced ? at.Namespace : null);
            first.AddRange(objects.Where(fits));
            since = now;
        }
        IAsyncEnumerable<ObjectChange> changes = all.Objects.WatchAsync(since, end.Token);
        context.Response.ContentType = "application/json";
        await context.Response.StartAsync(context.RequestAborted);
        bool columns = true;
        foreach (KubernetesObject one in first)
        {
            await SendAsync("ADDED", one);
        }
        await context.Response.Body.FlushAsync(context.RequestAborted);
        try
        {
            await foreach (ObjectChange change in changes)
            {
                if (change.Object.Kind.Stored != at.Kind.Stored || (at.Namespace is { } space && at.Kind.Namespaced && change.Object.Namespace != space)
                    || (at.Name.Length > 0 && change.Object.Name != at.Name))
                {
                    continue;
                }
                bool now = fits(change.Object);
                bool before = change.Before is { } was && fits(was);
                // What a selector fits no more is gone for the one who watches by it.
                string? type = change.Type == "DELETED" ? (now || before ? "DELETED" : null) : now ? (before ? "MODIFIED" : "ADDED") : before ? "DELETED" : null;
                if (type is not null)
                {
                    await SendAsync(type, change.Object);
                    await context.Response.Body.FlushAsync(context.RequestAborted);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // Its time is over, or the client is gone.
        }

        async Task SendAsync(string type, KubernetesObject one)
        {
            KubernetesObject shown = ScalerVersions.ToVersion(one, at.Kind);
            DocumentNode document = table
                ? ObjectTable.Of(at.Kind.Kind, [shown], Version(one.ResourceVersion), all.Engine.Services.Time.GetUtcNow(), whole, columns)
                : shown.Tree;
            columns = false;
            byte[] line = YamlWriter.WriteJsonBytes(Doc.Map(("type", Doc.Text(type)), ("object", document)));
            await context.Response.Body.WriteAsync(line, context.RequestAborted);
            await context.Response.Body.WriteAsync("\n"u8.ToArray(), context.RequestAborted);
        }
    }

    private static async Task PatchAsync(HttpContext context, Orchestrator all, ObjectPath at)
    {
        byte[] body = await KubernetesAnswer.ReadAsync(context);
        string type = (context.Request.ContentType ?? "").Split(';')[0].Trim();
        if (type == "application/apply-patch+yaml")
        {
            await ApplyAsync(context, all, at, body);
            return;
        }
        DocumentNode patch = JsonNodeReader.Read(body);
        // Somebody else may change the object in the same moment: then the patch is put over what it is now.
        for (int attempt = 0; ; attempt++)
        {
            KubernetesObject live = all.Objects.Get(KeyOf(at));
            KubernetesObject shown = ScalerVersions.ToVersion(live, at.Kind);
            MappingNode patched = (type, patch) switch
            {
                ("application/json-patch+json", SequenceNode operations) => ObjectPatch.Apply(shown.Tree, operations),
                ("application/merge-patch+json", MappingNode merge) => ObjectPatch.Merge(shown.Tree, merge),
                ("application/strategic-merge-patch+json", MappingNode merge) => ObjectPatch.MergeStrategic(at.Kind, shown.Tree, merge),
                ("application/json-patch+json" or "application/merge-patch+json" or "application/strategic-merge-patch+json", _) =>
                    throw new CaissonException(ErrorKind.InvalidArgument, $"a patch of type {type} is no {patch.Kind}"),
                _ => throw new CaissonException(ErrorKind.InvalidArgument, $"unknown type of patch '{type}'; json-patch, merge-patch, strategic-merge-patch and apply-patch are known"),
            };
            try
            {
                if (at.Part == "status")
                {
                    await AnswerAsync(context, at.Kind, all.Objects.SetStatus(live.Key, live.Uid, patched["status"] as MappingNode ?? MappingNode.Empty), all);
                    return;
                }
                KubernetesObject changed = InPlace(Check(patched, at.Kind), at);
                await AnswerAsync(context, at.Kind, all.Objects.Update(Admit(context, changed), IsDryRun(context)), all);
                return;
            }
            catch (CaissonException error) when (error.Kind == ErrorKind.Conflict && attempt < 5 && patch.At("metadata", "resourceVersion") is null)
            {
                // Once more.
            }
        }
    }

    /// <summary>An apply: what is not there is made; what is, gets what is given now and loses what was given last and is no more.</summary>
    private static async Task ApplyAsync(HttpContext context, Orchestrator all, ObjectPath at, byte[] body)
    {
        List<Problem> problems = [];
        if (YamlReader.Read("", Encoding.UTF8.GetString(body), problems).FirstOrDefault() is not MappingNode applied || problems.Count > 0)
        {
            throw new ProblemsException("the document", problems.Count > 0 ? problems : [new("", "an object is a mapping")]);
        }
        KubernetesObject given = InPlace(Check(applied, at.Kind), at);
        string text = Encoding.UTF8.GetString(YamlWriter.WriteJsonBytes(given.Tree));
        for (int attempt = 0; ; attempt++)
        {
            KubernetesObject? live = all.Objects.Find(KeyOf(at));
            if (live is null)
            {
                Guard.Of(context).Require(ObjectRights.Of(at, "POST", false), ObjectRights.ProjectOf(at), at.Name);
                await AnswerAsync(context, at.Kind, all.Objects.Create(Admit(context, given).With(Doc.Text(text), "metadata", "annotations", LastApplied), IsDryRun(context)), all, 201);
                return;
            }
            MappingNode? last = live.Annotation(LastApplied) is { Length: > 0 } before ? JsonNodeReader.Read(Encoding.UTF8.GetBytes(before), withPaths: false) as MappingNode : null;
            MappingNode merged = ObjectPatch.ApplyOver(at.Kind.Stored, live.Tree, last, given.Tree).Set(Doc.Text(text), "metadata", "annotations", LastApplied);
            try
            {
                await AnswerAsync(context, at.Kind, all.Objects.Update(Admit(context, Check(merged, at.Kind.Stored)), IsDryRun(context)), all);
                return;
            }
            catch (CaissonException error) when (error.Kind == ErrorKind.Conflict && attempt < 5)
            {
                // Somebody else changed it in this moment: once more over what it is now.
            }
        }
    }

    private static async Task DeleteAsync(HttpContext context, Orchestrator all, ObjectPath at)
    {
        byte[] body = await KubernetesAnswer.ReadAsync(context);
        DocumentNode? options = body.Length > 0 ? JsonNodeReader.Read(body) : null;
        long? grace = options.Whole("gracePeriodSeconds")
            ?? (long.TryParse(context.Request.Query["gracePeriodSeconds"], NumberStyles.None, CultureInfo.InvariantCulture, out long seconds) ? seconds : null);
        string propagation = options.Text("propagationPolicy") is { Length: > 0 } policy ? policy : context.Request.Query["propagationPolicy"].ToString();
        KubernetesObject one = all.Objects.Get(KeyOf(at));
        if (options.At("preconditions").Text("uid") is { Length: > 0 } uid && uid != one.Uid)
        {
            throw new CaissonException(ErrorKind.Conflict, $"the uid of {one.Name} is {one.Uid}, not {uid}");
        }
        if (IsDryRun(context))
        {
            await AnswerAsync(context, at.Kind, one, all);
            return;
        }
        await AnswerAsync(context, at.Kind, all.Objects.Delete(one.Key, grace, orphan: propagation == "Orphan" || options.Flag("orphanDependents")), all);
    }

    private static async Task PartAsync(HttpContext context, Orchestrator all, ObjectPath at, string method)
    {
        KubernetesObject one = all.Objects.Get(KeyOf(at));
        switch (at.Part)
        {
            case "scale" when at.Kind.HasScale:
                if (method != "GET")
                {
                    DocumentNode asked = JsonNodeReader.Read(await KubernetesAnswer.ReadAsync(context));
                    long? replicas = asked is SequenceNode operations
                        ? operations.Items.FirstOrDefault(operation => operation.Text("path") == "/spec/replicas").Whole("value") : asked.At("spec").Whole("replicas");
                    if (replicas is not >= 0)
                    {
                        throw new CaissonException(ErrorKind.InvalidArgument, "a scale needs spec.replicas, which is not negative");
                    }
                    if (asked.At("metadata").Text("resourceVersion") is { Length: > 0 } expected && expected != Version(one.ResourceVersion))
                    {
                        throw new CaissonException(ErrorKind.Conflict, $"Operation cannot be fulfilled on {one.Kind.Plural} \"{one.Name}\": the object has been modified; please apply your changes to the latest version and try again");
                    }
                    one = all.Objects.Update(one.With(Doc.Number(replicas), "spec", "replicas"));
                }
                await KubernetesAnswer.SendAsync(context, Scale(one));
                break;
            case "log" when at.Kind.Kind == "Pod":
                await PodStreams.LogAsync(context, all, one);
                break;
            case "exec" or "attach" when at.Kind.Kind == "Pod":
                Guard.Of(context).Require(HostRights.Of(one), null); // who enters a pod reaches what it reaches
                await PodStreams.ExecAsync(context, all, one, attach: at.Part == "attach");
                break;
            case "portforward" when at.Kind.Kind == "Pod":
                await PodStreams.ForwardAsync(context, one);
                break;
            case "eviction" when at.Kind.Kind == "Pod" && method == "POST":
                _ = await KubernetesAnswer.ReadAsync(context);
                all.Evict(one);
                await KubernetesAnswer.SendAsync(context, Success(), 201);
                break;
            case "token" when at.Kind.Kind == "ServiceAccount" && method == "POST":
                await AccessReviews.MakeTokenAsync(context, Guard.Of(context), one, all.Engine.Services.Time.GetUtcNow());
                break;
            default:
                throw new CaissonException(ErrorKind.NotFound, $"{at.Kind.Plural} have no part '{at.Part}'");
        }
    }

    private static MappingNode Scale(KubernetesObject one) => Doc.Map(
        ("kind", Doc.Text("Scale")), ("apiVersion", Doc.Text("autoscaling/v1")),
        ("metadata", Doc.Map(
            ("name", Doc.Text(one.Name)), ("namespace", Doc.Text(one.Namespace)), ("uid", Doc.Text(one.Uid)), ("resourceVersion", Doc.Text(Version(one.ResourceVersion))),
            ("creationTimestamp", one.Metadata.Field("creationTimestamp")))),
        ("spec", Doc.Map(("replicas", Doc.Number(one.Spec.Whole("replicas") ?? 1)))),
        ("status", Doc.Map(
            ("replicas", Doc.Number(one.Status.Whole("replicas") ?? 0)), ("selector", Doc.Text(LabelSelector.Read(one.Spec.Field("selector")).ToString())))));

    private static MappingNode Metrics(Orchestrator all, string path)
    {
        string[] parts = path.Split('/', StringSplitOptions.RemoveEmptyEntries)[3..];
        DateTimeOffset now = all.Engine.Services.Time.GetUtcNow();
        DocumentNode Usage(decimal cores, decimal bytes) => Doc.Map(("cpu", Doc.Text($"{(long)(cores * 1_000_000_000)}n")), ("memory", Doc.Text($"{(long)(bytes / 1024)}Ki")));
        if (parts[0] == "nodes")
        {
            var usage = all.Objects.List("Pod").Where(pod => pod.Phase == "Running").SelectMany(all.UsageOf).ToList();
            MappingNode node = Doc.Map(
                ("metadata", Doc.Map(("name", Doc.Text("caisson")))), ("timestamp", Times.Node(now)), ("window", Doc.Text("5s")),
                ("usage", Usage(usage.Sum(one => one.Cores), usage.Sum(one => (decimal)one.MemoryBytes))));
            return Items("NodeMetrics", [node]);
        }
        string? space = parts is ["namespaces", var name, ..] ? name : null;
        string? only = parts is ["namespaces", _, "pods", var pod] ? pod : null;
        DocumentNode[] items = [.. all.Objects.List("Pod", space).Where(one => one.Phase == "Running" && (only is null || one.Name == only)).Select(one => (DocumentNode)Doc.Map(
            ("kind", Doc.Text("PodMetrics")), ("apiVersion", Doc.Text("metrics.k8s.io/v1beta1")),
            ("metadata", Doc.Map(("name", Doc.Text(one.Name)), ("namespace", Doc.Text(one.Namespace)), ("labels", one.Metadata.Field("labels")))),
            ("timestamp", Times.Node(now)), ("window", Doc.Text("5s")),
            ("containers", Doc.List(all.UsageOf(one).Select(used => (DocumentNode)Doc.Map(("name", Doc.Text(used.Container)), ("usage", Usage(used.Cores, used.MemoryBytes))))))))];
        return only is not null
            ? items.FirstOrDefault() as MappingNode ?? throw new CaissonException(ErrorKind.NotFound, $"podmetrics.metrics.k8s.io \"{only}\" not found")
            : Items("PodMetrics", items);
    }

    private static MappingNode Items(string kind, IEnumerable<DocumentNode> items) => Doc.Map(
        ("kind", Doc.Text(kind + "List")), ("apiVersion", Doc.Text("metrics.k8s.io/v1beta1")), ("metadata", MappingNode.Empty), ("items", Doc.List(items)));
}

/// <summary>Autoscalers in the version that clients speak: <c>v1</c> knows the processor alone.</summary>
internal static class ScalerVersions
{
    /// <summary>The object in the version that is kept.</summary>
    public static KubernetesObject ToStored(KubernetesObject one)
    {
        if (one.Kind == one.Kind.Stored || one.Kind.Kind != "HorizontalPodAutoscaler")
        {
            return one;
        }
        MappingNode spec = one.Spec as MappingNode ?? MappingNode.Empty;
        spec = spec.Without("targetCPUUtilizationPercentage").With("metrics", Doc.List([Doc.Map(
            ("type", Doc.Text("Resource")),
            ("resource", Doc.Map(
                ("name", Doc.Text("cpu")),
                ("target", Doc.Map(("type", Doc.Text("Utilization")), ("averageUtilization", Doc.Number(one.Spec.Whole("targetCPUUtilizationPercentage") ?? 80)))))))]));
        return new(one.Kind.Stored, one.Tree.With("apiVersion", Doc.Text(one.Kind.Stored.ApiVersion)!).With("spec", spec));
    }

    /// <summary>The object in another version.</summary>
    public static KubernetesObject ToVersion(KubernetesObject one, ResourceKind kind)
    {
        if (kind == kind.Stored || kind.Kind != "HorizontalPodAutoscaler")
        {
            return one;
        }
        DocumentNode? cpu = one.Spec.Field("metrics").Items().Select(metric => metric.Field("resource")).FirstOrDefault(resource => resource.Text("name") == "cpu");
        DocumentNode? current = one.Status.Field("currentMetrics").Items().Select(metric => metric.Field("resource")).FirstOrDefault(resource => resource.Text("name") == "cpu");
        MappingNode spec = ((MappingNode)one.Spec!).Without("metrics", "behavior").Set(cpu.At("target", "averageUtilization"), "targetCPUUtilizationPercentage");
        MappingNode status = (one.Status as MappingNode ?? MappingNode.Empty).Without("currentMetrics", "conditions").Set(current.At("current", "averageUtilization"), "currentCPUUtilizationPercentage");
        return new(kind, one.Tree.With("apiVersion", Doc.Text(kind.ApiVersion)!).With("spec", spec).With("status", status));
    }
}
