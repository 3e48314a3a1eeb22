using System.Collections.Immutable;
using System.Globalization;

using Caisson.Errors;
using Caisson.Linux;
using Caisson.Machines.Agent;
using Caisson.Machines.Files;
using Caisson.Oci.Runtime;

namespace Caisson.Control.Machines;

/// <summary>Something of the host that a machine sees: a volume, a directory or a file.</summary>
/// <remarks>
/// In the sandbox it is mounted as it would be in the container, with the container's ids and read-only where that was asked for, below a directory that the server of
/// files has for its root (<see cref="FileServer"/>); inside the machine it is bound from the file system that this serves.
/// </remarks>
/// <param name="Number">Its name on both sides.</param>
/// <param name="Mount">As the container would have it.</param>
/// <param name="Kind">A directory or a regular file.</param>
internal sealed record MachineShare(int Number, Mount Mount, FileKind Kind)
{
    private static readonly string[] OnlyOutside = ["idmap", "ridmap"];

    /// <summary>Where it is in the sandbox.</summary>
    public string SandboxPath => string.Create(CultureInfo.InvariantCulture, $"{FileServerProcess.RootPath}{FileServerProcess.SharesPath}/{Number}");

    /// <summary>Where it is inside the machine, before it is bound.</summary>
    public string GuestPath => string.Create(CultureInfo.InvariantCulture, $"{MachineSettings.SharesDirectory}/{Number}");

    /// <summary>The mount in the sandbox.</summary>
    public Mount InSandbox => Mount with { Destination = SandboxPath };

    /// <summary>The mount inside: owners are mapped already.</summary>
    public Mount Inside => Mount with { Source = GuestPath, Options = [.. Mount.Options.Except(OnlyOutside)], UidMappings = [], GidMappings = [] };

    /// <summary>What of <paramref name="outside"/> is served.</summary>
    /// <param name="outside">The configuration that the container would have.</param>
    /// <param name="filesDirectory">The host's directory of the container's own files, which the machine gets with its settings.</param>
    /// <param name="kindOf">What is at a mount's source.</param>
    /// <param name="problems">Receives what cannot be served.</param>
    public static ImmutableArray<MachineShare> Of(RuntimeSpec outside, string filesDirectory, Func<Mount, FileKind> kindOf, ICollection<Problem> problems)
    {
        var shares = ImmutableArray.CreateBuilder<MachineShare>();
        foreach (Mount mount in outside.Mounts.Where(mount => mount.Type == "bind" && Path.GetDirectoryName(mount.Source) != filesDirectory))
        {
            FileKind kind = kindOf(mount);
            if (kind is FileKind.Directory or FileKind.Regular)
            {
                shares.Add(new MachineShare(shares.Count, mount, kind));
            }
            else
            {
                problems.Add(new Problem("/mounts", $"{mount.Destination}: {mount.Source} is no file and no directory of the host; sockets, pipes and devices of it are not in a machine"));
            }
        }
        return shares.ToImmutable();
    }
}
