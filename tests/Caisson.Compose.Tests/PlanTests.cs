using System.Collections.Immutable;

using Caisson.Compose.Model;
using Caisson.Compose.Plans;
using Caisson.Errors;

using Xunit;

namespace Caisson.Compose.Tests;

/// <summary>What is done so that what is there becomes what the files say.</summary>
public sealed class PlanTests
{
    private const string Demo = """
        name: demo
        services:
          web:
            image: web
            ports: ["8080:80"]
            depends_on:
              db: {condition: service_healthy}
              migrate: {condition: service_completed_successfully}
            networks: [front, back]
          db:
            image: db
            volumes: [data:/data]
            networks: [back]
          migrate:
            image: db
            depends_on: {db: {condition: service_healthy}}
            networks: [back]
        networks: {front: , back: }
        volumes: {data: }
        """;

    private readonly List<Problem> _problems = [];

    [Fact]
    public void The_first_up_makes_all_in_the_order_of_dependencies()
    {
        string plan = Compile(new Files(Demo).Load(), Images("web", "db")).ToString();

        Assert.Empty(_problems);
        GoldenFile.Match("first-up.txt", plan);
    }

    [Fact]
    public void An_up_of_what_is_there_does_nothing()
    {
        var project = new Files(Demo).Load();

        var plan = Compile(project, Running(project));

        Assert.Empty(plan.Steps);
        Assert.Empty(plan.Notices);
    }

    [Fact]
    public void A_changed_service_is_stopped_and_made_anew()
    {
        var before = new Files(Demo).Load();
        var after = new Files(Demo.Replace("image: web", "image: web\n    user: \"5\"", StringComparison.Ordinal)).Load();

        string plan = Compile(after, Running(before)).ToString();

        GoldenFile.Match("stop-first.txt", plan);
    }

    [Fact]
    public void A_rolling_update_starts_the_new_container_before_it_stops_the_old_one()
    {
        var before = new Files(Demo).Load();
        var after = new Files(Demo.Replace("image: web", "image: web\n    user: \"5\"", StringComparison.Ordinal)).Load();

        string plan = Compile(after, Running(before), new UpOptions { Rolling = true }).ToString();

        GoldenFile.Match("rolling.txt", plan);
    }

    [Fact]
    public void Containers_of_a_service_are_replaced_as_many_at_once_as_it_says()
    {
        const string Scaled = """
            name: demo
            services:
              web:
                image: web
                user: "1"
                deploy: {replicas: 3, update_config: {order: start-first, parallelism: 2, delay: 5s, monitor: 2s}}
            """;
        var before = new Files(Scaled).Load();
        var after = new Files(Scaled.Replace("\"1\"", "\"2\"", StringComparison.Ordinal)).Load();

        string plan = Compile(after, Running(before)).ToString();

        GoldenFile.Match("rolling-batches.txt", plan);
    }

    [Fact]
    public void A_fixed_address_cannot_be_in_two_containers()
    {
        const string Fixed = "name: demo\nservices: {web: {image: web, user: a, networks: {front: {ipv4_address: 10.0.0.5}}}}\nnetworks: {front: {ipam: {config: [{subnet: 10.0.0.0/24}]}}}\n";
        var before = new Files(Fixed).Load();
        var after = new Files(Fixed.Replace("user: a", "user: b", StringComparison.Ordinal)).Load();

        var plan = Compile(after, Running(before), new UpOptions { Rolling = true });

        Assert.Equal(["service web is stopped before its new container starts: it has a fixed address, which two containers cannot have"], plan.Notices);
        Assert.DoesNotContain(plan.Steps, step => step.Step is ComposeStep.AwaitSettled);
    }

    [Fact]
    public void A_new_image_of_the_same_name_is_a_new_container()
    {
        var project = new Files(Demo).Load();
        var observed = Running(project) with { Images = ImmutableDictionary<string, string>.Empty.Add("web", "sha256:newer").Add("db", "sha256:db") };

        var plan = Compile(project, observed);

        Assert.Contains(plan.Steps, step => step.Step is ComposeStep.CreateContainer { Service: "web" });
        Assert.DoesNotContain(plan.Steps, step => step.Step is ComposeStep.CreateContainer { Service: "db" });
    }

    [Fact]
    public void More_containers_are_added_and_surplus_ones_removed()
    {
        var project = new Files("name: demo\nservices: {web: {image: web}, job: {image: web, scale: 3}}\n").Load();

        string plan = Compile(project, Running(project), new UpOptions
        {
            Scale = ImmutableDictionary<string, int>.Empty.Add("web", 3).Add("job", 1),
        }).ToString();

        GoldenFile.Match("scale.txt", plan);
    }

    [Fact]
    public void Orphans_are_told_or_removed()
    {
        var before = new Files("name: demo\nservices: {web: {image: web}, old: {image: web}}\n").Load();
        var after = new Files("name: demo\nservices: {web: {image: web}}\n").Load();

        var told = Compile(after, Running(before));
        var removed = Compile(after, Running(before), new UpOptions { RemoveOrphans = true });

        Assert.Empty(told.Steps);
        Assert.Contains("Found orphan containers ([demo-old-1])", Assert.Single(told.Notices), StringComparison.Ordinal);
        Assert.Equal("  1. stop container demo-old-1\n  2. remove container demo-old-1  (after 1)\n", removed.ToString());
    }

