using Caisson.Errors;
using Caisson.Linux;
using Caisson.Machines.Agent;
using Caisson.Machines.Kernels;

namespace Caisson.Init;

/// <summary>Does what the host says: one thread, one wait, nothing that can be kept waiting by a program.</summary>
internal sealed class GuestAgent(AgentLink link, DirectoryDescriptor modules)
{
    private const ulong LinkKey = 0;

    private readonly Epoll _epoll = Epoll.Create();
    private readonly Dictionary<ushort, GuestProgram> _programs = [];
    private readonly Dictionary<ushort, List<byte>> _parts = [];
    private MountTree? _root;
    private GuestResolver? _resolver;
    private GuestFiles? _files;
    private EpollEvents _watched;
    private bool _ends;
    private bool _isPrepared;

    /// <summary>Until the host says that the machine is to end, or is gone.</summary>
    public void Serve()
    {
        byte[] release = PathText.Encode((HostFiles.TryReadText("/proc/sys/kernel/osrelease") ?? "").TrimEnd());
        link.Send(AgentFrameKind.Hello, 0, [.. BitConverter.GetBytes(AgentFrame.Version), .. release]);
        _watched = EpollEvents.Readable;
        _epoll.Add(link.Port, _watched, LinkKey);
        Span<EpollAnswer> answers = stackalloc EpollAnswer[32];
        while (!_ends && !link.IsClosed)
        {
            int count = _epoll.Wait(answers);
            for (int i = 0; i < count && !_ends; i++)
            {
                if (answers[i].Key == LinkKey)
                {
                    Hear();
                }
                else if (answers[i].Key == GuestResolver.Key)
                {
                    _resolver!.Ask();
                }
                else if (_programs.TryGetValue(GuestProgram.ChannelOf(answers[i].Key), out GuestProgram? program))
                {
                    program.On(answers[i].Key);
                    Settle(program);
                }
            }
            Rewatch();
        }
        End();
    }

    private void Hear()
    {
        link.Flush();
        link.Fill();
        while (link.TryTake(out AgentFrame frame, out ReadOnlySpan<byte> bytes))
        {
            switch (frame.Kind)
            {
                case AgentFrameKind.Settings:
                    if (Collect(frame, bytes) is { } settings)
                    {
                        Apply(MachineSettings.Decode(settings));
                    }
                    break;
                case AgentFrameKind.Prepare:
                    Prepare();
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
                    return;
                default:
                    if (_programs.TryGetValue(frame.Channel, out GuestProgram? program))
                    {
                        program.Hear(frame, bytes);
                        Settle(program);
                    }
                    break;
            }
        }
    }

    private byte[]? Collect(AgentFrame frame, ReadOnlySpan<byte> bytes)
    {
        if (!_parts.TryGetValue(frame.Channel, out List<byte>? parts))
        {
            _parts[frame.Channel] = parts = [];
        }
        if (parts.Count + bytes.Length > AgentFrame.PartsBytesMax)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, "the host sent more than belongs into one message");
        }
        parts.AddRange(bytes);
        if (!frame.IsLast)
        {
            return null;
        }
        _parts.Remove(frame.Channel);
        return [.. parts];
    }

    /// <summary>Does what every machine needs and no machine's own settings say: what goes on from here need not do it.</summary>
    private void Prepare()
    {
        GuestModules.Load(modules.ProcPath, Initrd.NetworkOrder);
        GuestModules.Load(modules.ProcPath, Initrd.FilesOrder);
        GuestDevices.Bind(GuestDeviceKind.Block);
        GuestRoot.Prepare();
        GuestNetwork.Begin();
        _isPrepared = true;
        link.Send(AgentFrameKind.Prepared, 0, []);
    }

    private void Apply(MachineSettings settings)
    {
        try
        {
            MachineClock.Set(settings.Now);
            MachineClock.AddEntropy(settings.Seed.Span);
            HostFiles.WriteOnce("/proc/sys/kernel/hostname", settings.Hostname);
            using (DirectoryDescriptor files = HostFiles.OpenDirectory(MachineSettings.FilesDirectory))
            {
                foreach (GuestFile file in settings.Files)
                {
                    files.Replace(file.Name, file.Content.Span, file.IsProgram ? 0x1ED : 0x1A4);
                }
            }
            if (!_isPrepared)
            {
                GuestDevices.Bind(GuestDeviceKind.Block);
                if (settings.Links.Length > 0)
                {
                    GuestModules.Load(modules.ProcPath, Initrd.NetworkOrder);
                }
                if (settings.HasShares)
                {
                    GuestModules.Load(modules.ProcPath, Initrd.FilesOrder);
                }
                GuestNetwork.Begin();
            }
            GuestNetwork.Apply(settings.Links);
            _resolver = settings.Links.Length > 0 ? new GuestResolver(link, _epoll) : null;
            _root = GuestRoot.Mount(settings);
            _files = settings.HasShares ? GuestFiles.Mount() : null;
            link.Send(AgentFrameKind.Ready, 0, []);
        }
        catch (CaissonException error)
        {
            link.Send(AgentFrameKind.Trouble, 0, PathText.Encode(error.Message));
        }
    }

    private void Launch(ushort channel, GuestLaunch launch)
    {
        try
        {
            if (_root is not { } root || _programs.ContainsKey(channel))
            {
                throw new CaissonException(ErrorKind.FailedPrecondition, "the host asked for a program before the machine was ready, or twice");
            }
            var program = GuestProgram.Start(channel, launch, root, _programs.GetValueOrDefault((ushort)0)?.Process, link, _epoll, out GuestFailure? failure);
            if (program is null)
            {
                link.Send(AgentFrameKind.Failed, channel, failure!.Encode());
                return;
            }
            _programs.Add(channel, program);
            link.Send(AgentFrameKind.Started, channel, []);
            program.Watch();
            Settle(program);
        }
        catch (Exception error) when (error is CaissonException or FormatException)
        {
            link.Send(AgentFrameKind.Failed, channel, new GuestFailure(-1, 0, 0, error.Message).Encode());
        }
    }

    private void Settle(GuestProgram program)
    {
        if (program.TryEnd())
        {
            _programs.Remove(program.Channel);
        }
    }

    private void Rewatch()
    {
        EpollEvents wanted = EpollEvents.Readable | (link.HasOutput ? EpollEvents.Writable : 0);
        if (wanted != _watched)
        {
            _epoll.Change(link.Port, wanted, LinkKey);
            _watched = wanted;
        }
    }

    /// <summary>Ends every program, puts the disks in order and says so.</summary>
    private void End()
    {
        foreach (GuestProgram program in _programs.Values)
        {
            program.Kill();
        }
        _resolver?.Dispose();
        _root?.Dispose();
        GuestRoot.Unmount();
        _files?.Unmount();
        if (!link.IsClosed)
        {
            link.Send(AgentFrameKind.Goodbye, 0, []);
        }
    }
}
