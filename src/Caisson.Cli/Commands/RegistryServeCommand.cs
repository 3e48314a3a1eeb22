using Caisson.Cli.CommandLine;
using Caisson.Cli.Engines;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson registry serve</c>: the engine's binary does it.</summary>
internal sealed class RegistryServeCommand : Command
{
    private readonly List<ValueOption<string>> _values;
    private readonly List<SwitchOption> _switches;
    private readonly ListOption<string> _upstreams;

    public RegistryServeCommand()
    {
        _values =
        [
            Text("data", "Directory of the registry's content", kind: "path"),
            Text("gc-grace", "How long content without a manifest stays (default \"1h\")", kind: "duration"),
            Text("gc-interval", "How often to remove what nothing refers to; 0 for never (default \"24h\")", kind: "duration"),
            Text("htpasswd", "Users and passwords, as htpasswd -B writes them", kind: "path"),
            Text("listen", "Address to listen on (default \"127.0.0.1:5000\")", kind: "HOST:PORT"),
            Text("rights", "Who may do what with which repositories: a JSON file", kind: "path"),
            Text("tls-cert", "Certificate in PEM, and what is between it and its root", kind: "path"),
            Text("tls-key", "Private key of the certificate", kind: "path"),
            Text("token-issuer", "What the token server calls itself"),
            Text("token-key", "Public key or certificate of the token server in PEM", kind: "path"),
            Text("token-realm", "Address of the token server", kind: "URL"),
            Text("token-service", "What this registry is called by the token server"),
            Text("upstream-auth", "Credentials for upstreams: a file as docker's config.json", kind: "path"),
        ];
        _switches =
        [
            Switch("gc-untagged", "Also remove manifests without a tag"),
            Switch("tokens", "Be a token server for the users of --htpasswd"),
        ];
        _upstreams = List("upstream", "Fetch from this registry what is not here: HOST, or PREFIX=HOST");
    }

    public override string Usage => "--data DIR [OPTIONS]";

    public override IReadOnlyList<string> Examples =>
    [
        "registry serve --data /srv/registry",
        "registry serve --data /srv/registry --listen 0.0.0.0:443 --tls-cert tls.crt --tls-key tls.key --htpasswd users",
        "registry serve --data /srv/mirror --upstream docker.io --upstream quay.io",
    ];

    public override int Run(Session session)
    {
        List<string> arguments = ["registry", "serve"];
        foreach (ValueOption<string> option in _values.Where(option => option.Value.Length > 0))
        {
            arguments.AddRange(["--" + option.Name, option.Value]);
        }
        arguments.AddRange(_switches.Where(option => option.Value).Select(option => "--" + option.Name));
        arguments.AddRange(_upstreams.Values.SelectMany(upstream => new[] { "--upstream", upstream }));
        session.Flush();
        return EngineTool.Run(session.Variable, arguments);
    }
}
