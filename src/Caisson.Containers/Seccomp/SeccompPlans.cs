using Caisson.Errors;
using Caisson.Linux;
using Caisson.Linux.Seccomp;

namespace Caisson.Containers.Seccomp;

/// <summary>Plans of seccomp by way of a cache of filters: a policy seen before is neither parsed nor compiled.</summary>
/// <param name="cache">Where filters are kept.</param>
public sealed class SeccompPlans(SeccompFilterCache cache)
{
    /// <summary>As <see cref="SeccompPlan.Compile"/>, from the cache where possible.</summary>
    /// <remarks>Only filters without problems are kept. One that notifies is parsed every time, for its listener.</remarks>
    public SeccompPlan? Compile(ReadOnlySpan<byte> json, string pointer, ICollection<Problem> problems, KernelArchitecture architecture = KernelArchitectures.Own)
    {
        var key = SeccompFilterKey.Of(json, SeccompPlan.ReaderVersion, architecture);
        if (cache.Find(key) is { } known)
        {
            return new(known, null, null, []);
        }
        var plan = SeccompPlan.Compile(json, pointer, problems, architecture);
        if (plan is not null && !plan.Filter.Flags.HasFlag(SeccompFilterOptions.NewListener))
        {
            cache.TryStore(key, plan.Filter);
        }
        return plan;
    }
}
