using System.Buffers.Binary;

using Caisson.Linux;

namespace Caisson.Control.Access;

/// <summary>Who may connect to a socket of ours: root, the socket's group, and the users of this machine that have an account here.</summary>
/// <remarks>Users are let in by name, in the socket's access control list, so that nobody else can even connect. Source: acl(5), linux/posix_acl_xattr.h.</remarks>
public static class SocketDoor
{
    private const string Attribute = "system.posix_acl_access";
    private const int EntryBytes = 8;
    private const uint Version = 2;
    private const ushort UserObject = 0x01, User = 0x02, GroupObject = 0x04, Mask = 0x10, Other = 0x20;
    private const ushort ReadWrite = 6, Nothing = 0;
    private const uint NoId = uint.MaxValue;

    /// <summary>The group of the socket at <paramref name="path"/>.</summary>
    public static uint GroupOf(string path)
    {
        using FileDescriptor socket = HostFiles.OpenPath(path, followLast: false);
        return socket.Status.GroupId;
    }

    /// <summary>The user that this process runs as.</summary>
    public static uint OwnUser()
    {
        using FileDescriptor self = HostFiles.OpenPath("/proc/self");
        return self.Status.UserId;
    }

    /// <summary>Lets exactly <paramref name="users"/> in beside root and the socket's group.</summary>
    /// <exception cref="LinuxException"><see cref="Errno.EOPNOTSUPP"/>: the file system has no access control lists.</exception>
    public static void Admit(string path, IReadOnlyList<uint> users)
    {
        ArgumentNullException.ThrowIfNull(users);
        using FileDescriptor socket = HostFiles.OpenPath(path, followLast: false);
        if (users.Count == 0)
        {
            if (socket.GetExtendedAttribute(Attribute) is not null)
            {
                _ = socket.RemoveExtendedAttribute(Attribute);
            }
            return;
        }
        byte[] list = new byte[sizeof(uint) + (EntryBytes * (users.Count + 4))];
        BinaryPrimitives.WriteUInt32LittleEndian(list, Version);
        int at = sizeof(uint);
        Write(UserObject, ReadWrite, NoId);
        foreach (uint user in users.Order())
        {
            Write(User, ReadWrite, user);
        }
        Write(GroupObject, ReadWrite, NoId);
        Write(Mask, ReadWrite, NoId);
        Write(Other, Nothing, NoId);
        socket.SetExtendedAttribute(Attribute, list);

        void Write(ushort tag, ushort permissions, uint id)
        {
            Span<byte> entry = list.AsSpan(at, EntryBytes);
            BinaryPrimitives.WriteUInt16LittleEndian(entry, tag);
            BinaryPrimitives.WriteUInt16LittleEndian(entry[2..], permissions);
            BinaryPrimitives.WriteUInt32LittleEndian(entry[4..], id);
            at += EntryBytes;
        }
    }
}
