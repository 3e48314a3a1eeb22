using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux;

/// <summary>What one mount allows, whatever its file system allows. Source: mount_setattr(2).</summary>
/// <remarks>The access time is a choice of one in <see cref="AccessTimeMask"/>; clear the mask when setting another.</remarks>
[Flags]
public enum MountAttributes
{
    /// <summary>Nothing restricted; access times relative to modification.</summary>
    None = 0,

    /// <summary>No writes through this mount.</summary>
    ReadOnly = MOUNT_ATTR_RDONLY,

    /// <summary>Set-user-id, set-group-id and file capabilities have no effect.</summary>
    NoSetuid = MOUNT_ATTR_NOSUID,

    /// <summary>Device nodes cannot be opened.</summary>
    NoDevices = MOUNT_ATTR_NODEV,

    /// <summary>Nothing can be executed or mapped executable.</summary>
    NoExecute = MOUNT_ATTR_NOEXEC,

    /// <summary>Access times are never written.</summary>
    NoAccessTime = MOUNT_ATTR_NOATIME,

    /// <summary>Access times are always written.</summary>
    StrictAccessTime = MOUNT_ATTR_STRICTATIME,

    /// <summary>The bits of the access time choice.</summary>
    AccessTimeMask = MOUNT_ATTR__ATIME,

    /// <summary>Access times of directories are never written.</summary>
    NoDirectoryAccessTime = MOUNT_ATTR_NODIRATIME,

    /// <summary>Symbolic links of this mount are not followed; Linux 5.14.</summary>
    NoSymlinkFollow = MOUNT_ATTR_NOSYMFOLLOW,
}

/// <summary>Whether mounts made below a mount appear in its peers. Source: mount_namespaces(7), "Shared subtrees".</summary>
public enum MountPropagation
{
    /// <summary>As it is.</summary>
    Unchanged = 0,

    /// <summary>Neither given nor received.</summary>
    Private = MS_PRIVATE,

    /// <summary>Received from the former peers, not given.</summary>
    Slave = MS_SLAVE,

    /// <summary>Given and received.</summary>
    Shared = MS_SHARED,

    /// <summary>Private, and cannot be bound elsewhere.</summary>
    Unbindable = MS_UNBINDABLE,
}
