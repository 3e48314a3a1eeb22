using Caisson.Api.Http;

namespace Caisson.Api.Metrics;

/// <summary><c>GET /metrics</c>, for Prometheus.</summary>
internal sealed class MetricsRoutes(EngineMetrics metrics)
{
    public void AddTo(Router.Builder routes) => routes.Get("/metrics", Need.To("get", "metrics"), call => call.Text(metrics.Read(), MetricsText.ContentType));
}
