using System.Text;
using Caisson.Containers.Documents;
using Caisson.Errors;
using Caisson.Oci.Runtime;
using Xunit;

namespace Caisson.Containers.Tests.Documents;

public sealed class DocumentTests
{
    public static TheoryData<string> Specs => ["spec", "spec-v2", "spec-rootless"];

    [Theory]
    [MemberData(nameof(Specs))]
    public void The_default_spec_is_the_one_beside(string name) =>
        Golden.Check(Encoding.UTF8.GetString(RuntimeSpecJson.ToUtf8(Spec(name), indented: true)), $"Golden/{name}.json");

    [Theory]
    [MemberData(nameof(Specs))]
    public void The_default_spec_passes_our_own_rules(string name)
    {
        var problems = new List<Problem>();

        RuntimeSpecRules.Check(Spec(name), problems, problems);

        Assert.Empty(problems);
    }

    [Fact]
    public void The_features_are_those_beside()
    {
        var seccomp = new SeccompFeatures { Enabled = true, Actions = ["SCMP_ACT_ALLOW"] };

        Golden.Check(Encoding.UTF8.GetString(RuntimeSpecJson.ToUtf8(RuntimeFeatures.Describe("0.1.0", seccomp), indented: true)), "Golden/features.json");
    }

    private static RuntimeSpec Spec(string name) => name switch
    {
        "spec" => DefaultSpec.Create(isCgroupV2: false),
        "spec-v2" => DefaultSpec.Create(isCgroupV2: true),
        _ => DefaultSpec.CreateRootless(isCgroupV2: false, 1000, 1001),
    };
}
