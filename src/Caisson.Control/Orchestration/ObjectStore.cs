using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Threading.Channels;

using Caisson.Control.State;
using Caisson.Documents;
using Caisson.Errors;
using Caisson.Kubernetes.Controllers;
using Caisson.Kubernetes.Objects;
using Caisson.Kubernetes.Schema;

namespace Caisson.Control.Orchestration;

/// <summary>What happened to an object.</summary>
/// <param name="Version">The resource version that it made.</param>
/// <param name="Type"><c>ADDED</c>, <c>MODIFIED</c>, <c>DELETED</c>.</param>
/// <param name="Object">As it is then, or was at last.</param>
/// <param name="Before">As it was before; null for a new one.</param>
public sealed record ObjectChange(long Version, string Type, KubernetesObject Object, KubernetesObject? Before);

/// <summary>All Kubernetes objects: versions, ownership, watches. The one owner of their state, which the state store keeps.</summary>
/// <remarks>Safe for concurrent use. A change is stored before it can be seen, and told after. Events are kept in memory only.</remarks>
public sealed class ObjectStore
{
    /// <summary>How many changes a watch may be behind and still go on where it was.</summary>
    private const int ChangesKept = 8_192;
    private const int EventsKept = 2_000;
    private const string VersionKey = "objects";
    private const string SuffixLetters = "bcdfghjklmnpqrstvwxz2456789";

    private readonly Lock _lock = new();
    private readonly IStateStore _store;
    private readonly SecretBox _box;
    private readonly TimeProvider _time;
    private readonly Dictionary<ResourceKind, SortedDictionary<(string Namespace, string Name), KubernetesObject>> _byKind = [];
    private readonly Dictionary<string, HashSet<ObjectKey>> _owned = [];
    private readonly Queue<ObjectChange> _changes = new();
    private readonly Queue<ObjectKey> _events = new();
    private readonly List<Channel<ObjectChange>> _watchers = [];
    private long _version;

    /// <summary>Loads what the state store has.</summary>
    public ObjectStore(IStateStore store, SecretBox box, TimeProvider time)
    {
        (_store, _box, _time) = (store, box, time);
        _version = store.Find(RecordKind.Engine, VersionKey) is { } bytes ? long.Parse(Encoding.ASCII.GetString(bytes), CultureInfo.InvariantCulture) : 0;
        foreach (StoredRecord record in store.List(RecordKind.KubernetesObject))
        {
            bool isSecret = record.Key.StartsWith("secrets/", StringComparison.Ordinal);
            var tree = (MappingNode)JsonNodeReader.Read(isSecret ? box.Open(record.Key, record.Value) : record.Value, withPaths: false);
            if (ResourceKind.Find(tree.Text("apiVersion"), tree.Text("kind")) is { } kind)
            {
                var one = new KubernetesObject(kind, tree);
                _version = Math.Max(_version, one.ResourceVersion);
                PutUnlocked(one);
            }
        }
    }

    /// <summary>Told of each change, after it is stored and before anybody else: must be quick, and must not call back.</summary>
    public Action<ObjectChange>? Changed { get; set; }

    /// <summary>The version of the last change.</summary>
    public long Version
    {
        get
        {
            lock (_lock)
            {
                return _version;
            }
        }
    }

    /// <summary>The object of a key; null when there is none.</summary>
    public KubernetesObject? Find(ObjectKey key)
    {
        lock (_lock)
        {
            return FindUnlocked(key);
        }
    }

    /// <summary>The object of a name; null when there is none.</summary>
    public KubernetesObject? Find(string kind, string space, string name) => Find(new(ResourceKind.Of(kind), space, name));

    /// <summary>The object of a key.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.NotFound"/>.</exception>
    public KubernetesObject Get(ObjectKey key) => Find(key) ?? throw NotFound(key);

    /// <summary>All objects of a kind, by namespace and name.</summary>
    /// <param name="kind">Of its stored version.</param>
    /// <param name="space">Only those of a namespace; null for all.</param>
    public IReadOnlyList<KubernetesObject> List(ResourceKind kind, string? space = null) => ListAt(kind, space).Objects;

    /// <summary>The same, with the version at which it is true.</summary>
    public (IReadOnlyList<KubernetesObject> Objects, long Version) ListAt(ResourceKind kind, string? space = null)
    {
        lock (_lock)
        {
            IEnumerable<KubernetesObject> all = _byKind.TryGetValue(kind.Stored, out var some) ? some.Values : [];
            return ([.. space is null ? all : all.Where(one => one.Namespace == space)], _version);
        }
    }

