using System.Collections.Immutable;

using Caisson.Containers.Launch;
using Caisson.Containers.Seccomp;
using Caisson.Errors;
using Caisson.Linux;
using Caisson.Linux.Launch;
using Caisson.Linux.Seccomp;
using Caisson.Machines.Agent;
using Caisson.Oci.Runtime;

namespace Caisson.Control.Machines;

/// <summary>Compiles what runs inside a machine: the same launch plan that a container gets, for the machine's kernel.</summary>
/// <remarks>Pure, but for the cache of compiled filters.</remarks>
/// <param name="seccomp">Compiles filters.</param>
/// <param name="architecture">Of the machine.</param>
internal sealed class GuestCompiler(SeccompPlans seccomp, KernelArchitecture architecture = KernelArchitectures.Own)
{
    /// <summary>Of every kernel that machines boot. Source: linux/capability.h of Linux 5.9 and later.</summary>
    private const int LastCapability = 40;

    /// <summary>The namespaces that a machine's program has for itself; the network is the machine's.</summary>
    private const NamespaceKind Kinds = NamespaceKind.Mount | NamespaceKind.Pid | NamespaceKind.Ipc | NamespaceKind.Uts | NamespaceKind.Cgroup;

    /// <summary>The container's configuration as it holds inside: the machine's network, no limits but the machine's, files of the host by their place inside.</summary>
    /// <param name="spec">Compiled without ids of its own.</param>
    /// <param name="filesDirectory">The host's directory of the container's files.</param>
    /// <param name="shares">What of the host is served to the machine.</param>
    /// <param name="problems">Receives what cannot be inside.</param>
    public static RuntimeSpec Inside(RuntimeSpec spec, string filesDirectory, IReadOnlyCollection<MachineShare> shares, ICollection<Problem> problems)
    {
        var mounts = ImmutableArray.CreateBuilder<Mount>();
        foreach (Mount mount in spec.Mounts)
        {
            if (mount.Type != "bind")
            {
                mounts.Add(mount);
            }
            else if (Path.GetDirectoryName(mount.Source) == filesDirectory)
            {
                mounts.Add(mount with { Source = $"{MachineSettings.FilesDirectory}/{Path.GetFileName(mount.Source)}" });
            }
            else if (shares.FirstOrDefault(share => share.Mount.Destination == mount.Destination) is { } share)
            {
                mounts.Add(share.Inside);
            }
            else
            {
                problems.Add(new Problem("/mounts", $"{mount.Destination}: {mount.Source} is of the host, and not in the machine"));
            }
        }
        return spec with
        {
            Root = spec.Root! with { Path = MachineSettings.RootPath },
            Mounts = mounts.ToImmutable(),
            Linux = spec.Linux! with
            {
                Namespaces = [.. spec.Linux.Namespaces.Where(entry => entry.Type is not (NamespaceType.Network or NamespaceType.User))],
                Resources = null,
                CgroupsPath = null,
            },
        };
    }

    /// <summary>Names of the host's files that <paramref name="inside"/> shows.</summary>
    public static IEnumerable<string> Files(RuntimeSpec inside) => inside.Mounts
        .Where(mount => mount.Type == "bind" && mount.Source!.StartsWith($"{MachineSettings.FilesDirectory}/", StringComparison.Ordinal))
        .Select(mount => Path.GetFileName(mount.Source!));

    /// <summary>Compiles the machine's first program.</summary>
    /// <param name="id">The container.</param>
    /// <param name="inside">Its configuration inside.</param>
    /// <param name="shares">What of the host is served to it.</param>
    /// <param name="policy">The filter when the configuration has none; null for none at all.</param>
    /// <param name="problems">Receives what cannot be.</param>
    public (GuestLaunch Launch, LaunchPlan Plan) First(string id, RuntimeSpec inside, IReadOnlyCollection<MachineShare> shares, SeccompPolicy? policy, List<Problem> problems)
    {
        // What would change the host's network changes the machine's.
        RuntimeSpecRules.Check(inside with { Linux = inside.Linux! with { Namespaces = [.. inside.Linux.Namespaces, new LinuxNamespace(NamespaceType.Network)] } }, problems);
        LaunchFacts facts = Facts(id) with
        {
            IsRootSupplied = true,
            Sources = Files(inside).Distinct().Select(name => (Path: $"{MachineSettings.FilesDirectory}/{name}", Kind: FileKind.Regular))
                .Concat(shares.Select(share => (Path: share.GuestPath, share.Kind)))
                .ToDictionary(source => source.Path, source => source.Kind),
            CgroupViews = [new CgroupView("", MachineSettings.CgroupDirectory, [], true)],
            IsCgroupUnified = true,
        };
        LaunchPlan plan = LaunchPlan.Create(inside, CompileFilter(inside, policy, problems), facts, problems);
        ProblemsException.ThrowIfAny($"machine {id}", problems);
        return (Encode(plan, inside.Process!.Terminal), plan);
    }

    /// <summary>Compiles a further program.</summary>
    public GuestLaunch Further(string id, RuntimeSpec inside, Process process, SeccompPolicy? policy)
    {
        List<Problem> problems = [];
        RuntimeSpecRules.CheckProcess(process, problems);
        LaunchPlan plan = LaunchPlan.Exec(process, inside.Linux, Kinds, CompileFilter(inside, policy, problems), Facts(id), problems);
        ProblemsException.ThrowIfAny($"exec in machine {id}", problems);
        return Encode(plan, process.Terminal);
    }

    private static LaunchFacts Facts(string id) => new()
    {
        Id = id,
        RootPath = MachineSettings.RootPath,
        SuppliesStdio = true,
        UnifiedCgroup = MachineSettings.CgroupDirectory,
        LastCapability = LastCapability,
    };

    private SeccompPlan? CompileFilter(RuntimeSpec spec, SeccompPolicy? policy, List<Problem> problems)
    {
        ReadOnlyMemory<byte> json = spec.Linux?.Seccomp is { IsEmpty: false } given ? given : policy is null ? default : SeccompConfig.Format(policy);
        return json.IsEmpty ? null : seccomp.Compile(json.Span, "/linux/seccomp", problems, architecture);
    }

    private GuestLaunch Encode(LaunchPlan plan, bool terminal) => new()
    {
        World = plan.World.Encode(architecture).Bytes,
        Self = SelfProgram.ToElf(plan.Self.Encode(architecture)),
        Inputs = [.. plan.Inputs.Select(Input)],
        Terminal = terminal,
        WorldSteps = [.. plan.World.Steps.Select(step => $"{step.Reason}: {step}")],
        SelfSteps = [.. plan.Self.Steps.Select(step => step.Reason)],
    };

    private static GuestInput Input(LaunchInput input) => input switch
    {
        LaunchInput.SelfProgram => new GuestInput(GuestInputKind.Self),
        LaunchInput.Root => new GuestInput(GuestInputKind.Root),
        LaunchInput.Stdio stdio => new GuestInput(GuestInputKind.Stdio, stdio.Number),
        LaunchInput.UnifiedCgroup cgroup => new GuestInput(GuestInputKind.Cgroup, 0, cgroup.Directory),
        LaunchInput.BindSource bind => new GuestInput(GuestInputKind.Bind, bind.Recursive ? 1 : 0, bind.Mount.Source!),
        LaunchInput.JoinedProcess => new GuestInput(GuestInputKind.Program),
        _ => throw new CaissonException(ErrorKind.Unimplemented, $"a machine cannot supply {input}"),
    };
}
