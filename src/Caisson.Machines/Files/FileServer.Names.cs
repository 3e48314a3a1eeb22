using Caisson.Linux;

namespace Caisson.Machines.Files;

public sealed partial class FileServer
{
    private const int SetGroupId = 0x400;
    private const int AllModes = 0xFFF;

    private void LookUp(ref FileRequest request)
    {
        FileNode parent = _nodes.Get(request.Node);
        Tell(parent, request.Name());
    }

    /// <summary>Answers with the entry of a name, which the guest's kernel knows from then on.</summary>
    private FileNode Tell(FileNode parent, string name)
    {
        FileNode node = _nodes.LookUp(parent, name, out FileStatus status) ?? throw Refuse(Errno.ENOENT);
        TellEntry(node, status);
        return node;
    }

    private void MakeDirectory(ref FileRequest request)
    {
        int mode = (int)(request.Number() & AllModes);
        _ = request.Number();
        string name = request.Name();
        FileNode parent = _nodes.Get(request.Node);
        DirectoryDescriptor directory = _nodes.Directory(parent);
        (uint group, bool inherits) = GroupIn(directory, request.GroupId);
        mode |= inherits ? SetGroupId : 0;
        using (DirectoryDescriptor made = directory.CreateDirectory(name, 0))
        {
            made.ChangeOwner(request.UserId, group);
            made.ChangeMode(mode);
        }
        Tell(parent, name);
    }

    private void MakeNode(ref FileRequest request)
    {
        uint mode = request.Number();
        _ = request.Number();
        _ = request.Number();
        _ = request.Number();
        string name = request.Name();
        var kind = (FileKind)(mode & 0xF000);
        if (kind is not (FileKind.Regular or FileKind.Fifo or FileKind.Socket))
        {
            throw Refuse(Errno.EPERM); // devices of the guest are no devices of the host
        }
        FileNode parent = _nodes.Get(request.Node);
        DirectoryDescriptor directory = _nodes.Directory(parent);
        (uint group, _) = GroupIn(directory, request.GroupId);
        directory.CreateNode(name, kind, 0);
        using (FileDescriptor made = directory.TryOpenPath(name) ?? throw Refuse(Errno.ENOENT))
        {
            made.ChangeOwner(request.UserId, group);
            made.ChangeMode((int)(mode & AllModes));
        }
        Tell(parent, name);
    }

    private void MakeSymlink(ref FileRequest request)
    {
        string name = request.Name();
        string target = PathText.Decode(request.Text());
        FileNode parent = _nodes.Get(request.Node);
        DirectoryDescriptor directory = _nodes.Directory(parent);
        (uint group, _) = GroupIn(directory, request.GroupId);
        directory.CreateSymlink(name, target);
        using (FileDescriptor made = directory.TryOpenPath(name) ?? throw Refuse(Errno.ENOENT))
        {
            made.ChangeOwner(request.UserId, group);
        }
        Tell(parent, name);
    }

    /// <summary>Creates a regular file and opens it, in one call.</summary>
    private void Create(ref FileRequest request)
    {
        uint flags = request.Number();
        int mode = (int)(request.Number() & AllModes);
        _ = request.Number();
        _ = request.Number();
        string name = request.Name();
        FileNode parent = _nodes.Get(request.Node);
        DirectoryDescriptor directory = _nodes.Directory(parent);
        RequireRoomForOpen();
        (uint group, _) = GroupIn(directory, request.GroupId);
        try
        {
            using FileDescriptor made = directory.CreateFile(name, 0);
            made.ChangeOwner(request.UserId, group);
            made.ChangeMode(mode);
        }
        catch (LinuxException error) when (error.Errno == Errno.EEXIST && (flags & OpenExclusive) == 0)
        {
            // Somebody else made it meanwhile: it is opened as it is.
        }
        FileNode node = Tell(parent, name);
        try
        {
            bool writes = (flags & AccessMask) != 0;
            TellOpen(node, OpenRegular(node, writes), writes);
        }
        catch (LinuxException)
        {
            _nodes.Forget(node.Id, 1); // the answer will not tell of it
            throw;
        }
    }

    private void Remove(ref FileRequest request, bool isDirectory)
    {
        string name = request.Name();
        FileNode parent = _nodes.Get(request.Node);
        _nodes.HoldBeforeRemoval(parent, name);
        DirectoryDescriptor directory = _nodes.Directory(parent);
        if (!(isDirectory ? directory.RemoveDirectory(name) : directory.Unlink(name)))
        {
            throw Refuse(Errno.ENOENT);
        }
    }

