using System.Globalization;

using Caisson.Cli.Formatting;
using Caisson.Documents;
using Caisson.Kubernetes.Controllers;
using Caisson.Kubernetes.Objects;

namespace Caisson.Cli.Orchestrating;

/// <summary>Objects as text for people.</summary>
internal static class ObjectText
{
    /// <summary>Prints a table of the engine; columns for <c>-o wide</c> only when asked for.</summary>
    public static void PrintTable(TextWriter output, MappingNode table, bool wide, bool withNamespace, string prefix = "")
    {
        DocumentNode[] columns = [.. table["columnDefinitions"].Items()];
        int[] shown = [.. Enumerable.Range(0, columns.Length).Where(i => wide || columns[i].Whole("priority") is null or 0)];
        var lines = new ColumnWriter();
        lines.Add(string.Join('\t', (withNamespace ? ["NAMESPACE"] : Array.Empty<string>()).Concat(shown.Select(i => columns[i].Text("name").ToUpperInvariant()))));
        foreach (DocumentNode row in table["rows"].Items())
        {
            DocumentNode[] cells = [.. row.Field("cells").Items()];
            string[] texts = [.. shown.Select(i => (i == 0 ? prefix : "") + cells[i].AsText())];
            lines.Add(string.Join('\t', withNamespace ? [row.At("object", "metadata").Text("namespace"), .. texts] : texts));
        }
        lines.Flush(output);
    }

    /// <summary>Says everything of an object: its document as text, the content of secrets left out, and what happened to it.</summary>
    public static void Describe(TextWriter output, KubernetesObject one, IEnumerable<KubernetesObject> events)
    {
        output.WriteLine($"Name:         {one.Name}");
        if (one.Namespace.Length > 0)
        {
            output.WriteLine($"Namespace:    {one.Namespace}");
        }
        output.WriteLine($"Kind:         {one.Kind.Kind} ({one.Kind.ApiVersion})");
        output.WriteLine($"Created:      {Times.Write(one.Created)}");
        Pairs("Labels:", one.Metadata.Pairs("labels"));
        Pairs("Annotations:", one.Metadata.Pairs("annotations").Where(pair => pair.Key != "kubectl.kubernetes.io/last-applied-configuration"));
        if (one.Controller is { } owner)
        {
            output.WriteLine($"Controlled by: {owner.Text("kind")}/{owner.Text("name")}");
        }
        foreach (MappingEntry entry in one.Tree.Entries.Where(entry => entry.Key is not ("apiVersion" or "kind" or "metadata")))
        {
            if (one.Kind.Kind == "Secret" && entry.Key == "data")
            {
                output.WriteLine("Data:");
                foreach (MappingEntry secret in entry.Value.Entries())
                {
                    output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {secret.Key}: {secret.Value.AsText().Length * 3 / 4} bytes"));
                }
                continue;
            }
            output.WriteLine($"{char.ToUpperInvariant(entry.Key[0])}{entry.Key[1..]}:");
            foreach (string line in YamlWriter.Write(entry.Value).TrimEnd('\n').Split('\n'))
            {
                output.WriteLine("  " + DisplayText.Printable(line));
            }
        }
        KubernetesObject[] told = [.. events.OrderBy(happened => happened.Tree.Text("lastTimestamp"), StringComparer.Ordinal)];
        output.WriteLine(told.Length == 0 ? "Events:       none" : "Events:");
        var lines = new ColumnWriter();
        foreach (KubernetesObject happened in told)
        {
            lines.Add($"  {happened.Tree.Text("type")}\t{happened.Tree.Text("reason")}\t{happened.Tree.Text("lastTimestamp")}\tx{happened.Tree.Text("count")}\t{happened.Tree.Text("message")}");
        }
        if (told.Length > 0)
        {
            lines.Flush(output);
        }

        void Pairs(string title, IEnumerable<KeyValuePair<string, string>> pairs)
        {
            string[] all = [.. pairs.Select(pair => $"{pair.Key}={pair.Value}")];
            output.WriteLine($"{title,-13} {(all.Length == 0 ? "none" : DisplayText.Printable(string.Join(", ", all)))}");
        }
    }

    /// <summary>What is still to be done of a rollout; null when it is done.</summary>
    public static string? Remaining(KubernetesObject one)
    {
        DocumentNode? status = one.Status;
        long N(string field) => status.Whole(field) ?? 0;
        if (N("observedGeneration") < one.Generation)
        {
            return $"Waiting for {one.Kind.Singular} \"{one.Name}\" spec update to be observed...";
        }
        long wanted = one.Kind.Kind == "DaemonSet" ? N("desiredNumberScheduled") : one.Spec.Whole("replicas") ?? 1;
        (long updated, long available, long all) = one.Kind.Kind switch
        {
            "DaemonSet" => (N("updatedNumberScheduled"), N("numberAvailable"), N("currentNumberScheduled")),
            "StatefulSet" => (N("updatedReplicas"), N("readyReplicas"), N("replicas")),
            _ => (N("updatedReplicas"), N("availableReplicas"), N("replicas")),
        };
        return updated < wanted ? $"Waiting for {one.Kind.Singular} \"{one.Name}\" rollout to finish: {updated} out of {wanted} new replicas have been updated..."
            : all > updated ? $"Waiting for {one.Kind.Singular} \"{one.Name}\" rollout to finish: {all - updated} old replicas are pending termination..."
            : available < updated ? $"Waiting for {one.Kind.Singular} \"{one.Name}\" rollout to finish: {available} of {updated} updated replicas are available..."
            : null;
    }

    /// <summary>Whether a rollout has passed its deadline.</summary>
    public static bool IsLate(KubernetesObject one) =>
        one.Status.Whole("observedGeneration") >= one.Generation && one.Condition("Progressing").Text("reason") == "ProgressDeadlineExceeded";
}
