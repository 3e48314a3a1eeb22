using Caisson.Oci.Runtime;

namespace Caisson.Containers.Seccomp;

/// <summary>What the seccomp compiler understands, as the features document says it.</summary>
public static class SeccompSupport
{
    /// <summary>Actions, operators, architectures and flags.</summary>
    public static SeccompFeatures Features => new()
    {
        Enabled = true,
        Actions = [.. SeccompNames.Actions.Select(entry => entry.Name), SeccompNames.Fail, SeccompNames.Trace],
        Operators = [.. SeccompNames.Comparisons.Select(entry => entry.Name)],
        Archs = [.. SeccompNames.Architectures.Select(entry => entry.Name)],
        KnownFlags = [.. SeccompNames.Flags.Select(entry => entry.Name)],
        SupportedFlags = [.. SeccompNames.Flags.Select(entry => entry.Name)],
    };
}
