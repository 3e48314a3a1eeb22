using System.Diagnostics;
using Caisson.Linux;
using Caisson.Linux.Memory;
using Caisson.Linux.Processes;

namespace Caisson.Containers.Monitor;

internal sealed partial class ProcessMonitor
{
    private const int ClientsMax = 64;

    /// <summary>How much is taken from one source before the others have their turn.</summary>
    private const int PiecesAtOnce = 16;

    /// <summary>How long streams are waited for that outlive the process, because something else holds them open.</summary>
    private const int IdleMs = 500;
    private const int OutliveMs = 2_000;

    /// <summary>How long a client that does not read delays the record of the end.</summary>
    private const int SlowClientMs = 10_000;

    /// <summary>After so long without an event, what is not needed for waiting is given back.</summary>
    private const int RestMs = 300;

    private readonly OutputSource[] _sources;
    private readonly List<MonitorClient> _clients = [];
    private readonly ScratchMemory _input;
    private Descriptor? _stdin;
    private int _inputStart;
    private int _inputEnd;
    private bool _isStdinEnding;
    private bool _isStdinWatched;
    private ExitRecord _exit;
    private long _exitedAt;

    private bool InputWaits => _inputEnd > _inputStart;

    private bool OutputWaits
    {
        get
        {
            foreach (OutputSource source in _sources)
            {
                if (IsPending(source))
                {
                    return true;
                }
            }
            return false;
        }
    }

    private void Loop()
    {
        Span<EpollAnswer> answers = stackalloc EpollAnswer[16];
        bool rests = false;
        while (true)
        {
            int count = _epoll.Wait(answers, _phase == Phase.Draining ? IdleMs : rests ? -1 : RestMs);
            rests = count == 0 && _phase != Phase.Draining;
            if (rests)
            {
                Rest();
            }
            for (int i = 0; i < count; i++)
            {
                Dispatch(answers[i]);
            }
            if (_phase == Phase.Draining && IsDrained(isIdle: count == 0))
            {
                Finish();
                return;
            }
        }
    }

    private void Rest()
    {
        foreach (OutputSource source in _sources)
        {
            if (!IsPending(source))
            {
                source.Rest();
            }
        }
        if (!InputWaits)
        {
            _input.Discard();
        }
        _log?.Rest();
        OwnProcess.ReleaseCode();
    }

    private void Dispatch(EpollAnswer answer)
    {
        switch (answer.Key)
        {
            case LauncherKey:
                OnLauncher();
                break;
            case ListenerKey:
                Accept();
                break;
            case ExitKey when _phase == Phase.Running:
                OnExit();
                break;
            case StdinKey:
                FlushInput();
                break;
            case StdoutKey or StderrKey:
                Pump(_sources[answer.Key == StdoutKey ? 0 : 1]);
                break;
            case >= FirstClientKey:
                OnClient(_clients[(int)(answer.Key - FirstClientKey)], answer);
                break;
        }
    }

    private void OnExit()
    {
        if (_process.Process.TryWaitExit() is not { } status)
        {
            return;
        }
        _epoll.Remove(_process.Process);
        _exit = new ExitRecord(status, DateTimeOffset.UtcNow, 0);
        _exitedAt = Stopwatch.GetTimestamp();
        _phase = Phase.Draining;
    }

    private bool IsDrained(bool isIdle)
    {
        double elapsedMs = Stopwatch.GetElapsedTime(_exitedAt).TotalMilliseconds;
        if (OutputWaits)
        {
            return elapsedMs > SlowClientMs;
        }
        return (_sources[0].Descriptor is null && _sources[1].Descriptor is null) || isIdle || elapsedMs > OutliveMs;
    }

    /// <summary>The log first, then the record, then the name of the socket; whoever sees the connection end finds all of it.</summary>
    private void Finish()
    {
        _log?.Complete();
        (_exit with { LogErrno = _log?.Errno ?? 0 }).TryWrite(_process.Directory);
        _process.Directory.Unlink(MonitorCall.SocketName);
    }

    /// <summary>Takes what there is, but no more than a few pieces: others wait, too.</summary>
    private void Pump(OutputSource source)
    {
        for (int i = 0; i < PiecesAtOnce && PumpPiece(source); i++)
        {
        }
        Rewatch(source);
    }

