using System.Collections.Concurrent;

namespace Caisson.EndToEnd.Tests.Chaos;

/// <summary>What a client knows of something it asked for: not asked, asked without an answer, or acknowledged.</summary>
internal enum Known
{
    No,
    Perhaps,
    Yes,
}

internal enum Role
{
    /// <summary>Counts to its stdout until somebody ends it.</summary>
    Heart,

    /// <summary>As a heart, and restarted by policy whatever ends it.</summary>
    Guarded,

    /// <summary>Works for a moment and ends with a code of its own.</summary>
    Job,
}

/// <summary>One container in the journal of the client that asked for it.</summary>
internal sealed class Entry(string name, Role role)
{
    /// <summary>As last acknowledged; a rename without an answer has the other name in <see cref="PerhapsName"/>.</summary>
    public string Name { get; set; } = name;

    public string? PerhapsName { get; set; }

    public Role Role => role;

    public string? Id { get; set; }

    /// <summary>The token in its label and its command, by which a mix-up of two containers shows.</summary>
    public string Token { get; } = Guid.NewGuid().ToString("N");

    public int ExitCode { get; init; }

    public bool AutoRemove { get; init; }

    public Known Exists { get; set; }

    public Known Started { get; set; }

    /// <summary>A user asked for its end: removal or kill.</summary>
    public bool EndAsked { get; set; }

    public bool RemoveAsked { get; set; }

    /// <summary>Seen as ended once; it stays so.</summary>
    public bool SeenEnded { get; set; }

    public long MemoryBytes { get; set; }

    public long? PerhapsMemoryBytes { get; set; }

    /// <summary>The first process; once it is known, it stays the same until the end.</summary>
    public HostProcess? Process { get; set; }

    public override string ToString() =>
        $"{Role} {Name} ({Id?[..12] ?? "no id"}; exists {Exists}, started {Started}{(EndAsked ? ", end asked" : "")}{(RemoveAsked ? ", removal asked" : "")}{(AutoRemove ? ", --rm" : "")})";
}

/// <summary>What all clients have seen, and what is wrong with it.</summary>
internal sealed class Journal
{
    /// <summary>The code of a container whose monitor was killed: the engine ends it.</summary>
    public const int EndedByEngine = 137;

    /// <summary>The code of a container that ended while neither its monitor nor an engine looked.</summary>
    public const int EndNotSeen = 255;

    private readonly ConcurrentDictionary<string, int> _counts = new();
    private readonly ConcurrentDictionary<string, byte> _removed = new();
    private readonly ConcurrentDictionary<string, byte> _victims = new();
    private readonly ConcurrentQueue<string> _faults = new();

    public IReadOnlyDictionary<string, int> Counts => _counts;

    public IReadOnlyCollection<string> Faults => _faults;

    public IEnumerable<string> Removed => _removed.Keys;

    /// <summary>How many starts or execs a killed monitor may have cost whose container was not known at the time.</summary>
    public int UnknownVictims;

    public void Count(string what) => _counts.AddOrUpdate(what, 1, (_, count) => count + 1);

    public void Fault(string text) => _faults.Enqueue(text);

    public void Gone(string id) => _removed[id] = 0;

    /// <summary>Notes that a monitor of the container was killed: its own or one of an exec.</summary>
    public void Victim(string id, bool isExec) => _victims[isExec ? "exec " + id : id] = 0;

    public bool IsVictim(string id, bool isExec = false) => _victims.ContainsKey(isExec ? "exec " + id : id);

    public bool ForgiveExec(string id) => _victims.TryRemove("exec " + id, out _) || ForgiveUnknown();

    /// <summary>As <see cref="ForgiveUnknown()"/>, and from now on the container is known to be the victim.</summary>
    public bool ForgiveUnknown(string id)
    {
        bool forgiven = ForgiveUnknown();
        if (forgiven)
        {
            Victim(id, isExec: false);
        }
        return forgiven;
    }

    public bool ForgiveUnknown()
    {
        if (Interlocked.Decrement(ref UnknownVictims) >= 0)
        {
            return true;
        }
        Interlocked.Increment(ref UnknownVictims);
        return false;
    }
}
