using Caisson.Linux;

namespace Caisson.Machines.Files;

public sealed partial class FileServer
{
    private const uint AccessMask = 3;
    private const uint OpenExclusive = 0x80;

    /// <summary>Attributes of security and of the system mean something to the host's kernel: a guest has none of them here.</summary>
    private const string OwnAttributes = "user.";

    private void Open(ref FileRequest request)
    {
        uint flags = request.Number();
        uint more = request.Number();
        FileNode node = _nodes.Get(request.Node);
        RequireRoomForOpen();
        bool writes = (flags & AccessMask) != 0;
        FileDescriptor file = OpenRegular(node, writes);
        if ((more & FileProtocol.OpenClearsSetIds) != 0 && writes)
        {
            ClearSetIds(file);
        }
        TellOpen(node, file, writes);
    }

    private void TellOpen(FileNode node, FileDescriptor file, bool isWritable)
    {
        ulong number = ++_lastOpen;
        _open.Add(number, new OpenFile(node, file, isWritable));
        _reply.Add(number).Add(0u).Add(0u);
    }

    private void RequireRoomForOpen()
    {
        if (_open.Count >= OpenMax)
        {
            throw Refuse(Errno.ENFILE);
        }
    }

    private OpenFile Opened(ulong number) => _open.TryGetValue(number, out OpenFile? open) ? open : throw Refuse(Errno.EBADF);

    private void Release(ref FileRequest request)
    {
        if (_open.Remove(request.Long(), out OpenFile? open))
        {
            open.Dispose();
        }
    }

    private void Read(ref FileRequest request)
    {
        OpenFile open = Opened(request.Long());
        long offset = request.Offset();
        uint size = request.Number();
        if (size > FileProtocol.TransferBytesMax || open.Node.Kind != FileKind.Regular)
        {
            throw Refuse(Errno.EINVAL);
        }
        Span<byte> room = _reply.Reserve((int)size);
        int done = 0;
        while (done < room.Length)
        {
            int count = open.File.ReadAt(room[done..], offset + done);
            if (count == 0)
            {
                break;
            }
            done += count;
        }
        _reply.Shorten(room.Length - done);
    }

    private void Write(ref FileRequest request)
    {
        OpenFile open = Opened(request.Long());
        long offset = request.Offset();
        uint size = request.Number();
        uint flags = request.Number();
        _ = request.Take(16);
        if (size > FileProtocol.TransferBytesMax || open.Node.Kind != FileKind.Regular || !open.IsWritable)
        {
            throw Refuse(open.IsWritable ? Errno.EINVAL : Errno.EBADF);
        }
        if ((flags & FileProtocol.WriteClearsSetIds) != 0)
        {
            ClearSetIds(open.File);
        }
        open.File.WriteAt(request.Take((int)size), offset);
        _reply.Add(size).Add(0u);
    }

    private void Allocate(ref FileRequest request)
    {
        OpenFile open = Opened(request.Long());
        long offset = request.Offset();
        long length = request.Offset();
        open.File.Allocate((int)request.Number(), offset, length);
    }

    private void Flush(ref FileRequest request)
    {
        OpenFile open = Opened(request.Long());
        if ((request.Number() & FileProtocol.FlushesDataOnly) != 0)
        {
            open.File.FlushData();
        }
        else
        {
            open.File.Flush();
        }
    }

    private void TellRoom(ref FileRequest request)
    {
        FileSystemRoom room = _nodes.Handle(_nodes.Get(request.Node)).FileSystemRoom;
        _reply.Add(room.Blocks).Add(room.FreeBlocks).Add(room.AvailableBlocks).Add(room.Files).Add(room.FreeFiles)
            .Add((uint)room.BlockBytes).Add((uint)room.NameBytesMax).Add((uint)room.BlockBytes).Reserve(28);
    }

    private void GetExtended(ref FileRequest request)
    {
        uint room = request.Number();
        _ = request.Number();
        string name = AttributeName(ref request, Errno.ENODATA);
        byte[] value = _nodes.Handle(Attributed(request.Node)).GetExtendedAttribute(name) ?? throw Refuse(Errno.ENODATA);
        TellExtended(value, room);
    }

    private void ListExtended(ref FileRequest request)
    {
        uint room = request.Number();
        _ = request.Number();
        FileNode node = _nodes.Get(request.Node);
        IEnumerable<string> names = node.Kind is FileKind.Regular or FileKind.Directory ? _nodes.Handle(node).ListExtendedAttributes() : [];
        TellExtended([.. names.Where(name => name.StartsWith(OwnAttributes, StringComparison.Ordinal)).SelectMany(name => (byte[])[.. PathText.Encode(name), 0])], room);
    }

    private void SetExtended(ref FileRequest request)
    {
        const uint CreateOnly = 1;
        const uint ReplaceOnly = 2;
        uint size = request.Number();
        uint flags = request.Number();
        string name = AttributeName(ref request, Errno.EOPNOTSUPP);
        FileDescriptor file = _nodes.Handle(Attributed(request.Node));
        if (flags != 0)
        {
            bool isThere = file.GetExtendedAttribute(name) is not null;
            if (isThere ? (flags & CreateOnly) != 0 : (flags & ReplaceOnly) != 0)
            {
                throw Refuse(isThere ? Errno.EEXIST : Errno.ENODATA);
            }
        }
        file.SetExtendedAttribute(name, request.Take(size <= FileProtocol.TransferBytesMax ? (int)size : -1));
    }

    private void RemoveExtended(ref FileRequest request)
    {
        string name = AttributeName(ref request, Errno.ENODATA);
        if (!_nodes.Handle(Attributed(request.Node)).RemoveExtendedAttribute(name))
        {
            throw Refuse(Errno.ENODATA);
        }
    }

    private FileNode Attributed(ulong id) => _nodes.Get(id) is { Kind: FileKind.Regular or FileKind.Directory } node ? node : throw Refuse(Errno.EPERM);

    private static string AttributeName(ref FileRequest request, Errno otherwise)
    {
        string name = PathText.Decode(request.Text());
        return name.StartsWith(OwnAttributes, StringComparison.Ordinal) && name.Length <= FileProtocol.NameBytesMax ? name : throw Refuse(otherwise);
    }

    private void TellExtended(byte[] value, uint room)
    {
        if (room == 0)
        {
            _reply.Add((uint)value.Length).Add(0u);
            return;
        }
        _reply.Add(value.Length <= room ? value : throw Refuse(Errno.ERANGE));
    }
}
