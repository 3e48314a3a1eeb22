using Caisson.Documents;
using Caisson.Errors;
using Caisson.Kubernetes.Patches;
using Caisson.Kubernetes.Schema;

using Xunit;

namespace Caisson.Kubernetes.Tests;

public sealed class PatchTests
{
    private static readonly ResourceKind Deployment = ResourceKind.Of("Deployment");

    [Fact]
    public void A_strategic_patch_merges_lists_by_their_key()
    {
        MappingNode before = Manifests.Map("spec: {template: {spec: {containers: [{name: a, image: x:1, env: [{name: A, value: '1'}]}, {name: b, image: y}]}}}");
        MappingNode patch = Manifests.Map("spec: {template: {spec: {containers: [{name: a, image: x:2}, {name: b, $patch: delete}, {name: c, image: z}]}}}");

        MappingNode after = ObjectPatch.MergeStrategic(Deployment, before, patch);

        Assert.True(after.Same(Manifests.Map("spec: {template: {spec: {containers: [{name: a, image: x:2, env: [{name: A, value: '1'}]}, {name: c, image: z}]}}}")));
    }

    [Fact]
    public void A_merge_patch_replaces_lists_and_takes_away_by_null()
    {
        MappingNode after = ObjectPatch.Merge(Manifests.Map("a: {b: 1, c: 2}\nd: [1, 2]"), Manifests.Map("a: {b: null}\nd: [3]"));

        Assert.True(after.Same(Manifests.Map("a: {c: 2}\nd: [3]")));
    }

    [Fact]
    public void A_json_patch_is_carried_out_in_order()
    {
        var operations = (SequenceNode)Manifests.Map("""
            x:
            - {op: test, path: /a/0, value: 1}
            - {op: add, path: /a/-, value: 3}
            - {op: replace, path: /b, value: {c~1d: 1}}
            - {op: move, from: /a/0, path: /e}
            """)["x"]!;

        MappingNode after = ObjectPatch.Apply(Manifests.Map("a: [1, 2]\nb: 1"), operations);

        Assert.True(after.Same(Manifests.Map("a: [2, 3]\nb: {c~1d: 1}\ne: 1")));
    }

    [Fact]
    public void A_json_patch_of_what_is_not_there_is_refused()
    {
        var operations = (SequenceNode)Manifests.Map("x: [{op: remove, path: /a/b}]")["x"]!;

        var refused = Assert.Throws<CaissonException>(() => ObjectPatch.Apply(Manifests.Map("a: {}"), operations));

        Assert.Equal("the patch speaks of /a/b, which is not there", refused.Message);
    }

    [Fact]
    public void An_apply_takes_away_what_was_applied_before_and_leaves_what_others_set()
    {
        MappingNode live = Manifests.Map("spec: {replicas: 7, paused: true, template: {spec: {containers: [{name: a, image: x:1, imagePullPolicy: Always}, {name: side, image: s}]}}}");
        MappingNode last = Manifests.Map("spec: {paused: true, template: {spec: {containers: [{name: a, image: x:1}, {name: side, image: s}]}}}");
        MappingNode now = Manifests.Map("spec: {template: {spec: {containers: [{name: a, image: x:2}]}}}");

        MappingNode after = ObjectPatch.ApplyOver(Deployment, live, last, now);

        Assert.True(after.Same(Manifests.Map("spec: {replicas: 7, template: {spec: {containers: [{name: a, image: x:2, imagePullPolicy: Always}]}}}")));
    }
}
