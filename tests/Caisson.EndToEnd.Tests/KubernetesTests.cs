using System.Globalization;

using Xunit;

namespace Caisson.EndToEnd.Tests;

/// <summary>An application of three tiers from ordinary manifests, by our command line and by kubectl.</summary>
public sealed class KubernetesTests(Engine engine) : IClassFixture<Engine>
{
    private const string Manifests = """
        apiVersion: v1
        kind: Namespace
        metadata: {name: shop}
        ---
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: page, namespace: shop}
        data: {greeting: hello}
        ---
        apiVersion: v1
        kind: Secret
        metadata: {name: key, namespace: shop}
        stringData: {password: not-to-be-found-on-disk}
        ---
        apiVersion: apps/v1
        kind: StatefulSet
        metadata: {name: db, namespace: shop}
        spec:
          serviceName: db
          replicas: 2
          selector: {matchLabels: {tier: db}}
          template:
            metadata: {labels: {tier: db}}
            spec:
              terminationGracePeriodSeconds: 1
              containers:
              - name: db
                image: busybox
                imagePullPolicy: IfNotPresent
                command: [sh, -c, "hostname >> /data/index.html; exec httpd -f -p 8080 -h /data"]
                env: [{name: PASSWORD, valueFrom: {secretKeyRef: {name: key, key: password}}}]
                ports: [{containerPort: 8080, name: http}]
                readinessProbe: {tcpSocket: {port: http}, periodSeconds: 1}
                volumeMounts: [{name: data, mountPath: /data}]
          volumeClaimTemplates:
          - metadata: {name: data}
            spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 10Mi}}}
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: db, namespace: shop}
        spec: {clusterIP: None, selector: {tier: db}, ports: [{port: 8080}]}
        ---
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: api, namespace: shop}
        spec:
          replicas: 2
          selector: {matchLabels: {tier: api}}
          template:
            metadata: {labels: {tier: api}}
            spec:
              terminationGracePeriodSeconds: 1
              initContainers:
              - name: wait
                image: busybox
                imagePullPolicy: IfNotPresent
                command: [sh, -c, "until nslookup db-0.db.shop.svc.cluster.local; do sleep 0.2; done"]
              containers:
              - name: api
                image: busybox
                imagePullPolicy: IfNotPresent
                command: [sh, -c, "mkdir /www; echo api > /www/index.html; exec httpd -f -p 8080 -h /www"]
                readinessProbe: {tcpSocket: {port: 8080}, periodSeconds: 1}
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: api, namespace: shop}
        spec: {selector: {tier: api}, ports: [{port: 80, targetPort: 8080}]}
        ---
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: web, namespace: shop}
        spec:
          replicas: 3
          progressDeadlineSeconds: 12
          selector: {matchLabels: {tier: web}}
          template:
            metadata: {labels: {tier: web}}
            spec:
              terminationGracePeriodSeconds: 2
              containers:
              - name: web
                image: busybox
                imagePullPolicy: IfNotPresent
                command: [sh, -c, "mkdir /www; echo $(cat /config/greeting) $VERSION > /www/index.html; exec httpd -f -p 8080 -h /www"]
                env: [{name: VERSION, value: one}]
                readinessProbe: {httpGet: {path: /, port: 8080}, periodSeconds: 1}
                volumeMounts: [{name: page, mountPath: /config}]
              volumes: [{name: page, configMap: {name: page}}]
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: web, namespace: shop}
        spec: {type: NodePort, selector: {tier: web}, ports: [{port: 80, targetPort: 8080}]}
        """;

