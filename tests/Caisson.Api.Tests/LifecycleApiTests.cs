using System.Text.Json;

using Caisson.Control.Model;
using Caisson.Control.Workloads;
using Caisson.Oci;

using Xunit;

namespace Caisson.Api.Tests;

/// <summary>Health, logs, secrets and events in Docker's shapes and status codes.</summary>
public sealed class LifecycleApiTests
{
    [Fact]
    public async Task Health_is_shown_where_clients_look()
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();
        await api.Engine.StartAsync(config: new ContainerCreate { Healthcheck = new HealthcheckConfig { Test = ["TCP", "5432"] } }, name: "web");
        await api.Engine.StartAsync(name: "plain");

        using JsonDocument web = Body(await api.GetAsync("/containers/web/json"));
        using JsonDocument plain = Body(await api.GetAsync("/containers/plain/json"));
        using JsonDocument list = Body(await api.GetAsync("/containers/json?filters={%22health%22:[%22starting%22]}"));

        JsonElement health = web.RootElement.GetProperty("State").GetProperty("Health");
        Assert.Equal("""{"Status":"starting","FailingStreak":0,"Log":[]}""", health.GetRawText());
        Assert.False(plain.RootElement.GetProperty("State").TryGetProperty("Health", out _));
        Assert.Contains("(health: starting)", Assert.Single(list.RootElement.EnumerateArray()).GetProperty("Status").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Secrets_and_configs_live_without_a_swarm()
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();

        string created = await api.SendAsync("POST", "/v1.47/secrets/create", """{"Name":"token","Labels":{"a":"b"},"Data":"czNjcmV0"}""");
        string again = await api.SendAsync("POST", "/secrets/create", """{"Name":"token","Data":"eA=="}""");
        string wrong = await api.SendAsync("POST", "/secrets/create", """{"Name":"other","Data":"%"}""");
        using JsonDocument secret = Body(await api.GetAsync("/secrets/token"));
        await api.SendAsync("POST", "/configs/create", """{"Name":"site","Data":"eA=="}""");
        using JsonDocument config = Body(await api.GetAsync("/configs/site"));
        using JsonDocument list = Body(await api.GetAsync("/secrets?filters={%22label%22:[%22a=b%22]}"));
        string container = await api.SendAsync("POST", "/containers/create?name=web", """{"Image":"tiny","HostConfig":{"Secrets":[{"Source":"token"}]}}""");
        string used = await api.GetAsync("/secrets/token", "DELETE");
        await api.GetAsync("/containers/web", "DELETE");
        string removed = await api.GetAsync("/secrets/token", "DELETE");
        string gone = await api.GetAsync("/secrets/token");
        string changed = await api.SendAsync("POST", "/configs/site/update?version=1", "{}");

        Assert.Equal(
            ["201", "409", "400", "201", "400", "204", "404", "501"],
            ((string[])[created, again, wrong, container, used, removed, gone, changed]).Select(answer => answer.Split(' ')[1]));
        Assert.Equal("token", secret.RootElement.GetProperty("Spec").GetProperty("Name").GetString());
        Assert.False(secret.RootElement.GetProperty("Spec").TryGetProperty("Data", out _));
        Assert.Equal("eA==", config.RootElement.GetProperty("Spec").GetProperty("Data").GetString());
        Assert.Equal(1, list.RootElement.GetArrayLength());
    }

    [Fact]
    public async Task A_log_is_cleared_and_its_details_are_shown()
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();
        Workload workload = await api.Engine.CreateAsync(
            new HostConfig { LogConfig = new LogConfig { Type = "json-file", Config = new Dictionary<string, string> { ["tag"] = "t", ["labels"] = "origin" } } });
        await File.WriteAllTextAsync(
            workload.LogPath!, "{\"log\":\"one\\n\",\"stream\":\"stdout\",\"time\":\"2026-11-21T11:28:30.1Z\"}\n", TestContext.Current.CancellationToken);

        string before = await api.GetAsync($"/containers/{workload.Id}/logs?stdout=1&details=1&timestamps=1");
        string cleared = await api.GetAsync($"/caisson/containers/{workload.Id}/logs", "DELETE");
        string after = await api.GetAsync($"/containers/{workload.Id}/logs?stdout=1");

        Assert.Contains("2026-11-21T11:28:30.100000000Z origin=test,tag=t one\n", before, StringComparison.Ordinal);
        Assert.Equal("204", cleared.Split(' ')[1]);
        Assert.DoesNotContain("one", after, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Events_are_resumed_by_number_and_checkpoints_refused()
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();
        await api.Engine.CreateAsync(name: "one");
        string all = await api.GetAsync("/events?since=1&until=0.1");
        string none = await api.GetAsync("/events?since=seq:999999&until=1");
        string wrong = await api.GetAsync("/events?since=seq:x");
        string checkpoints = await api.GetAsync("/containers/one/checkpoints");

        Assert.DoesNotContain("\"sequence\"", all, StringComparison.Ordinal);
        Assert.DoesNotContain("\"sequence\"", none, StringComparison.Ordinal);
        Assert.Equal(["400", "501"], ((string[])[wrong, checkpoints]).Select(answer => answer.Split(' ')[1]));
        Assert.Contains("CRIU", checkpoints, StringComparison.Ordinal);
    }

    private static JsonDocument Body(string answer)
    {
        string body = answer[(answer.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..];
        return JsonDocument.Parse(body[body.IndexOfAny(['{', '['])..(body.LastIndexOfAny(['}', ']']) + 1)]);
    }
}
