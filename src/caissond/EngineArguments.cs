using Caisson.Api;
using Caisson.Errors;

namespace Caisson.Engine;

/// <summary>What the command line of the engine says.</summary>
/// <param name="Addresses">TCP addresses beside the sockets; none unless asked for.</param>
/// <param name="Registry">Where to serve a registry, too; null for none.</param>
internal sealed record EngineArguments(IReadOnlyList<ListenAddress> Addresses, System.Net.IPEndPoint? Registry)
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
        return new EngineArguments([.. listen.Select(address => ListenAddress.Parse(address, files, insecure, hosts))], registry);
    }
}
