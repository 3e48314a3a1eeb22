using Caisson.Containers.Seccomp;
using Caisson.Linux.Seccomp;
using Caisson.Machines.Disks;
using Caisson.Machines.Kernels;
using Caisson.Machines.Templates;

namespace Caisson.Control.Machines;

/// <summary>What workloads that run as machines are given beside what all are.</summary>
/// <param name="root">CAISSON_ROOT, absolute.</param>
/// <param name="programs">The directory with <c>caisson-machine</c> and <c>caisson-init</c>.</param>
public sealed class MachineServices(string root, string programs)
{
    /// <summary>Kernels to boot.</summary>
    public KernelStore Kernels { get; } = new(root, Path.Join(programs, "caisson-init"));

    /// <summary>Images as disks.</summary>
    public ImageDisks Images { get; } = new(root);

    /// <summary>Machines that were booted already.</summary>
    public TemplateStore Templates { get; } = new(root);

    /// <summary>The program beside QEMU.</summary>
    public string ProgramPath { get; } = Path.Join(programs, "caisson-machine");

    /// <summary>For what is only needed meanwhile.</summary>
    public string WorkDirectory { get; } = root;

    internal SeccompPlans Seccomp { get; } = new(new SeccompFilterCache($"{root}/seccomp"));
}
