using Caisson.Documents;

using Xunit;

namespace Caisson.Compose.Tests;

/// <summary>Files become one project, as the specification says.</summary>
public sealed class LoaderTests
{
    [Fact]
    public void Short_forms_become_long_ones()
    {
        var files = new Files("""
            name: demo
            services:
              web:
                image: nginx
                command: sh -c "echo 'a b'"
                ports: ["80", "8080:80", "127.0.0.1:8081-8082:81-82/udp", "[::1]:9:9", "9000-9010:90"]
                volumes: [data:/data:ro, ./src:/src, ~/x:/x, /anon]
                environment: [A=1, B, "C=x=y"]
                depends_on: [db]
                env_file: .web.env
                healthcheck: {test: curl localhost, interval: 1m30s}
                secrets: [password]
                configs: [{source: conf, target: /etc/app.conf, mode: 0440}]
                ulimits: {nofile: 1024, nproc: {soft: 1, hard: 2}}
                devices: ["/dev/null:/dev/x:r"]
                extra_hosts: ["host:10.0.0.1", "six=::1"]
                mem_limit: 64m
                tmpfs: /run
                stop_grace_period: 1m
                deploy: {replicas: 1, resources: {limits: {cpus: '0.5', memory: 1g}}}
                x-own: {any: thing}
              db:
                image: postgres
            volumes: {data: }
            secrets: {password: {file: ./pw}}
            configs: {conf: {content: "a=$$b"}}
            x-top: 1
            """).With(".web.env", "FROM_FILE=1\nA=file\n").Set("B", "outside");

        var project = files.Load();

        GoldenFile.Match("long-form.yaml", YamlWriter.Write(project.ToDocument()));
    }

    [Fact]
    public void An_override_is_merged_by_the_rules_of_each_attribute()
    {
        var files = new Files("""
            name: demo
            services:
              web:
                image: one
                command: [a, b]
                entrypoint: [e]
                ports: ["80:80", "81:81"]
                volumes: [a:/x, b:/y]
                environment: {A: 1, B: 2, C: 3}
                labels: [l=1]
                dns: [1.1.1.1]
                healthcheck: {test: [CMD, a], retries: 3}
                logging: {driver: json-file, options: {max-size: 1m}}
                ulimits: {nofile: {soft: 1, hard: 2}}
                cap_add: [A]
                tmpfs: [/t]
                networks: {front: {aliases: [w]}}
            networks: {front: }
            volumes: {a: , b: , c: }
            """).With("compose.override.yaml", """
            services:
              web:
                image: two
                command: [c]
                entrypoint: !reset null
                ports: ["80:80", "82:82"]
                volumes: [c:/x]
                environment: [B=9, D=4]
                labels: {m: 2}
                dns: 8.8.8.8
                healthcheck: {test: [CMD, b]}
                logging: {driver: local}
                ulimits: {nofile: 5}
                cap_add: [A, B]
                tmpfs: !override [/only]
                networks: {front: {ipv4_address: 10.0.0.2}}
            """);

        var project = files.Load();

        GoldenFile.Match("merged.yaml", YamlWriter.Write(project.ToDocument()));
    }

    [Fact]
    public void A_service_extends_others_of_its_file_and_of_another_directory()
    {
        var files = new Files("""
            services:
              web:
                extends: {file: ../common/base.yaml, service: app}
                environment: {B: own}
              worker:
                extends: web
                command: work
            """).With("/common/base.yaml", """
            services:
              app:
                extends: root
                volumes: [./data:/data]
                environment: {A: app, B: app}
              root:
                image: base
                user: "5"
            """);

        var project = files.Load();

        var worker = project.Services["worker"];
        Assert.Equal("base", worker.Image);
        Assert.Equal("5", worker.Definition.Text("user"));
        Assert.Equal("/common/data", worker.Definition["volumes"].Items().Single().Text("source"));
        Assert.Equal("A: app\nB: own\n", YamlWriter.Write(worker.Definition["environment"]!));
        Assert.Equal(["work"], worker.Definition.Texts("command"));
    }

    [Fact]
    public void Included_files_have_their_own_directory_and_variables()
    {
        var files = new Files("""
            include:
              - part/compose.yaml
            services:
              web: {image: "web:${TAG:-none}", depends_on: [db]}
            """).With("part/compose.yaml", """
            services:
              db: {image: "db:${TAG}", volumes: ["./data:/data"]}
            volumes: {shared: }
            """).With("part/.env", "TAG=part\n");

        var project = files.Load();

        Assert.Equal("db:part", project.Services["db"].Image);
        Assert.Equal("web:none", project.Services["web"].Image);
        Assert.Equal("/app/part/data", project.Services["db"].Definition["volumes"].Items().Single().Text("source"));
        Assert.Equal("app_shared", project.Volumes["shared"].Name);
    }

