using Caisson.Errors;
using Caisson.Linux;

namespace Caisson.Machines.Files;

/// <summary>Serves directories of the host to a machine: its kernel asks over a line, in the words that it says to any file system in user space.</summary>
/// <remarks>
/// One thread, one call after the other. The guest may be hostile: it names files by numbers that it was told and by plain names in them, so there is no path that
/// could lead elsewhere; only regular files and directories are opened; what is open, known and on the way is bounded. What is refused is answered with an error; what is
/// no call at all ends the service. Owners are those of the directories as this process sees them, and made files get the owner who asked; whether he may is the guest
/// kernel's to decide, as it would be on a disk of its own. Source: kernel include/uapi/linux/fuse.h, Documentation/filesystems/fuse.rst.
/// </remarks>
public sealed partial class FileServer : IDisposable
{
    private const int OpenMax = 16_384;

    /// <summary>How long the guest's kernel may use what it was told without asking: what containers change beside it is seen after that.</summary>
    private const ulong ValidSeconds = 1;

    private readonly Descriptor _line;
    private readonly FileNodes _nodes;
    private readonly Dictionary<ulong, OpenFile> _open = [];
    private readonly Dictionary<DeviceNumber, ulong> _devices = [];
    private readonly FileReply _reply = new();
    private ulong _lastOpen;
    private bool _isInitialized;

    /// <param name="line">Where calls arrive and answers go, blocking; stays the caller's.</param>
    /// <param name="root">What is served; owned from now on.</param>
    public FileServer(Descriptor line, DirectoryDescriptor root) => (_line, _nodes) = (line, new FileNodes(root));

    /// <summary>Answers until the line ends.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: what arrived is no call.</exception>
    public void Run()
    {
        byte[] input = new byte[FileProtocol.RequestBytesMax];
        int end = 0;
        while (true)
        {
            int count = _line.ReadNow(input.AsSpan(end));
            if (count <= 0)
            {
                return; // the machine is gone
            }
            end += count;
            int start = 0;
            while (end - start >= FileProtocol.RequestHeaderBytes)
            {
                uint length = BitConverter.ToUInt32(input, start);
                if (length is < FileProtocol.RequestHeaderBytes or > FileProtocol.RequestBytesMax)
                {
                    throw new CaissonException(ErrorKind.InvalidArgument, $"the machine's kernel sent a call of {length} bytes, which is none");
                }
                if (end - start < length)
                {
                    break;
                }
                if (!Answer(new FileRequest(input.AsSpan(start, (int)length))))
                {
                    return;
                }
                start += (int)length;
            }
            input.AsSpan(start, end - start).CopyTo(input);
            end -= start;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (OpenFile file in _open.Values)
        {
            file.Dispose();
        }
        _open.Clear();
        _nodes.Dispose();
    }

    /// <returns>False when nobody takes the answer.</returns>
    private bool Answer(FileRequest request)
    {
        _reply.Clear();
        Errno error = Errno.None;
        try
        {
            Carry(ref request);
        }
        catch (LinuxException refused)
        {
            error = refused.Errno;
        }
        catch (CaissonException)
        {
            error = Errno.EINVAL; // a name that is none, a file of a kind that is not opened
        }
        return request.IsOneWay || TryWrite(_reply.Finish(request.Unique, error));
    }

    private bool TryWrite(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            int count = _line.WriteNow(bytes);
            if (count <= 0)
            {
                return false;
            }
            bytes = bytes[count..];
        }
        return true;
    }