    [Fact]
    public async Task An_application_of_three_tiers_is_applied_scaled_updated_taken_back_and_found_again()
    {
        engine.SkipUnlessPublished();
        Ok(engine.CaissonWith(Manifests, "apply", "-f", "-"));
        try
        {
            Ok(engine.Caisson("rollout", "status", "--timeout", "60", "-n", "shop", "statefulset/db"));
            Ok(engine.Caisson("rollout", "status", "--timeout", "60", "-n", "shop", "deployment/web"));
            Ok(engine.Caisson("rollout", "status", "--timeout", "60", "-n", "shop", "deployment/api"));
            string port = Ok(engine.Caisson("get", "-n", "shop", "service/web", "-o", "yaml")).Split("nodePort: ")[1].Split('\n')[0].Trim();
            string at = $"http://127.0.0.1:{port}/";
            Assert.Equal("hello one\n", await GetAsync(at));
            Assert.DoesNotContain("not-to-be-found-on-disk", File.ReadAllText($"{engine.Root}/state.db", System.Text.Encoding.Latin1), StringComparison.Ordinal);
            Assert.Equal("not-to-be-found-on-disk\n", Ok(engine.Caisson("exec", "-n", "shop", "pod/db-0", "--", "sh", "-c", "echo $PASSWORD")));

            Ok(engine.Caisson("scale", "-n", "shop", "--replicas", "20", "deployment/web"));
            Ok(engine.Caisson("rollout", "status", "--timeout", "90", "-n", "shop", "deployment/web"));
            Ok(engine.Caisson("scale", "-n", "shop", "--replicas", "4", "deployment/web"));

            // An update under load: not one request fails.
            using var stop = new CancellationTokenSource();
            Task<(int Count, string[] Failures)> load = LoadAsync(at, stop.Token);
            Ok(engine.CaissonWith(Manifests.Replace("value: one", "value: two", StringComparison.Ordinal).Replace("replicas: 3", "replicas: 4", StringComparison.Ordinal), "apply", "-f", "-"));
            Ok(engine.Caisson("rollout", "status", "--timeout", "90", "-n", "shop", "deployment/web"));
            await stop.CancelAsync();
            (int count, string[] failures) = await load;
            Assert.Empty(failures);
            Assert.True(count > 20, $"only {count} requests were made");
            Assert.Equal("hello two\n", await GetAsync(at));

            // An image that is not there: what served goes on serving, and is taken back to.
            string bad = Manifests.Replace("value: one", "value: two", StringComparison.Ordinal).Replace("replicas: 3", "replicas: 4", StringComparison.Ordinal)
                .Replace("- name: web\n        image: busybox\n        imagePullPolicy: IfNotPresent", "- name: web\n        image: busybox:nosuch\n        imagePullPolicy: Never", StringComparison.Ordinal);
            Ok(engine.CaissonWith(bad, "apply", "-f", "-"));
            Answer late = engine.Caisson("rollout", "status", "--timeout", "60", "-n", "shop", "deployment/web");
            Assert.Equal(1, late.Code);
            Assert.Contains("exceeded its progress deadline", late.Error, StringComparison.Ordinal);
            Assert.Equal("hello two\n", await GetAsync(at));
            Ok(engine.Caisson("rollout", "undo", "-n", "shop", "deployment/web"));
            Ok(engine.Caisson("rollout", "status", "--timeout", "60", "-n", "shop", "deployment/web"));

            // The engine dies: pods serve on, and the next engine has them all.
            string before = Pods();
            engine.Kill();
            Assert.Equal("hello two\n", await GetAsync(at));
            Assert.Equal(before, Pods());
            Assert.Equal("hello two\n", await GetAsync(at));
        }
        finally
        {
            Ok(engine.Caisson("delete", "namespace", "shop", "--wait=false"));
            for (int i = 0; i < 300 && engine.Caisson("get", "namespace/shop").Code == 0; i++)
            {
                await Task.Delay(100, TestContext.Current.CancellationToken);
            }
        }
        Assert.DoesNotContain("k8s_", Ok(engine.Caisson("ps", "-a", "--format", "{{.Names}}")), StringComparison.Ordinal);
    }

    [Fact]
    public void Manifests_with_mistakes_change_nothing()
    {
        engine.SkipUnlessPublished();

        Answer refused = engine.CaissonWith("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, imag: b}]}\n---\nkind: Deploymnt\napiVersion: apps/v1\n", "apply", "-f", "-");

        Assert.Equal(1, refused.Code);
        Assert.Contains("stdin:4:31: unknown field 'imag' of Container; did you mean 'image'?", refused.Error, StringComparison.Ordinal);
        Assert.Contains("stdin:6:7: unknown kind 'Deploymnt'; did you mean 'Deployment'?", refused.Error, StringComparison.Ordinal);
        Assert.Equal(1, engine.Caisson("get", "pod/a").Code);
    }

