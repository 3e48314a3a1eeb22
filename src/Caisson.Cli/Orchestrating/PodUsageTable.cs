using System.Globalization;

using Caisson.Cli.Formatting;
using Caisson.Documents;
using Caisson.Kubernetes.Objects;

namespace Caisson.Cli.Orchestrating;

/// <summary><c>caisson top pods</c>: what pods use.</summary>
internal static class PodUsageTable
{
    /// <summary>Prints the table of a namespace; of all when it is empty.</summary>
    public static int Print(Session session, string space)
    {
        string path = "/apis/metrics.k8s.io/v1beta1" + (space.Length > 0 ? $"/namespaces/{Uri.EscapeDataString(space)}" : "") + "/pods";
        var lines = new ColumnWriter();
        lines.Add("NAMESPACE\tNAME\tCPU\tMEMORY");
        foreach (DocumentNode pod in new ObjectClient(session.Engine).Document("GET", path)["items"].Items())
        {
            decimal cores = pod.Field("containers").Items().Sum(container => Quantity.Parse(container.Field("usage").Text("cpu")));
            decimal bytes = pod.Field("containers").Items().Sum(container => Quantity.Parse(container.Field("usage").Text("memory")));
            lines.Add(string.Create(CultureInfo.InvariantCulture, $"{pod.Field("metadata").Text("namespace")}\t{pod.Field("metadata").Text("name")}\t{cores * 1000:0}m\t{bytes / (1 << 20):0.0}Mi"));
        }
        lines.Flush(session.Out);
        return 0;
    }
}