    private void Carry(ref FileRequest request)
    {
        if (!_isInitialized && request.Call != FileCall.Initialize)
        {
            throw Refuse(Errno.EIO);
        }
        switch (request.Call)
        {
            case FileCall.Initialize:
                Initialize(ref request);
                break;
            case FileCall.Lookup:
                LookUp(ref request);
                break;
            case FileCall.Forget:
                _nodes.Forget(request.Node, request.Long());
                break;
            case FileCall.ForgetMany:
                ForgetMany(ref request);
                break;
            case FileCall.GetAttributes:
                GetAttributes(ref request);
                break;
            case FileCall.SetAttributes:
                SetAttributes(ref request);
                break;
            case FileCall.ReadLink:
                _reply.Add(PathText.Encode(_nodes.Handle(_nodes.Get(request.Node)).ReadLink()));
                break;
            case FileCall.Symlink:
                MakeSymlink(ref request);
                break;
            case FileCall.MakeNode:
                MakeNode(ref request);
                break;
            case FileCall.MakeDirectory:
                MakeDirectory(ref request);
                break;
            case FileCall.Create:
                Create(ref request);
                break;
            case FileCall.Unlink:
                Remove(ref request, isDirectory: false);
                break;
            case FileCall.RemoveDirectory:
                Remove(ref request, isDirectory: true);
                break;
            case FileCall.Rename:
                Rename(ref request, 0);
                break;
            case FileCall.RenameWith:
                Rename(ref request, null);
                break;
            case FileCall.Link:
                Link(ref request);
                break;
            case FileCall.Open:
                Open(ref request);
                break;
            case FileCall.Read:
                Read(ref request);
                break;
            case FileCall.Write:
                Write(ref request);
                break;
            case FileCall.Allocate:
                Allocate(ref request);
                break;
            case FileCall.Flush:
                Flush(ref request);
                break;
            case FileCall.Release or FileCall.ReleaseDirectory:
                Release(ref request);
                break;
            case FileCall.OpenDirectory:
                OpenDirectory(ref request);
                break;
            case FileCall.ReadDirectory:
                ReadDirectory(ref request, plus: false);
                break;
            case FileCall.ReadDirectoryPlus:
                ReadDirectory(ref request, plus: true);
                break;
            case FileCall.FlushDirectory:
                FlushDirectory(ref request);
                break;
            case FileCall.FileSystem:
                TellRoom(ref request);
                break;
            case FileCall.GetExtended:
                GetExtended(ref request);
                break;
            case FileCall.ListExtended:
                ListExtended(ref request);
                break;
            case FileCall.SetExtended:
                SetExtended(ref request);
                break;
            case FileCall.RemoveExtended:
                RemoveExtended(ref request);
                break;
            case FileCall.Interrupt or FileCall.Destroy:
                break; // what was asked is answered soon; the line ends by itself
            default:
                throw Refuse(Errno.ENOSYS); // the guest's kernel does without, and does not ask again
        }
    }

    private void Initialize(ref FileRequest request)
    {
        uint major = request.Number();
        uint minor = request.Number();
        uint readAhead = request.Number();
        uint features = request.Number();
        if (major != FileProtocol.Major || minor < FileProtocol.Minor || _isInitialized)
        {
            throw Refuse(Errno.EIO);
        }
        _isInitialized = true;
        _reply.Add(FileProtocol.Major).Add(FileProtocol.Minor).Add(Math.Min(readAhead, FileProtocol.TransferBytesMax)).Add(features & FileProtocol.Features)
            .Add(16u | (12u << 16)) // calls on the way that nobody waits for, and how many are many
            .Add((uint)FileProtocol.TransferBytesMax).Add(1u).Add((uint)FileProtocol.TransferBytesMax / 4_096)
            .Reserve(32);
    }

    private void ForgetMany(ref FileRequest request)
    {
        uint count = request.Number();
        _ = request.Number();
        for (uint i = 0; i < count; i++)
        {
            ulong node = request.Long();
            _nodes.Forget(node, request.Long());
        }
    }

    private void GetAttributes(ref FileRequest request)
    {
        uint flags = request.Number();
        _ = request.Number();
        ulong file = request.Long();
        FileDescriptor subject = (flags & FileProtocol.GetsByHandle) != 0 && _open.TryGetValue(file, out OpenFile? open) ? open.File : _nodes.Handle(_nodes.Get(request.Node));
        TellAttributes(subject.Status);
    }

