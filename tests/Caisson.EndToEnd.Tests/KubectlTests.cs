using System.Diagnostics;
using System.Globalization;

using Xunit;

namespace Caisson.EndToEnd.Tests;

/// <summary>What people do with kubectl from day to day, and what a load does to an autoscaler.</summary>
public sealed class KubectlTests(Engine engine) : IClassFixture<Engine>, IDisposable
{
    private const string Server = """
        apiVersion: v1
        kind: Pod
        metadata: {name: page, labels: {app: page}}
        spec:
          terminationGracePeriodSeconds: 1
          containers:
          - name: page
            image: busybox
            imagePullPolicy: IfNotPresent
            command: [sh, -c, "mkdir /w; echo served > /w/index.html; echo up; exec httpd -f -p 80 -h /w"]
            resources: {requests: {cpu: 10m}}
        """;

    private string? _config;

    public void Dispose()
    {
        if (_config is not null)
        {
            foreach (string kind in (string[])["hpa", "deployment", "job", "service", "pod", "configmap", "secret"])
            {
                engine.Start("kubectl", null, "--kubeconfig", _config, "delete", kind, "--all", "--wait=false");
            }
            Eventually(() => engine.Caisson("ps", "-aq").Output.Length == 0);
        }
    }

    [Fact]
    public async Task Verbs_of_every_day_work()
    {
        Require();

        Assert.Contains("Server Version", Kubectl(null, "version"), StringComparison.Ordinal);
        Assert.Contains("is running at", Kubectl(null, "cluster-info"), StringComparison.Ordinal);
        Assert.Contains("deployments", Kubectl(null, "api-resources"), StringComparison.Ordinal);
        Assert.Contains("apps/v1", Kubectl(null, "api-versions"), StringComparison.Ordinal);
        Assert.Contains("Ready", Kubectl(null, "get", "nodes"), StringComparison.Ordinal);

        Assert.Contains("created", Kubectl(null, "create", "configmap", "words", "--from-literal=a=b"), StringComparison.Ordinal);
        Assert.Equal("b", Kubectl(null, "get", "configmap", "words", "-o", "jsonpath={.data.a}"));
        Assert.Contains("created", Kubectl(null, "create", "secret", "generic", "key", "--from-literal=c=d"), StringComparison.Ordinal);
        Assert.Equal("ZA==", Kubectl(null, "get", "secret", "key", "-o", "jsonpath={.data.c}"));
        Assert.Contains("created", Kubectl(null, "create", "job", "sum", "--image=busybox", "--", "sh", "-c", "echo $((40 + 2))"), StringComparison.Ordinal);
        Assert.Contains("condition met", Kubectl(null, "wait", "--for=condition=complete", "job/sum", "--timeout=60s"), StringComparison.Ordinal);
        Assert.Equal("42\n", Kubectl(null, "logs", "job/sum"));
        Assert.Contains("2 + 2 is 4", Kubectl("", "run", "once", "--image=busybox", "--image-pull-policy=IfNotPresent", "--restart=Never", "--rm", "-i", "--quiet", "--", "sh", "-c", "sleep 1; echo 2 + 2 is 4"), StringComparison.Ordinal);

        Assert.Contains("created", Kubectl(Server, "create", "-f", "-"), StringComparison.Ordinal);
        Kubectl(null, "wait", "--for=condition=Ready", "pod/page", "--timeout=60s");
        Assert.Contains("annotated", Kubectl(null, "annotate", "pod/page", "note=this"), StringComparison.Ordinal);
        Assert.Equal("this", Kubectl(null, "get", "pod", "page", "-o", "jsonpath={.metadata.annotations.note}"));
        Assert.Equal("pod/page\n", Kubectl(null, "get", "pods", "-l", "app=page", "-o", "name"));
        Assert.Contains("page", Kubectl(null, "get", "pods", "--field-selector", "metadata.name=page", "-o", "wide"), StringComparison.Ordinal);
        Assert.Contains("Started", Kubectl(null, "get", "events"), StringComparison.Ordinal);
        Assert.Contains("Containers:", Kubectl(null, "describe", "pod/page"), StringComparison.Ordinal);
        Assert.Contains("CPU(cores)", Kubectl(null, "top", "pod", "page"), StringComparison.Ordinal);
        string from = $"{engine.NewDirectory("cp")}/file";
        await File.WriteAllTextAsync(from, "copied", TestContext.Current.CancellationToken);
        Kubectl(null, "cp", from, "page:/w/file");
        Assert.Equal("copied", Kubectl(null, "exec", "page", "--", "cat", "/w/file"));
        Kubectl(null, "cp", "page:/w/file", $"{from}.back");
        Assert.Equal("copied", await File.ReadAllTextAsync($"{from}.back", TestContext.Current.CancellationToken));
        Assert.Equal("served\n", await ForwardedAsync("pod/page"));
        Assert.Contains("replaced", Kubectl(Server.Replace("labels: {app: page}", "labels: {app: page, more: label}", StringComparison.Ordinal), "replace", "-f", "-"), StringComparison.Ordinal);
        Assert.Equal("label", Kubectl(null, "get", "pod", "page", "-o", "jsonpath={.metadata.labels.more}"));

        Assert.Contains("created", Kubectl(null, "create", "deployment", "many", "--image=busybox", "--", "sleep", "1000"), StringComparison.Ordinal);
        Kubectl(null, "patch", "deployment/many", "--type=strategic", "-p", """{"spec":{"template":{"spec":{"terminationGracePeriodSeconds":1,"containers":[{"name":"busybox","imagePullPolicy":"IfNotPresent"}]}}}}""");
        Kubectl(null, "rollout", "status", "deployment/many", "--timeout=60s");
        Assert.Contains("restarted", Kubectl(null, "rollout", "restart", "deployment/many"), StringComparison.Ordinal);
        Kubectl(null, "rollout", "status", "deployment/many", "--timeout=60s");
        Assert.Contains("REVISION", Kubectl(null, "rollout", "history", "deployment/many"), StringComparison.Ordinal);
        Assert.Contains("paused", Kubectl(null, "rollout", "pause", "deployment/many"), StringComparison.Ordinal);
        Assert.Contains("resumed", Kubectl(null, "rollout", "resume", "deployment/many"), StringComparison.Ordinal);
    }

