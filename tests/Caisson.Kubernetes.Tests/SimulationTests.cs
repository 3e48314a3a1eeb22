using System.Globalization;

using Caisson.Documents;
using Caisson.Kubernetes.Controllers;
using Caisson.Kubernetes.Objects;

using Xunit;

namespace Caisson.Kubernetes.Tests;

/// <summary>Controllers in worlds of chance. <c>CAISSON_SIMULATION_STEPS</c> says how long each lasts; the report is the test's output.</summary>
public sealed class SimulationTests(ITestOutputHelper output)
{
    private static int Steps => int.TryParse(Environment.GetEnvironmentVariable("CAISSON_SIMULATION_STEPS"), NumberStyles.None, CultureInfo.InvariantCulture, out int steps) ? steps : 8_000;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void A_rolling_update_never_has_more_or_takes_away_more_pods_than_allowed(int seed)
    {
        var world = new Simulation(seed);
        KubernetesObject web = world.Put(Manifests.Read(Manifests.Deployment(replicas: 10, more: "strategy: {rollingUpdate: {maxSurge: 3, maxUnavailable: 2}}")));
        int images = 0;
        int checks = 0;

        for (int i = 0; i < Steps; i++)
        {
            int before = Wanted(world, web);
            world.Step(user => user.Change(web, one => WithImage(one, user.Dice(5) == 0 ? "app:bad" : $"app:{++images}")));
            int now = Wanted(world, web);

            // What controllers ask for is within bounds whatever pods do; faults take pods away, controllers may not.
            Assert.True(now <= 13 || now <= before, $"seed {seed}, step {i}: {now} pods are asked for, and 13 are allowed");
            foreach (KubernetesObject set in world.Owned(web.Uid, "ReplicaSet"))
            {
                Decision next = world.Decide(set);
                int gone = next.Actions.OfType<ClusterAction.Delete>().Count(delete => delete.Gone.IsReady);
                Assert.True(gone == 0 || set.Spec.Whole("replicas") < world.Owned(set.Uid, "Pod").Count(pod => pod.IsActive), $"seed {seed}, step {i}: a ready pod goes though nobody asked for fewer");
            }
            checks++;
        }
        AssertSettles(world, web);
        output.WriteLine($"deployment, seed {seed}: {world.Steps} steps, {world.Decisions} decisions, {Faults(world)}; bounds of surge held {checks} times; settled at the end");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Scaling_down_for_an_update_leaves_as_many_ready_pods_as_promised(int seed)
    {
        var world = new Simulation(seed);
        KubernetesObject web = world.Put(Manifests.Read(Manifests.Deployment(replicas: 8, more: "strategy: {rollingUpdate: {maxSurge: 25%, maxUnavailable: 25%}}")));
        int images = 0;
        int downs = 0;

        for (int i = 0; i < Steps; i++)
        {
            // Statuses first: what a controller knows is what is.
            foreach (KubernetesObject set in world.Owned(web.Uid, "ReplicaSet"))
            {
                world.Apply(world.Decide(set));
            }
            KubernetesObject now = world.Find("Deployment", "web")!;
            int ready = world.Owned(web.Uid, "ReplicaSet").Sum(set => (int)(set.Status.Whole("availableReplicas") ?? 0));
            int lost = 0;
            foreach (ClusterAction.Update update in world.Decide(now).Actions.OfType<ClusterAction.Update>().Where(update => update.Changed.Kind.Kind == "ReplicaSet"))
            {
                KubernetesObject set = world.Find("ReplicaSet", update.Changed.Name)!;
                int available = (int)(set.Status.Whole("availableReplicas") ?? 0);
                lost += Math.Max(0, available - (int)(update.Changed.Spec.Whole("replicas") ?? 0));
            }
            Assert.True(lost == 0 || ready - lost >= 6, $"seed {seed}, step {i}: of {ready} ready pods {lost} go, and 6 were promised");
            downs += lost > 0 ? 1 : 0;
            world.Step(user => user.Change(web, one => WithImage(one, user.Dice(6) == 0 ? "app:bad" : $"app:{++images}")));
        }
        AssertSettles(world, web);
        output.WriteLine($"availability, seed {seed}: {world.Steps} steps, {world.Decisions} decisions, {Faults(world)}; {downs} reductions, none below the promise; settled at the end");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void A_stateful_set_keeps_its_order(int seed)
    {
        var world = new Simulation(seed);
        KubernetesObject db = world.Put(Manifests.Read(Manifests.Deployment("db", 5).Replace("kind: Deployment", "kind: StatefulSet", StringComparison.Ordinal)));
        int images = 0;
        int made = 0;

        for (int i = 0; i < Steps; i++)
        {
            KubernetesObject now = world.Find("StatefulSet", "db")!;
            IReadOnlyList<KubernetesObject> pods = world.Owned(db.Uid, "Pod");
            Decision decision = world.Decide(now);
            foreach (ClusterAction.Create create in decision.Actions.OfType<ClusterAction.Create>().Where(create => create.Made.Kind.Kind == "Pod"))
            {
                int ordinal = StatefulSetController.OrdinalOf(now, create.Made)!.Value;
                Assert.All(Enumerable.Range(0, ordinal), lower => Assert.True(
                    pods.Any(pod => pod.Name == $"db-{lower}" && pod.IsReady), $"seed {seed}, step {i}: db-{ordinal} is made before db-{lower} is ready"));
                made++;
            }
            Assert.True(decision.Actions.OfType<ClusterAction.Delete>().Count() <= 1, $"seed {seed}, step {i}: several pods go at once");
            Assert.Equal(pods.Count, pods.Select(pod => pod.Name).Distinct().Count());
            world.Step(user => user.Change(db, one => user.Dice(2) == 0
                ? one.With(Doc.Number(1 + user.Dice(6)), "spec", "replicas") : WithImage(one, user.Dice(5) == 0 ? "app:bad" : $"app:{++images}")));
        }
        AssertSettles(world, db);
        output.WriteLine($"stateful set, seed {seed}: {world.Steps} steps, {world.Decisions} decisions, {Faults(world)}; {made} pods made in order; settled at the end");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void No_job_is_lost_and_none_is_counted_twice(int seed)
    {
        var world = new Simulation(seed);
        int jobs = 0;
        int ended = 0;
        int makes = 0;
        Dictionary<string, long> counted = [];

        for (int i = 0; i < Steps || world.All("Job").Any(); i++)
        {
            Assert.True(i < Steps * 20 + 100_000, $"seed {seed}: jobs {string.Join(", ", world.All("Job").Select(job => job.Name))} never end");
            if (i < Steps && i % 400 == 0)
            {
                _ = world.Put(Manifests.Read($$$"""
                    apiVersion: batch/v1
                    kind: Job
                    metadata: {name: job-{{{++jobs}}}, namespace: default}
                    spec:
                      completions: 4
                      parallelism: 2
                      backoffLimit: 1000
                      template: {spec: {restartPolicy: Never, containers: [{name: a, image: b}]}}
                    """));
            }
            world.Step();
            foreach (KubernetesObject job in world.All("Job").ToArray())
            {
                long now = job.Status.Whole("succeeded") ?? 0;
                Assert.True(now >= counted.GetValueOrDefault(job.Name), $"seed {seed}, step {i}: {job.Name} forgets what was done");
                counted[job.Name] = now;
                Assert.True(world.Owned(job.Uid, "Pod").Count(pod => pod.IsActive) <= 2, $"seed {seed}, step {i}: {job.Name} runs more at once than allowed");
                if (JobController.EndOf(job) is not null)
                {
                    Assert.True(now >= 4, $"seed {seed}, step {i}: {job.Name} is done after {now} of 4");
                    ended++;
                    makes += (int)now;
                    world.Remove(job);
                }
            }
        }

        Assert.Equal(jobs, ended);
        output.WriteLine($"jobs, seed {seed}: {world.Steps} steps, {world.Decisions} decisions, {Faults(world)}; {ended} of {jobs} jobs done, {makes} completions, none lost");
    }

    private static int Wanted(Simulation world, KubernetesObject web) => world.Owned(web.Uid, "ReplicaSet").Sum(set => (int)(set.Spec.Whole("replicas") ?? 0));

    private static KubernetesObject WithImage(KubernetesObject one, string image) =>
        one.With(Doc.List([Doc.Map(("name", Doc.Text("app")), ("image", Doc.Text(image)))]), "spec", "template", "spec", "containers");

    private static string Faults(Simulation world) => string.Join(", ", world.Faults.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => $"{pair.Value} {pair.Key}"));

    /// <summary>Without faults and with a good image all becomes what was asked for.</summary>
    private static void AssertSettles(Simulation world, KubernetesObject one)
    {
        world.Change(one, now => WithImage(now, "app:last"));
        for (int i = 0; i < 20_000; i++)
        {
            KubernetesObject now = world.Find(one.Kind.Kind, one.Name)!;
            foreach (KubernetesObject each in world.Owned(now.Uid, "ReplicaSet").Append(now))
            {
                if (world.Find(each.Kind.Kind, each.Name) is { } there)
                {
                    world.Apply(world.Decide(there));
                }
            }
            now = world.Find(one.Kind.Kind, one.Name)!;
            if (now.Status.Whole("observedGeneration") == now.Generation && now.Status.Whole("updatedReplicas") == now.Spec.Whole("replicas")
                && now.Status.Whole("readyReplicas") == now.Spec.Whole("replicas") && now.Status.Whole("replicas") == now.Spec.Whole("replicas"))
            {
                return;
            }
            world.Heal();
        }
        Assert.Fail($"{one} does not settle: {YamlWriter.Write(world.Find(one.Kind.Kind, one.Name)!.Status!)}");
    }
}
