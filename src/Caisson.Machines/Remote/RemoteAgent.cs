using System.Buffers.Binary;
using System.Runtime.InteropServices;

using Caisson.Errors;
using Caisson.Linux;
using Caisson.Linux.Launch;
using Caisson.Machines.Agent;

using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Machines.Remote;

/// <summary>The agent of a machine whose architecture is not ours: does on the host what <c>caisson-init</c> does inside, by lists of the machine's system calls.</summary>
/// <remarks>
/// For its host it is the same agent with the same frames; it runs beside it as a thread. The guest may be hostile: what it answers has bounds, and what it
/// says goes to its own programs' streams at most.
/// </remarks>
internal sealed class RemoteAgent
{
    private const int ReleaseBytesMax = 128;
    private const int PollSize = 8;
    private const int StackBytes = 512 * 1024;

    private const ulong LinkKey = 0;
    private const ulong LineKey = 1;

    private readonly AgentLink _link;
    private readonly RemoteKernel _kernel;
    private readonly RemoteParts _given;
    private readonly RemoteRoot _machine;
    private readonly Dictionary<ushort, RemoteProgram> _programs = [];
    private readonly Dictionary<ushort, List<byte>> _parts = [];
    private RemoteResolver? _resolver;
    private bool _hasFiles;
    private int _modules;
    private int _root = -1;
    private bool _ends;

    private RemoteAgent(AgentLink link, RemoteParts given)
    {
        _link = link;
        _kernel = new RemoteKernel(given.Line);
        _machine = new RemoteRoot(_kernel);
        _given = given;
    }

    /// <summary>Begins to be the agent; ends when the machine does, or the other end of what is given back is closed.</summary>
    /// <param name="given">What it works with.</param>
    /// <returns>The agent's line, as if it came from the machine; the caller disposes it.</returns>
    public static UnixSocket Start(RemoteParts given)
    {
        (UnixSocket host, UnixSocket agent) = UnixSocket.CreatePair(UnixSocketKind.Stream);
        new Thread(() => Serve(agent, given), StackBytes) { IsBackground = true, Name = "agent" }.Start();
        return host;
    }

    private static void Serve(UnixSocket agent, RemoteParts given)
    {
        using var link = new AgentLink(agent);
        try
        {
            new RemoteAgent(link, given).Serve();
        }
        catch (CaissonException error) when (error.Kind == ErrorKind.Unavailable)
        {
            // The machine is gone; its end says the rest.
        }
        catch (Exception error) when (error is CaissonException or FormatException or ObjectDisposedException)
        {
            link.Send(AgentFrameKind.Trouble, 0, PathText.Encode(error.Message));
        }
    }

    private void Serve()
    {
        RemoteBoot boot = RemoteBoot.Compile(_given.BootModules);
        _modules = _kernel.Greet(boot.Program).Number(boot.Modules);
        _link.Send(AgentFrameKind.Hello, 0, [.. BitConverter.GetBytes(AgentFrame.Version), .. ReadRelease()]);
        using Epoll epoll = Epoll.Create();
        epoll.Add(_kernel.Line, EpollEvents.Readable, LineKey);
        epoll.Add(_link.Port, EpollEvents.Readable, LinkKey);
        Span<EpollAnswer> answers = stackalloc EpollAnswer[2];
        while (!_ends && !_link.IsClosed)
        {
            List<(RemoteProgram? Program, int Descriptor, int Events)> waits = [(null, -1, 0)];
            if (_resolver is not null)
            {
                waits.Add((null, _resolver.Socket, POLLIN));
            }
            waits.AddRange(_programs.Values.SelectMany(program => program.Waits().Select(wait => ((RemoteProgram?)program, wait.Descriptor, wait.Events))));
            (LaunchProgram wait, Block watched) = Wait(waits);
            _kernel.Begin(wait, watched);
            bool hasAnswer = false;
            bool hasFrames = false;
            epoll.Change(_link.Port, EpollEvents.Readable | (_link.HasOutput ? EpollEvents.Writable : 0), LinkKey);
            while (!hasAnswer && !hasFrames)
            {
                int count = epoll.Wait(answers);
                for (int i = 0; i < count; i++)
                {
                    hasAnswer |= answers[i].Key == LineKey;
                    hasFrames |= answers[i].Key == LinkKey;
                }
            }
            if (!hasAnswer)
            {
                _kernel.Begin(new LaunchProgram(LaunchStage.World)); // ends the wait, which watches the line
            }
            RemoteAnswer happened = _kernel.Finish();
            if (!hasAnswer)
            {
                _kernel.Finish();
            }
            On(waits, MemoryMarshal.Cast<byte, ulong>(happened.Content(watched)));
            if (hasFrames)
            {
                Hear();
            }
            Settle();
        }
        End();
    }