    /// <summary>Whether there may be another piece now.</summary>
    private bool PumpPiece(OutputSource source)
    {
        if (source.Descriptor is null || IsPending(source))
        {
            return false;
        }
        int count = source.Read();
        if (count == -(int)Errno.EAGAIN)
        {
            return false;
        }
        if (count <= 0)
        {
            // A terminal whose last program side is closed reads EIO, which is its end.
            if (source.IsWatched)
            {
                _epoll.Remove(source.Descriptor);
                source.IsWatched = false;
            }
            source.Descriptor.Dispose();
            source.Descriptor = null;
            return false;
        }
        _log?.Append(source.Index, source.Content);
        for (int i = 0; i < _clients.Count; i++)
        {
            if (_clients[i].Wants(source.Index))
            {
                _clients[i].Unsent[source.Index] = source.Piece.Length;
                Send(_clients[i], i);
            }
        }
        return source.IsFull;
    }

    /// <summary>Who watches hears that a file of the log is full; one that does not read is no watcher worth waiting for.</summary>
    private void TellRotated()
    {
        foreach (MonitorClient client in _clients)
        {
            if (client is { Socket: { } socket, Watches: true })
            {
                socket.WriteNow([MonitorCall.LogRotated]);
            }
        }
    }

    private bool IsPending(OutputSource source)
    {
        foreach (MonitorClient client in _clients)
        {
            if (client.Unsent[source.Index] > 0)
            {
                return true;
            }
        }
        return false;
    }

    /// <summary>Watches a source exactly while its next piece can be taken.</summary>
    private void Rewatch(OutputSource source)
    {
        bool wanted = source.Descriptor is not null && _phase >= Phase.Running && !IsPending(source);
        if (wanted == source.IsWatched || source.Descriptor is null)
        {
            return;
        }
        source.IsWatched = wanted;
        if (wanted)
        {
            _epoll.Add(source.Descriptor, EpollEvents.Readable, source.Key);
        }
        else
        {
            _epoll.Remove(source.Descriptor);
        }
    }

    private void Send(MonitorClient client, int index)
    {
        while (client.Socket is not null)
        {
            int source = client.Partial >= 0 ? client.Partial : client.Unsent[0] > 0 ? 0 : client.Unsent[1] > 0 ? 1 : -1;
            if (source < 0)
            {
                break;
            }
            var piece = _sources[source].Piece;
            int count = client.Socket.WriteNow(piece[^client.Unsent[source]..]);
            if (count == -(int)Errno.EAGAIN)
            {
                break;
            }
            if (count <= 0)
            {
                EndOutput(client);
                break;
            }
            client.Unsent[source] -= count;
            client.Partial = client.Unsent[source] > 0 ? source : -1;
        }
        Rewatch(client, index);
    }

    private static void EndOutput(MonitorClient client)
    {
        client.OutputEnded = true;
        client.Unsent[0] = client.Unsent[1] = 0;
        client.Partial = -1;
    }

    private void Accept()
    {
        UnixSocket socket = _process.Listener.Accept();
        socket.SetNonBlocking(true);
        int free = 0;
        while (free < _clients.Count && _clients[free].Socket is not null)
        {
            free++;
        }
        if (free == ClientsMax)
        {
            socket.WriteNow([0]);
            socket.Dispose();
            return;
        }
        if (free == _clients.Count)
        {
            _clients.Add(new MonitorClient());
        }
        _clients[free].Open(socket);
        Rewatch(_clients[free], free);
    }

    private void OnClient(MonitorClient client, EpollAnswer answer)
    {
        int index = (int)(answer.Key - FirstClientKey);
        if (client.Socket is null)
        {
            return;
        }
        if (!client.HasCalled)
        {
            ReadCall(client);
        }
        else
        {
            if ((answer.Events & (EpollEvents.HangUp | EpollEvents.Error)) != 0)
            {
                EndOutput(client);
            }
            if ((answer.Events & (EpollEvents.Readable | EpollEvents.HangUp)) != 0 && !client.InputEnded)
            {
                ReadInput(client);
            }
            if ((answer.Events & EpollEvents.Writable) != 0)
            {
                Send(client, index);
            }
        }
        if (client.Socket is not null && client.OutputEnded && client.InputEnded)
        {
            Forget(client);
        }
        Rewatch(client, index);
        Rewatch(_sources[0]);
        Rewatch(_sources[1]);
    }

