using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Xunit;

namespace Caisson.EndToEnd.Tests;

/// <summary>Servers as people run them, under the default profile: started as root, dropping privileges, stopped gracefully, keeping their data.</summary>
public sealed class ServiceTests(ServiceEngine services) : IClassFixture<ServiceEngine>
{
    private const string LogToContainer = "ln -sf /dev/stdout /var/log/nginx/access.log; ln -sf /dev/stderr /var/log/nginx/error.log; ";

    /// <summary>Makes a database where there is none, and serves it to who is in its networks.</summary>
    private const string StartPostgresql =
        """
        set -e
        bin=$(echo /usr/lib/postgresql/*/bin)
        install -d -o postgres -g postgres -m 0775 /run/postgresql
        chown postgres:postgres "$PGDATA"
        chmod 0700 "$PGDATA"
        as="setpriv --reuid=postgres --regid=postgres --init-groups"
        [ -s "$PGDATA/PG_VERSION" ] || { $as "$bin/initdb" --auth=trust; echo "host all all samenet trust" >>"$PGDATA/pg_hba.conf"; }
        exec $as "$bin/postgres" -c listen_addresses='*'
        """;

    private Engine Engine
    {
        get
        {
            services.Engine.SkipUnlessPublished();
            return services.Engine;
        }
    }

    [Fact]
    public void Nginx_serves_as_another_user_logs_to_the_container_and_ends_gracefully()
    {
        Run("web", "--network", "none", "--stop-signal", "SIGQUIT", ServiceEngine.Image, "sh", "-c", LogToContainer + "exec nginx -g 'daemon off;'");

        string page = services.Until("web", "curl", "-sS", "--fail", "http://127.0.0.1/").Output;
        string processes = Engine.Caisson("exec", "web", "sh", "-c", "grep -h -E '^(Name|Uid|CapEff):' /proc/[0-9]*/status").Output;
        string ended = Stop("web");
        string log = Engine.Caisson("logs", "web").Output;
        Engine.Caisson("rm", "-f", "web");

        Assert.Contains("Welcome to nginx!", page, StringComparison.Ordinal);
        Assert.Contains("Name:\tnginx\nUid:\t0\t0\t0\t0\nCapEff:\t00000000000000eb\n", processes, StringComparison.Ordinal);
        Assert.Contains("Name:\tnginx\nUid:\t33\t33\t33\t33\nCapEff:\t0000000000000000\n", processes, StringComparison.Ordinal);
        Assert.Contains("\"GET / HTTP/1.1\" 200", log, StringComparison.Ordinal);
        Assert.Equal("0", ended);
    }

    [Fact]
    public async Task Nginx_on_the_hosts_network_serves_a_client_of_the_host()
    {
        int port = FreePort();
        string site = string.Create(CultureInfo.InvariantCulture, $"server {{ listen 127.0.0.1:{port}; root /var/www/html; }}");
        Run("hostweb", "--network", "host", ServiceEngine.Image, "sh", "-c",
            $"{LogToContainer}echo from inside >/var/www/html/greeting; echo '{site}' >/etc/nginx/sites-enabled/default; exec nginx -g 'daemon off;'");
        using HttpClient client = new();
        var address = new Uri(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}/greeting"));

        services.Until("hostweb", "curl", "-sS", "--fail", address.ToString());
        string greeting = await client.GetStringAsync(address, TestContext.Current.CancellationToken);
        string ended = Stop("hostweb");
        Engine.Caisson("rm", "-f", "hostweb");

        Assert.Equal("from inside\n", greeting);
        Assert.Equal("0", ended);
    }

    [Fact]
    public void Redis_keeps_its_data_over_a_restart_and_over_another_container()
    {
        string data = Engine.NewDirectory("redis");
        string[] server =
        [
            "--network", "none", "-v", $"{data}:/data", ServiceEngine.Image, "sh", "-c",
            "chown redis:redis /data; exec setpriv --reuid=redis --regid=redis --clear-groups redis-server --dir /data --appendonly yes --save ''",
        ];
        Run("redis", server);
        services.Until("redis", "redis-cli", "ping");

        Engine.Caisson("exec", "redis", "redis-cli", "set", "key", "value");
        string ended = Stop("redis");
        Assert.Equal(0, Engine.Caisson("start", "redis").Code);
        services.Until("redis", "redis-cli", "ping");
        string again = Engine.Caisson("exec", "redis", "redis-cli", "get", "key").Output;
        Engine.Caisson("rm", "-f", "redis");
        Run("redis", server);
        services.Until("redis", "redis-cli", "ping");
        string anew = Engine.Caisson("exec", "redis", "redis-cli", "get", "key").Output;
        string log = Engine.Caisson("logs", "redis").Output;
        Engine.Caisson("rm", "-f", "redis");

        Assert.Equal("0", ended);
        Assert.Equal("value\n", again);
        Assert.Equal("value\n", anew);
        Assert.DoesNotContain("Permission denied", log, StringComparison.Ordinal);
    }