    /// <summary>All objects of a kind.</summary>
    public IReadOnlyList<KubernetesObject> List(string kind, string? space = null) => List(ResourceKind.Of(kind), space);

    /// <summary>Those that an object manages.</summary>
    /// <param name="uid">Of the owner.</param>
    /// <param name="kind">Which of them.</param>
    public IReadOnlyList<KubernetesObject> ListOwned(string uid, string kind)
    {
        lock (_lock)
        {
            return _owned.TryGetValue(uid, out HashSet<ObjectKey>? keys)
                ? [.. keys.Where(key => key.Kind.Kind == kind).Select(FindUnlocked).OfType<KubernetesObject>().Where(one => one.ControllerUid == uid).OrderBy(one => one.Name, StringComparer.Ordinal)]
                : [];
        }
    }

    /// <summary>Makes an object, which was checked.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.AlreadyExists"/>, or its namespace is not there or going.</exception>
    public KubernetesObject Create(KubernetesObject one, bool dryRun = false)
    {
        lock (_lock)
        {
            KubernetesObject made = PrepareUnlocked(one);
            if (FindUnlocked(made.Key) is not null)
            {
                throw new CaissonException(ErrorKind.AlreadyExists, $"{made.Kind.Plural}{Group(made.Kind)} \"{made.Name}\" already exists");
            }
            if (!dryRun)
            {
                CommitUnlocked(Durability.Power, [(made, null, "ADDED")]);
                made = FindUnlocked(made.Key)!;
            }
            return made;
        }
    }

    /// <summary>Puts another document in the place of an object; its status and identity stay.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.NotFound"/>; <see cref="ErrorKind.Conflict"/>: it has another version than the document says.</exception>
    public KubernetesObject Update(KubernetesObject changed, bool dryRun = false)
    {
        lock (_lock)
        {
            KubernetesObject before = FindUnlocked(changed.Key) ?? throw NotFound(changed.Key);
            RequireVersion(before, changed);
            KubernetesObject after = KeepIdentity(before, changed);
            if (dryRun || after.Tree.Same(before.Tree))
            {
                return dryRun ? after : before;
            }
            CommitUnlocked(Durability.Power, [(after, before, "MODIFIED")]);
            return RemoveIfFreeUnlocked(FindUnlocked(after.Key)!);
        }
    }

    /// <summary>Gives an object another status.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.NotFound"/>.</exception>
    public KubernetesObject SetStatus(ObjectKey key, string uid, MappingNode status)
    {
        lock (_lock)
        {
            KubernetesObject before = FindUnlocked(key) ?? throw NotFound(key);
            if ((uid.Length > 0 && before.Uid != uid) || status.Same(before.Status))
            {
                return before;
            }
            CommitUnlocked(Durability.Process, [(before.WithStatus(status), before, "MODIFIED")]);
            return FindUnlocked(key)!;
        }
    }

    /// <summary>Deletes an object: a pod when its containers have ended, another at once with all that it owns.</summary>
    /// <param name="key">Which.</param>
    /// <param name="graceSeconds">For a pod; null for what it says itself.</param>
    /// <param name="orphan">What it owns stays.</param>
    /// <returns>As it was, or as it is while it goes.</returns>
    /// <exception cref="CaissonException"><see cref="ErrorKind.NotFound"/>.</exception>
    public KubernetesObject Delete(ObjectKey key, long? graceSeconds = null, bool orphan = false)
    {
        lock (_lock)
        {
            KubernetesObject one = FindUnlocked(key) ?? throw NotFound(key);
            return DeleteUnlocked(one, graceSeconds, orphan);
        }
    }

    /// <summary>Takes away what was to be deleted and has ended.</summary>
    public void Remove(ObjectKey key, string uid)
    {
        lock (_lock)
        {
            if (FindUnlocked(key) is { } one && one.Uid == uid)
            {
                RemoveUnlocked(one, orphan: false);
            }
        }
    }