    [Fact]
    public void Under_load_there_are_more_pods_and_afterwards_fewer()
    {
        Require();
        const string Busy = """
            apiVersion: apps/v1
            kind: Deployment
            metadata: {name: busy}
            spec:
              selector: {matchLabels: {app: busy}}
              template:
                metadata: {labels: {app: busy}}
                spec:
                  terminationGracePeriodSeconds: 1
                  containers:
                  - name: busy
                    image: busybox
                    imagePullPolicy: IfNotPresent
                    command: [sh, -c, "while :; do if [ -f /busy ]; then i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done; else sleep 0.2; fi; done"]
                    resources: {requests: {cpu: 100m}}
            ---
            apiVersion: autoscaling/v2
            kind: HorizontalPodAutoscaler
            metadata: {name: busy}
            spec:
              scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: busy}
              minReplicas: 1
              maxReplicas: 3
              metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}}]
              behavior: {scaleDown: {stabilizationWindowSeconds: 1}}
            """;
        Kubectl(Busy, "apply", "-f", "-");
        Kubectl(null, "rollout", "status", "deployment/busy", "--timeout=60s");

        Kubectl(null, "exec", "deployment/busy", "--", "touch", "/busy");
        Assert.True(Eventually(() => Replicas() == "3"), Kubectl(null, "describe", "hpa", "busy"));
        Assert.Contains("SuccessfulRescale", Kubectl(null, "get", "events"), StringComparison.Ordinal);
        foreach (string pod in Kubectl(null, "get", "pods", "-l", "app=busy", "-o", "name").Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            engine.Start("kubectl", null, "--kubeconfig", _config!, "exec", pod, "--", "rm", "-f", "/busy");
        }

        Assert.True(Eventually(() => Replicas() == "1"), Kubectl(null, "describe", "hpa", "busy"));

        string Replicas() => Kubectl(null, "get", "deployment", "busy", "-o", "jsonpath={.spec.replicas}");
    }

    private void Require()
    {
        engine.SkipUnlessPublished();
        Assert.SkipUnless(Engine.Has("kubectl"), "kubectl is not installed");
        _config = $"{engine.NewDirectory("kubectl")}/config";
        File.WriteAllText(_config, engine.Caisson("kubeconfig").Output);
    }

    private string Kubectl(string? input, params string[] words)
    {
        Answer answer = engine.Start("kubectl", input, ["--kubeconfig", _config!, .. words]);
        Assert.True(answer.Code == 0, $"{string.Join(' ', words)}: {answer}");
        return answer.Output;
    }

    /// <summary>What a server in a pod says by a port of this host that kubectl leads there.</summary>
    private async Task<string> ForwardedAsync(string pod)
    {
        int port = Served.FreePort();
        var start = new ProcessStartInfo("kubectl", ["--kubeconfig", _config!, "port-forward", pod, string.Create(CultureInfo.InvariantCulture, $"{port}:80")]) { RedirectStandardOutput = true };
        using Process forward = Process.Start(start)!;
        try
        {
            Assert.Contains("Forwarding from", await forward.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
            using HttpClient client = new();
            return await client.GetStringAsync(new Uri(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}/")), TestContext.Current.CancellationToken);
        }
        finally
        {
            forward.Kill();
            await forward.WaitForExitAsync(TestContext.Current.CancellationToken);
        }
    }

    private static bool Eventually(Func<bool> holds)
    {
        for (long start = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(start) < TimeSpan.FromSeconds(90); Thread.Sleep(300))
        {
            if (holds())
            {
                return true;
            }
        }
        return false;
    }
}
