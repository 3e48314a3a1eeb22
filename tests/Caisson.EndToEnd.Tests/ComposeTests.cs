using Xunit;

namespace Caisson.EndToEnd.Tests;

/// <summary>Compose projects through the real binaries.</summary>
public sealed class ComposeTests(Engine engine) : IClassFixture<Engine>
{
    private const string Serve = "mkdir /tmp/www; echo $$TEXT > /tmp/www/index.html; exec busybox httpd -f -p 8080 -h /tmp/www";

    [Fact]
    public void A_project_comes_up_is_seen_changes_and_goes_without_a_trace()
    {
        string files = Project("life", $"""
            services:
              web:
                image: busybox
                command: [sh, -c, "{Serve}"]
                environment: [TEXT=hello]
                depends_on: [db]
                stop_grace_period: 1s
                configs: [{"{"}source: conf, target: /etc/app.conf, mode: 0400{"}"}]
                secrets: [token]
              db:
                image: busybox
                command: [sh, -c, "echo ready; exec sleep 1000"]
                stop_grace_period: 1s
            configs: {"{"}conf: {"{"}content: "a=b"{"}"}{"}"}
            secrets: {"{"}token: {"{"}file: ./token{"}"}{"}"}
            """);
        File.WriteAllText($"{files}/token", "secret");

        Ok(Compose(files, "up", "-d"));
        string services = Ok(Compose(files, "ps", "--services"));
        string content = Ok(Compose(files, "exec", "-T", "web", "sh", "-c", "cat /etc/app.conf /run/secrets/token; for i in 1 2 3 4 5 6 7 8 9; do busybox wget -q -O - http://web:8080/ 2>/dev/null && break; sleep 0.2; done"));
        string logs = Ok(Compose(files, "logs", "db"));
        string before = Ok(Compose(files, "ps", "-q"));
        Ok(Compose(files, "up", "-d"));
        string after = Ok(Compose(files, "ps", "-q"));
        string listed = Ok(engine.Caisson("compose", "ls", "-q"));
        Ok(Compose(files, "down"));

        Assert.Equal("db\nweb\n", services);
        Assert.Equal("a=bsecrethello\n", content);
        Assert.Equal("db-1  | ready\n", logs);
        Assert.Equal(before, after);
        Assert.Contains("life", listed, StringComparison.Ordinal);
        Assert.Equal("", Ok(Compose(files, "ps", "-aq")));
        Assert.DoesNotContain("life_default", engine.Caisson("network", "ls").Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_rolling_update_answers_every_request_while_it_goes_on()
    {
        string Text(string text) => $"""
            services:
              web:
                image: busybox
                command: [sh, -c, "{Serve}"]
                environment: [TEXT={text}]
                ports: ["127.0.0.1:18099:8080"]
                stop_grace_period: 1s
                deploy: {"{"}update_config: {"{"}order: start-first, monitor: 1s{"}"}{"}"}
            """;
        string files = Project("rolling", Text("one"));
        Ok(Compose(files, "up", "-d"));
        using var client = new HttpClient { Timeout = TimeSpan.FromSeconds(10) };
        client.DefaultRequestHeaders.ConnectionClose = true;
        await WaitForAsync(client);
        using var stop = new CancellationTokenSource();
        var answers = Task.Run(() => AskAsync(client, stop.Token), TestContext.Current.CancellationToken);

        File.WriteAllText($"{files}/compose.yaml", Text("two"));
        var update = Compose(files, "up", "-d");
        await stop.CancelAsync();
        var (texts, failures) = await answers;
        Ok(Compose(files, "down"));

        Ok(update);
        Assert.Empty(failures);
        Assert.Contains("one\n", texts);
        Assert.Equal("two\n", texts[^1]);
    }

    [Fact]
    public void Containers_start_when_what_they_depend_on_is_done_or_healthy()
    {
        string files = Project("order", """
            services:
              web:
                image: busybox
                command: [cat, /data/made]
                volumes: [data:/data]
                depends_on:
                  make: {condition: service_completed_successfully}
                  db: {condition: service_healthy}
              make:
                image: busybox
                command: [sh, -c, "echo made > /data/made"]
                volumes: [data:/data]
              db:
                image: busybox
                command: [sh, -c, "sleep 1; touch /tmp/up; exec sleep 1000"]
                stop_grace_period: 0s
                healthcheck: {test: test -e /tmp/up, interval: 200ms, retries: 50}
            volumes: {data: }
            """);

        var up = Compose(files, "up", "--exit-code-from", "web", "--no-color");
        Ok(Compose(files, "down", "-v"));

        Assert.Equal(0, up.Code);
        Assert.Contains("web-1", up.Output, StringComparison.Ordinal);
        Assert.Contains("| made", up.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("order_data", engine.Caisson("volume", "ls").Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Scale_orphans_and_one_off_commands()
    {
        string files = Project("scale", "services: {job: {image: busybox, command: [sleep, '1000'], stop_grace_period: 0s}, old: {image: busybox, command: [sleep, '1000'], stop_grace_period: 0s}}\n");

        Ok(Compose(files, "up", "-d", "--scale", "job=3"));
        string three = Ok(Compose(files, "ps", "-q", "job"));
        File.WriteAllText($"{files}/compose.yaml", "services: {job: {image: busybox, command: [sleep, '1000'], stop_grace_period: 0s}}\n");
        var told = Compose(files, "up", "-d");
        Ok(Compose(files, "up", "-d", "--remove-orphans"));
        string left = Ok(Compose(files, "ps", "-a", "--format", "{{.Name}}"));
        var ran = Compose(files, "run", "--rm", "-T", "job", "sh", "-c", "echo ran; exit 3");
        Ok(Compose(files, "down"));

        Assert.Equal(3, three.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        Assert.Contains("orphan", told.Error, StringComparison.Ordinal);
        Assert.Equal("scale-job-1\n", left);
        Assert.Equal(3, ran.Code);
        Assert.Equal("ran\n", ran.Output);
    }

    [Fact]
    public void A_wrong_file_is_told_with_its_places_and_changes_nothing()
    {
        string files = Project("wrong", "services: {web: {imagee: busybox, ports: [x]}}\n");

        var answer = Compose(files, "up", "-d");

        Assert.Equal(1, answer.Code);
        Assert.Contains("compose.yaml:1:18: services.web: unknown key 'imagee'; did you mean 'image'?", answer.Error, StringComparison.Ordinal);
        Assert.Contains("compose.yaml:1:43: services.web.ports[0]: 'x' is no port", answer.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("wrong", engine.Caisson("network", "ls").Output, StringComparison.Ordinal);
    }

    private string Project(string name, string compose)
    {
        engine.SkipUnlessPublished();
        string directory = engine.NewDirectory(name);
        File.WriteAllText($"{directory}/compose.yaml", compose);
        return directory;
    }

    private Answer Compose(string directory, params string[] arguments) => engine.Caisson(["compose", "-f", $"{directory}/compose.yaml", .. arguments]);

    private static string Ok(Answer answer)
    {
        Assert.True(answer.Code == 0, answer.ToString());
        return answer.Output;
    }

    private static async Task WaitForAsync(HttpClient client)
    {
        for (int i = 0; i < 200; i++)
        {
            try
            {
                await client.GetStringAsync("http://127.0.0.1:18099/");
                return;
            }
            catch (HttpRequestException)
            {
                await Task.Delay(50);
            }
        }
    }

    private static async Task<(List<string> Texts, List<string> Failures)> AskAsync(HttpClient client, CancellationToken cancellationToken)
    {
        List<string> texts = [];
        List<string> failures = [];
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                texts.Add(await client.GetStringAsync("http://127.0.0.1:18099/", CancellationToken.None));
            }
            catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
            {
                failures.Add(e.Message);
            }
        }
        return (texts, failures);
    }
}
