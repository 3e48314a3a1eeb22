using Caisson.Cli.CommandLine;
using Caisson.Documents;
using Caisson.Errors;
using Caisson.Kubernetes.Objects;
using Caisson.Kubernetes.Schema;

namespace Caisson.Cli.Orchestrating;

/// <summary><c>caisson wait --for=…</c>: until objects are as they should be.</summary>
internal static class ObjectWait
{
    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(100);

    /// <summary>Waits, and says of each object that it is so.</summary>
    /// <param name="session">The engine and the streams.</param>
    /// <param name="words">Which objects.</param>
    /// <param name="space">Their namespace.</param>
    /// <param name="until"><c>condition=TYPE</c>, <c>condition=TYPE=STATUS</c>, <c>delete</c> or <c>jsonpath</c>-less <c>phase=WORD</c>.</param>
    /// <param name="timeout">How long.</param>
    public static int Run(Session session, IReadOnlyList<string> words, string space, string until, TimeSpan timeout)
    {
        Func<KubernetesObject?, bool> holds = Read(until);
        var client = new ObjectClient(session.Engine);
        DateTimeOffset end = session.Clock.GetUtcNow() + timeout;
        foreach ((ResourceKind kind, string name) in ObjectClient.Targets(words))
        {
            if (name.Length == 0)
            {
                throw new UsageException($"say which {kind.Plural} to wait for", exitCode: 1);
            }
            while (!holds(client.Find(kind, space, name)))
            {
                if (session.Clock.GetUtcNow() >= end)
                {
                    throw new CaissonException(ErrorKind.Unavailable, $"timed out waiting for {until} on {kind.Plural}/{name}");
                }
                Thread.Sleep(LookAgain);
            }
            session.Out.WriteLine($"{kind.Qualified}/{name} condition met");
            session.Flush();
        }
        return 0;
    }

    private static Func<KubernetesObject?, bool> Read(string until)
    {
        string[] parts = until.Split('=', 3);
        return parts switch
        {
            ["delete"] => one => one is null,
            ["condition", var type] => one => one.Is(type, "True"),
            ["condition", var type, var status] => one => one.Is(type, status),
            ["phase", var phase] => one => one?.Status.Text("phase") == phase,
            _ => throw new UsageException($"--for={until}: it is condition=TYPE, condition=TYPE=STATUS, phase=WORD or delete", exitCode: 1),
        };
    }

    private static bool Is(this KubernetesObject? one, string type, string status) => one is not null
        && one.Status.Field("conditions").Items().Any(condition =>
            condition.Text("type").Equals(type, StringComparison.OrdinalIgnoreCase) && condition.Text("status").Equals(status, StringComparison.OrdinalIgnoreCase))
        && (one.Kind.Kind == "Pod" || one.Status.Whole("observedGeneration") is null || one.Status.Whole("observedGeneration") >= one.Generation) && !one.IsDeleting;
}
