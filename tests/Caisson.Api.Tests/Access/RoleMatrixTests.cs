using System.Text.Json.Serialization.Metadata;

using Caisson.Api.Docker;
using Caisson.Control.Access;
using Caisson.Kubernetes.Schema;

using Xunit;

namespace Caisson.Api.Tests.Access;

/// <summary>One table of what each role may, against every route of the engine by real requests, and against Kubernetes' paths.</summary>
public sealed class RoleMatrixTests
{
    private static readonly string[] Roles = ["viewer", "operator", "developer", "project-admin", "server-admin"];

    // A row is a right; a column a role: viewer, operator, developer, project-admin, server-admin.
    private const string Table = """
        get audit                      - - - - +
        create builds                  - - + + +
        delete builds                  - - + + +
        list configs                   + + + + +
        get configs                    + + + + +
        create configs                 - - + + +
        update configs                 - - + + +
        delete configs                 - - + + +
        list containers                + + + + +
        get containers                 + + + + +
        create containers              - - + + +
        update containers              - - + + +
        operate containers             - + + + +
        delete containers              - - + + +
        create containers/attach       - - + + +
        create containers/exec         - - + + +
        get containers/files           - - + + +
        update containers/files        - - + + +
        get containers/logs            + + + + +
        delete containers/logs         - + + + +
        get containers/stats           + + + + +
        update containers/volumes      - - + + +
        get engine                     + + + + +
        operate engine                 - + + + +
        watch events                   + + + + +
        list grants                    - - - + +
        create grants                  - - - + +
        delete grants                  - - - + +
        use host/devices               - - - - +
        use host/namespaces            - - - - +
        use host/paths                 - - - - +
        use host/privileges            - - - - +
        list images                    + + + + +
        get images                     + + + + +
        create images                  - - + + +
        update images                  - - + + +
        delete images                  - - + + +
        create images/bootstrap        - - - - +
        get images/content             - - + + +
        create images/push             - - + + +
        list kernels                   + + + + +
        create kernels                 - - - - +
        delete kernels                 - - - - +
        create kubeconfig              + + + + +
        list machines                  + + + + +
        get machines                   + + + + +
        create machines                - - + + +
        update machines                - - + + +
        operate machines               - + + + +
        delete machines                - - + + +
        get machines/console           - + + + +
        create machines/console        - - + + +
        update machines/devices        - - + + +
        create machines/exec           - - + + +
        get machines/passphrase        - - - - +
        create machines/snapshots      - + + + +
        update machines/snapshots      - + + + +
        delete machines/snapshots      - + + + +
        create machines/transfer       - - - - +
        get metrics                    + + + + +
        list networks                  + + + + +
        get networks                   + + + + +
        create networks                - - + + +
        update networks                - - + + +
        delete networks                - - + + +
        get plans                      + + + + +
        list roles                     + + + + +
        list secrets                   + + + + +
        get secrets                    + + + + +
        create secrets                 - - + + +
        update secrets                 - - + + +
        delete secrets                 - - + + +
        list users                     - - - - +
        create users                   - - - - +
        delete users                   - - - - +
        create users/token             - - - - +
        delete users/token             - - - - +
        list volumes                   + + + + +
        get volumes                    + + + + +
        create volumes                 - - + + +
        update volumes                 - - + + +
        delete volumes                 - - + + +
        list volumes/snapshots         + + + + +
        create volumes/snapshots       - + + + +
        update volumes/snapshots       - + + + +
        delete volumes/snapshots       - + + + +

        list pods.core                 + + + + +
        get pods.core                  + + + + +
        watch pods.core                + + + + +
        create pods.core               - - + + +
        update pods.core               - - + + +
        patch pods.core                - - + + +
        delete pods.core               - + + + +
        deletecollection pods.core     - - + + +
        get pods.core/log              + + + + +
        create pods.core/exec          - - + + +
        create pods.core/attach        - - + + +
        create pods.core/portforward   - - + + +
        create pods.core/eviction      - + + + +
        get configmaps.core            + + + + +
        create configmaps.core         - - + + +
        list secrets.core              - - + + +
        get secrets.core               - - + + +
        create secrets.core            - - + + +
        list serviceaccounts.core      + + + + +
        create serviceaccounts.core    - - + + +
        create serviceaccounts.core/token - - - + +
        list resourcequotas.core       + + + + +
        create resourcequotas.core     - - - - +
        create limitranges.core        - - - - +
        list namespaces.core           + + + + +
        create namespaces.core         - - - - +
        delete namespaces.core         - - - - +
        list deployments.apps          + + + + +
        create deployments.apps        - - + + +
        patch deployments.apps         - - + + +
        get deployments.apps/scale     + + + + +
        update deployments.apps/scale  - + + + +
        patch deployments.apps/scale   - + + + +
        create jobs.batch              - - + + +
        create networkpolicies.networking.k8s.io - - + + +
        list roles.rbac.authorization.k8s.io     - - - + +
        create roles.rbac.authorization.k8s.io   - - - + +
        create rolebindings.rbac.authorization.k8s.io - - - + +
        create clusterroles.rbac.authorization.k8s.io - - - - +
        create clusterrolebindings.rbac.authorization.k8s.io - - - - +
        """;

