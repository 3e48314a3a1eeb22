using System.Text;

using Xunit;

namespace Caisson.EndToEnd.Tests;

/// <summary>Who reaches whom under network policies, by real connections between containers and machines.</summary>
public sealed class NetworkPolicyTests(Engine engine) : IClassFixture<Engine>
{
    private static readonly (string Space, string Name, bool IsMachine)[] Pods =
    [
        ("shop", "web", false), ("shop", "api", false), ("shop", "db", false), ("shop", "vault", true), ("shop", "shut", false), ("away", "stranger", false),
    ];

    private static readonly int[] Ports = [8080, 9090];

    // web takes from all; api from web alone, at one port; db from api and from the namespace away; the machine vault from db alone, and it reaches only api;
    // shut neither takes nor sends.
    private const string Policies = """
        apiVersion: networking.k8s.io/v1
        kind: NetworkPolicy
        metadata: {name: api, namespace: shop}
        spec:
          podSelector: {matchLabels: {app: api}}
          ingress:
          - from: [{podSelector: {matchLabels: {app: web}}}, {podSelector: {matchLabels: {app: vault}}}]
            ports: [{port: 8080}]
        ---
        apiVersion: networking.k8s.io/v1
        kind: NetworkPolicy
        metadata: {name: db, namespace: shop}
        spec:
          podSelector: {matchLabels: {app: db}}
          ingress:
          - from: [{podSelector: {matchLabels: {app: api}}}]
          - from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: away}}}]
            ports: [{port: 9090}]
        ---
        apiVersion: networking.k8s.io/v1
        kind: NetworkPolicy
        metadata: {name: vault, namespace: shop}
        spec:
          podSelector: {matchLabels: {app: vault}}
          policyTypes: [Ingress, Egress]
          ingress: [{from: [{podSelector: {matchLabels: {app: db}}}]}]
          egress: [{to: [{podSelector: {matchLabels: {app: api}}}]}]
        ---
        apiVersion: networking.k8s.io/v1
        kind: NetworkPolicy
        metadata: {name: shut, namespace: shop}
        spec:
          podSelector: {matchLabels: {app: shut}}
          policyTypes: [Ingress, Egress]
        """;

    [Fact]
    public void Between_containers_and_machines_exactly_those_paths_are_open_that_policies_allow()
    {
        MachineTests.RequireMachines(engine);
        var manifests = new StringBuilder("apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: away}\n---\n");
        foreach ((string space, string name, bool isMachine) in Pods)
        {
            manifests.Append(Manifest(space, name, isMachine)).Append("---\n");
        }
        Ok(engine.CaissonWith(manifests + Policies, "apply", "-f", "-"));
        try
        {
            Dictionary<string, string> addresses = [];
            foreach ((string space, string name, _) in Pods)
            {
                Ok(engine.Caisson("wait", "--for", "condition=Ready", "--timeout", "120s", "-n", space, $"pod/{name}"));
                addresses[name] = Ok(engine.Caisson("get", "-n", space, $"pod/{name}", "-o", "yaml")).Split("podIP: ")[1].Split('\n')[0].Trim();
            }

            // Each asks all others at once, since a closed path is one where nobody answers in time.
            List<string> wrong = [];
            int open = 0, closed = 0;
            foreach ((string space, string from, _) in Pods)
            {
                string script = string.Concat(addresses.Where(other => other.Key != from).SelectMany(other => Ports.Select(port =>
                    $"( [ \"$(timeout 6 wget -q -O - http://{other.Value}:{port}/)\" = {other.Key} ] && echo {other.Key} {port} open || echo {other.Key} {port} closed ) & "))) + "wait";
                string[] found = Ok(engine.Caisson("exec", "-n", space, $"pod/{from}", "--", "sh", "-c", script)).Split('\n', StringSplitOptions.RemoveEmptyEntries);
                Assert.Equal((Pods.Length - 1) * Ports.Length, found.Length);
                foreach (string[] line in found.Select(line => line.Split(' ')))
                {
                    bool expected = Allowed(from, line[0], line[1]);
                    _ = expected ? open++ : closed++;
                    if (line[2] == "open" != expected)
                    {
                        wrong.Add($"{from} to {line[0]}:{line[1]} is {line[2]}");
                    }
                }
            }

            Assert.Empty(wrong);
            Assert.True(open >= 10 && closed >= 20, $"{open} open and {closed} closed paths say too little");
        }
        finally
        {
            Ok(engine.Caisson("delete", "namespace", "shop", "away"));
        }
    }

    private static bool Allowed(string from, string to, string port)
    {
        bool sends = from switch
        {
            "shut" => false,
            "vault" => to == "api",
            _ => true,
        };
        return sends && to switch
        {
            "web" or "stranger" => true,
            "api" => from is "web" or "vault" && port == "8080",
            "db" => from == "api" || (from == "stranger" && port == "9090"),
            "vault" => from == "db",
            _ => false,
        };
    }

    private static string Manifest(string space, string name, bool isMachine) => $$$"""
        apiVersion: v1
        kind: Pod
        metadata: {name: {{{name}}}, namespace: {{{space}}}, labels: {app: {{{name}}}}}
        spec:
          terminationGracePeriodSeconds: 1
          {{{(isMachine ? "runtimeClassName: vm" : "dnsPolicy: ClusterFirst")}}}
          containers:
          - name: serve
            image: busybox
            imagePullPolicy: IfNotPresent
            command: [sh, -c, "mkdir -p /tmp/www; echo {{{name}}} > /tmp/www/index.html; httpd -p 9090 -h /tmp/www; exec httpd -f -p 8080 -h /tmp/www"]
            readinessProbe: {exec: {command: [wget, -q, -O, /dev/null, "http://127.0.0.1:8080/"]}, periodSeconds: 1, timeoutSeconds: 5}

        """;

    private static string Ok(Answer answer)
    {
        Assert.True(answer.Code == 0, answer.ToString());
        return answer.Output;
    }
}