    private void SetAttributes(ref FileRequest request)
    {
        uint valid = request.Number();
        _ = request.Number();
        ulong handle = request.Long();
        ulong size = request.Long();
        _ = request.Long();
        ulong accessed = request.Long();
        ulong modified = request.Long();
        _ = request.Long();
        uint accessedRest = request.Number();
        uint modifiedRest = request.Number();
        _ = request.Number();
        uint mode = request.Number();
        _ = request.Number();
        uint user = request.Number();
        uint group = request.Number();
        FileNode node = _nodes.Get(request.Node);
        FileDescriptor inode = _nodes.Handle(node);
        if ((valid & (FileProtocol.SetsUser | FileProtocol.SetsGroup)) != 0)
        {
            inode.ChangeOwner((valid & FileProtocol.SetsUser) != 0 ? user : null, (valid & FileProtocol.SetsGroup) != 0 ? group : null);
        }
        if ((valid & FileProtocol.SetsMode) != 0)
        {
            inode.ChangeMode((int)(mode & 0xFFF));
        }
        if ((valid & FileProtocol.SetsSize) != 0)
        {
            if ((valid & FileProtocol.SetsByHandle) != 0 && _open.TryGetValue(handle, out OpenFile? open) && open.IsWritable)
            {
                open.File.SetSize(Length(size));
            }
            else
            {
                using FileDescriptor file = OpenRegular(node, writable: true);
                file.SetSize(Length(size));
            }
        }
        if ((valid & FileProtocol.ClearsSetIds) != 0)
        {
            ClearSetIds(inode);
        }
        FileTime? atime = Time(FileProtocol.SetsAccessTime, FileProtocol.SetsAccessTimeNow, accessed, accessedRest);
        FileTime? mtime = Time(FileProtocol.SetsModifiedTime, FileProtocol.SetsModifiedTimeNow, modified, modifiedRest);
        if (atime is not null || mtime is not null)
        {
            inode.ChangeTimes(atime, mtime);
        }
        TellAttributes(inode.Status);

        FileTime? Time(uint sets, uint setsNow, ulong seconds, uint rest) => (valid & sets) == 0 ? null
            : (valid & setsNow) != 0 ? FileTime.From(DateTimeOffset.UtcNow)
            : rest < 1_000_000_000 ? new FileTime((long)seconds, rest) : throw Refuse(Errno.EINVAL);
    }

    private void TellAttributes(in FileStatus status) => _reply.Add(ValidSeconds).Add(0ul).Add(status, InodeOf(status));

    private void TellEntry(FileNode node, in FileStatus status) =>
        _reply.Add(node.Id).Add(0ul).Add(ValidSeconds).Add(ValidSeconds).Add(0ul).Add(status, InodeOf(status));

    /// <summary>The guest sees one file system, whatever directories of the host are in it: inodes of different ones must not look the same.</summary>
    private ulong InodeOf(in FileStatus status)
    {
        if (!_devices.TryGetValue(status.Device, out ulong number))
        {
            _devices[status.Device] = number = (ulong)_devices.Count;
        }
        return status.Inode ^ (number << 56);
    }

    private FileDescriptor OpenRegular(FileNode node, bool writable)
    {
        if (node.Kind != FileKind.Regular)
        {
            throw Refuse(node.Kind == FileKind.Directory ? Errno.EISDIR : Errno.ENXIO);
        }
        return _nodes.Handle(node).ReopenRegular(node.Name, writable);
    }

    /// <summary>What a kernel does when a file is written to by somebody who is not its master.</summary>
    private static void ClearSetIds(FileDescriptor file)
    {
        const int User = 0x800;
        const int Group = 0x400;
        const int GroupRuns = 0x8;
        FileStatus status = file.Status;
        int cleared = status.Mode & ~User & ~((status.Mode & GroupRuns) != 0 ? Group : 0);
        if (status.Kind == FileKind.Regular && cleared != status.Mode)
        {
            file.ChangeMode(cleared);
        }
    }

    private static long Length(ulong size) => size <= long.MaxValue ? (long)size : throw Refuse(Errno.EFBIG);

    private static LinuxException Refuse(Errno errno) => new("a call of a machine", errno, "its files");

    /// <summary>A file or directory that the guest has open.</summary>
    private sealed class OpenFile(FileNode node, FileDescriptor file, bool isWritable) : IDisposable
    {
        public FileNode Node => node;

        public FileDescriptor File => file;

        public bool IsWritable => isWritable;

        /// <summary>Of a directory, as it was when it was read from its beginning.</summary>
        public List<DirectoryEntry>? Entries { get; set; }

        public void Dispose() => file.Dispose();
    }
}
