using System.Globalization;

using Caisson.EndToEnd.Tests.Chaos;

using Xunit;

namespace Caisson.EndToEnd.Tests;

/// <summary>Networks of containers on the real host, by both command lines.</summary>
public sealed class NetworkTests(Engine engine) : IClassFixture<Engine>
{
    private const string Serve = "mkdir /tmp/www; echo hello from $(hostname) > /tmp/www/index.html; exec busybox httpd -f -p 8080 -h /tmp/www";

    [Theory]
    [InlineData("caisson")]
    [InlineData("docker")]
    public void Containers_of_a_network_reach_each_other_by_name_and_others_do_not(string client)
    {
        (string front, string back, string web) = ($"front-{client}", $"back-{client}", $"web-{client}");
        Ok(engine.By(client, "network", "create", front));
        Ok(engine.By(client, "network", "create", "--internal", back));
        Ok(engine.By(client, "run", "-d", "--name", web, "--hostname", "server", "--network", front, "--network-alias", "site", "busybox", "sh", "-c", Serve));
        string address = Ok(engine.By(client, "inspect", "-f", $"{{{{(index .NetworkSettings.Networks \"{front}\").IPAddress}}}}", web)).Trim();

        string byName = Get(client, front, web);
        string byAlias = Get(client, front, "site");
        string fromOther = Get(client, back, address);
        var inUse = engine.By(client, "network", "rm", front);
        Ok(engine.By(client, "rm", "-f", web));
        Ok(engine.By(client, "network", "rm", front, back));

        Assert.Equal("hello from server\n", byName);
        Assert.Equal("hello from server\n", byAlias);
        Assert.DoesNotContain("hello", fromOther, StringComparison.Ordinal);
        Assert.Equal(1, inUse.Code);
        Assert.Contains("has active endpoints", inUse.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("caisson")]
    [InlineData("docker")]
    public async Task A_published_port_answers_at_the_host_also_after_the_engine_died(string client)
    {
        string web = $"published-{client}";
        Ok(engine.By(client, "run", "-d", "--name", web, "--hostname", "server", "-p", "127.0.0.1::8080", "busybox", "sh", "-c", Serve));
        string where = Ok(engine.By(client, "port", web, "8080")).Trim();
        string shown = Ok(engine.By(client, "ps", "--filter", $"name={web}", "--format", "{{.Ports}}")).Trim();
        await ServedAsync(where);

        string before = await GetAsync(where);
        engine.Kill();
        string between = await GetAsync(where);
        Assert.Equal(0, engine.Caisson("ps").Code); // another engine
        string after = await GetAsync(where);
        string resolved = Ok(engine.By(client, "exec", web, "nslookup", web));
        Ok(engine.By(client, "rm", "-f", web));

        Assert.Equal(["hello from server\n", "hello from server\n", "hello from server\n"], [before, between, after]);
        Assert.Equal($"{where}->8080/tcp", shown);
        Assert.Contains("Address", resolved, StringComparison.Ordinal);
    }

    [Fact]
    public void A_running_container_is_connected_to_a_network_and_shares_it()
    {
        engine.SkipUnlessPublished();
        Ok(engine.Caisson("network", "create", "--subnet", "10.231.7.0/24", "late"));
        Ok(engine.Caisson("run", "-d", "--name", "joiner", "--network", "bridge", "busybox", "sleep", "300"));

        Ok(engine.Caisson("network", "connect", "--ip", "10.231.7.9", "late", "joiner"));
        string addresses = Ok(engine.Caisson("exec", "joiner", "ip", "-o", "-4", "addr"));
        string shared = Ok(engine.Caisson("run", "--rm", "--network", "container:joiner", "busybox", "ip", "-o", "-4", "addr"));
        Ok(engine.Caisson("network", "disconnect", "late", "joiner"));
        string left = Ok(engine.Caisson("exec", "joiner", "ip", "-o", "-4", "addr"));
        Ok(engine.Caisson("rm", "-f", "joiner"));
        Ok(engine.Caisson("network", "rm", "late"));

        Assert.Contains("10.231.7.9/24", addresses, StringComparison.Ordinal);
        Assert.Equal(addresses, shared);
        Assert.DoesNotContain("10.231.7.9", left, StringComparison.Ordinal);
        Assert.Contains("eth0", left, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_port_goes_over_to_another_container_while_clients_come()
    {
        engine.SkipUnlessPublished();
        Ok(engine.Caisson("run", "-d", "--name", "blue", "--hostname", "blue", "-p", "127.0.0.1:18473:8080", "busybox", "sh", "-c", Serve));
        Ok(engine.Caisson("run", "-d", "--name", "green", "--hostname", "green", "busybox", "sh", "-c", Serve));
        await ServedAsync("127.0.0.1:18473");
        Ok(engine.Caisson("exec", "green", "sh", "-c", "until wget -qO- http://127.0.0.1:8080/; do sleep 0.1; done"));
        using var over = new CancellationTokenSource();
        List<string> answers = [];
        Task clients = Task.Run(
            async () =>
            {
                while (!over.IsCancellationRequested)
                {
                    answers.Add(await GetAsync("127.0.0.1:18473"));
                }
            },
            TestContext.Current.CancellationToken);

        Answer refused = engine.Caisson("update", "--publish-add", "127.0.0.1:18473:8080", "green");
        Ok(engine.Caisson("update", "--publish-add", "127.0.0.1:18473:8080", "--publish-from", "blue", "green"));
        string after = await GetAsync("127.0.0.1:18473");
        await over.CancelAsync();
        await clients;
        string holder = Ok(engine.Caisson("port", "green"));
        Ok(engine.Caisson("rm", "-f", "blue", "green"));

        Assert.Contains("container blue", refused.Error, StringComparison.Ordinal);
        Assert.Equal("hello from green\n", after);
        Assert.All(answers, answer => Assert.StartsWith("hello from ", answer, StringComparison.Ordinal));
        Assert.Equal("8080/tcp -> 127.0.0.1:18473\n", holder);
    }

    [Fact]
    public async Task A_published_port_answers_at_every_address_of_the_host_to_everyone()
    {
        engine.SkipUnlessPublished();
        Ok(engine.Caisson("network", "create", "--ipv6", "--subnet", "10.231.8.0/24", "six"));
        Ok(engine.Caisson("run", "-d", "--name", "shown", "--hostname", "shown", "--network", "six", "-p", "18474:8080", "busybox", "sh", "-c", Serve));
        string gateway6 = Ok(engine.Caisson("inspect", "-f", "{{(index .NetworkSettings.Networks \"six\").IPv6Gateway}}", "shown")).Trim();
        await ServedAsync("127.0.0.1:18474");
        string Fetch(string address) => $"timeout 5 wget -qO- http://{address}:18474/";

        string[] byHost = [.. ((string[])["127.0.0.1", "10.231.8.1", $"[{gateway6}]"]).Select(address => engine.Host("busybox", "sh", "-c", Fetch(address).Replace("timeout", "busybox timeout", StringComparison.Ordinal).Replace("wget", "busybox wget", StringComparison.Ordinal)).Output)];
        string byItself = Ok(engine.Caisson("exec", "shown", "sh", "-c", Fetch("10.231.8.1")));
        string byNeighbour = Ok(engine.Caisson("run", "--rm", "--network", "six", "busybox", "sh", "-c", Fetch("10.231.8.1")));
        string byStranger = Ok(engine.Caisson("run", "--rm", "busybox", "sh", "-c", Fetch("10.231.8.1")));
        Ok(engine.Caisson("rm", "-f", "shown"));
        Ok(engine.Caisson("network", "rm", "six"));

        Assert.All((string[])[.. byHost, byItself, byNeighbour, byStranger], answer => Assert.Equal("hello from shown\n", answer));
    }

    [Fact]
    public void An_engine_that_ends_leaves_no_device_and_no_rule_and_one_that_serves_leaves_both()
    {
        engine.SkipUnlessPublished();
        using Engine own = new();
        Ok(own.Caisson("run", "-d", "--name", "web", "-p", "127.0.0.1::80", "busybox", "sleep", "300"));

        Ok(own.Caisson("engine", "stop"));
        IReadOnlyList<string> serving = Remains.OfNetworks(own.Run);
        Ok(own.Caisson("rm", "-f", "web"));
        Ok(own.Caisson("engine", "stop"));

        Assert.Equal(2, serving.Count(name => name.StartsWith("link ", StringComparison.Ordinal)));
        Assert.Empty(Remains.OfNetworks(own.Run));
    }

    private static string Ok(Answer answer)
    {
        Assert.True(answer.Code == 0, answer.ToString());
        return answer.Output;
    }

    /// <summary>Waits until the container's program serves.</summary>
    private static async Task ServedAsync(string where)
    {
        for (int i = 0; ; i++)
        {
            try
            {
                await GetAsync(where);
                return;
            }
            catch (HttpRequestException) when (i < 100)
            {
                await Task.Delay(100, TestContext.Current.CancellationToken);
            }
        }
    }

    private static async Task<string> GetAsync(string where)
    {
        using var client = new HttpClient { Timeout = TimeSpan.FromSeconds(20) };
        return await client.GetStringAsync(new Uri(string.Create(CultureInfo.InvariantCulture, $"http://{where}/")));
    }

    /// <summary>By timeout(1): with its own option for it, -T, this busybox ends by a signal whatever it is asked for.</summary>
    private string Get(string client, string network, string host) => engine.By(
        client, "run", "--rm", "--network", network, "busybox", "timeout", "5", "wget", "-qO-", $"http://{host}:8080/").Output;
}
