using Caisson.Api.Metrics;

using Xunit;

namespace Caisson.Api.Tests;

/// <summary>The text format of Prometheus.</summary>
public sealed class MetricsTextTests
{
    [Fact]
    public void A_family_is_said_once_and_its_samples_follow()
    {
        var text = new MetricsText();

        text.Gauge("a_bytes", "What a takes.").Add(1.5, ("name", "x")).Add(2);
        text.Counter("b_total", "What b did.").Add(3e9);

        Assert.Equal("# HELP a_bytes What a takes.\n# TYPE a_bytes gauge\na_bytes{name=\"x\"} 1.5\na_bytes 2\n# HELP b_total What b did.\n# TYPE b_total counter\nb_total 3000000000\n", text.ToString());
    }

    [Fact]
    public void A_name_cannot_end_its_label_or_its_line()
    {
        var text = new MetricsText();

        text.Gauge("a", "A.").Add(1, ("name", "x\"} 9\nb 7\\"), ("none", ""));

        Assert.EndsWith("a{name=\"x\\\"} 9\\nb 7\\\\\"} 1\n", text.ToString());
    }
}