    /// <summary>Makes all changes of a decision true together; what others changed meanwhile stays, and the controller looks again.</summary>
    /// <returns>Whether all was done.</returns>
    public bool Apply(IReadOnlyList<ClusterAction> actions)
    {
        bool whole = true;
        lock (_lock)
        {
            List<(KubernetesObject After, KubernetesObject? Before, string Type)> writes = [];
            Dictionary<ObjectKey, KubernetesObject> pending = [];
            KubernetesObject? Now(ObjectKey key) => pending.GetValueOrDefault(key) ?? FindUnlocked(key);
            void Write(KubernetesObject after, KubernetesObject? before, string type)
            {
                writes.RemoveAll(write => write.After.Key == after.Key);
                writes.Add((after, FindUnlocked(after.Key), FindUnlocked(after.Key) is null ? "ADDED" : type));
                pending[after.Key] = after;
            }

            foreach (ClusterAction action in actions)
            {
                switch (action)
                {
                    case ClusterAction.Create create:
                        try
                        {
                            KubernetesObject made = PrepareUnlocked(create.Made, pending.Values);
                            if (Now(made.Key) is null)
                            {
                                Write(made, null, "ADDED");
                            }
                            else
                            {
                                whole = false;
                            }
                        }
                        catch (CaissonException error)
                        {
                            whole = false;
                            if (create.Made.Controller is { } owner && OwnerOf(create.Made, owner) is { } told)
                            {
                                TellUnlocked(told, "FailedCreate", error.Message, isWarning: true);
                            }
                        }
                        break;
                    case ClusterAction.Update update:
                        if (Now(update.Changed.Key) is { } before && before.Uid == update.Changed.Uid
                            && (pending.ContainsKey(update.Changed.Key) || before.ResourceVersion == update.Changed.ResourceVersion))
                        {
                            KubernetesObject after = KeepIdentity(before, update.Changed);
                            if (!after.Tree.Same(before.Tree))
                            {
                                Write(after, before, "MODIFIED");
                            }
                        }
                        else
                        {
                            whole = false;
                        }
                        break;
                    case ClusterAction.Status status:
                        if (Now(status.Of.Key) is { } of && of.Uid == status.Of.Uid && !status.Now.Same(of.Status))
                        {
                            Write(of.WithStatus(status.Now), of, "MODIFIED");
                        }
                        break;
                }
            }
            if (writes.Count > 0)
            {
                CommitUnlocked(writes.TrueForAll(write => write.Before is not null && write.After.Spec.Same(write.Before.Spec)) ? Durability.Process : Durability.Power, writes);
            }
            foreach (ClusterAction action in actions)
            {
                if (action is ClusterAction.Delete delete && FindUnlocked(delete.Gone.Key) is { } gone && gone.Uid == delete.Gone.Uid)
                {
                    _ = DeleteUnlocked(gone, null, orphan: false);
                }
                else if (action is ClusterAction.Tell tell)
                {
                    TellUnlocked(tell.About, tell.Reason, tell.Message, tell.IsWarning);
                }
            }
        }
        return whole;
    }

    /// <summary>Says that something happened to an object: an event, or one more of an event that was said before.</summary>
    public void Tell(KubernetesObject about, string reason, string message, bool isWarning = false)
    {
        lock (_lock)
        {
            TellUnlocked(about, reason, message, isWarning);
        }
    }

    /// <summary>Changes from a version on, in order.</summary>
    /// <param name="since">After which version; null begins with the next change.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="CaissonException"><see cref="ErrorKind.FailedPrecondition"/>: the version is too old; list anew.</exception>
    public IAsyncEnumerable<ObjectChange> WatchAsync(long? since, CancellationToken cancellationToken)
    {
        Channel<ObjectChange> channel = Channel.CreateBounded<ObjectChange>(new BoundedChannelOptions(ChangesKept) { SingleReader = true });
        lock (_lock)
        {
            if (since is { } version && version < _version)
            {
                long oldest = _changes.Count > 0 ? _changes.Peek().Version : long.MaxValue;
                if (version + 1 < oldest && version != 0)
                {
                    throw new CaissonException(ErrorKind.FailedPrecondition, $"too old resource version: {version} ({oldest})");
                }
                foreach (ObjectChange change in _changes.Where(change => change.Version > version))
                {
                    _ = channel.Writer.TryWrite(change);
                }
            }
            _watchers.Add(channel);
        }
        return ReadAsync(channel, cancellationToken);
    }

    private async IAsyncEnumerable<ObjectChange> ReadAsync(
        Channel<ObjectChange> channel, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        try
        {
            await foreach (ObjectChange change in channel.Reader.ReadAllAsync(cancellationToken))
            {
                yield return change;
            }
        }
        finally
        {
            lock (_lock)
            {
                _watchers.Remove(channel);
            }
        }
    }

    private KubernetesObject? FindUnlocked(ObjectKey key) =>
        _byKind.TryGetValue(key.Kind, out var some) ? some.GetValueOrDefault((key.Namespace, key.Name)) : null;

