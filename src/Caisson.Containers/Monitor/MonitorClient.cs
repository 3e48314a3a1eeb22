using Caisson.Linux;

namespace Caisson.Containers.Monitor;

/// <summary>One connection to a monitor: first its call, then what the call is for.</summary>
internal sealed class MonitorClient
{
    private readonly byte[] _call = new byte[MonitorCall.Size];
    private int _received;

    /// <summary>Null while the place is free.</summary>
    public UnixSocket? Socket { get; private set; }

    /// <summary>Whether the call is read and answered.</summary>
    public bool HasCalled => _received == MonitorCall.Size;

    /// <summary>It wants to hear what happens to the log, and the end.</summary>
    public bool Watches { get; set; }

    /// <summary>The streams it carries, as in <see cref="MonitorCall.Streams"/>; 0 for one that only watches.</summary>
    public byte Streams { get; set; }

    /// <summary>The peer writes no more.</summary>
    public bool InputEnded { get; set; }

    /// <summary>The peer reads no more.</summary>
    public bool OutputEnded { get; set; }

    /// <summary>What the event loop watches.</summary>
    public EpollEvents Watched { get; set; }

    /// <summary>Whether the event loop knows it.</summary>
    public bool IsWatched { get; set; }

    /// <summary>How much is left to send of the piece of each source.</summary>
    public int[] Unsent { get; } = new int[2];

    /// <summary>The source whose piece is sent in part, so that no other may come between; -1 for none.</summary>
    public int Partial { get; set; } = -1;

    /// <summary>Takes a new connection.</summary>
    public void Open(UnixSocket socket)
    {
        Socket = socket;
        _received = 0;
        Streams = 0;
        Watches = InputEnded = OutputEnded = IsWatched = false;
        Watched = EpollEvents.None;
        Unsent[0] = Unsent[1] = 0;
        Partial = -1;
    }

    /// <summary>Frees the place.</summary>
    public void Close()
    {
        Socket?.Dispose();
        Socket = null;
        Streams = 0;
        Unsent[0] = Unsent[1] = 0;
    }

    /// <summary>Reads more of the call; null until it is whole. <paramref name="failed"/>: the peer will not send it.</summary>
    public MonitorCall? ReadCall(out bool failed)
    {
        int count = Socket!.ReadNow(_call.AsSpan(_received));
        failed = count <= 0 && count != -(int)Errno.EAGAIN;
        if (count > 0)
        {
            _received += count;
        }
        return HasCalled ? MonitorCall.Decode(_call) : null;
    }

    /// <summary>Whether output of the source belongs to it.</summary>
    public bool Wants(int source) => Socket is not null && !OutputEnded && (Streams & (2 << source)) != 0;
}
