using System.Collections.Frozen;
using System.Net;

using Caisson.Errors;
using Caisson.Oci;
using Caisson.Oci.Json;

namespace Caisson.Images.Registry;

/// <summary>How one registry is reached.</summary>
public sealed record RegistryEntry
{
    /// <summary>Asked before the registry itself, in this order; for pulls only.</summary>
    public IReadOnlyList<string> Mirrors { get; init; } = [];

    /// <summary>True when it may be reached without encryption, or by a certificate that nobody vouches for.</summary>
    public bool Insecure { get; init; }

    /// <summary>Hosts beside its own domain that may be sent its credentials to make tokens of.</summary>
    public IReadOnlyList<string> TokenServers { get; init; } = [];
}

/// <summary>Which registries there are and how they are reached, as an administrator wrote it.</summary>
public sealed record RegistrySettings
{
    /// <summary>The domain that names without one have.</summary>
    public const string DockerHub = "docker.io";

    private const string DockerHubHost = "registry-1.docker.io";
    private const int BytesMax = 1 << 20;

    /// <summary>Nothing special: Docker Hub for names without a registry, and encryption for all but this machine.</summary>
    public static RegistrySettings None { get; } = new();

    /// <summary>Where names without a registry are fetched from; null for Docker Hub.</summary>
    public string? Default { get; init; }

    /// <summary>By domain, as references have it.</summary>
    public FrozenDictionary<string, RegistryEntry> Entries { get; init; } = FrozenDictionary<string, RegistryEntry>.Empty;

    /// <summary>Directories with certificates: <c>HOST/*.crt</c>, <c>HOST/*.cert</c> and <c>.key</c>.</summary>
    /// <remarks>Source: Docker's and containers' <c>certs.d</c>.</remarks>
    public IReadOnlyList<string> CertificateDirectories { get; init; } = ["/etc/caisson/certs.d", "/etc/docker/certs.d", "/etc/containers/certs.d"];

    /// <summary>How long a registry may take.</summary>
    public RegistryPatience Patience { get; init; } = new();

    /// <summary>Reads a file of settings; one that does not exist says nothing.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: says what is wrong, all of it.</exception>
    public static RegistrySettings Read(string path)
    {
        byte[] content;
        try
        {
            content = File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return None;
        }
        return Parse(content, path);
    }

    /// <summary>Reads settings.</summary>
    /// <param name="content">A JSON document: <c>default</c>, and <c>registries</c> by domain.</param>
    /// <param name="subject">What to call it in errors.</param>
    public static RegistrySettings Parse(ReadOnlyMemory<byte> content, string subject)
    {
        List<Problem> problems = [];
        RegistrySettings? settings = JsonCursor.Read(content, problems, BytesMax, (ref json) =>
        {
            string? standard = null;
            IReadOnlyDictionary<string, RegistryEntry> entries = FrozenDictionary<string, RegistryEntry>.Empty;
            if (json.EnterObject())
            {
                while (json.NextName() is { } name)
                {
                    switch (name)
                    {
                        case "default":
                            standard = Host(ref json);
                            break;
                        case "registries":
                            entries = json.Map(ReadEntry);
                            break;
                        default:
                            json.Report("is not known; there are default and registries");
                            json.Skip();
                            break;
                    }
                }
            }
            return new RegistrySettings { Default = standard == DockerHub ? null : standard, Entries = entries.ToFrozenDictionary() };
        });
        ProblemsException.ThrowIfAny(subject, problems);
        return settings!;
    }

    /// <summary>What is said about <paramref name="domain"/>; an empty entry when nothing is.</summary>
    internal RegistryEntry EntryOf(string domain) => Entries.GetValueOrDefault(domain) ?? new RegistryEntry();

    /// <summary>Where <paramref name="reference"/> is found: mirrors first, the registry itself last.</summary>
    internal IReadOnlyList<RegistryPlace> PlacesOf(Reference reference, bool mirrors)
    {
        bool isDefault = reference.Domain == DockerHub && Default is not null;
        string domain = isDefault ? Default! : reference.Domain;
        string repository = isDefault ? reference.FamiliarName : reference.Path;
        RegistryEntry entry = EntryOf(domain);
        var own = new RegistryPlace(domain, domain == DockerHub ? DockerHubHost : domain, repository, null, entry);
        return mirrors
            ? [.. entry.Mirrors.Select(mirror => new RegistryPlace(mirror, mirror, repository, domain, EntryOf(mirror))), own]
            : [own];
    }

    private static RegistryEntry ReadEntry(ref JsonCursor json)
    {
        var entry = new RegistryEntry();
        if (!json.EnterObject())
        {
            return entry;
        }
        while (json.NextName() is { } name)
        {
            switch (name)
            {
                case "mirrors":
                    entry = entry with { Mirrors = json.Array(Host) };
                    break;
                case "insecure":
                    entry = entry with { Insecure = json.Flag() };
                    break;
                case "tokenServers":
                    entry = entry with { TokenServers = json.Array(Host) };
                    break;
                default:
                    json.Report("is not known; there are mirrors, insecure and tokenServers");
                    json.Skip();
                    break;
            }
        }
        return entry;
    }

    /// <summary>A host with a port where one is given; an address is no host.</summary>
    private static string Host(ref JsonCursor json)
    {
        string text = json.Text();
        if (!Reference.TryParse($"{text}/x", out Reference? reference) || reference.Domain != text)
        {
            json.Report("is no registry; write a host such as registry.example or 192.0.2.1:5000");
        }
        return text;
    }
}

/// <summary>How long a registry may take, and how often it is asked again.</summary>
public sealed record RegistryPatience
{
    /// <summary>Until a connection is there.</summary>
    public TimeSpan Connect { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>Until an answer begins.</summary>
    public TimeSpan Answer { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Between two pieces of a body.</summary>
    public TimeSpan Stall { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>In which at least <see cref="SlowestBytes"/> must come.</summary>
    public TimeSpan SlowWindow { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>What must come in <see cref="SlowWindow"/>, in bytes.</summary>
    public long SlowestBytes { get; init; } = 16 * 1024;

    /// <summary>How often a failure that may pass is tried again without anything gained in between.</summary>
    public int Retries { get; init; } = 4;

    /// <summary>Before the first repetition; each further one waits twice as long.</summary>
    public TimeSpan FirstDelay { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>The longest a registry that asks for patience is waited for at a time.</summary>
    public TimeSpan LongestDelay { get; init; } = TimeSpan.FromSeconds(90);
}

/// <summary>A repository at one registry or mirror.</summary>
/// <param name="Domain">What settings and credentials call it.</param>
/// <param name="Host">Where it is, with a port where one is given.</param>
/// <param name="Repository">The repository there.</param>
/// <param name="MirrorOf">The domain it stands in for; null for the registry itself.</param>
/// <param name="Entry">What is said about it.</param>
internal sealed record RegistryPlace(string Domain, string Host, string Repository, string? MirrorOf, RegistryEntry Entry)
{
    /// <summary>The host without its port.</summary>
    public string HostName => Host.LastIndexOf(':') is var colon && colon > Host.LastIndexOf(']') ? Host[..colon].Trim('[', ']') : Host.Trim('[', ']');

    /// <summary>True for an address or name of this machine alone.</summary>
    public bool IsThisMachine => HostName == "localhost" || (IPAddress.TryParse(HostName, out IPAddress? address) && IPAddress.IsLoopback(address));
}