    private KubernetesObject? OwnerOf(KubernetesObject one, DocumentNode owner) =>
        ResourceKind.Find(owner.Text("apiVersion"), owner.Text("kind")) is { } kind ? FindUnlocked(new(kind.Stored, one.Namespace, owner.Text("name"))) : null;

    /// <summary>A new object with its name, identity and all that it leaves open.</summary>
    /// <param name="one">The new object.</param>
    /// <param name="others">Objects that are made together with it, and are not stored yet: they count for quotas.</param>
    private KubernetesObject PrepareUnlocked(KubernetesObject one, IReadOnlyCollection<KubernetesObject>? others = null)
    {
        KubernetesObject made = Defaults.Apply(one);
        MappingNode metadata = made.Metadata as MappingNode ?? MappingNode.Empty;
        if (metadata.Text("name").Length == 0)
        {
            string prefix = metadata.Text("generateName");
            string name;
            do
            {
                name = prefix + RandomNumberGenerator.GetString(SuffixLetters, 5);
            }
            while (FindUnlocked(new(one.Kind.Stored, one.Namespace, name)) is not null);
            metadata = metadata.With("name", Doc.Text(name)!);
        }
        if (one.Kind.Namespaced)
        {
            string space = metadata.Text("namespace") is { Length: > 0 } given ? given : "default";
            metadata = metadata.With("namespace", Doc.Text(space)!);
            KubernetesObject? home = FindUnlocked(new(ResourceKind.Of("Namespace"), "", space));
            if (home is null)
            {
                throw new CaissonException(ErrorKind.NotFound, $"namespaces \"{space}\" not found");
            }
            if (home.IsDeleting)
            {
                throw new CaissonException(ErrorKind.PermissionDenied, $"unable to create new content in namespace {space} because it is being terminated");
            }
        }
        metadata = metadata
            .With("uid", Doc.Text(Guid.NewGuid().ToString())!)
            .With("creationTimestamp", Times.Node(_time.GetUtcNow())!)
            .With("generation", Doc.Number(1)!)
            .Without("resourceVersion", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "managedFields");
        made = made.With(metadata, "metadata");
        if (made.Kind.Kind is not ("Namespace" or "Node" or "Endpoints") && made.Tree["status"] is not null)
        {
            made = made.With(null, "status"); // what was observed is not for a user to say
        }
        return Admission.Complete(made, kind =>
        {
            IReadOnlyList<KubernetesObject> stored = List(ResourceKind.Of(kind));
            KubernetesObject[] together = [.. (others ?? []).Where(other => other.Kind.Kind == kind)];
            return together.Length == 0 ? stored : [.. stored.Where(known => together.All(other => other.Key != known.Key)), .. together];
        });
    }

    private static KubernetesObject KeepIdentity(KubernetesObject before, KubernetesObject changed)
    {
        KubernetesObject after = Defaults.Apply(changed);
        MappingNode metadata = after.Metadata as MappingNode ?? MappingNode.Empty;
        foreach (string field in (ReadOnlySpan<string>)["uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation", "resourceVersion", "generateName"])
        {
            metadata = metadata.Set(before.Metadata.Field(field), field);
        }
        metadata = metadata.Set(Doc.Text(before.Name), "name").Set(before.Namespace.Length > 0 ? Doc.Text(before.Namespace) : null, "namespace").Without("selfLink", "managedFields");
        after = after.With(metadata, "metadata").With(before.Status, "status");
        Admission.RequireChangeable(before, after);
        after = Admission.KeepGiven(before, after);
        return after.Spec.Same(before.Spec) ? after : after.With(Doc.Number(before.Generation + 1), "metadata", "generation");
    }

    private static void RequireVersion(KubernetesObject before, KubernetesObject changed)
    {
        if (changed.Uid.Length > 0 && changed.Uid != before.Uid)
        {
            throw new CaissonException(ErrorKind.Conflict, $"{before.Kind.Plural} \"{before.Name}\": the document is of another object that had this name (uid {changed.Uid})");
        }
        if (changed.ResourceVersion != 0 && changed.ResourceVersion != before.ResourceVersion)
        {
            throw new CaissonException(
                ErrorKind.Conflict,
                $"Operation cannot be fulfilled on {before.Kind.Plural}{Group(before.Kind)} \"{before.Name}\": the object has been modified; please apply your changes to the latest version and try again");
        }
    }

