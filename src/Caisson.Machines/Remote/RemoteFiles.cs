using System.Buffers.Binary;
using System.Globalization;

using Caisson.Errors;
using Caisson.Linux;
using Caisson.Linux.Launch;
using Caisson.Machines.Agent;

using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Machines.Remote;

/// <summary>Directories of the host as a file system of a machine that is led from outside: what its kernel asks goes to their server, and what that answers to the kernel.</summary>
/// <remarks>
/// By a copy of the machine's first process with a line of its own, and a thread here: whoever leads the machine may wait for a file, and must not be the one
/// who gets it. Source: kernel Documentation/filesystems/fuse.rst, fuse(4).
/// </remarks>
internal sealed class RemoteFiles
{
    private const string LinePath = "/dev/vport0p2";
    private const int StackBytes = 256 * 1024;
    private const int HeaderBytes = 16;
    private const int PollSize = 8;
    private const ulong LineKey = 0;
    private const ulong ServerKey = 1;

    /// <summary>More than a call or an answer of the longest content takes.</summary>
    private const int MessageBytesMax = 160 * 1024;

    private readonly RemoteKernel _kernel;
    private readonly Descriptor _server;
    private readonly int _device;
    private readonly byte[] _answer = new byte[MessageBytesMax];
    private int _end;

    private RemoteFiles(RemoteKernel kernel, Descriptor server, int device) => (_kernel, _server, _device) = (kernel, server, device);

    /// <summary>Mounts them; the module is loaded. They are served until the machine or the server of files ends.</summary>
    /// <param name="kernel">The machine.</param>
    /// <param name="line">To the copy of the machine's first process; stays the caller's.</param>
    /// <param name="server">To the server of files; stays the caller's.</param>
    public static void Mount(RemoteKernel kernel, Descriptor line, Descriptor server)
    {
        var copy = new LaunchProgram(LaunchStage.World);
        Slot device = copy.NewSlot("fuse");
        Slot child = copy.NewSlot("child");
        Label parent = new();
        copy.Add(SystemCall.openat, "open /dev/fuse", AT_FDCWD, "/dev/fuse", O_RDWR | O_NONBLOCK | O_CLOEXEC, 0).Into(device);
        copy.Add(SystemCall.clone, "a copy that serves files", (int)Signal.CHLD, 0, 0, 0, 0).Into(child);
        copy.Add(SystemCall.Branch, "a copy that serves files", child).Then(parent);
        RemoteBoot.OpenLine(copy, LinePath);
        copy.Mark(parent);
        int number = kernel.Run(copy).Number(device);
        var carrier = new RemoteKernel(line);
        carrier.Greet(copy);
        new Thread(new RemoteFiles(carrier, server, number).Serve, StackBytes) { IsBackground = true, Name = "files" }.Start();

        var mount = new LaunchProgram(LaunchStage.World);
        Slot tree = mount.NewSlot("shares");
        RemoteBoot.MakeFilesystem(
            mount, tree, "fuse", MOUNT_ATTR_NODEV, FSMOUNT_CLOEXEC, ("source", "caisson"), ("fd", number.ToString(CultureInfo.InvariantCulture)), ("rootmode", "40000"), ("user_id", "0"), ("group_id", "0"),
            ("max_read", "131072"), ("default_permissions", ""), ("allow_other", ""));
        mount.Add(SystemCall.move_mount, "mount the shares", tree, "", AT_FDCWD, MachineSettings.SharesDirectory, MOVE_MOUNT_F_EMPTY_PATH);
        mount.Add(SystemCall.close, "mount the shares", tree);
        mount.Add(SystemCall.close, "mount the shares", number);
        kernel.Run(mount);
    }

    /// <summary>Takes them out of use; what programs wrote has arrived then.</summary>
    public static void Unmount(RemoteKernel kernel) => kernel.Try("unmount the shares", SystemCall.umount2, MachineSettings.SharesDirectory, 0);

    private void Serve()
    {
        try
        {
            using Epoll epoll = Epoll.Create();
            epoll.Add(_kernel.Line, EpollEvents.Readable, LineKey);
            epoll.Add(_server, EpollEvents.Readable, ServerKey);
            Span<EpollAnswer> answers = stackalloc EpollAnswer[2];
            while (true)
            {
                Block watched = Wait();
                int count = epoll.Wait(answers);
                bool hasAnswer = Has(answers[..count], LineKey);
                bool isServer = Has(answers[..count], ServerKey);
                if (!hasAnswer)
                {
                    _kernel.Begin(new LaunchProgram(LaunchStage.World)); // ends the wait, which watches the line
                }
                bool asks = _kernel.Finish().Content(watched)[PollSize + 6] != 0;
                if (!hasAnswer)
                {
                    _kernel.Finish();
                }
                if (asks)
                {
                    Carry();
                }
                if (isServer)
                {
                    Answer();
                }
            }
        }
        catch (Exception error) when (error is CaissonException or ObjectDisposedException)
        {
            // The machine or the server is gone; whoever waits for them knows.
        }
    }

    private static bool Has(ReadOnlySpan<EpollAnswer> answers, ulong key)
    {
        foreach (EpollAnswer answer in answers)
        {
            if (answer.Key == key)
            {
                return true;
            }
        }
        return false;
    }

    private Block Wait()
    {
        byte[] bytes = new byte[2 * PollSize];
        BinaryPrimitives.WriteInt16LittleEndian(bytes.AsSpan(4), POLLIN);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(PollSize), _device);
        BinaryPrimitives.WriteInt16LittleEndian(bytes.AsSpan(PollSize + 4), POLLIN);
        Block watched = Block.Of(bytes, "what is waited for");
        var program = new LaunchProgram(LaunchStage.World);
        program.Add(SystemCall.Store, "the line", watched, Slot.Sync);
        program.Add(SystemCall.ppoll, "wait", watched, 2, 0, 0, 0).ExpectAny();
        _kernel.Begin(program, watched);
        return watched;
    }

    /// <summary>Passes on what the machine asks.</summary>
    private void Carry()
    {
        int read;
        while ((read = _kernel.Read(_device, MessageBytesMax, out byte[] call)) > 0 || read == -(int)Errno.ENOENT) // who asked was interrupted before this was read
        {
            _server.Write(call);
        }
    }

    /// <summary>Passes on what was answered; answers arrive in pieces, and the kernel takes each whole.</summary>
    private void Answer()
    {
        int count = _server.Read(_answer.AsSpan(_end));
        if (count <= 0)
        {
            throw new CaissonException(ErrorKind.Unavailable, "the server of the machine's volumes ended");
        }
        _end += count;
        int start = 0;
        while (_end - start >= HeaderBytes)
        {
            uint length = BinaryPrimitives.ReadUInt32LittleEndian(_answer.AsSpan(start));
            if (length is < HeaderBytes or > MessageBytesMax)
            {
                throw new CaissonException(ErrorKind.Internal, $"the server of the machine's volumes answered with {length} bytes");
            }
            if (_end - start < length)
            {
                break;
            }
            // Who asked may have been interrupted and wait no more.
            _kernel.Try("answer about a file", SystemCall.write, _device, Block.Of(_answer.AsSpan(start, (int)length), "answer"), length);
            start += (int)length;
        }
        _answer.AsSpan(start.._end).CopyTo(_answer);
        _end -= start;
    }
}