    [Fact]
    public void An_included_file_cannot_change_what_is_there()
    {
        var files = new Files("include: [part.yaml]\nservices: {db: {image: one}}\n").With("part.yaml", "services: {db: {image: two}}\n");

        Assert.Equal("part.yaml:1:12: services.db: conflicts with the one at compose.yaml:2:16; an included file cannot change it", files.Problems());
    }

    [Fact]
    public void Services_of_a_profile_are_there_when_it_is_enabled_or_they_are_named()
    {
        var files = new Files("services: {web: {image: i}, debug: {image: i, profiles: [dev]}, tool: {image: i, profiles: [tools]}}");

        Assert.Equal(["web"], files.Load().Services.Keys);
        Assert.Equal(["debug", "web"], files.Load(options => options with { Profiles = ["dev"] }).Services.Keys);
        Assert.Equal(["debug", "tool", "web"], files.Load(options => options with { Profiles = ["*"] }).Services.Keys);
        Assert.Equal(["tool", "web"], files.Load(options => options with { Services = ["tool"] }).Services.Keys);
        Assert.Equal(["debug", "web"], files.Set("COMPOSE_PROFILES", "dev,other").Load().Services.Keys);
    }

    [Theory]
    [InlineData("/app", "", "", "app")]
    [InlineData("/srv/My App.v2", "", "", "myappv2")]
    [InlineData("/app", "given", "", "given")]
    [InlineData("/app", "", "named", "named")]
    public void A_project_is_named_by_option_file_or_directory(string directory, string option, string inFile, string expected)
    {
        var files = new Files("").With($"{directory}/compose.yaml", $"{(inFile.Length > 0 ? $"name: {inFile}\n" : "")}services: {{a: {{image: i}}}}\n");

        var project = files.Load(options => options with { CurrentDirectory = directory, Name = option });

        Assert.Equal(expected, project.Name);
        Assert.Equal($"{expected}_default", project.Networks["default"].Name);
    }

    [Fact]
    public void Variables_come_from_the_caller_before_the_file()
    {
        var files = new Files("services: {a: {image: '$A-$B-$C'}}").With(".env", "A=file\nB=file\n").Set("A", "caller");

        var project = files.Load();

        Assert.Equal("caller-file-", project.Services["a"].Image);
        Assert.Equal(["The \"C\" variable is not set. Defaulting to a blank string."], project.Notices);
    }

    [Fact]
    public void All_problems_are_told_at_once_with_their_places_and_what_was_meant()
    {
        var files = new Files("""
            services:
              web:
                imagee: nginx
                ports: ["http:80", {target: 0}]
                restart: sometimes
                networks: [frnt]
                volumes: [dta:/data, ./x:relative]
                depends_on: {dbb: {condition: service_hlthy}}
                environment: 5
                mem_limit: much
                command: echo "open
                secrets: [token]
              db:
                image: ${DB_IMAGE:?say which}
                healthcheck: {test: [curl, x], intervall: 3s}
                scale: 2
                container_name: one
            networks: {front: {drivr: bridge}}
            volumes: {data: {external: true, driver: x}}
            secrets: {tokens: {}}
            servces: {}
            """);

        GoldenFile.Match("problems.txt", files.Problems() + "\n");
    }

    [Fact]
    public void A_cycle_of_dependencies_is_shown_whole()
    {
        var files = new Files("services: {a: {image: i, depends_on: [b]}, b: {image: i, depends_on: [c]}, c: {image: i, depends_on: [a]}}");

        Assert.Contains("dependency cycle: a -> b -> c -> a", files.Problems(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_service_that_extends_itself_is_refused()
    {
        var files = new Files("services: {a: {image: i, extends: b}, b: {image: i, extends: a}}");

        Assert.Contains("a service that extends itself", files.Problems(), StringComparison.Ordinal);
    }

    [Fact]
    public void The_hash_changes_with_what_a_container_is_made_of_and_with_nothing_else()
    {
        string Hash(string more, string secret = "s") => new Files($"services: {{a: {{image: i, secrets: [s], {more}}}}}\nsecrets: {{s: {{file: ./s}}}}").With("s", secret).Load().Services["a"].Hash();

        Assert.Equal(Hash("environment: {A: 1, B: 2}"), Hash("environment: [B=2, A=1]"));
        Assert.Equal(Hash("scale: 1"), Hash("scale: 3"));
        Assert.Equal(Hash("depends_on: []"), Hash("profiles: []"));
        Assert.NotEqual(Hash("user: a"), Hash("user: b"));
        Assert.NotEqual(Hash("user: a"), Hash("user: a", secret: "other"));
    }
}