    private KubernetesObject DeleteUnlocked(KubernetesObject one, long? graceSeconds, bool orphan)
    {
        if (one.Kind.Kind is "Pod" or "Namespace")
        {
            long grace = one.Kind.Kind == "Namespace" ? 0 : graceSeconds ?? one.Spec.Whole("terminationGracePeriodSeconds") ?? 30;
            DateTimeOffset until = _time.GetUtcNow().AddSeconds(grace);
            if (!one.IsDeleting || (graceSeconds is not null && until < one.Deleted))
            {
                KubernetesObject going = one.With(Times.Node(until), "metadata", "deletionTimestamp").With(Doc.Number(grace), "metadata", "deletionGracePeriodSeconds");
                going = one.Kind.Kind == "Namespace" ? going.With(Doc.Text("Terminating"), "status", "phase") : going;
                CommitUnlocked(Durability.Power, [(going, one, "MODIFIED")]);
            }
            return FindUnlocked(one.Key)!;
        }
        if (one.Metadata.Field("finalizers").Items().Any())
        {
            if (!one.IsDeleting)
            {
                CommitUnlocked(Durability.Power, [(one.With(Times.Node(_time.GetUtcNow()), "metadata", "deletionTimestamp"), one, "MODIFIED")]);
            }
            return FindUnlocked(one.Key)!;
        }
        RemoveUnlocked(one, orphan);
        return one;
    }

    private KubernetesObject RemoveIfFreeUnlocked(KubernetesObject one)
    {
        if (one.IsDeleting && one.Kind.Kind is not ("Pod" or "Namespace") && !one.Metadata.Field("finalizers").Items().Any())
        {
            RemoveUnlocked(one, orphan: false);
        }
        return one;
    }

    /// <summary>The object goes, and what it owned with it, or is nobody's from now on.</summary>
    private void RemoveUnlocked(KubernetesObject one, bool orphan)
    {
        CommitUnlocked(Durability.Power, [(one, one, "DELETED")]);
        foreach (ObjectKey key in _owned.TryGetValue(one.Uid, out HashSet<ObjectKey>? keys) ? keys.ToArray() : [])
        {
            if (FindUnlocked(key) is not { } dependent)
            {
                continue;
            }
            if (orphan)
            {
                DocumentNode[] others = [.. dependent.Metadata.Field("ownerReferences").Items().Where(owner => owner.Text("uid") != one.Uid)];
                CommitUnlocked(Durability.Power, [(dependent.With(others.Length == 0 ? null : Doc.List(others), "metadata", "ownerReferences"), dependent, "MODIFIED")]);
            }
            else
            {
                _ = DeleteUnlocked(dependent, null, orphan: false);
            }
        }
        _owned.Remove(one.Uid);
    }

    private void CommitUnlocked(Durability durability, IReadOnlyList<(KubernetesObject After, KubernetesObject? Before, string Type)> writes)
    {
        var change = new StateChange();
        List<ObjectChange> told = [];
        long version = _version;
        bool stored = false;
        foreach ((KubernetesObject after, KubernetesObject? before, string type) in writes)
        {
            version++;
            KubernetesObject now = after.With(Doc.Text(version.ToString(CultureInfo.InvariantCulture)), "metadata", "resourceVersion");
            told.Add(new(version, type, now, before));
            if (now.Kind.Kind is "Event" or "Endpoints")
            {
                continue; // made anew by whoever made them
            }
            stored = true;
            string key = KeyOf(now.Key);
            if (type == "DELETED")
            {
                change.Delete(RecordKind.KubernetesObject, key);
            }
            else
            {
                byte[] json = YamlWriter.WriteJsonBytes(now.Tree);
                change.Put(RecordKind.KubernetesObject, key, now.Kind.Kind == "Secret" ? _box.Seal(key, json) : json);
            }
        }
        if (stored)
        {
            change.Put(RecordKind.Engine, VersionKey, Encoding.ASCII.GetBytes(version.ToString(CultureInfo.InvariantCulture)));
            _ = _store.Commit(durability, change);
        }
        _version = version;
        foreach (ObjectChange one in told)
        {
            if (one.Type == "DELETED")
            {
                TakeUnlocked(one.Object);
            }
            else
            {
                PutUnlocked(one.Object);
            }
            _changes.Enqueue(one);
            while (_changes.Count > ChangesKept)
            {
                _changes.Dequeue();
            }
            Changed?.Invoke(one);
            for (int i = _watchers.Count - 1; i >= 0; i--)
            {
                if (!_watchers[i].Writer.TryWrite(one))
                {
                    // Too far behind: it begins anew with a list, as after any cut.
                    _watchers[i].Writer.TryComplete();
                    _watchers.RemoveAt(i);
                }
            }
        }
    }

