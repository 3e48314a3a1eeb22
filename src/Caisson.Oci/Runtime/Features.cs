using System.Collections.Immutable;
using System.Collections.ObjectModel;
using System.Text.Json;

namespace Caisson.Oci.Runtime;

/// <summary>What a runtime recognises, for its callers to ask. Source: runtime-spec features.md, features-linux.md.</summary>
/// <remarks>A null array is unknown and left out; an empty one says that nothing is recognised.</remarks>
public sealed record Features
{
    /// <summary>The oldest <c>ociVersion</c> accepted.</summary>
    public required string OciVersionMin { get; init; }

    /// <summary>The newest <c>ociVersion</c> accepted.</summary>
    public required string OciVersionMax { get; init; }

    /// <summary>Kinds of hooks.</summary>
    public ImmutableArray<string> Hooks { get; init; }

    /// <summary>Mount options that are not the filesystem's own.</summary>
    public ImmutableArray<string> MountOptions { get; init; }

    /// <summary>The Linux section; null for none.</summary>
    public LinuxFeatures? Linux { get; init; }

    /// <summary>Metadata of the implementation.</summary>
    public IReadOnlyDictionary<string, string> Annotations { get; init; } = ReadOnlyDictionary<string, string>.Empty;

    /// <summary>Annotations of <c>config.json</c> that change behaviour in ways a caller should not pass on unseen; a final dot means a prefix.</summary>
    public ImmutableArray<string> PotentiallyUnsafeConfigAnnotations { get; init; }
}

/// <summary>What a runtime recognises on Linux. Source: features-linux.md.</summary>
public sealed record LinuxFeatures
{
    /// <summary>Namespace types.</summary>
    public ImmutableArray<string> Namespaces { get; init; }

    /// <summary>Capability names.</summary>
    public ImmutableArray<string> Capabilities { get; init; }

    /// <summary>Cgroups; null is unknown.</summary>
    public CgroupFeatures? Cgroup { get; init; }

    /// <summary>Seccomp; null is unknown.</summary>
    public SeccompFeatures? Seccomp { get; init; }

    /// <summary>AppArmor profiles are applied; null is unknown.</summary>
    public bool? Apparmor { get; init; }

    /// <summary>SELinux labels are applied; null is unknown.</summary>
    public bool? Selinux { get; init; }

    /// <summary>Intel RDT is applied; null is unknown.</summary>
    public bool? IntelRdt { get; init; }

    /// <summary>NUMA memory policy modes; null arrays are unknown.</summary>
    public ImmutableArray<string> MemoryPolicyModes { get; init; }

    /// <summary>NUMA memory policy flags.</summary>
    public ImmutableArray<string> MemoryPolicyFlags { get; init; }

    /// <summary>Id-mapped mounts are made; null is unknown.</summary>
    public bool? IdMappedMounts { get; init; }

    /// <summary>Network devices are moved in; null is unknown.</summary>
    public bool? NetDevices { get; init; }
}

/// <summary>What a runtime knows of cgroups; null is unknown.</summary>
/// <param name="V1">Cgroup v1.</param>
/// <param name="V2">Cgroup v2.</param>
/// <param name="Systemd">The system's service manager makes cgroups.</param>
/// <param name="SystemdUser">The user's service manager makes cgroups.</param>
/// <param name="Rdma">RDMA limits.</param>
public sealed record CgroupFeatures(bool? V1, bool? V2, bool? Systemd, bool? SystemdUser, bool? Rdma);

/// <summary>What a runtime knows of seccomp.</summary>
public sealed record SeccompFeatures
{
    /// <summary>Filters are applied; null is unknown.</summary>
    public bool? Enabled { get; init; }

    /// <summary>Actions, such as <c>SCMP_ACT_ERRNO</c>.</summary>
    public ImmutableArray<string> Actions { get; init; }

