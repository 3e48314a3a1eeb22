using Caisson.Documents;
using Caisson.Kubernetes.Objects;

using Xunit;

namespace Caisson.Kubernetes.Tests;

public sealed class ManifestTests
{
    [Fact]
    public void Every_problem_is_reported_at_its_place_with_the_nearest_name()
    {
        string text = """
            apiVersion: apps/v1
            kind: Deployment
            metadata: {name: web}
            spec:
              replica: 3
              selector: {matchLabels: {app: web}}
              template:
                metadata: {labels: {app: web}}
                spec:
                  containers:
                  - name: Web
                    imag: nginx
                    ports: [{containerPort: 99999}]
            """;

        string[] problems = Manifests.Problems(text);

        Assert.Equal(
            [
                "f:5:3: unknown field 'replica' of DeploymentSpec; did you mean 'replicas'?",
                "f:11:15: 'Web' should be a name of at most 63 lower case letters, digits and hyphens",
                "f:12:9: unknown field 'imag' of Container; did you mean 'image'?",
                "f:13:33: '99999' should be a port, 1 to 65535",
                "f:11:9: Container needs the field 'image'",
            ],
            problems);
    }

    [Theory]
    [InlineData("apiVersion: apps/v1\nkind: Deploymnt\n", "f:2:7: unknown kind 'Deploymnt'; did you mean 'Deployment'?")]
    [InlineData("apiVersion: extensions/v1beta1\nkind: Deployment\n", "f:1:13: kind Deployment is not known in version 'extensions/v1beta1'; it is in apps/v1")]
    [InlineData("kind: Pod\n", "f:1:1: has no 'apiVersion'; of kind Pod it is v1")]
    [InlineData("- a\n", "f:1:1: a manifest is a mapping, and this is a list")]
    [InlineData("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: 1}\n", "f:4:11: is a number, and should be text; put it in quotes: \"1\"")]
    [InlineData("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: !reset {}\n", "f:4:7: tags such as !reset have no meaning in manifests")]
    public void What_is_no_manifest_is_refused(string text, string problem) => Assert.Equal([problem], Manifests.Problems(text));

    [Fact]
    public void A_selector_must_fit_the_template()
    {
        string[] problems = Manifests.Problems(Manifests.Deployment().Replace("labels: {app: web}", "labels: {app: shop}", StringComparison.Ordinal));

        Assert.Equal("the selector (app=web) does not fit the labels of the template", Assert.Single(problems).Split(": ", 2)[1]);
    }

    [Fact]
    public void A_mount_of_a_volume_that_is_not_there_is_reported()
    {
        string[] problems = Manifests.Problems("""
            apiVersion: v1
            kind: Pod
            metadata: {name: a}
            spec:
              volumes: [{name: data, emptyDir: {}}]
              containers: [{name: a, image: b, volumeMounts: [{name: date, mountPath: /d}]}]
            """);

        Assert.Equal(["f:6:58: there is no volume 'date'; did you mean 'data'?"], problems);
    }

    [Theory]
    [InlineData("subPath", "../../etc")]
    [InlineData("subPath", "/etc")]
    [InlineData("subPathExpr", "../../etc")]
    [InlineData("subPathExpr", "a/../../b")]
    public void A_part_of_a_volume_leads_nowhere_else(string field, string part)
    {
        string[] problems = Manifests.Problems("""
            apiVersion: v1
            kind: Pod
            metadata: {name: a}
            spec:
              volumes: [{name: v, emptyDir: {}}]
              containers: [{name: c, image: b, volumeMounts: [{name: v, mountPath: /m, FIELD: "PART"}]}]
            """.Replace("FIELD", field, StringComparison.Ordinal).Replace("PART", part, StringComparison.Ordinal));

        Assert.Contains($"'{part}' should be a relative path without '..'", Assert.Single(problems), StringComparison.Ordinal);
    }

    [Fact]
    public void A_claim_of_a_stateful_set_is_a_volume_of_its_pods()
    {
        string[] problems = Manifests.Problems("""
            apiVersion: apps/v1
            kind: StatefulSet
            metadata: {name: a}
            spec:
              serviceName: a
              selector: {matchLabels: {app: a}}
              template:
                metadata: {labels: {app: a}}
                spec:
                  containers: [{name: a, image: b, volumeMounts: [{name: data, mountPath: /d}, {name: page, mountPath: /p}]}]
              volumeClaimTemplates:
              - metadata: {name: data}
                spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 10Mi}}}
            """);

        Assert.Equal(["f:10:91: there is no volume 'page'"], problems);
    }

    [Fact]
    public void Aliases_that_grow_without_end_are_refused()
    {
        string text = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + string.Concat(Enumerable.Range(0, 9).Select(i =>
            $"{(char)('b' + i)}: &{(char)('b' + i)} [{string.Join(',', Enumerable.Repeat($"*{(char)('a' + i)}", 10))}]\n"));

        string[] problems = Manifests.Problems(text);

        Assert.Contains("larger than a million values", Assert.Single(problems), StringComparison.Ordinal);
    }

    [Fact]
    public void Fields_that_nobody_interprets_come_back_as_they_were()
    {
        KubernetesObject one = Manifests.Read("""
            apiVersion: v1
            kind: Pod
            metadata: {name: a, annotations: {note: "1.50"}}
            spec: {containers: [{name: a, image: b}], affinity: {nodeAffinity: {x: [1.50, true, null]}}}
            """);

        var back = (MappingNode)JsonNodeReader.Read(YamlWriter.WriteJsonBytes(one.Tree));

        Assert.True(one.Tree.Same(back));
        Assert.Equal("1.50", back.At("spec", "affinity", "nodeAffinity", "x").Items().First().AsText());
    }

    [Fact]
    public void Plain_text_of_a_secret_becomes_data()
    {
        KubernetesObject one = Manifests.Read("apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {key: hi}\n");

        Assert.Equal("aGk=", one.Tree["data"].Text("key"));
        Assert.Null(one.Tree["stringData"]);
    }

    [Theory]
    [InlineData("500m", "0.5")]
    [InlineData("64Mi", "67108864")]
    [InlineData("1.5", "1.5")]
    [InlineData("1e3", "1000")]
    [InlineData("2G", "2000000000")]
    public void Amounts_are_read(string text, string amount)
    {
        Assert.True(Quantity.TryParse(text, out decimal read));
        Assert.Equal(decimal.Parse(amount, System.Globalization.CultureInfo.InvariantCulture), read);
    }

    [Theory]
    [InlineData("app=web", true)]
    [InlineData("app in (web, db),tier!=cache", true)]
    [InlineData("!app", false)]
    [InlineData("app notin (web)", false)]
    [InlineData("tier", false)]
    public void Selectors_of_queries_are_read(string text, bool fits) =>
        Assert.Equal(fits, LabelSelector.Parse(text).Fits(new Dictionary<string, string> { ["app"] = "web" }));
}