    // Allowed requests of these would do real work on the machine, or wait.
    private static readonly string[] NotSent = ["/caisson/check", "/caisson/kubeconfig"];

    private static readonly Dictionary<Right, bool[]> Rows = Table.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
        .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        .ToDictionary(words => Right.Parse(words[0], words[1], _ => null), words => words[2..].Select(word => word == "+").ToArray());

    [Fact]
    public async Task Every_right_of_every_route_is_in_the_table()
    {
        await using ApiFixture api = await ApiFixture.CreateAsync(withObjects: true);

        IEnumerable<string> missing = api.Server.Router.Routes.Where(route => route.Need.Right is { } right && !Rows.ContainsKey(right)).Select(route => $"{route.Method} {route.Pattern}: {route.Need.Right}");

        Assert.Empty(missing);
    }

    [Fact]
    public async Task Routes_that_ask_for_nothing_are_these_alone()
    {
        await using ApiFixture api = await ApiFixture.CreateAsync(withObjects: true);
        string[] absent = ["/plugins", "/swarm", "/nodes", "/services", "/tasks", "/session", "/grpc"];

        string[] free = [.. api.Server.Router.Routes
            .Where(route => route.Need.Right is null && !absent.Any(word => route.Pattern.StartsWith(word, StringComparison.Ordinal)) && !route.Pattern.Contains("checkpoints", StringComparison.Ordinal))
            .Select(route => $"{route.Method} {route.Pattern}").Order(StringComparer.Ordinal)];

        Assert.Equal(
            [
                "DELETE /caisson/kubernetes/{path*}", "GET /_ping", "GET /caisson/access/can-i", "GET /caisson/access/whoami", "GET /caisson/kubernetes/{path*}", "GET /version", "HEAD /_ping",
                "PATCH /caisson/kubernetes/{path*}", "POST /caisson/kubernetes/{path*}", "PUT /caisson/kubernetes/{path*}",
            ],
            free);
    }

