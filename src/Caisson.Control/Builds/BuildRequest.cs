using System.Collections.Immutable;

using Caisson.Build.Plans;
using Caisson.Control.Model;
using Caisson.Images.Registry;
using Caisson.Oci;

namespace Caisson.Control.Builds;

/// <summary>A build as a client asks for it.</summary>
public sealed record BuildRequest
{
    /// <summary>The path of the Dockerfile in the context.</summary>
    public string Dockerfile { get; init; } = "Dockerfile";

    /// <summary>Target, arguments, labels, platform.</summary>
    public BuildOptions Options { get; init; } = new();

    /// <summary>Names of the image.</summary>
    public IReadOnlyList<Reference> Names { get; init; } = [];

    /// <summary>Nothing made earlier is used.</summary>
    public bool NoCache { get; init; }

    /// <summary>Images that the build stands on are asked for anew where they come from.</summary>
    public bool Pull { get; init; }

    /// <summary>The network of steps that say <c>default</c>; a mode or a network's name.</summary>
    public string Network { get; init; } = "default";

    /// <summary>Whether steps may say <c>--network=host</c>.</summary>
    public bool AllowsHostNetwork { get; init; } = true;

    /// <summary>Limits and what else steps have of the host: memory, processors, shared memory, extra hosts.</summary>
    public HostConfig Host { get; init; } = new();

    /// <summary>Secrets by id; those beside the context are added.</summary>
    public IReadOnlyDictionary<string, byte[]> Secrets { get; init; } = ImmutableDictionary<string, byte[]>.Empty;

    /// <summary>Sockets of agents by id: paths on this machine.</summary>
    public IReadOnlyDictionary<string, string> Agents { get; init; } = ImmutableDictionary<string, string>.Empty;

    /// <summary>The machines that images are made for; more than one make a list of images. None: the machine that builds.</summary>
    public IReadOnlyList<Platform> Platforms { get; init; } = [];

    /// <summary>Where results of earlier builds are looked for beside the engine's own.</summary>
    public IReadOnlyList<CacheAddress> CacheFrom { get; init; } = [];

    /// <summary>Where results of this build are put.</summary>
    public IReadOnlyList<CacheAddress> CacheTo { get; init; } = [];

    /// <summary>Statements about the image that go with it.</summary>
    public BuildAttestations Attestations { get; init; } = BuildAttestations.None;

    /// <summary>Who asks a registry, by its domain; null for anybody.</summary>
    public Func<string, RegistryCredentials?>? Credentials { get; init; }

    /// <summary>The moment that everything is said to be made at; null for the real one.</summary>
    public DateTimeOffset? Epoch { get; init; }

    /// <summary>A directory of this machine that is the context; absolute. Null: the context is in the archive that is sent.</summary>
    public string? Directory { get; init; }

    /// <summary>An address that the context is fetched from: an archive, a Dockerfile, or a git repository. Null: it is sent, or a directory.</summary>
    public string? Remote { get; init; }

    /// <summary>A directory of the archive that is no part of the context: <c>Dockerfile</c> in it is taken before the context's, <c>secrets/ID</c> are secrets. Null for none.</summary>
    public string? Aside { get; init; }
}

/// <summary>What a build tells while it runs; from several threads.</summary>
public abstract record BuildEvent
{
    private BuildEvent()
    {
    }

    /// <summary>A step begins.</summary>
    /// <param name="Number">From 1, in the order of the file, over the stages that are needed.</param>
    /// <param name="Total">How many there are.</param>
    /// <param name="Stage">The stage's name or number.</param>
    /// <param name="Text">The instruction as written.</param>
    public sealed record Started(int Number, int Total, string Stage, string Text) : BuildEvent;

    /// <summary>A step's program has written.</summary>
    public sealed record Output(int Number, string Text) : BuildEvent;

    /// <summary>A step is done.</summary>
    /// <param name="Number">As it began.</param>
    /// <param name="Cached">An earlier build made it.</param>
    /// <param name="Id">What names the state after it, 12 hex digits.</param>
    /// <param name="Duration">How long it took.</param>
    public sealed record Finished(int Number, bool Cached, string Id, TimeSpan Duration) : BuildEvent;

    /// <summary>Something that is not as the user may think.</summary>
    public sealed record Warning(string Text) : BuildEvent;
}

/// <summary>The seam to registries: brings an image here.</summary>
/// <param name="name">As written in the Dockerfile.</param>
/// <param name="platform">For which machine, such as <c>linux/amd64</c>.</param>
/// <param name="cancellationToken">Gives up.</param>
/// <exception cref="Caisson.Errors.CaissonException">It cannot.</exception>
public delegate Task ImagePull(string name, string platform, CancellationToken cancellationToken);
