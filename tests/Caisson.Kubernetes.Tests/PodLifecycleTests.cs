using Caisson.Documents;
using Caisson.Kubernetes.Objects;
using Caisson.Kubernetes.Pods;

using Xunit;

namespace Caisson.Kubernetes.Tests;

public sealed class PodLifecycleTests
{
    private static readonly DateTimeOffset Now = new(2024, 1, 1, 12, 0, 0, TimeSpan.Zero);

    private static readonly KubernetesObject Pod = Manifests.Read("""
        apiVersion: v1
        kind: Pod
        metadata: {name: a, namespace: default}
        spec:
          terminationGracePeriodSeconds: 5
          initContainers:
          - {name: first, image: x}
          - {name: side, image: x, restartPolicy: Always}
          containers:
          - {name: app, image: x}
        """);

    [Fact]
    public void A_pod_begins_with_its_sandbox() =>
        Assert.Equal([new PodStep.StartSandbox()], PodLifecycle.Decide(Pod, PodObservation.None, Now).Steps);

    [Fact]
    public void Init_containers_run_in_order_sidecars_beside_the_others()
    {
        PodObservation seen = PodObservation.None with { HasSandbox = true };
        Assert.Equal([new PodStep.Start("first", 0)], PodLifecycle.Decide(Pod, seen, Now).Steps);

        seen = With(seen, "first", Ended(0));
        Assert.Equal([new PodStep.Start("side", 0)], PodLifecycle.Decide(Pod, seen, Now).Steps);

        seen = With(seen, "side", Running());
        Assert.Equal([new PodStep.Start("app", 0)], PodLifecycle.Decide(Pod, seen, Now).Steps);

        seen = With(seen, "app", Running());
        Assert.Empty(PodLifecycle.Decide(Pod, seen, Now).Steps);
        Assert.Equal("Running", PodLifecycle.PhaseOf(Pod, seen, Now));
    }

    [Fact]
    public void The_first_restart_is_at_once_and_further_ones_wait_longer_and_longer()
    {
        PodObservation seen = With(With(With(PodObservation.None with { HasSandbox = true }, "first", Ended(0)), "side", Running()), "app", Ended(1));
        Assert.Equal([new PodStep.Start("app", 1)], PodLifecycle.Decide(Pod, seen, Now).Steps);

        seen = With(seen, "app", Ended(1) with { Restarts = 2, Streak = 2 });
        PodLifecycle.Result waits = PodLifecycle.Decide(Pod, seen, Now);
        Assert.Empty(waits.Steps);
        Assert.Equal(Now.AddSeconds(20), waits.Again);
        Assert.Equal(TimeSpan.FromMinutes(5), PodLifecycle.DelayAfter(40));
    }

    [Fact]
    public void A_pod_that_goes_ends_its_sidecars_last()
    {
        KubernetesObject going = Pod.With(Times.Node(Now.AddSeconds(5)), "metadata", "deletionTimestamp");
        PodObservation seen = With(With(With(PodObservation.None with { HasSandbox = true }, "first", Ended(0)), "side", Running()), "app", Running());

        Assert.Equal("app", Assert.IsType<PodStep.Stop>(Assert.Single(PodLifecycle.Decide(going, seen, Now).Steps)).Name);
        seen = With(seen, "app", Ended(0));
        Assert.Equal("side", Assert.IsType<PodStep.Stop>(Assert.Single(PodLifecycle.Decide(going, seen, Now).Steps)).Name);
        seen = With(seen, "side", Ended(0));
        Assert.Equal([new PodStep.StopSandbox()], PodLifecycle.Decide(going, seen, Now).Steps);
        Assert.Equal([new PodStep.Finish()], PodLifecycle.Decide(going, seen with { HasSandbox = false }, Now).Steps);
    }

    [Fact]
    public void A_lost_sandbox_ends_what_was_in_it_before_another_is_made()
    {
        PodObservation seen = With(PodObservation.None, "app", Running());
        Assert.Equal("app", Assert.IsType<PodStep.Stop>(Assert.Single(PodLifecycle.Decide(Pod, seen, Now).Steps)).Name);

        Assert.Equal([new PodStep.StartSandbox()], PodLifecycle.Decide(Pod, With(seen, "app", Ended(137)), Now).Steps);
    }

    [Fact]
    public void A_failed_init_container_of_a_pod_that_never_restarts_fails_the_pod()
    {
        KubernetesObject never = Pod.With(Doc.Text("Never"), "spec", "restartPolicy");
        PodObservation seen = With(PodObservation.None with { HasSandbox = true }, "first", Ended(2));

        Assert.Equal("Failed", PodLifecycle.PhaseOf(never, seen, Now));
    }

    [Fact]
    public void A_probe_counts_when_enough_in_a_row_say_the_same()
    {
        MappingNode probe = Manifests.Map("{failureThreshold: 2, successThreshold: 1, periodSeconds: 3, initialDelaySeconds: 1}");
        Assert.Equal(Now.AddSeconds(1), ProbeDecision.Due(probe, ProbeState.First, Now));

        ProbeState state = ProbeDecision.After(probe, ProbeState.First, success: false, Now);
        Assert.Null(state.Passed);
        state = ProbeDecision.After(probe, state, success: false, Now);
        Assert.False(state.Passed);
        Assert.Equal(Now.AddSeconds(3), ProbeDecision.Due(probe, state, Now));
        Assert.True(ProbeDecision.After(probe, state, success: true, Now).Passed);
    }

    private static ContainerFacts Running() => new() { State = ContainerState.Running, ContainerId = "1", Started = true, Ready = true };

    private static ContainerFacts Ended(int code) => new() { State = ContainerState.Exited, ContainerId = "1", End = new ContainerEnd("1", code, false, Now, Now) };

    private static PodObservation With(PodObservation seen, string name, ContainerFacts facts) =>
        seen with { Containers = new Dictionary<string, ContainerFacts>(seen.Containers) { [name] = facts } };
}