    /// <summary>Comparisons, such as <c>SCMP_CMP_EQ</c>.</summary>
    public ImmutableArray<string> Operators { get; init; }

    /// <summary>Architectures, such as <c>SCMP_ARCH_X86_64</c>.</summary>
    public ImmutableArray<string> Archs { get; init; }

    /// <summary>Flags that are understood.</summary>
    public ImmutableArray<string> KnownFlags { get; init; }

    /// <summary>Flags that this kernel can do, too.</summary>
    public ImmutableArray<string> SupportedFlags { get; init; }
}

/// <summary>The features document.</summary>
internal static class FeaturesWriter
{
    public static void Write(Utf8JsonWriter json, Features features)
    {
        json.WriteStartObject();
        json.WriteString("ociVersionMin", features.OciVersionMin);
        json.WriteString("ociVersionMax", features.OciVersionMax);
        Known(json, "hooks", features.Hooks);
        Known(json, "mountOptions", features.MountOptions);
        if (features.Linux is { } linux)
        {
            json.WriteStartObject("linux");
            Linux(json, linux);
            json.WriteEndObject();
        }
        RuntimeSpecWriter.TextMap(json, "annotations", features.Annotations);
        Known(json, "potentiallyUnsafeConfigAnnotations", features.PotentiallyUnsafeConfigAnnotations);
        json.WriteEndObject();
    }

    private static void Linux(Utf8JsonWriter json, LinuxFeatures linux)
    {
        Known(json, "namespaces", linux.Namespaces);
        Known(json, "capabilities", linux.Capabilities);
        if (linux.Cgroup is { } cgroup)
        {
            json.WriteStartObject("cgroup");
            Known(json, "v1", cgroup.V1);
            Known(json, "v2", cgroup.V2);
            Known(json, "systemd", cgroup.Systemd);
            Known(json, "systemdUser", cgroup.SystemdUser);
            Known(json, "rdma", cgroup.Rdma);
            json.WriteEndObject();
        }
        if (linux.Seccomp is { } seccomp)
        {
            json.WriteStartObject("seccomp");
            Known(json, "enabled", seccomp.Enabled);
            Known(json, "actions", seccomp.Actions);
            Known(json, "operators", seccomp.Operators);
            Known(json, "archs", seccomp.Archs);
            Known(json, "knownFlags", seccomp.KnownFlags);
            Known(json, "supportedFlags", seccomp.SupportedFlags);
            json.WriteEndObject();
        }
        Enabled(json, "apparmor", linux.Apparmor);
        Enabled(json, "selinux", linux.Selinux);
        Enabled(json, "intelRdt", linux.IntelRdt);
        if (!linux.MemoryPolicyModes.IsDefault)
        {
            json.WriteStartObject("memoryPolicy");
            Known(json, "modes", linux.MemoryPolicyModes);
            Known(json, "flags", linux.MemoryPolicyFlags);
            json.WriteEndObject();
        }
        if (linux.IdMappedMounts is not null)
        {
            json.WriteStartObject("mountExtensions");
            Enabled(json, "idmap", linux.IdMappedMounts);
            json.WriteEndObject();
        }
        Enabled(json, "netDevices", linux.NetDevices);
    }

    private static void Enabled(Utf8JsonWriter json, string name, bool? enabled)
    {
        if (enabled is not null)
        {
            json.WriteStartObject(name);
            Known(json, "enabled", enabled);
            json.WriteEndObject();
        }
    }

    private static void Known(Utf8JsonWriter json, string name, bool? value)
    {
        if (value is { } known)
        {
            json.WriteBoolean(name, known);
        }
    }

    private static void Known(Utf8JsonWriter json, string name, ImmutableArray<string> words)
    {
        if (words.IsDefault)
        {
            return;
        }
        json.WriteStartArray(name);
        foreach (string word in words)
        {
            json.WriteStringValue(word);
        }
        json.WriteEndArray();
    }
}