    private void ReadCall(MonitorClient client)
    {
        MonitorCall? call = client.ReadCall(out bool failed);
        if (failed)
        {
            Forget(client);
            return;
        }
        switch (call)
        {
            case { Kind: MonitorCallKind.Watch }:
                client.Watches = true;
                client.Socket!.WriteNow([_phase >= Phase.Running ? MonitorCall.Running : MonitorCall.NotYetRunning]);
                break;
            case { Kind: MonitorCallKind.Attach, Streams: var streams }:
                client.Streams = streams;
                client.Socket!.WriteNow([1]);
                break;
            case { Kind: MonitorCallKind.RotateLog }:
                client.Socket!.WriteNow([_log?.Rotate() == true ? (byte)1 : (byte)0]);
                Forget(client);
                break;
            case { Kind: MonitorCallKind.Resize } resize:
                Resize(resize);
                client.Socket!.WriteNow([1]);
                Forget(client);
                break;
            case not null:
                client.Socket!.WriteNow([0]);
                Forget(client);
                break;
        }
    }

    private void Resize(MonitorCall call)
    {
        if (!_process.IsTerminal || _sources[0].Descriptor is not { } terminal)
        {
            return;
        }
        try
        {
            Terminal.SetSize(terminal, new TerminalSize(call.Rows, call.Columns));
        }
        catch (LinuxException)
        {
            // The terminal went with its program, and has no size to set.
        }
    }

    private void Forget(MonitorClient client)
    {
        if (client.IsWatched)
        {
            _epoll.Remove(client.Socket!);
            client.IsWatched = false;
        }
        client.Close();
    }

    /// <summary>A client is read while there is room for what it says; one that is gone and has said all is not watched, for it would be reported for ever.</summary>
    private void Rewatch(MonitorClient client, int index)
    {
        if (client.Socket is null)
        {
            return;
        }
        bool reads = !client.InputEnded && !(InputWaits && TakesInput(client));
        var wanted = (reads ? EpollEvents.Readable : 0)
            | (client.Unsent[0] > 0 || client.Unsent[1] > 0 ? EpollEvents.Writable : 0);
        bool watched = wanted != 0 || !client.OutputEnded;
        if (watched && !client.IsWatched)
        {
            _epoll.Add(client.Socket, wanted, FirstClientKey + (ulong)index);
        }
        else if (watched && wanted != client.Watched)
        {
            _epoll.Change(client.Socket, wanted, FirstClientKey + (ulong)index);
        }
        else if (!watched && client.IsWatched)
        {
            _epoll.Remove(client.Socket);
        }
        client.IsWatched = watched;
        client.Watched = wanted;
    }

    private bool TakesInput(MonitorClient client) => (client.Streams & 1) != 0 && _stdin is not null && !_isStdinEnding;

    private void ReadInput(MonitorClient client)
    {
        bool takes = TakesInput(client);
        if (takes && InputWaits)
        {
            return;
        }
        // What nobody takes is read all the same, into the free buffer or the part of it behind what waits, so that the client does not hang.
        int at = takes ? 0 : _inputEnd;
        var input = _input.Span;
        if (at == input.Length)
        {
            return;
        }
        int count = client.Socket!.ReadNow(input[at..]);
        if (count == -(int)Errno.EAGAIN)
        {
            return;
        }
        if (count <= 0)
        {
            client.InputEnded = true;
            if (count < 0)
            {
                EndOutput(client);
            }
            // Only a half-closed peer has said that stdin is to end; one that is gone has said nothing.
            if (takes && count == 0 && !client.OutputEnded && !_process.IsTerminal)
            {
                _isStdinEnding = true;
                FlushInput();
            }
            return;
        }
        if (takes)
        {
            _inputStart = 0;
            _inputEnd = count;
            FlushInput();
        }
    }

    private void FlushInput()
    {
        bool waited = InputWaits;
        while (_stdin is not null && InputWaits)
        {
            int count = _stdin.WriteNow(_input.Span[_inputStart.._inputEnd]);
            if (count == -(int)Errno.EAGAIN)
            {
                break;
            }
            if (count <= 0)
            {
                CloseStdin(); // the program reads no more
                break;
            }
            _inputStart += count;
        }
        if (!InputWaits && _isStdinEnding)
        {
            CloseStdin();
        }
        bool watched = _stdin is not null && InputWaits;
        if (_stdin is not null && watched != _isStdinWatched)
        {
            if (watched)
            {
                _epoll.Add(_stdin, EpollEvents.Writable, StdinKey);
            }
            else
            {
                _epoll.Remove(_stdin);
            }
            _isStdinWatched = watched;
        }
        if (waited != InputWaits || waited)
        {
            for (int i = 0; i < _clients.Count; i++)
            {
                Rewatch(_clients[i], i);
            }
        }
    }

    private void CloseStdin()
    {
        if (_stdin is not null && _isStdinWatched)
        {
            _epoll.Remove(_stdin);
        }
        _isStdinWatched = false;
        _stdin?.Dispose();
        _stdin = null;
        _inputStart = _inputEnd = 0;
    }
}
