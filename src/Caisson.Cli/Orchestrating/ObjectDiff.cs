using Caisson.Cli.Formatting;
using Caisson.Client;
using Caisson.Documents;
using Caisson.Errors;
using Caisson.Kubernetes.Objects;

namespace Caisson.Cli.Orchestrating;

/// <summary><c>caisson diff -f</c>: what an apply would change.</summary>
internal static class ObjectDiff
{
    /// <summary>Prints the differences; nothing is changed.</summary>
    /// <returns>0 without differences, 1 with some.</returns>
    public static int Run(Session session, IReadOnlyList<string> files, Func<KubernetesObject, string> spaceOf)
    {
        var client = new ObjectClient(session.Engine);
        bool any = false;
        foreach (KubernetesObject one in ObjectClient.ReadManifests(session, files))
        {
            KubernetesObject? live = client.Find(one.Kind, spaceOf(one), one.Name);
            KubernetesObject after;
            try
            {
                after = client.Apply(one, spaceOf(one), dryRun: true).Object;
            }
            catch (EngineException error) when (error.Kind == ErrorKind.NotFound && live is null)
            {
                after = one; // its namespace is only being made by the same manifests
            }
            string[] before = live is null ? [] : Lines(live);
            string[] now = Lines(after);
            if (before.SequenceEqual(now))
            {
                continue;
            }
            any = true;
            session.Out.WriteLine($"--- {one.Kind.Qualified}/{one.Name} as it is");
            session.Out.WriteLine($"+++ {one.Kind.Qualified}/{one.Name} as it would be");
            foreach (string line in Compare(before, now))
            {
                session.Out.WriteLine(DisplayText.Printable(line));
            }
        }
        return any ? 1 : 0;
    }

    private static string[] Lines(KubernetesObject one)
    {
        MappingNode tree = one.Tree.Without("status");
        if (tree["metadata"] is MappingNode metadata)
        {
            metadata = metadata.Without("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp");
            tree = tree.With("metadata", metadata.Set(null, "annotations", "kubectl.kubernetes.io/last-applied-configuration"));
        }
        if (one.Kind.Kind == "Secret" && tree["data"] is MappingNode data)
        {
            // That a secret changes is said, and nothing of what it is.
            tree = tree.With("data", Doc.Map(data.Entries.Select(entry => new KeyValuePair<string, string>(entry.Key, $"({PlainHash(entry.Value.AsText())})"))));
        }
        return YamlWriter.Write(tree).TrimEnd('\n').Split('\n');
    }

    private static string PlainHash(string text) => Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(text)))[..8];

    /// <summary>The longest common lines stay; others are taken away or added. With three lines around.</summary>
    private static IEnumerable<string> Compare(string[] before, string[] now)
    {
        int[,] common = new int[before.Length + 1, now.Length + 1];
        for (int i = before.Length - 1; i >= 0; i--)
        {
            for (int j = now.Length - 1; j >= 0; j--)
            {
                common[i, j] = before[i] == now[j] ? common[i + 1, j + 1] + 1 : Math.Max(common[i + 1, j], common[i, j + 1]);
            }
        }
        List<string> lines = [];
        int a = 0;
        int b = 0;
        while (a < before.Length || b < now.Length)
        {
            if (a < before.Length && b < now.Length && before[a] == now[b])
            {
                lines.Add(" " + before[a++]);
                b++;
            }
            else if (b >= now.Length || (a < before.Length && common[a + 1, b] >= common[a, b + 1]))
            {
                lines.Add("-" + before[a++]);
            }
            else
            {
                lines.Add("+" + now[b++]);
            }
        }
        return lines.Where((line, at) => line[0] != ' ' || Enumerable.Range(Math.Max(0, at - 3), Math.Min(lines.Count, at + 4) - Math.Max(0, at - 3)).Any(near => lines[near][0] != ' '));
    }
}
