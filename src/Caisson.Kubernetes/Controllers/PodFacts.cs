using Caisson.Documents;
using Caisson.Kubernetes.Objects;
using Caisson.Kubernetes.Schema;

namespace Caisson.Kubernetes.Controllers;

/// <summary>What controllers read of pods, and how they make them.</summary>
public static class PodFacts
{
    /// <summary>The label by which pods of one template are known.</summary>
    public const string TemplateHash = "pod-template-hash";

    /// <summary>The same, of kinds without replica sets.</summary>
    public const string RevisionHash = "controller-revision-hash";

    private const string HashDigits = "bcdfghjklmnpqrstvwxz2456789";

    extension(KubernetesObject pod)
    {
        /// <summary><c>Pending</c>, <c>Running</c>, <c>Succeeded</c>, <c>Failed</c>.</summary>
        public string Phase => pod.Status.Text("phase") is { Length: > 0 } phase ? phase : "Pending";

        /// <summary>It has run to its end.</summary>
        public bool IsFinished => pod.Phase is "Succeeded" or "Failed";

        /// <summary>It counts: it is neither finished nor to go.</summary>
        public bool IsActive => !pod.IsDeleting && !pod.IsFinished;

        /// <summary>It can serve.</summary>
        public bool IsReady => !pod.IsDeleting && pod.Condition("Ready").Text("status") == "True";

        /// <summary>Since when it can; null when it cannot.</summary>
        public DateTimeOffset? ReadySince => pod.IsReady ? Times.Read(pod.Condition("Ready").Text("lastTransitionTime")) ?? pod.Created : null;

        /// <summary>Its address; empty before it has one.</summary>
        public string PodIP => pod.Status.Text("podIP");

        /// <summary>A condition of the status; null when it is not there.</summary>
        public DocumentNode? Condition(string type) => pod.Status.Field("conditions").Items().FirstOrDefault(condition => condition.Text("type") == type);

        /// <summary>It has been ready for long enough.</summary>
        internal bool IsAvailable(long minReadySeconds, DateTimeOffset now, Decision decision)
        {
            if (pod.ReadySince is not { } since)
            {
                return false;
            }
            DateTimeOffset available = since.AddSeconds(minReadySeconds);
            if (available > now)
            {
                decision.LookAgain(available);
                return false;
            }
            return true;
        }
    }

    /// <summary>A short word that is the same for templates that say the same.</summary>
    public static string HashOf(DocumentNode? template)
    {
        ulong hash = 14695981039346656037;
        foreach (byte one in YamlWriter.WriteJsonBytes(Canonical(template) ?? MappingNode.Empty))
        {
            hash = (hash ^ one) * 1099511628211;
        }
        Span<char> word = stackalloc char[10];
        for (int i = 0; i < word.Length; i++)
        {
            word[i] = HashDigits[(int)(hash % (ulong)HashDigits.Length)];
            hash /= (ulong)HashDigits.Length;
        }
        return new string(word);
    }

    /// <summary>The same content in one order, without what says nothing.</summary>
    private static DocumentNode? Canonical(DocumentNode? node) => node switch
    {
        ScalarNode { Is: ScalarKind.Null } => null,
        MappingNode mapping => Doc.Map([.. mapping.Entries.Where(entry => entry.Key != "creationTimestamp")
            .OrderBy(entry => entry.Key, StringComparer.Ordinal).Select(entry => (entry.Key, Canonical(entry.Value)))]),
        SequenceNode list => Doc.List(list.Items.Select(Canonical).OfType<DocumentNode>()),
        _ => node,
    };

    /// <summary>A pod of an owner's template.</summary>
    /// <param name="owner">Manages it.</param>
    /// <param name="template">What it is to be.</param>
    /// <param name="name">Its name; empty for one that begins with the owner's.</param>
    /// <param name="labels">Further labels.</param>
    /// <param name="annotations">Further annotations.</param>
    public static KubernetesObject Make(
        KubernetesObject owner, DocumentNode? template, string name,
        IReadOnlyList<KeyValuePair<string, string>>? labels = null, IReadOnlyList<KeyValuePair<string, string>>? annotations = null)
    {
        MappingNode metadata = Doc.Map(
            ("name", name.Length > 0 ? Doc.Text(name) : null),
            ("generateName", name.Length > 0 ? null : Doc.Text(owner.Name + "-")),
            ("namespace", Doc.Text(owner.Namespace)),
            ("labels", Doc.Map(With(template.At("metadata").Pairs("labels"), labels))),
            ("annotations", Doc.Map(With(template.At("metadata").Pairs("annotations"), annotations))),
            ("ownerReferences", Doc.List([owner.OwnerReference()])));
        return new(ResourceKind.Of("Pod"), Doc.Map(
            ("apiVersion", Doc.Text("v1")), ("kind", Doc.Text("Pod")), ("metadata", metadata), ("spec", template.Field("spec"))));
    }

    /// <summary>The conditions of a status with one of them said anew; its transition is now when its status changed.</summary>
    internal static SequenceNode SetCondition(DocumentNode? status, string type, bool holds, string reason, string message, DateTimeOffset now, bool touched = false)
    {
        DocumentNode? before = status.Field("conditions").Items().FirstOrDefault(one => one.Text("type") == type);
        string word = holds ? "True" : "False";
        bool turned = before.Text("status") != word;
        MappingNode condition = Doc.Map(
            ("type", Doc.Text(type)), ("status", Doc.Text(word)),
            ("lastUpdateTime", turned || touched || before.Text("reason") != reason ? Times.Node(now) : before.Field("lastUpdateTime")),
            ("lastTransitionTime", turned ? Times.Node(now) : before.Field("lastTransitionTime")),
            ("reason", Doc.Text(reason)), ("message", Doc.Text(message)));
        return Doc.List([.. status.Field("conditions").Items().Where(one => one.Text("type") != type), condition]);
    }

    private static IEnumerable<KeyValuePair<string, string>> With(IEnumerable<KeyValuePair<string, string>> some, IReadOnlyList<KeyValuePair<string, string>>? more) =>
        more is null ? some : some.Where(one => !more.Any(other => other.Key == one.Key)).Concat(more);
}
