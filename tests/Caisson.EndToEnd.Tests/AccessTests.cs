using Xunit;

namespace Caisson.EndToEnd.Tests;

/// <summary>Users of this machine with an account of the engine, by the command line.</summary>
public sealed class AccessTests(Engine engine) : IClassFixture<Engine>
{
    private const string Uid = "65534";

    [Fact]
    public void A_viewer_of_another_uid_lists_and_is_refused_what_it_may_not()
    {
        engine.SkipUnlessPublished();
        Assert.SkipUnless(Engine.Has("setpriv"), "needs setpriv (util-linux)");
        string own = engine.NewDirectory("bin");
        File.SetUnixFileMode(own, (UnixFileMode)0x1ED);
        File.Copy(Path.Combine(engine.Binaries!, "caisson"), $"{own}/caisson");
        engine.Caisson("create", "--name", "seen", "--network", "none", "busybox", "true");
        try
        {
            Answer stranger = AsNobody("ps");
            Answer added = engine.Caisson("access", "user", "add", "nobody", "--uid", Uid);
            Answer granted = engine.Caisson("access", "grant", "nobody", "viewer");
            Answer ps = AsNobody("ps", "-a", "--format", "{{.Names}}");
            Answer run = AsNobody("run", "--rm", "--network", "none", "busybox", "true");
            Answer can = AsNobody("access", "can-i", "list", "containers");
            Answer cannot = AsNobody("access", "can-i", "create", "containers");
            Answer whoami = AsNobody("access", "whoami");
            Answer users = engine.Caisson("access", "user", "ls", "--format", "{{.Name}}: {{.KnownBy}}: {{.Roles}}");
            Answer token = engine.Caisson("access", "token", "nobody");
            Answer byToken = engine.Host("env", $"CAISSON_TOKEN={token.Output.Trim()}", $"{own}/caisson", "access", "whoami");
            Answer refusedByToken = engine.Host("env", $"CAISSON_TOKEN={token.Output.Trim()}", $"{own}/caisson", "rm", "seen");
            Answer audit = engine.Caisson("access", "audit");
            Answer verified = engine.Caisson("access", "audit", "--verify");

            Assert.NotEqual(0, stranger.Code);
            Assert.Contains("permission denied", stranger.Error, StringComparison.Ordinal);
            Assert.True(added.Code == 0 && granted.Code == 0, $"{added}{granted}");
            Assert.Equal("seen\n", ps.Output);
            Assert.NotEqual(0, run.Code);
            Assert.Contains("nobody (uid 65534) lacks the right 'create containers'; the role developer has it", run.Error, StringComparison.Ordinal);
            Assert.Equal((0, "yes\n"), (can.Code, can.Output));
            Assert.Equal((1, "no: the right 'create containers' is missing; the role developer has it\n"), (cannot.Code, cannot.Output));
            Assert.Contains("roles   viewer", whoami.Output, StringComparison.Ordinal);
            Assert.Equal("nobody: uid 65534: viewer\n", users.Output);
            Assert.Contains("user    nobody", byToken.Output, StringComparison.Ordinal);
            Assert.Contains("lacks the right 'delete containers'", refusedByToken.Error, StringComparison.Ordinal);
            Assert.Contains("create containers", audit.Output, StringComparison.Ordinal);
            Assert.DoesNotContain(token.Output.Trim(), audit.Output, StringComparison.Ordinal);
            Assert.Equal(0, verified.Code);
        }
        finally
        {
            engine.Caisson("access", "user", "rm", "nobody");
            engine.Caisson("rm", "-f", "seen");
        }

        Answer AsNobody(params string[] arguments) =>
            engine.Host("setpriv", ["--reuid", Uid, "--regid", Uid, "--clear-groups", "--", "env", "HOME=/nonexistent", $"{own}/caisson", .. arguments]);
    }

    [Fact]
    public void Kubectl_has_the_rights_of_its_token()
    {
        engine.SkipUnlessPublished();
        Assert.SkipUnless(Engine.Has("kubectl") && engine.Host("kubectl", "auth", "whoami", "--help").Code == 0, "needs kubectl 1.28 or newer");
        string files = engine.NewDirectory("kubectl");
        engine.Caisson("access", "user", "add", "alice");
        engine.Caisson("access", "grant", "alice", "viewer", "--project", "default");
        string token = engine.Caisson("access", "token", "alice").Output.Trim();
        try
        {
            File.WriteAllText($"{files}/root.yaml", engine.Caisson("kubeconfig").Output);
            File.WriteAllText($"{files}/alice.yaml", engine.Host("env", $"CAISSON_TOKEN={token}", Path.Combine(engine.Binaries!, "caisson"), "kubeconfig").Output);

            Answer whoami = By("alice", "auth", "whoami", "-o", "jsonpath={.status.userInfo.username}");
            Answer list = By("alice", "get", "pods");
            Answer elsewhere = By("alice", "get", "pods", "-n", "kube-system");
            Answer create = By("alice", "create", "configmap", "x", "--from-literal=a=b");
            Answer can = By("alice", "auth", "can-i", "create", "pods");
            Answer asAlice = By("root", "auth", "can-i", "list", "pods", "--as", "alice");
            By("root", "create", "serviceaccount", "robot");
            By("root", "create", "role", "reader", "--verb=list", "--resource=configmaps");
            By("root", "create", "rolebinding", "robot-reads", "--role=reader", "--serviceaccount=default:robot");
            string robot = By("root", "create", "token", "robot").Output.Trim();
            File.WriteAllText($"{files}/robot.yaml", System.Text.RegularExpressions.Regex.Replace(File.ReadAllText($"{files}/alice.yaml"), "token: .*", "token: " + robot));
            Answer reads = By("robot", "get", "configmaps");
            Answer secrets = By("robot", "get", "secrets");

            Assert.Equal("alice", whoami.Output);
            Assert.Equal(0, list.Code);
            Assert.Contains("User \"alice\" cannot list resource \"pods\" in API group \"\" in the namespace \"kube-system\"", elsewhere.Error, StringComparison.Ordinal);
            Assert.Contains("the right 'create configmaps.core' is missing", create.Error, StringComparison.Ordinal);
            Assert.StartsWith("no", can.Output, StringComparison.Ordinal);
            Assert.Equal("yes\n", asAlice.Output);
            Assert.Equal(0, reads.Code);
            Assert.Contains("system:serviceaccount:default:robot", secrets.Error, StringComparison.Ordinal);
        }
        finally
        {
            engine.Caisson("access", "user", "rm", "alice");
        }

        Answer By(string user, params string[] arguments) => engine.Host("kubectl", ["--kubeconfig", $"{files}/{user}.yaml", .. arguments]);
    }
}
