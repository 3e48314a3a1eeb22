using System.Net;

using Caisson.Errors;
using Caisson.Linux;

namespace Caisson.Control.Volumes;

/// <summary>Carries out what a volume's options ask to be mounted.</summary>
internal static class VolumeMount
{
    /// <summary>Says at creation what can be known then: that the kernel has no such file system, or the host no such directory.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.FailedPrecondition"/>.</exception>
    public static void Check(VolumeFilesystem filesystem)
    {
        if (!filesystem.IsBind)
        {
            Open(filesystem).Dispose();
        }
    }

    /// <summary>The file system, or the directory of the host, as a detached mount.</summary>
    /// <exception cref="CaissonException">The kernel refuses; with what the driver says.</exception>
    public static MountTree Make(string volume, VolumeFilesystem filesystem)
    {
        try
        {
            MountTree tree;
            if (filesystem.IsBind)
            {
                tree = MountTree.Clone(filesystem.Device, filesystem.Recursive);
                try
                {
                    tree.SetAttributes(filesystem.Set, filesystem.Clear, MountPropagation.Private, filesystem.Recursive);
                }
                catch
                {
                    tree.Dispose();
                    throw;
                }
                return tree;
            }
            using FilesystemContext context = Open(filesystem);
            context.Set("source", filesystem.Device);
            foreach (string option in filesystem.Data)
            {
                int equals = option.IndexOf('=', StringComparison.Ordinal);
                _ = equals < 0 ? context.SetFlag(option) : context.Set(option[..equals], Resolve(option[..equals], option[(equals + 1)..]));
            }
            return context.Mount(filesystem.Set);
        }
        catch (LinuxException error)
        {
            string what = filesystem.IsBind ? filesystem.Device : $"{filesystem.Type} file system {filesystem.Device}";
            throw new CaissonException(
                ErrorKind.FailedPrecondition, $"failed to mount local volume {volume}: {what}: {error.Message}; see its options with 'volume inspect {volume}'", error);
        }
    }

    private static FilesystemContext Open(VolumeFilesystem filesystem)
    {
        try
        {
            return FilesystemContext.Open(filesystem.Type);
        }
        catch (LinuxException error) when (error.Errno is Errno.ENODEV)
        {
            throw new CaissonException(
                ErrorKind.FailedPrecondition, $"this kernel has no file system '{filesystem.Type}'; load its module, or use another type (see /proc/filesystems)", error);
        }
    }

    /// <summary>The kernel takes addresses, people write names: as mount.nfs does.</summary>
    private static string Resolve(string option, string value)
    {
        if (option is not "addr" || IPAddress.TryParse(value, out _))
        {
            return value;
        }
        try
        {
            return Dns.GetHostAddresses(value).FirstOrDefault()?.ToString() ?? value;
        }
        catch (System.Net.Sockets.SocketException error)
        {
            throw new CaissonException(ErrorKind.Unavailable, $"error resolving passed in network volume address: {value}: {error.Message}", error);
        }
    }
}
