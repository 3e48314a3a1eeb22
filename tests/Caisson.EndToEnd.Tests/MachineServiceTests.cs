using Xunit;

namespace Caisson.EndToEnd.Tests;

/// <summary>Servers with their data on volumes, as machines and mixed with containers.</summary>
public sealed class MachineServiceTests(ServiceEngine services) : IClassFixture<ServiceEngine>
{
    private const string Database = "postgresql://postgres@127.0.0.1/postgres";

    /// <summary>In the words of a Compose file, where a dollar is written twice.</summary>
    private const string StartPostgresql =
        "set -e; bin=$$(echo /usr/lib/postgresql/*/bin); install -d -o postgres -g postgres -m 0775 /run/postgresql; "
        + "chown postgres:postgres $$PGDATA; chmod 0700 $$PGDATA; as='setpriv --reuid=postgres --regid=postgres --init-groups'; "
        + "[ -s $$PGDATA/PG_VERSION ] || { $$as $$bin/initdb --auth=trust; echo 'host all all samenet trust' >>$$PGDATA/pg_hba.conf; }; "
        + "exec $$as $$bin/postgres -c listen_addresses='*'";

    private Engine Engine
    {
        get
        {
            MachineTests.RequireMachines(services.Engine);
            return services.Engine;
        }
    }

    [Fact]
    public void Redis_in_a_machine_keeps_its_log_on_a_volume_when_it_is_killed()
    {
        string[] server =
        [
            "run", "-d", "--name", "vmredis", "--network", "none", "--runtime", "vm", "-v", "vmredis:/data", ServiceEngine.Image, "sh", "-c",
            "chown redis:redis /data; exec setpriv --reuid=redis --regid=redis --clear-groups redis-server --dir /data --appendonly yes --appendfsync always --save ''",
        ];
        try
        {
            Assert.Equal(0, Engine.Caisson(server).Code);
            services.Until("vmredis", "redis-cli", "ping");
            Engine.Caisson("exec", "vmredis", "redis-cli", "set", "key", "value");
            Engine.Caisson("exec", "vmredis", "redis-cli", "bgrewriteaof");

            Engine.Caisson("rm", "-f", "vmredis");
            // The same data in a container: the volume's files are those of either.
            Assert.Equal(0, Engine.Caisson([.. server.Where(word => word is not ("--runtime" or "vm"))]).Code);
            services.Until("vmredis", "redis-cli", "ping");

            Assert.Equal("value\n", Engine.Caisson("exec", "vmredis", "redis-cli", "get", "key").Output);
        }
        finally
        {
            Engine.Caisson("rm", "-f", "vmredis");
            Engine.Caisson("volume", "rm", "-f", "vmredis");
        }
    }

    [Theory]
    [InlineData("vm", "caisson")]
    [InlineData("caisson", "vm")]
    public void Nginx_and_postgresql_talk_in_one_project_one_of_them_a_machine(string web, string database)
    {
        string files = Engine.NewDirectory($"mixed-{web}");
        File.WriteAllText($"{files}/token", "secret");
        File.WriteAllText($"{files}/page", "from the host");
        File.WriteAllText($"{files}/compose.yaml", $"""
            name: mixed{web}
            services:
              web:
                image: {ServiceEngine.Image}
                runtime: {web}
                command: [sh, -c, "cp /shared/page /var/www/html/page; exec nginx -g 'daemon off;'"]
                secrets: [token]
                volumes: ["./:/shared:ro"]
                depends_on: [db]
              db:
                image: {ServiceEngine.Image}
                runtime: {database}
                environment: [PGDATA=/var/lib/postgresql/data]
                stop_signal: SIGINT
                volumes: ["data:/var/lib/postgresql/data"]
                command: [sh, -c, "{StartPostgresql}"]
            volumes: {"{"}data: {"{"}{"}"}{"}"}
            secrets: {"{"}token: {"{"}file: ./token{"}"}{"}"}
            """);
        try
        {
            Ok(Compose("up", "-d"));
            services.Until($"mixed{web}-db-1", "psql", Database, "-Atc", "select 1");
            services.Until($"mixed{web}-web-1", "curl", "-sS", "--fail", "http://127.0.0.1/page");

            string sum = Ok(Compose("exec", "-T", "web", "psql", "postgresql://postgres@db/postgres", "-Atqc", "create table t (n int); insert into t select generate_series(1, 1000); select sum(n) from t"));
            string page = Ok(Compose("exec", "-T", "db", "curl", "-sS", "--fail", "http://web/page"));
            string secret = Ok(Compose("exec", "-T", "web", "cat", "/run/secrets/token", "/shared/token"));
            Ok(Compose("restart", "db"));
            services.Until($"mixed{web}-db-1", "psql", Database, "-Atc", "select 1");
            string again = Ok(Compose("exec", "-T", "web", "psql", "postgresql://postgres@db/postgres", "-Atqc", "select sum(n) from t"));
            string log = Ok(Compose("logs", "db"));

            Assert.Equal("500500\n", sum);
            Assert.Equal("from the host", page);
            Assert.Equal("secretsecret", secret);
            Assert.Equal("500500\n", again);
            Assert.True(log.Contains("database system is shut down", StringComparison.Ordinal) && !log.Contains("not properly shut down", StringComparison.Ordinal), log);
        }
        finally
        {
            Compose("down", "-v");
        }

        Answer Compose(params string[] arguments) => Engine.Caisson(["compose", "-f", $"{files}/compose.yaml", .. arguments]);
    }

    private static string Ok(Answer answer)
    {
        Assert.True(answer.Code == 0, answer.ToString());
        return answer.Output;
    }
}