    [Fact]
    public void Redis_runs_as_the_user_of_the_command_line_without_a_root_to_start_from()
    {
        Run("asuser", "--network", "none", "-u", "redis", "-w", "/tmp", ServiceEngine.Image, "redis-server", "--save", "");

        services.Until("asuser", "redis-cli", "ping");
        string processes = Engine.Caisson("exec", "asuser", "sh", "-c", "id -un; grep -E '^Cap(Eff|Bnd):' /proc/1/status; echo $HOME").Output;
        string ended = Stop("asuser");
        Engine.Caisson("rm", "-f", "asuser");

        Assert.Equal("redis\nCapEff:\t0000000000000000\nCapBnd:\t0000000000000000\n/var/lib/redis\n", processes);
        Assert.Equal("0", ended);
    }

    [Fact]
    public void Postgresql_initialises_serves_stops_fast_and_keeps_its_data()
    {
        string data = Engine.NewDirectory("postgresql");
        const string Url = "postgresql://postgres@127.0.0.1/postgres";
        Run("sql", "--network", "none", "--stop-signal", "SIGINT", "-e", "PGDATA=/var/lib/postgresql/data", "-v", $"{data}:/var/lib/postgresql/data", ServiceEngine.Image, "sh", "-c", StartPostgresql);
        services.Until("sql", "psql", Url, "-Atc", "select 1");

        string sum = Engine.Caisson("exec", "sql", "psql", Url, "-Atqc", "create table t (n int); insert into t select generate_series(1, 1000); select sum(n) from t").Output;
        string socket = Engine.Caisson("exec", "-u", "postgres", "sql", "psql", "-Atc", "select current_user").Output;
        string ended = Stop("sql");
        Assert.Equal(0, Engine.Caisson("start", "sql").Code);
        services.Until("sql", "psql", Url, "-Atc", "select 1");
        string again = Engine.Caisson("exec", "sql", "psql", Url, "-Atc", "select sum(n) from t").Output;
        Answer log = Engine.Caisson("logs", "sql");
        Engine.Caisson("rm", "-f", "sql");

        Assert.Equal("500500\n", sum);
        Assert.Equal("postgres\n", socket);
        Assert.Equal("0", ended);
        Assert.Equal("500500\n", again);
        Assert.Contains("database system is shut down", log.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("not properly shut down", log.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("docker-compose")]
    [InlineData("caisson")]
    public async Task An_application_of_three_services_comes_up_from_one_compose_file(string client)
    {
        Assert.SkipUnless(client == "caisson" || Engine.Has(client), $"needs {client}");
        int port = FreePort();
        string file = $"{Engine.NewDirectory($"three-{client}")}/compose.yaml";
        await File.WriteAllTextAsync(file, ThreeServices(port), TestContext.Current.CancellationToken);
        using HttpClient browser = new();

        Compose("up", "-d");
        services.Until(NameOf("web"), "curl", "-sS", "--fail", "http://127.0.0.1/");
        services.Until(NameOf("cache"), "redis-cli", "ping");
        string page = await browser.GetStringAsync(new Uri(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}/")), TestContext.Current.CancellationToken);
        string sum = Compose(
            "exec", "-T", "web", "psql", "postgresql://postgres@db/postgres", "-Atqc", "create table t (n int); insert into t select generate_series(1, 1000); select sum(n) from t");
        string word = Compose("exec", "-T", "web", "sh", "-c", "redis-cli -h cache set key value && redis-cli -h cache get key");
        string first = Compose("ps", "-q");
        Compose("up", "-d");
        string again = Compose("ps", "-q");
        Compose("up", "-d", "--force-recreate", "db");
        services.Until(NameOf("web"), "psql", "postgresql://postgres@db/postgres", "-Atc", "select 1");
        string kept = Compose("exec", "-T", "web", "psql", "postgresql://postgres@db/postgres", "-Atc", "select sum(n) from t");
        Compose("down", "-v");

        Assert.Contains("Welcome to nginx!", page, StringComparison.Ordinal);
        Assert.Equal("500500\n", sum);
        Assert.Equal("OK\nvalue\n", word);
        Assert.Equal(3, first.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        Assert.Equal(first, again);
        Assert.Equal("500500\n", kept);
        Assert.DoesNotContain("three", Engine.Caisson("ps", "-a").Output + Engine.Caisson("network", "ls").Output + Engine.Caisson("volume", "ls").Output, StringComparison.Ordinal);

        string Compose(params string[] arguments)
        {
            string[] all = ["-f", file, "-p", "three", .. arguments];
            Answer answer = client == "caisson" ? Engine.Caisson(["compose", .. all]) : Engine.Host("env", [$"DOCKER_HOST=unix://{Engine.Run}/docker.sock", client, .. all]);
            Assert.True(answer.Code == 0, $"{client} {string.Join(' ', arguments)}: {answer}");
            return answer.Output;
        }

        string NameOf(string service) => Engine.Caisson("ps", "-q", "--filter", $"label=com.docker.compose.service={service}", "--filter", "label=com.docker.compose.project=three").Output.Trim();
    }

    [Theory]
    [InlineData("uid=33(www-data) gid=4(adm) groups=4(adm) /var/www", "-u", "www-data:adm")]
    [InlineData("uid=33(www-data) gid=33(www-data) groups=33(www-data),4(adm) /var/www", "-u", "www-data", "--group-add", "adm")]
    [InlineData("uid=4242 gid=0(root) groups=0(root) /", "-u", "4242")]
    [InlineData("uid=33(www-data) gid=33(www-data) groups=33(www-data) /elsewhere", "-u", "33", "-e", "HOME=/elsewhere")]
    public void The_user_is_looked_up_in_the_image_and_has_its_home(string expected, params string[] options)
    {
        var answer = Engine.Caisson(["run", "--rm", "--network", "none", .. options, ServiceEngine.Image, "sh", "-c", "echo $(id) $HOME"]);

        Assert.Equal(new Answer(0, expected + "\n", ""), answer);
    }

    [Fact]
    public void A_working_directory_that_does_not_exist_is_made()
    {
        var answer = Engine.Caisson("run", "--rm", "--network", "none", "-w", "/a/new/place", "-u", "www-data", ServiceEngine.Image, "sh", "-c", "pwd; stat -c '%U %a' .");

        Assert.Equal(new Answer(0, "/a/new/place\nroot 755\n", ""), answer);
    }

    /// <summary>What is said the same way in Compose files of all versions; a dollar sign stands twice.</summary>
    private static string ThreeServices(int port) => $"""
        services:
          web:
            image: {ServiceEngine.Image}
            command: [sh, -c, "{LogToContainer}exec nginx -g 'daemon off;'"]
            ports: ["127.0.0.1:{port}:80"]
            stop_signal: SIGQUIT
            depends_on:
              db:
                condition: service_healthy
              cache:
                condition: service_started
          db:
            image: {ServiceEngine.Image}
            command:
              - sh
              - -c
              - |
                {StartPostgresql.Replace("$", "$$", StringComparison.Ordinal).Replace("\n", "\n        ", StringComparison.Ordinal)}
            environment:
              PGDATA: /var/lib/postgresql/data
            stop_signal: SIGINT
            volumes: ["data:/var/lib/postgresql/data"]
            healthcheck:
              test: [CMD, psql, "postgresql://postgres@127.0.0.1/postgres", -Atc, select 1]
              interval: 1s
              retries: 120
          cache:
            image: {ServiceEngine.Image}
            user: redis
            command: [redis-server, --bind, 0.0.0.0, --protected-mode, "no", --save, ""]
        volumes:
          data:
        """;

    private static int FreePort()
    {
        using TcpListener probe = new(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }

    private void Run(string name, params string[] rest)
    {
        Answer started = Engine.Caisson(["run", "-d", "--name", name, .. rest]);
        Assert.True(started.Code == 0, started.ToString());
    }

    /// <summary>Stops it as <c>stop</c> does, with time enough that nothing is killed, and gives back its exit code.</summary>
    private string Stop(string name)
    {
        Engine.Caisson("stop", "-t", "60", name);
        return Engine.Caisson("wait", name).Output.Trim();
    }
}