    /// <summary>One wait for everything, and for the line on which the next list comes.</summary>
    private static (LaunchProgram Program, Block Watched) Wait(List<(RemoteProgram? Program, int Descriptor, int Events)> waits)
    {
        var program = new LaunchProgram(LaunchStage.World);
        byte[] watched = new byte[waits.Count * PollSize];
        for (int i = 0; i < waits.Count; i++)
        {
            BinaryPrimitives.WriteInt32LittleEndian(watched.AsSpan(i * PollSize), waits[i].Descriptor);
            BinaryPrimitives.WriteInt16LittleEndian(watched.AsSpan((i * PollSize) + 4), (short)waits[i].Events);
        }
        Block block = Block.Of(watched, "what is waited for");
        BinaryPrimitives.WriteInt16LittleEndian(block.Content[4..], POLLIN);
        program.Add(SystemCall.Store, "the line", block, Slot.Sync);
        program.Add(SystemCall.ppoll, "wait", block, waits.Count, 0, 0, 0).ExpectAny();
        return (program, block);
    }

    private void On(List<(RemoteProgram? Program, int Descriptor, int Events)> waits, ReadOnlySpan<ulong> happened)
    {
        for (int i = 1; i < waits.Count; i++)
        {
            int events = (int)(happened[i] >> 48);
            if (events == 0)
            {
                continue;
            }
            if (waits[i].Program is { } program)
            {
                program.On(waits[i].Descriptor, events);
            }
            else
            {
                _resolver?.Ask();
            }
        }
    }

    private void Hear()
    {
        _link.Flush();
        while (_link.Fill())
        {
            while (_link.TryTake(out AgentFrame frame, out ReadOnlySpan<byte> bytes))
            {
                Hear(frame, bytes);
                if (_ends)
                {
                    return;
                }
            }
        }
    }

    private void Hear(AgentFrame frame, ReadOnlySpan<byte> bytes)
    {
        switch (frame.Kind)
        {
            case AgentFrameKind.Settings:
                if (Collect(frame, bytes) is { } settings)
                {
                    Apply(MachineSettings.Decode(settings));
                }
                break;
            case AgentFrameKind.Launch:
                if (Collect(frame, bytes) is { } launch)
                {
                    Launch(frame.Channel, GuestLaunch.Decode(launch));
                }
                break;
            case AgentFrameKind.Answer:
                _resolver?.Answer(bytes);
                break;
            case AgentFrameKind.Shutdown:
                _ends = true;
                break;
            default:
                if (_programs.TryGetValue(frame.Channel, out RemoteProgram? program))
                {
                    program.Hear(frame, bytes);
                }
                break;
        }
    }

    private byte[]? Collect(AgentFrame frame, ReadOnlySpan<byte> bytes)
    {
        if (!_parts.TryGetValue(frame.Channel, out List<byte>? parts))
        {
            _parts[frame.Channel] = parts = [];
        }
        parts.AddRange(bytes);
        if (!frame.IsLast)
        {
            return null;
        }
        _parts.Remove(frame.Channel);
        return [.. parts];
    }

