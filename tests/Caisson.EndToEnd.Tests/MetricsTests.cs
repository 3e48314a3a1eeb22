using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;

using Xunit;

namespace Caisson.EndToEnd.Tests;

/// <summary>What Prometheus reads, read by Debian's own.</summary>
public sealed class MetricsTests(Engine engine) : IClassFixture<Engine>
{
    [Fact]
    public async Task Prometheus_scrapes_the_engine_and_finds_what_a_container_uses()
    {
        engine.SkipUnlessPublished();
        Assert.SkipUnless(Engine.Has("prometheus"), "prometheus is not installed");
        Assert.Equal(0, engine.Caisson("run", "-d", "--name", "worker", "--memory", "64m", "busybox", "sh", "-c", "while :; do :; done").Code);
        string directory = engine.NewDirectory("prometheus");
        string[] config = engine.Caisson("kubeconfig").Output.Split('\n');
        File.WriteAllText($"{directory}/token", ValueOf("token"));
        File.WriteAllBytes($"{directory}/ca.crt", Convert.FromBase64String(ValueOf("certificate-authority-data")));
        File.WriteAllText($"{directory}/prometheus.yml", $$"""
            global: {scrape_interval: 500ms, scrape_timeout: 500ms}
            scrape_configs:
            - job_name: caisson
              scheme: https
              authorization: {credentials_file: {{directory}}/token}
              tls_config: {ca_file: {{directory}}/ca.crt}
              static_configs: [{targets: ['{{new Uri(ValueOf("server")).Authority}}']}]
            """);
        int port = FreePort();
        using Process prometheus = Process.Start(new ProcessStartInfo(
            "prometheus", [$"--config.file={directory}/prometheus.yml", $"--storage.tsdb.path={directory}/data", $"--web.listen-address=127.0.0.1:{port}", "--log.level=error"])
        { RedirectStandardError = true, RedirectStandardOutput = true })!;
        try
        {
            string id = engine.Caisson("inspect", "-f", "{{.Id}}", "worker").Output.Trim();

            double up = await AskAsync("up");
            double used = await AskAsync($"container_cpu_usage_seconds_total{{id=\"{id}\",runtime=\"container\"}}");
            double limit = await AskAsync($"container_spec_memory_limit_bytes{{name=\"worker\"}}");
            double running = await AskAsync("caisson_containers{state=\"running\"}");

            Assert.Equal(1, up);
            Assert.True(used > 0, "the container used no processor time");
            Assert.Equal(64 << 20, limit);
            Assert.Equal(1, running);
        }
        finally
        {
            prometheus.Kill();
            await prometheus.WaitForExitAsync(TestContext.Current.CancellationToken);
            engine.Caisson("rm", "-f", "worker");
        }

        string ValueOf(string key) => config.Select(line => line.Trim()).First(line => line.StartsWith(key + ": ", StringComparison.Ordinal))[(key.Length + 2)..];

        // Until there is an answer: Prometheus has to start, and to scrape once.
        async Task<double> AskAsync(string query)
        {
            using var client = new HttpClient();
            for (int i = 0; i < 300; i++)
            {
                try
                {
                    string answer = await client.GetStringAsync(new Uri($"http://127.0.0.1:{port}/api/v1/query?query={Uri.EscapeDataString(query)}"), TestContext.Current.CancellationToken);
                    using JsonDocument json = JsonDocument.Parse(answer);
                    JsonElement result = json.RootElement.GetProperty("data").GetProperty("result");
                    if (result.GetArrayLength() == 1)
                    {
                        return double.Parse(result[0].GetProperty("value")[1].GetString()!, CultureInfo.InvariantCulture);
                    }
                }
                catch (HttpRequestException)
                {
                    // It does not listen yet.
                }
                await Task.Delay(100, TestContext.Current.CancellationToken);
            }
            throw new TimeoutException($"Prometheus never knew {query}");
        }
    }

    [Fact]
    public void Without_the_token_nobody_is_told_anything()
    {
        engine.SkipUnlessPublished();
        string server = engine.Caisson("kubeconfig").Output.Split('\n').Select(line => line.Trim()).First(line => line.StartsWith("server: ", StringComparison.Ordinal))["server: ".Length..];
        using var handler = new HttpClientHandler { ServerCertificateCustomValidationCallback = (_, _, _, _) => true };
        using var client = new HttpClient(handler);

        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri($"{server}/metrics"));
        using HttpResponseMessage answer = client.Send(request, TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