    [Fact]
    public void A_changed_network_takes_its_containers_along()
    {
        var before = new Files(Demo).Load();
        var after = new Files(Demo.Replace("front: ,", "front: {internal: true},", StringComparison.Ordinal)).Load();

        string plan = Compile(after, Running(before)).ToString();

        GoldenFile.Match("changed-network.txt", plan);
    }

    [Fact]
    public void A_service_that_shares_a_namespace_follows_the_one_it_shares_with()
    {
        const string Shared = "name: demo\nservices: {vpn: {image: web, user: a}, app: {image: web, network_mode: 'service:vpn'}}\n";
        var before = new Files(Shared).Load();
        var after = new Files(Shared.Replace("user: a", "user: b", StringComparison.Ordinal)).Load();

        var plan = Compile(after, Running(before));

        Assert.Equal(["vpn", "app"], plan.Steps.Select(step => step.Step).OfType<ComposeStep.CreateContainer>().Select(create => create.Service));
    }

    [Fact]
    public void What_is_external_must_be_there()
    {
        var project = new Files("""
            name: demo
            services: {web: {image: web, networks: [out], volumes: ["v:/v"]}}
            networks: {out: {external: true, name: outside}}
            volumes: {v: {external: true}}
            """).Load();

        Compile(project, Images("web"));

        Assert.Equal(
            [
                "compose.yaml:3:17: network outside declared as external, but could not be found; make it with 'caisson network create outside'",
                "compose.yaml:4:14: external volume \"v\" not found; make it with 'caisson volume create v'",
            ],
            _problems.Select(problem => problem.ToString()));
    }

    [Fact]
    public void Images_are_pulled_as_the_policy_says()
    {
        var project = new Files("""
            name: demo
            services:
              here: {image: here}
              always: {image: here2, pull_policy: always}
              missing: {image: missing, platform: linux/amd64}
              never: {image: never, pull_policy: never}
              built: {build: .}
            """).Load();

        var plan = ComposePlan.CompilePulls(project, Images("here", "here2"), new UpOptions(), _problems);

        Assert.Equal("  1. pull image here2 of service always\n  2. pull image missing of service missing\n", plan.ToString());
        Assert.Equal(
            [
                "services.built: image demo-built is not there; build it with 'compose build built', or load or tag it as demo-built",
                "services.never: image never is not there, and its pull policy is never; load or tag it",
            ],
            _problems.Select(problem => problem.Message));
    }

    [Fact]
    public void Down_removes_dependents_before_what_they_depend_on()
    {
        var project = new Files(Demo).Load();

        string plan = ComposePlan.CompileDown(project, Running(project), new DownOptions { Volumes = true, TimeoutSeconds = 3 }).ToString();

        GoldenFile.Match("down.txt", plan);
    }

    [Fact]
    public void Restart_takes_along_those_that_ask_for_it()
    {
        var project = new Files("""
            name: demo
            services:
              db: {image: db}
              web: {image: web, depends_on: {db: {condition: service_started, restart: true}}}
              other: {image: web, depends_on: [db]}
            """).Load();

        var plan = ComposePlan.CompileRestart(project, Running(project), ["db"], null, noDependencies: false);

        Assert.Equal("  1. stop container demo-web-1\n  2. stop container demo-db-1  (after 1)\n  3. start container demo-db-1  (after 1, 2)\n  4. start container demo-web-1  (after 1, 2, 3)\n", plan.ToString());
    }

    [Fact]
    public void A_service_that_is_not_there_is_told_with_what_was_meant()
    {
        Compile(new Files(Demo).Load(), Images("web", "db"), new UpOptions { Services = ["wbe"] });

        Assert.Equal("no such service: wbe; did you mean 'web'?", Assert.Single(_problems).Message);
    }

    private ComposePlan Compile(ComposeProject project, ObservedProject observed, UpOptions? options = null) =>
        ComposePlan.Compile(project, observed, options ?? new UpOptions(), _problems);

    private static ObservedProject Images(params string[] names) =>
        new() { Images = names.ToImmutableDictionary(name => name, name => $"sha256:{name}") };

    /// <summary>All of a project as it was when it was brought up.</summary>
    private static ObservedProject Running(ComposeProject project)
    {
        int id = 0;
        return Images([.. project.Services.Values.Select(service => service.Image).Distinct()]) with
        {
            Containers =
            [
                .. project.Services.Values.SelectMany(service => Enumerable.Range(1, service.Scale).Select(number =>
                    new ObservedContainer($"{++id:x12}ffff", $"{project.Name}-{service.Name}-{number}", service.Name, number)
                    {
                        Hash = service.Hash(),
                        ImageId = $"sha256:{service.Image}",
                    })),
            ],
            Networks = [.. project.Networks.Values.Select(network => new ObservedResource(network.Name, project.Name, network.Key, network.Hash()))],
            Volumes = [.. project.Volumes.Values.Select(volume => new ObservedResource(volume.Name, project.Name, volume.Key, volume.Hash()))],
        };
    }
}