    [Fact]
    public void Kubectl_works()
    {
        engine.SkipUnlessPublished();
        Assert.SkipUnless(Engine.Has("kubectl"), "kubectl is not installed");
        string config = $"{engine.NewDirectory("kubectl")}/config";
        File.WriteAllText(config, Ok(engine.Caisson("kubeconfig")));
        string Kubectl(string? input, params string[] words) => Ok(engine.Start("kubectl", input, ["--kubeconfig", config, .. words]));
        const string Web = """
            apiVersion: apps/v1
            kind: Deployment
            metadata: {name: kweb}
            spec:
              replicas: 2
              selector: {matchLabels: {app: kweb}}
              template:
                metadata: {labels: {app: kweb}}
                spec:
                  terminationGracePeriodSeconds: 1
                  containers:
                  - {name: web, image: busybox, imagePullPolicy: IfNotPresent, command: [sh, -c, "echo started; exec sleep 1000"]}
            """;

        Assert.Contains("created", Kubectl(Web, "apply", "-f", "-"), StringComparison.Ordinal);
        Assert.Contains("successfully rolled out", Kubectl(null, "rollout", "status", "deployment/kweb", "--timeout=60s"), StringComparison.Ordinal);
        Assert.Contains("2/2", Kubectl(null, "get", "deployment", "kweb"), StringComparison.Ordinal);
        Assert.Equal("kweb", Kubectl(null, "get", "deployment", "kweb", "-o", "jsonpath={.metadata.name}"));
        Assert.Contains("unchanged", Kubectl(Web, "apply", "-f", "-"), StringComparison.Ordinal);
        Assert.Contains("scaled", Kubectl(null, "scale", "deployment/kweb", "--replicas=3"), StringComparison.Ordinal);
        Assert.Contains("labeled", Kubectl(null, "label", "deployment/kweb", "a=b"), StringComparison.Ordinal);
        Assert.Contains("patched", Kubectl(null, "patch", "deployment/kweb", "-p", "{\"spec\":{\"minReadySeconds\":1}}"), StringComparison.Ordinal);
        Assert.Contains("patched", Kubectl(null, "patch", "deployment/kweb", "--type=json", "-p", "[{\"op\":\"remove\",\"path\":\"/metadata/labels/a\"}]"), StringComparison.Ordinal);
        Assert.Contains("updated", Kubectl(null, "set", "env", "deployment/kweb", "A=1"), StringComparison.Ordinal);
        Kubectl(null, "rollout", "status", "deployment/kweb", "--timeout=60s");
        Assert.Contains("started", Kubectl(null, "logs", "deployment/kweb"), StringComparison.Ordinal);
        Assert.Equal("typed", Kubectl("typed", "exec", "-i", "deployment/kweb", "--", "cat"));
        Assert.Equal(3, engine.Start("kubectl", null, "--kubeconfig", config, "exec", "deployment/kweb", "--", "sh", "-c", "exit 3").Code);
        Assert.Contains("exposed", Kubectl(null, "expose", "deployment/kweb", "--port=80"), StringComparison.Ordinal);
        Assert.Contains("autoscaled", Kubectl(null, "autoscale", "deployment/kweb", "--max=4"), StringComparison.Ordinal);
        Assert.Contains("rolled back", Kubectl(null, "rollout", "undo", "deployment/kweb"), StringComparison.Ordinal);
        Assert.Contains("ScalingReplicaSet", Kubectl(null, "describe", "deployment/kweb"), StringComparison.Ordinal);
        Assert.Contains("deleted", Kubectl(null, "delete", "hpa,service,deployment", "kweb"), StringComparison.Ordinal);
        Kubectl(null, "wait", "--for=delete", "pod", "-l", "app=kweb", "--timeout=30s");
    }

    private string Pods() => string.Join('\n', Ok(engine.Caisson("get", "pods", "-n", "shop", "-o", "yaml")).Split('\n').Where(line => line.Contains("containerID:", StringComparison.Ordinal)).Order(StringComparer.Ordinal));

    private static string Ok(Answer answer)
    {
        Assert.True(answer.Code == 0, answer.ToString());
        return answer.Output;
    }

    private static async Task<string> GetAsync(string at)
    {
        using var client = new HttpClient { Timeout = TimeSpan.FromSeconds(10) };
        return await client.GetStringAsync(new Uri(at), TestContext.Current.CancellationToken);
    }

    private static async Task<(int Count, string[] Failures)> LoadAsync(string at, CancellationToken stop)
    {
        int count = 0;
        List<string> failures = [];
        while (!stop.IsCancellationRequested)
        {
            try
            {
                string answer = await GetAsync(at);
                count += answer.StartsWith("hello", StringComparison.Ordinal) ? 1 : 0;
            }
            catch (Exception error) when (error is HttpRequestException or TaskCanceledException)
            {
                failures.Add(string.Create(CultureInfo.InvariantCulture, $"request {count + 1}: {error.Message}"));
            }
        }
        return (count, [.. failures]);
    }
}
