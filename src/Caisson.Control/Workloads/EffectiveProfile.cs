using System.Collections.Immutable;

using Caisson.Containers.Profiles;
using Caisson.Control.Model;
using Caisson.Errors;

namespace Caisson.Control.Workloads;

/// <summary>A container's security profile with the user's flags counted in.</summary>
internal static class EffectiveProfile
{
    /// <summary>What is weaker than in the default profile, a sentence each, the gravest first; empty when nothing is.</summary>
    /// <remarks>Nothing here decides anything: <see cref="SpecCompiler"/> does, by the same rules.</remarks>
    public static ImmutableArray<string> Weaknesses(ContainerRecord container)
    {
        HostConfig host = container.HostConfig;
        SecurityOptions security = SecurityOptions.Read(host, new List<Problem>());
        List<string> found = [.. Of(container, security).Weaknesses(SecurityProfiles.Default)];
        Say(host.PidMode == "host", "processes of the host can be seen");
        Say(host.NetworkMode == "host", "the network is the host's");
        Say(Networking.NetworkChoice.SharedWith(host) is not null, "the network is another container's");
        Say(host.IpcMode == "host", "shared memory and message queues are the host's");
        Say(SharedNamespaces.SharedWith(host.PidMode) is not null, "processes of another container can be seen and ended");
        Say(SharedNamespaces.SharedWith(host.IpcMode) is not null, "shared memory and message queues are another container's");
        Say(!security.Seccomp.IsEmpty, "system calls are filtered by the user's own filter");
        if (host.Devices is { Count: > 0 } devices)
        {
            found.Add($"devices of the host can be used: {string.Join(", ", devices.Select(device => device.PathOnHost))}");
        }
        return [.. found];

        void Say(bool weaker, string sentence)
        {
            if (weaker)
            {
                found.Add(sentence);
            }
        }
    }

    private static SecurityProfile Of(ContainerRecord container, SecurityOptions security)
    {
        HostConfig host = container.HostConfig;
        SecurityProfile profile = Profiles.Find(container.Profile);
        return profile with
        {
            Capabilities = CapabilitySet.Apply(profile.Capabilities, host.CapAdd, host.CapDrop),
            NonRootCapabilities = CapabilitySet.Apply(profile.NonRootCapabilities, host.CapAdd, host.CapDrop),
            NoNewPrivileges = security.NoNewPrivileges ?? profile.NoNewPrivileges,
            // A filter of the user's own cannot be compared by name; it is told by a sentence of its own.
            Seccomp = security.SeccompUnconfined ? null : profile.Seccomp,
            UserNamespace = container.IdBlock is not null,
            MaskedPaths = host.Privileged ? [] : host.MaskedPaths is { } masked ? [.. masked] : profile.MaskedPaths,
            ReadOnlyPaths = host.Privileged ? [] : host.ReadonlyPaths is { } readOnly ? [.. readOnly] : profile.ReadOnlyPaths,
            ReadOnlyRoot = host.ReadonlyRootfs || profile.ReadOnlyRoot,
            PidsMax = host.PidsLimit switch { null or 0 => profile.PidsMax, < 0 => 0, var limit => limit.Value },
        };
    }
}