    [Fact]
    public void The_table_has_the_engines_vocabulary_and_nothing_else()
    {
        IEnumerable<Right> words = EngineResources.All.SelectMany(resource => resource.Value.Select(verb => new Right(verb, resource.Key)));

        Assert.Equal(
            words.Select(right => right.ToString()).Order(StringComparer.Ordinal),
            Rows.Keys.Where(right => right.Group == Right.EngineGroup).Select(right => right.ToString()).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Each_role_is_let_through_where_the_table_says_so_and_refused_everywhere_else()
    {
        await using ApiFixture api = await ApiFixture.CreateAsync(withObjects: true);
        (string Method, string Path, Right Right)[] requests =
        [
            .. api.Server.Router.Routes.Where(route => route.Need.Right is not null && !NotSent.Contains(route.Pattern))
                .Select(route => (route.Method, Filled(route.Pattern), route.Need.Right!)),
            .. Rows.Keys.Where(right => right.Group != Right.EngineGroup).Select(Request),
        ];
        List<string> wrong = [];
        for (int i = 0; i < Roles.Length; i++)
        {
            string token = api.TokenOf(Roles[i] + "-user", Roles[i]);
            foreach ((string method, string path, Right right) in requests)
            {
                bool expected = Rows[right][i];
                // What the owner's role lets through is asked of the decision alone: some of it would work on the machine.
                bool answered = Roles[i] == "server-admin"
                    ? api.Access.Decide(api.Access.Identify(new Credential.Nobody(), "Bearer " + token)!, right, null).IsAllowed
                    : await api.StatusAsync(method, path, token) is not (403 or 401);
                if (answered != expected)
                {
                    wrong.Add($"{Roles[i]}: {method} {path} ({right}) was {(answered ? "let through" : "refused")}");
                }
            }
        }

        Assert.Empty(wrong);
    }

    [Fact]
    public async Task In_a_project_a_role_holds_there_and_nowhere_else()
    {
        await using ApiFixture api = await ApiFixture.CreateAsync(withObjects: true);
        List<string> wrong = [];
        for (int i = 0; i < 4; i++)
        {
            string token = api.TokenOf(Roles[i] + "-user", Roles[i], project: "default");
            Caller caller = api.Access.Identify(new Credential.Nobody(), "Bearer " + token)!;
            foreach ((Right right, bool[] allowed) in Rows)
            {
                wrong.AddRange(((string?[])["default", "other", null])
                    .Where(project => api.Access.Decide(caller, right, project).IsAllowed != (allowed[i] && project == "default"))
                    .Select(project => $"{Roles[i]} in default: {right} in {project ?? "the engine"}"));
            }
        }

        Assert.Empty(wrong);
    }

    [Fact]
    public void Every_field_of_every_document_says_what_it_needs()
    {
        Same(HostRights.Create.Fields, Names(DockerJson.Default.ContainerCreate));
        Same(HostRights.Host.Fields, Names(DockerJson.Default.HostConfig));
        Same(HostRights.Update.Fields, Names(DockerJson.Default.UpdateConfig));
        Same(HostRights.Exec.Fields, Names(DockerJson.Default.ExecConfig));
        Same(HostRights.Volume.Fields, Names(DockerJson.Default.VolumeCreate));
        Same(HostRights.Network.Fields, Names(DockerJson.Default.NetworkCreate));
        Same(HostRights.Machine.Fields, Names(DockerJson.Default.FullMachineCreate));
        Same(HostRights.Disk.Fields, Names(DockerJson.Default.MachineDiskRequest));
        Same(HostRights.MachineChange.Fields, Names(DockerJson.Default.FullMachineChange));
        Same(HostRights.Pod.Fields, ObjectSchema.Types["PodSpec"].Fields.Keys);
        Same(HostRights.PodVolume.Fields, ObjectSchema.Types["Volume"].Fields.Keys);
        Covers(HostRights.PodContainer.Fields, ObjectSchema.Types["Container"].Fields.Keys);
        Covers(HostRights.PodSecurity.Fields, ObjectSchema.Types["PodSecurity"].Fields.Keys.Concat(ObjectSchema.Types["ContainerSecurity"].Fields.Keys));

        static IEnumerable<string> Names(JsonTypeInfo type) => type.Properties.Select(property => property.Name);
        static void Same(IEnumerable<string> table, IEnumerable<string> document) => Assert.Equal(document.Order(StringComparer.Ordinal), table.Order(StringComparer.Ordinal));
        static void Covers(IEnumerable<string> table, IEnumerable<string> document) => Assert.Empty(document.Except(table));
    }

    private static string Filled(string pattern) =>
        string.Join('/', pattern.Split('/').Select(part => part.StartsWith('{') ? "nothing-there" : part));

    /// <summary>A request that needs a right of Kubernetes, in the namespace <c>default</c> where there is one.</summary>
    private static (string Method, string Path, Right Right) Request(Right right)
    {
        string[] parts = right.Resource.Split('/');
        ResourceKind kind = ResourceKind.All.First(one => one.Plural == parts[0] && one.Group == right.Group);
        string path = (kind.Group.Length == 0 ? $"/api/{kind.Version}" : $"/apis/{kind.Group}/{kind.Version}") + (kind.Namespaced ? "/namespaces/default" : "") + "/" + kind.Plural;
        bool ofOne = parts.Length > 1 || right.Verb is "get" or "update" or "patch" or "delete";
        // The namespace default is one that viewers of it see, so another stands for all.
        path += (ofOne ? "/nothing-there" : "") + (parts.Length > 1 ? "/" + parts[1] : "") + (right.Verb == "watch" ? "?watch=true" : "");
        string method = right.Verb switch
        {
            "get" or "list" or "watch" => "GET",
            "create" => "POST",
            "update" => "PUT",
            "patch" => "PATCH",
            _ => "DELETE",
        };
        return (method, "/caisson/kubernetes" + path, right);
    }
}
