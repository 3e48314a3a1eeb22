using Caisson.Api;
using Caisson.Control.Sandboxes;
using Caisson.Errors;

namespace Caisson.Engine;

/// <summary>What the command line of the engine says.</summary>
/// <param name="Addresses">TCP addresses beside the sockets; none unless asked for.</param>
/// <param name="Registry">Where to serve a registry, too; null for none.</param>
/// <param name="Pods">Where the networks of a kubelet's pods come from; null for an engine without an interface for kubelets.</param>
internal sealed record EngineArguments(IReadOnlyList<ListenAddress> Addresses, System.Net.IPEndPoint? Registry, CniDirectory? Pods)
{
    /// <summary>Reads the words after the program's name.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: unknown, incomplete, or an address open to others.</exception>
    public static EngineArguments Parse(IReadOnlyList<string> words)
    {
        List<string> listen = [];
        List<string> hosts = [];
        string? authority = null;
        string? certificate = null;
        string? key = null;
        System.Net.IPEndPoint? registry = null;
        CniDirectory? pods = CniDirectory.Usual;
        string? configurations = null;
        IReadOnlyList<string>? plugins = null;
        bool insecure = false;
        for (int i = 0; i < words.Count; i++)
        {
            int equals = words[i].IndexOf('=', StringComparison.Ordinal);
            string option = equals < 0 ? words[i] : words[i][..equals];
            switch (option)
            {
                case "--listen":
                    listen.Add(Value());
                    break;
                case "--registry":
                    registry = RegistryArguments.ParseAddress(Value());
                    break;
                case "--cri-network":
                    pods = Value() switch
                    {
                        "cni" => CniDirectory.Usual,
                        "caisson" => CniDirectory.Usual with { OwnNetwork = true },
                        "off" => null,
                        var other => throw new CaissonException(ErrorKind.InvalidArgument, $"--cri-network is cni, caisson or off, not '{other}'"),
                    };
                    break;
                case "--cri-cni-config":
                    configurations = RequireAbsolute(option, Value());
                    break;
                case "--cri-cni-plugins":
                    plugins = [.. Value().Split(':', StringSplitOptions.RemoveEmptyEntries).Select(directory => RequireAbsolute(option, directory))];
                    break;
                case "--allow-host":
                    hosts.Add(Value());
                    break;
                case "--tls-ca":
                    authority = Value();
                    break;
                case "--tls-cert":
                    certificate = Value();
                    break;
                case "--tls-key":
                    key = Value();
                    break;
                case "--insecure-listen" when equals < 0:
                    insecure = true;
                    break;
                default:
                    throw new CaissonException(ErrorKind.InvalidArgument, $"unknown argument '{words[i]}'; see caissond --help");
            }

            string Value() => equals >= 0 ? words[i][(equals + 1)..]
                : ++i < words.Count ? words[i]
                : throw new CaissonException(ErrorKind.InvalidArgument, $"{option} needs a value; see caissond --help");
        }

        CertificateFiles? files = (authority, certificate, key) switch
        {
            (null, null, null) => null,
            ({ } ca, { } own, { } secret) => new CertificateFiles(ca, own, secret),
            _ => throw new CaissonException(ErrorKind.InvalidArgument, "--tls-ca, --tls-cert and --tls-key belong together: give all three"),
        };
        if (files is not null && insecure)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, "--insecure-listen contradicts --tls-ca, --tls-cert and --tls-key: give one or the other");
        }
        if (listen.Count == 0 && (files is not null || insecure || hosts.Count > 0))
        {
            throw new CaissonException(ErrorKind.InvalidArgument, "no --listen is given that the other arguments could be for");
        }
        if (pods is not null)
        {
            pods = pods with { Configurations = configurations ?? pods.Configurations, Plugins = plugins ?? pods.Plugins };
        }
        return new EngineArguments([.. listen.Select(address => ListenAddress.Parse(address, files, insecure, hosts))], registry, pods);
    }

    private static string RequireAbsolute(string option, string path) => Path.IsPathRooted(path) ? Path.TrimEndingDirectorySeparator(path)
        : throw new CaissonException(ErrorKind.InvalidArgument, $"{option} names directories by absolute paths, not '{path}'");
}