    private void PutUnlocked(KubernetesObject one)
    {
        if (!_byKind.TryGetValue(one.Kind.Stored, out var some))
        {
            _byKind[one.Kind.Stored] = some = new(Comparer<(string Namespace, string Name)>.Create((a, b) =>
                string.CompareOrdinal(a.Namespace, b.Namespace) is var order && order != 0 ? order : string.CompareOrdinal(a.Name, b.Name)));
        }
        if (some.TryGetValue((one.Namespace, one.Name), out KubernetesObject? before))
        {
            Disown(before);
        }
        some[(one.Namespace, one.Name)] = one;
        foreach (DocumentNode owner in one.Metadata.Field("ownerReferences").Items())
        {
            if (!_owned.TryGetValue(owner.Text("uid"), out HashSet<ObjectKey>? keys))
            {
                _owned[owner.Text("uid")] = keys = [];
            }
            keys.Add(one.Key);
        }
    }

    private void TakeUnlocked(KubernetesObject one)
    {
        if (_byKind.TryGetValue(one.Kind.Stored, out var some))
        {
            some.Remove((one.Namespace, one.Name));
        }
        Disown(one);
    }

    private void Disown(KubernetesObject one)
    {
        foreach (DocumentNode owner in one.Metadata.Field("ownerReferences").Items())
        {
            if (_owned.TryGetValue(owner.Text("uid"), out HashSet<ObjectKey>? keys))
            {
                keys.Remove(one.Key);
            }
        }
    }

    private void TellUnlocked(KubernetesObject about, string reason, string message, bool isWarning)
    {
        string space = about.Namespace.Length > 0 ? about.Namespace : "default";
        if (about.Name.Length == 0 || FindUnlocked(new(ResourceKind.Of("Namespace"), "", space)) is not { IsDeleting: false })
        {
            return;
        }
        DateTimeOffset now = _time.GetUtcNow();
        string name = $"{about.Name}.{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{about.Uid} {reason} {message}")))[..16]}";
        var key = new ObjectKey(ResourceKind.Of("Event"), space, name);
        if (FindUnlocked(key) is { } before)
        {
            CommitUnlocked(Durability.Process, [(before
                .With(Doc.Number((before.Tree.Whole("count") ?? 1) + 1), "count").With(Times.Node(now), "lastTimestamp"), before, "MODIFIED")]);
            return;
        }
        var made = new KubernetesObject(ResourceKind.Of("Event"), Doc.Map(
            ("apiVersion", Doc.Text("v1")), ("kind", Doc.Text("Event")),
            ("metadata", Doc.Map(
                ("name", Doc.Text(name)), ("namespace", Doc.Text(space)), ("uid", Doc.Text(Guid.NewGuid().ToString())), ("creationTimestamp", Times.Node(now)))),
            ("involvedObject", Doc.Map(
                ("kind", Doc.Text(about.Kind.Kind)), ("namespace", Doc.Text(about.Namespace)), ("name", Doc.Text(about.Name)), ("uid", Doc.Text(about.Uid)),
                ("apiVersion", Doc.Text(about.Kind.ApiVersion)))),
            ("reason", Doc.Text(reason)), ("message", Doc.Text(message)), ("type", Doc.Text(isWarning ? "Warning" : "Normal")),
            ("count", Doc.Number(1)), ("firstTimestamp", Times.Node(now)), ("lastTimestamp", Times.Node(now)),
            ("source", Doc.Map(("component", Doc.Text("caissond"))))));
        CommitUnlocked(Durability.Process, [(made, null, "ADDED")]);
        _events.Enqueue(key);
        if (_events.Count > EventsKept && FindUnlocked(_events.Dequeue()) is { } oldest)
        {
            CommitUnlocked(Durability.Process, [(oldest, oldest, "DELETED")]);
        }
    }

    private static string KeyOf(ObjectKey key) => $"{key.Kind.Plural}{Group(key.Kind)}/{key.Namespace}/{key.Name}";

    private static string Group(ResourceKind kind) => kind.Group.Length == 0 ? "" : "." + kind.Group;

    private static CaissonException NotFound(ObjectKey key) => new(ErrorKind.NotFound, $"{key.Kind.Plural}{Group(key.Kind)} \"{key.Name}\" not found");
}
