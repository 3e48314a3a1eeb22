using System.Globalization;
using System.Net;

using Caisson.Errors;

namespace Caisson.Engine;

/// <summary>What the command line of the registry says.</summary>
internal sealed record RegistryArguments
{
    /// <summary>Directory of the content.</summary>
    public required string Data { get; init; }

    /// <summary>Where to listen.</summary>
    public IPEndPoint Listen { get; init; } = new(IPAddress.Loopback, 5000);

    /// <summary>Certificate and key; null for no encryption.</summary>
    public (string Certificate, string Key)? Tls { get; init; }

    /// <summary>Users and passwords; null for none.</summary>
    public string? Passwords { get; init; }

    /// <summary>Who may do what; null for all that are let in.</summary>
    public string? Rights { get; init; }

    /// <summary>True to be a token server as well.</summary>
    public bool MakesTokens { get; init; }

    /// <summary>A token server of others; null for none.</summary>
    public (string Realm, string Service, string Issuer, string Key)? TokenServer { get; init; }

    /// <summary>Registries behind this one.</summary>
    public IReadOnlyList<string> Upstreams { get; init; } = [];

    /// <summary>Credentials for them; null for none.</summary>
    public string? UpstreamCredentials { get; init; }

    /// <summary>How often to collect; zero for never.</summary>
    public TimeSpan CollectInterval { get; init; } = TimeSpan.FromDays(1);

    /// <summary>How long content without a manifest stays.</summary>
    public TimeSpan CollectGrace { get; init; } = TimeSpan.FromHours(1);

    /// <summary>True to remove manifests without a tag as well.</summary>
    public bool CollectUntagged { get; init; }

    /// <summary>Reads the words after <c>registry serve</c> or <c>registry gc</c>.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: unknown, incomplete or contradicting each other.</exception>
    public static RegistryArguments Parse(ReadOnlySpan<string> words)
    {
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        List<string> upstreams = [];
        for (int i = 0; i < words.Length; i++)
        {
            int equals = words[i].IndexOf('=', StringComparison.Ordinal);
            string option = equals < 0 ? words[i] : words[i][..equals];
            switch (option)
            {
                case "--gc-untagged" or "--tokens" when equals < 0:
                    values[option] = "";
                    break;
                case "--data" or "--listen" or "--tls-cert" or "--tls-key" or "--htpasswd" or "--rights" or "--gc-interval" or "--gc-grace"
                    or "--token-realm" or "--token-service" or "--token-issuer" or "--token-key" or "--upstream" or "--upstream-auth":
                    string value = equals >= 0 ? words[i][(equals + 1)..]
                        : ++i < words.Length ? words[i]
                        : throw Invalid($"{option} needs a value");
                    if (option == "--upstream")
                    {
                        upstreams.Add(value);
                    }
                    else
                    {
                        values[option] = value;
                    }
                    break;
                default:
                    throw Invalid($"unknown argument '{words[i]}'; see caisson registry serve --help");
            }
        }

        var arguments = new RegistryArguments
        {
            Data = values.GetValueOrDefault("--data", "") is { Length: > 0 } data ? data : throw Invalid("--data is missing: the directory of the registry's content"),
            Tls = (values.GetValueOrDefault("--tls-cert"), values.GetValueOrDefault("--tls-key")) switch
            {
                (null, null) => null,
                ({ } certificate, { } key) => (certificate, key),
                _ => throw Invalid("--tls-cert and --tls-key belong together: give both"),
            },
            Passwords = values.GetValueOrDefault("--htpasswd"),
            Rights = values.GetValueOrDefault("--rights"),
            MakesTokens = values.ContainsKey("--tokens"),
            TokenServer = (values.GetValueOrDefault("--token-realm"), values.GetValueOrDefault("--token-service"),
                values.GetValueOrDefault("--token-issuer"), values.GetValueOrDefault("--token-key")) switch
            {
                (null, null, null, null) => null,
                ({ } realm, { } service, { } issuer, { } key) => (realm, service, issuer, key),
                _ => throw Invalid("--token-realm, --token-service, --token-issuer and --token-key belong together: give all four"),
            },
            Upstreams = upstreams,
            UpstreamCredentials = values.GetValueOrDefault("--upstream-auth"),
            CollectUntagged = values.ContainsKey("--gc-untagged"),
        };
        if (values.TryGetValue("--listen", out string? listen))
        {
            arguments = arguments with { Listen = ParseAddress(listen) };
        }
        if (values.TryGetValue("--gc-interval", out string? interval))
        {
            arguments = arguments with { CollectInterval = ParseDuration("--gc-interval", interval) };
        }
        if (values.TryGetValue("--gc-grace", out string? grace))
        {
            arguments = arguments with { CollectGrace = ParseDuration("--gc-grace", grace) };
        }
        if (arguments.MakesTokens && (arguments.Passwords is null || arguments.TokenServer is not null))
        {
            throw Invalid("--tokens makes tokens for the users of --htpasswd, and excludes another token server");
        }
        return arguments;
    }

    /// <summary>Reads <c>ADDRESS:PORT</c>; names other than localhost are not looked up.</summary>
    public static IPEndPoint ParseAddress(string text)
    {
        int colon = text.LastIndexOf(':');
        string host = colon < 0 ? "" : text[..colon].Trim('[', ']');
        host = host switch { "localhost" => "127.0.0.1", "" when colon == 0 => "::", _ => host };
        return IPAddress.TryParse(host, out IPAddress? address)
            && ushort.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out ushort port) && port > 0
            ? new IPEndPoint(address, port)
            : throw Invalid($"listen on '{text}': write ADDRESS:PORT with an address of this machine, such as 127.0.0.1:5000 or 0.0.0.0:443");
    }

    private static TimeSpan ParseDuration(string option, string text)
    {
        if (text == "0")
        {
            return TimeSpan.Zero;
        }
        double seconds = text.Length > 1 ? text[^1] switch { 's' => 1, 'm' => 60, 'h' => 3600, 'd' => 86_400, _ => 0 } : 0;
        return seconds > 0 && double.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double number)
            && number * seconds < TimeSpan.FromDays(10_000).TotalSeconds
            ? TimeSpan.FromSeconds(number * seconds)
            : throw Invalid($"{option}: '{text}' is no duration; write 90s, 30m, 12h or 7d");
    }

    private static CaissonException Invalid(string message) => new(ErrorKind.InvalidArgument, message);
}
