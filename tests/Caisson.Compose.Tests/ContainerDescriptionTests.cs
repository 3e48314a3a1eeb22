using System.Text.Json;

using Caisson.Compose.Running;

using Xunit;

namespace Caisson.Compose.Tests;

/// <summary>A service in the words of the engine's API.</summary>
public sealed class ContainerDescriptionTests
{
    private const string Everything = """
        name: demo
        services:
          web:
            image: nginx
            command: [serve, now]
            entrypoint: /run.sh
            environment: {A: 1}
            user: "5:6"
            working_dir: /w
            hostname: h
            domainname: d
            tty: true
            stdin_open: true
            stop_signal: SIGINT
            stop_grace_period: 90s
            expose: ["9"]
            ports: ["127.0.0.1:8080:80", "53/udp"]
            labels: {l: v}
            networks: {front: {aliases: [w], ipv4_address: 10.0.0.2, priority: 5}, back: }
            volumes: ["data:/data:ro", "/src:/src", {type: tmpfs, target: /t, tmpfs: {size: 1m, mode: 1770}}]
            configs: [{source: conf, target: /c}]
            healthcheck: {test: [CMD, x], interval: 1s, retries: 2}
            restart: on-failure:3
            deploy: {resources: {limits: {cpus: 1.5, memory: 1m, pids: 7}, reservations: {memory: 512k}}}
            cap_add: [NET_ADMIN]
            cap_drop: [ALL]
            read_only: true
            init: true
            tmpfs: ["/run:size=1m"]
            shm_size: 2m
            ulimits: {nofile: {soft: 1, hard: 2}, core: -1}
            sysctls: {net.core.somaxconn: 5}
            extra_hosts: ["h=1.2.3.4"]
            dns: 9.9.9.9
            logging: {driver: local, options: {max-size: 1m}}
            security_opt: ["no-new-privileges:true"]
            group_add: ["7"]
            devices: ["/dev/null:/dev/x:r"]
            pid: host
            depends_on: [db]
          db: {image: db, network_mode: "service:web", volumes_from: ["web:ro"]}
        networks: {front: , back: }
        volumes: {data: }
        configs: {conf: {file: ./conf}}
        """;

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    [Fact]
    public void Everything_a_service_says_is_in_the_request()
    {
        string text = Everything.Replace("    depends_on: [db]\n", "", StringComparison.Ordinal);
        var project = new Files(text).Load();

        string json = Describe(project, "web", new(2, "demo-web-2") { ImageId = "sha256:1" });

        GoldenFile.Match("container.json", json + "\n");
    }

    [Fact]
    public void Namespaces_and_volumes_of_another_service_are_those_of_its_container()
    {
        var project = new Files(Everything.Replace("    depends_on: [db]\n", "", StringComparison.Ordinal)).Load();

        using var json = JsonDocument.Parse(Describe(project, "db", new(1, "demo-db-1") { IdOf = service => service + "-id" }));

        var host = json.RootElement.GetProperty("HostConfig");
        Assert.Equal("container:web-id", host.GetProperty("NetworkMode").GetString());
        Assert.Equal("web-id:ro", host.GetProperty("VolumesFrom")[0].GetString());
    }

    [Fact]
    public void A_staged_container_has_neither_ports_nor_names()
    {
        var project = new Files(Everything.Replace("    depends_on: [db]\n", "", StringComparison.Ordinal)).Load();

        using var json = JsonDocument.Parse(Describe(project, "web", new(1, "x_demo-web-1") { HasNames = false, HasPorts = false }));

        Assert.False(json.RootElement.GetProperty("HostConfig").TryGetProperty("PortBindings", out _));
        Assert.DoesNotContain("Aliases", json.RootElement.GetProperty("NetworkingConfig").ToString(), StringComparison.Ordinal);
    }

    private static string Describe(Model.ComposeProject project, string service, ContainerIdentity identity)
    {
        var creation = ContainerDescription.Describe(project, project.Services[service], identity);
        using var json = JsonDocument.Parse(creation.ToJson());
        return JsonSerializer.Serialize(json.RootElement, Indented);
    }
}
