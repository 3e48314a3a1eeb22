using Caisson.Client;

namespace Caisson.Cli.CommandLine;

/// <summary>What options and Docker's variables say about TLS. Source: docker(1), --tls, --tlsverify, DOCKER_CERT_PATH, DOCKER_TLS_VERIFY.</summary>
internal sealed class TlsChoice
{
    private string? _authority;
    private string? _certificate;
    private string? _key;

    /// <summary>Speak TLS.</summary>
    public bool Use { get; set; }

    /// <summary>Make the engine prove who it is.</summary>
    public bool Verify { get; set; }

    /// <summary>Whether <paramref name="option"/> is the name of a file.</summary>
    public static bool Names(string option) => option is "--tlscacert" or "--tlscert" or "--tlskey";

    /// <summary>Takes the file that <paramref name="option"/> names.</summary>
    public void Name(string option, string path)
    {
        switch (option)
        {
            case "--tlscacert":
                _authority = path;
                break;
            case "--tlscert":
                _certificate = path;
                break;
            default:
                _key = path;
                break;
        }
    }

    /// <summary>The files to use; null without TLS. Those that were not named are used when they exist.</summary>
    public TlsFiles? Files(Func<string, string?> variable)
    {
        bool verify = Verify || variable("DOCKER_TLS_VERIFY") is not null;
        if (!Use && !verify)
        {
            return null;
        }
        string directory = variable("DOCKER_CERT_PATH") ?? Path.Combine(variable("HOME") ?? "/", ".docker");
        string? certificate = _certificate ?? Existing("cert.pem");
        return new TlsFiles(verify, _authority ?? Existing("ca.pem"), certificate, certificate is null ? null : _key ?? Existing("key.pem"));

        string? Existing(string name) => Path.Combine(directory, name) is var path && File.Exists(path) ? path : null;
    }
}
