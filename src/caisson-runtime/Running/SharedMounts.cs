using System.Globalization;
using Caisson.Containers.State;
using Caisson.Linux;
using Caisson.Oci.Runtime;

namespace Caisson.Runtime.Running;

/// <summary>The root of a container without a mount namespace of its own: a mount among ours, with all of the container's mounts below it.</summary>
internal static class SharedMounts
{
    private const string Name = "mounts";

    /// <summary>Before the container's root is mounted: keeps what is mounted there already. Nothing for a container that shares none of our mounts.</summary>
    public static void Expect(ContainerDirectory directory, RuntimeSpec spec)
    {
        if (spec.Linux?.Namespace(NamespaceType.Mount) is null)
        {
            File.WriteAllLines(directory.PathOf(Name), At(spec.Root!.Path));
        }
    }

    /// <summary>Takes the container's root away, and with it what is mounted below; not what was there before.</summary>
    public static void Remove(ContainerDirectory directory, string rootfs)
    {
        if (!File.Exists(directory.PathOf(Name)))
        {
            return;
        }
        string[] before = File.ReadAllLines(directory.PathOf(Name));
        while (At(rootfs) is [.., var top] && !before.Contains(top) && MountTable.Unmount(rootfs))
        {
        }
    }

    /// <summary>Ids of the mounts at a path, the topmost last.</summary>
    private static List<string> At(string path) =>
        [.. MountTable.Read().Where(mount => mount.Target == path).Select(mount => mount.Id.ToString(CultureInfo.InvariantCulture))];
}
