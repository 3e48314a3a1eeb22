using Caisson.Control.Model;
using Caisson.Errors;
using Caisson.Linux;

namespace Caisson.Control.Workloads;

/// <summary>Reads the device nodes of the host that a container is to have.</summary>
internal static class DeviceNodes
{
    /// <summary>The nodes that <paramref name="host"/> names; for a privileged container all of /dev.</summary>
    public static IReadOnlyList<SpecCompiler.DeviceNode> Read(HostConfig host)
    {
        IEnumerable<string> named = (host.Devices ?? []).Select(device => device.PathOnHost)
            .Concat((host.BlkioWeightDevice ?? []).Select(device => device.Path))
            .Concat(Throttled(host.BlkioDeviceReadBps))
            .Concat(Throttled(host.BlkioDeviceWriteBps))
            .Concat(Throttled(host.BlkioDeviceReadIOps))
            .Concat(Throttled(host.BlkioDeviceWriteIOps));
        List<SpecCompiler.DeviceNode> nodes = [];
        foreach (string path in named.Distinct(StringComparer.Ordinal))
        {
            nodes.Add(Read(path) ?? throw new CaissonException(
                ErrorKind.InvalidArgument, $"error gathering device information while adding custom device \"{path}\": not a device node"));
        }
        if (host.Privileged)
        {
            nodes.AddRange(All("/dev"));
        }
        return nodes;
    }

    private static IEnumerable<string> Throttled(IReadOnlyList<ThrottleDevice>? devices) => (devices ?? []).Select(device => device.Path);

    private static SpecCompiler.DeviceNode? Read(string path)
    {
        if (!path.StartsWith('/') || !Path.Exists(path))
        {
            return null;
        }
        using FileDescriptor file = HostFiles.OpenPath(path);
        FileStatus status = file.Status;
        string? type = status.Kind switch
        {
            FileKind.CharacterDevice => "c",
            FileKind.BlockDevice => "b",
            _ => null,
        };
        return type is null ? null : new SpecCompiler.DeviceNode(path, type, status.DeviceNode.Major, status.DeviceNode.Minor);
    }

    /// <summary>Every node below <paramref name="directory"/> but terminals and what a container has of its own.</summary>
    private static IEnumerable<SpecCompiler.DeviceNode> All(string directory)
    {
        var options = new EnumerationOptions { AttributesToSkip = FileAttributes.ReparsePoint, IgnoreInaccessible = true };
        foreach (string path in Directory.EnumerateFileSystemEntries(directory, "*", options).Order(StringComparer.Ordinal))
        {
            string name = Path.GetFileName(path);
            if (name is "pts" or "shm" or "fd" or "mqueue" or "console" or "ptmx" or "tty" or "null" or "zero" or "full" or "random" or "urandom")
            {
                continue;
            }
            if (Directory.Exists(path))
            {
                foreach (SpecCompiler.DeviceNode inner in All(path))
                {
                    yield return inner;
                }
            }
            else if (Read(path) is { } node)
            {
                yield return node;
            }
        }
    }
}