    private void Apply(MachineSettings settings)
    {
        _machine.Personalize(settings);
        var program = new LaunchProgram(LaunchStage.World);
        RemoteBoot.LoadModules(
            program, RemoteBoot.Descriptor(_modules, "modules"), [.. settings.Links.Length > 0 ? _given.NetworkModules : [], .. settings.HasShares ? _given.FilesModules : []]);
        _kernel.Run(program);
        _machine.Connect(settings.Links);
        _resolver = settings.Links.Length > 0 ? new RemoteResolver(_kernel, _link) : null;
        _root = _machine.Mount(settings);
        if (settings.HasShares && _given is { FilesLine: { } line, Files: { } files })
        {
            RemoteFiles.Mount(_kernel, line, files);
            _hasFiles = true;
        }
        _link.Send(AgentFrameKind.Ready, 0, []);
    }

    private void Launch(ushort channel, GuestLaunch launch)
    {
        try
        {
            if (_root < 0 || _programs.ContainsKey(channel))
            {
                throw new CaissonException(ErrorKind.FailedPrecondition, "the host asked for a program before the machine was ready, or twice");
            }
            var program = RemoteProgram.Start(channel, launch, _root, _programs.GetValueOrDefault((ushort)0)?.Process, _kernel, _link, out GuestFailure? failure);
            if (program is null)
            {
                _link.Send(AgentFrameKind.Failed, channel, failure!.Encode());
                return;
            }
            _programs.Add(channel, program);
            _link.Send(AgentFrameKind.Started, channel, []);
        }
        catch (Exception error) when (error is LinuxException or FormatException or CaissonException { Kind: ErrorKind.Unimplemented or ErrorKind.Conflict or ErrorKind.FailedPrecondition })
        {
            _link.Send(AgentFrameKind.Failed, channel, new GuestFailure(-1, 0, 0, error.Message).Encode());
        }
    }

    private void Settle()
    {
        foreach (RemoteProgram program in _programs.Values.Where(program => program.TryEnd()).ToArray())
        {
            _programs.Remove(program.Channel);
        }
    }

    /// <summary>Ends every program, puts the disks in order and says so.</summary>
    private void End()
    {
        foreach (RemoteProgram program in _programs.Values)
        {
            program.Kill();
        }
        if (_hasFiles)
        {
            RemoteFiles.Unmount(_kernel);
        }
        if (_root >= 0)
        {
            _machine.Unmount(_root);
        }
        if (!_link.IsClosed)
        {
            _link.Send(AgentFrameKind.Goodbye, 0, []);
        }
    }

    private byte[] ReadRelease()
    {
        var program = new LaunchProgram(LaunchStage.World);
        Block text = Block.Buffer(ReleaseBytesMax, "release");
        Slot file = program.NewSlot("file");
        Slot count = program.NewSlot("count");
        program.Add(SystemCall.openat, "read the kernel's release", AT_FDCWD, "/proc/sys/kernel/osrelease", O_CLOEXEC, 0).Into(file);
        program.Add(SystemCall.read, "read the kernel's release", file, text, ReleaseBytesMax).Into(count);
        program.Add(SystemCall.close, "read the kernel's release", file);
        RemoteAnswer answer = _kernel.Run(program, text);
        return answer.Content(text)[..(int)Math.Clamp(answer.Result(count) - 1, 0, ReleaseBytesMax)].ToArray();
    }
}

/// <summary>What the agent of a machine that is led from outside works with.</summary>
/// <param name="Line">To the machine's first process; the caller's, who closes it after the machine has ended.</param>
/// <param name="FilesLine">To a copy of that process that carries files; null where there are none. The caller's, too.</param>
/// <param name="Files">To the server of directories of the host; null where there is none. The caller's, too.</param>
/// <param name="BootModules">What the first list of the machine loads.</param>
/// <param name="NetworkModules">What a network needs more.</param>
/// <param name="FilesModules">What directories of the host need more.</param>
internal sealed record RemoteParts(Descriptor Line, Descriptor? FilesLine, Descriptor? Files, IReadOnlyList<string> BootModules, IReadOnlyList<string> NetworkModules, IReadOnlyList<string> FilesModules);
