using System.Collections.Immutable;

using Caisson.Errors;
using Caisson.Linux;
using Caisson.Linux.Seccomp;

namespace Caisson.Containers.Seccomp;

/// <summary>What a container's <c>linux.seccomp</c> comes to.</summary>
/// <param name="Filter">To be installed as the last step before the program, with its flags.</param>
/// <param name="ListenerPath">The socket that gets the listener of a filter that notifies; null when none does.</param>
/// <param name="ListenerMetadata">Text for whoever listens; null for none.</param>
/// <param name="UnknownNames">Calls in the policy that this machine's conventions do not have; empty when read from the cache.</param>
public sealed record SeccompPlan(
    SeccompFilter Filter, string? ListenerPath, string? ListenerMetadata, ImmutableArray<string> UnknownNames)
{
    /// <summary>Goes up whenever the same text may mean another policy; part of the key of cached filters.</summary>
    public const int ReaderVersion = 1;

    /// <summary>Compiles the object as it stands in <c>config.json</c>. Pure.</summary>
    /// <param name="json">The value of <c>linux.seccomp</c>, UTF-8; <c>null</c> in JSON gives null: no filter.</param>
    /// <param name="pointer">Where the object is in its document; problems start with it.</param>
    /// <param name="problems">Receives every problem found.</param>
    /// <param name="architecture">For which machine's kernel.</param>
    /// <returns>Null when there is no filter, or when there are problems.</returns>
    public static SeccompPlan? Compile(ReadOnlySpan<byte> json, string pointer, ICollection<Problem> problems, KernelArchitecture architecture = KernelArchitectures.Own)
    {
        ArgumentNullException.ThrowIfNull(problems);
        var config = SeccompConfig.Parse(json, pointer, problems);
        if (config is null)
        {
            return null;
        }
        try
        {
            var compilation = SeccompCompiler.Compile(config.Policy, architecture);
            return new(compilation.Filter, config.ListenerPath, config.ListenerMetadata, compilation.UnknownNames);
        }
        catch (CaissonException e) when (e.Kind == ErrorKind.InvalidArgument)
        {
            problems.Add(new(pointer, e.Message));
            return null;
        }
    }
}