    private void Rename(ref FileRequest request, uint? given)
    {
        const uint NoReplace = 1;
        const uint Exchange = 2;
        ulong targetId = request.Long();
        uint flags = given ?? request.Number();
        if (given is null)
        {
            _ = request.Number();
        }
        string name = request.Name();
        string newName = request.Name();
        FileNode parent = _nodes.Get(request.Node);
        FileNode target = _nodes.Get(targetId);
        switch (flags)
        {
            case 0 or NoReplace:
                _nodes.HoldBeforeRemoval(target, newName);
                _nodes.Directory(parent).Rename(name, _nodes.Directory(target), newName, replace: flags == 0);
                break;
            case Exchange:
                _nodes.Directory(parent).Exchange(name, _nodes.Directory(target), newName);
                _nodes.Moved(parent, name);
                break;
            default:
                throw Refuse(Errno.EINVAL);
        }
        _nodes.Moved(target, newName);
    }

    private void Link(ref FileRequest request)
    {
        FileNode existing = _nodes.Get(request.Long());
        string name = request.Name();
        FileNode parent = _nodes.Get(request.Node);
        _nodes.Directory(parent).Link(_nodes.Handle(existing), name);
        Tell(parent, name);
    }

    private void OpenDirectory(ref FileRequest request)
    {
        FileNode node = _nodes.Get(request.Node);
        RequireRoomForOpen();
        TellOpen(node, _nodes.Directory(node).Duplicate(), isWritable: false);
    }

    /// <summary>Names from an offset on, which is a number of names: a directory is read as it was when its first was asked for.</summary>
    private void ReadDirectory(ref FileRequest request, bool plus)
    {
        OpenFile open = Opened(request.Long());
        long offset = request.Offset();
        int room = (int)Math.Min(request.Number(), FileProtocol.TransferBytesMax);
        if (open.File is not DirectoryDescriptor directory)
        {
            throw Refuse(Errno.ENOTDIR);
        }
        if (offset == 0 || open.Entries is null)
        {
            FileStatus own = directory.Status;
            open.Entries = [new DirectoryEntry(".", FileKind.Directory, InodeOf(own)), new DirectoryEntry("..", FileKind.Directory, 0), .. directory.Enumerate()];
        }
        for (int i = (int)Math.Min(offset, open.Entries.Count); i < open.Entries.Count; i++)
        {
            DirectoryEntry entry = open.Entries[i];
            byte[] name = PathText.Encode(entry.Name);
            int bytes = ((24 + name.Length + 7) & ~7) + (plus ? FileProtocol.EntryBytes : 0);
            if (_reply.Length + bytes > room)
            {
                return;
            }
            if (plus)
            {
                TellEntryOf(open.Node, entry, i);
            }
            // An inode of 0 would be taken for the end by some programs.
            _reply.Add(entry.Inode == 0 ? 1 : entry.Inode).Add((ulong)i + 1).Add((uint)name.Length).Add((uint)entry.Kind >> 12).Add(name).Reserve(((24 + name.Length + 7) & ~7) - 24 - name.Length);
        }
    }

    private void TellEntryOf(FileNode parent, DirectoryEntry entry, int index)
    {
        const int OwnEntries = 2;
        if (index >= OwnEntries)
        {
            try
            {
                if (_nodes.LookUp(parent, entry.Name, out FileStatus status) is { } node)
                {
                    TellEntry(node, status);
                    return;
                }
            }
            catch (LinuxException)
            {
                // The name is told; who asks for the file hears why.
            }
        }
        _reply.Reserve(FileProtocol.EntryBytes);
    }

    private void FlushDirectory(ref FileRequest request)
    {
        if (Opened(request.Long()).File is not DirectoryDescriptor directory)
        {
            throw Refuse(Errno.ENOTDIR);
        }
        using FileDescriptor readable = directory.OpenForSync();
        readable.Flush();
    }

    /// <summary>In a directory with the set-group-id bit, files get its group, and directories the bit.</summary>
    private static (uint Group, bool Inherits) GroupIn(DirectoryDescriptor directory, uint asked)
    {
        FileStatus status = directory.Status;
        return (status.Mode & SetGroupId) != 0 ? (status.GroupId, true) : (asked, false);
    }
}
