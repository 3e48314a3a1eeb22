using System.Collections.Immutable;
using System.Collections.ObjectModel;

namespace Caisson.Oci.Runtime;

/// <summary>The <c>config.json</c> of a bundle: one container as the OCI runtime specification describes it, for Linux.</summary>
/// <remarks>
/// Immutable. What the document leaves out is null, empty or false, as the specification's default is. Sections of other
/// platforms are not kept. Read and written by <see cref="RuntimeSpecJson"/>; checked by <see cref="RuntimeSpecRules"/>.
/// Source: runtime-spec 1.3 config.md.
/// </remarks>
public sealed record RuntimeSpec
{
    /// <summary>The newest version of the specification that this model covers.</summary>
    public const string VersionMax = "1.3.0";

    /// <summary>The version of the specification the bundle complies with, SemVer 2.0.</summary>
    public required string OciVersion { get; init; }

    /// <summary>The root filesystem; required on Linux, so null only in a document that is refused.</summary>
    public Root? Root { get; init; }

    /// <summary>The program to run; null when the document has none, which <c>start</c> does not accept.</summary>
    public Process? Process { get; init; }

    /// <summary>The host name as seen inside; null leaves it. Needs a uts namespace.</summary>
    public string? Hostname { get; init; }

    /// <summary>The NIS domain name as seen inside; null leaves it. Needs a uts namespace.</summary>
    public string? Domainname { get; init; }

    /// <summary>Mounts beyond the root, in the order they are made: a later one may cover an earlier one.</summary>
    public ImmutableArray<Mount> Mounts { get; init; } = [];

    /// <summary>Programs run at points of the container's life.</summary>
    public Hooks Hooks { get; init; } = new();

    /// <summary>Arbitrary metadata, in the order of the document; data, never behaviour.</summary>
    public IReadOnlyDictionary<string, string> Annotations { get; init; } = ReadOnlyDictionary<string, string>.Empty;

    /// <summary>The Linux section; null when the document has none.</summary>
    public LinuxConfig? Linux { get; init; }
}

/// <summary>The container's root filesystem. Source: config.md, "Root".</summary>
public sealed record Root
{
    /// <summary>A directory of the host, absolute or relative to the bundle.</summary>
    public required string Path { get; init; }

    /// <summary>The container cannot write to its root.</summary>
    public bool Readonly { get; init; }
}
