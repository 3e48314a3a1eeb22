using Caisson.Documents;
using Caisson.Errors;
using Caisson.Kubernetes.Objects;

using Xunit;

namespace Caisson.Kubernetes.Tests;

/// <summary>Manifests as tests write them.</summary>
internal static class Manifests
{
    public static string Deployment(string name = "web", int replicas = 3, string image = "app:1", string more = "") => $$$"""
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: {{{name}}}, namespace: default}
        spec:
          replicas: {{{replicas}}}
          selector: {matchLabels: {app: {{{name}}}}}
          {{{more}}}
          template:
            metadata: {labels: {app: {{{name}}}}}
            spec:
              containers: [{name: app, image: "{{{image}}}"}]
        """;

    /// <summary>The one object of a text without mistakes, with its defaults.</summary>
    public static KubernetesObject Read(string text)
    {
        List<Problem> problems = [];
        IReadOnlyList<KubernetesObject> objects = ManifestCheck.Read("f", text, problems);
        Assert.Empty(problems);
        return Defaults.Apply(Assert.Single(objects));
    }

    /// <summary>What is wrong with a text.</summary>
    public static string[] Problems(string text)
    {
        List<Problem> problems = [];
        _ = ManifestCheck.Read("f", text, problems);
        return [.. problems.Select(problem => problem.ToString())];
    }

    /// <summary>A mapping of YAML.</summary>
    public static MappingNode Map(string text)
    {
        List<Problem> problems = [];
        return Assert.IsType<MappingNode>(Assert.Single(YamlReader.Read("f", text, problems)));
    }
}
