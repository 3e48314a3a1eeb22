using System.Collections.Immutable;

namespace Caisson.Linux.Seccomp;

/// <summary>A system call convention that a filter tells from the others.</summary>
internal enum SeccompConvention
{
    X64,
    X86,
    X32,
    Arm64,
}

/// <summary>The rules of a policy by convention and call number.</summary>
/// <remarks>
/// On i386 the calls of sockets and System V IPC exist twice: directly, and through <c>socketcall</c> and <c>ipc</c> with the
/// call in argument 0. A rule for one stands for both, as libseccomp has it; its conditions on the other arguments are kept,
/// though those of <c>socketcall</c> are a pointer. Source: linux/net.h, linux/ipc.h.
/// </remarks>
internal sealed class SeccompCalls
{
    private const int NumbersMax = 1024;
    private const int NumberOfSocketcall = 102;
    private const int NumberOfIpc = 117;

    private readonly int[][] _first = [new int[NumbersMax], new int[NumbersMax], new int[NumbersMax], new int[NumbersMax]];
    private readonly int[][] _last = [new int[NumbersMax], new int[NumbersMax], new int[NumbersMax], new int[NumbersMax]];
    private readonly int[] _newest = [-1, -1, -1, -1];
    private readonly List<Entry> _entries = new(1024) { default };

    private SeccompCalls(ImmutableArray<string> unknownNames) => UnknownNames = unknownNames;

    public ImmutableArray<string> UnknownNames { get; private set; }

    /// <summary>Looks every name up. Rules that only repeat the default action count for the newest number alone.</summary>
    public static SeccompCalls Resolve(SeccompPolicy policy)
    {
        var calls = new SeccompCalls([]);
        OrderedDictionary<string, bool> unknown = [];
        foreach (var rule in policy.Rules)
        {
            calls.Add(rule, rule.Action == policy.DefaultAction, unknown);
        }
        calls.UnknownNames = [.. unknown.Keys];
        return calls;
    }

    /// <summary>The highest number the policy names, -1 for none; without the x32 bit.</summary>
    public int NewestNumber(SeccompConvention convention) => _newest[(int)convention];

    /// <summary>The first test for one call in the order of the policy, as a cursor for <see cref="Next"/>; 0 for none.</summary>
    public int First(SeccompConvention convention, int number) => _first[(int)convention][number];

    /// <summary>The test at <paramref name="cursor"/>, which moves on to the next; 0 after the last.</summary>
    public SeccompTest Next(ref int cursor)
    {
        var (test, next) = _entries[cursor];
        cursor = next;
        return test;
    }

    private void Add(SeccompRule rule, bool redundant, OrderedDictionary<string, bool> unknown)
    {
        var wide = new SeccompTest(rule.Action, SeccompTest.Normalize(rule.Conditions, wide: true));
        var narrow = new SeccompTest(rule.Action, SeccompTest.Normalize(rule.Conditions, wide: false));
        foreach (string name in rule.Names)
        {
            var (multiplexer, call) = Multiplexed(name);
            if (!SyscallTable.TryFind(name, out var numbers) && multiplexer < 0)
            {
                unknown.TryAdd(name, true);
                continue;
            }
            Add(SeccompConvention.X64, numbers.X64, wide, redundant);
            Add(SeccompConvention.X86, numbers.X86, narrow, redundant);
            Add(SeccompConvention.X32, numbers.X32 & ~SyscallTable.X32Bit, narrow, redundant, numbers.X32 >= 0);
            Add(SeccompConvention.Arm64, numbers.Arm64, wide, redundant);
            Add(SeccompConvention.X86, multiplexer, call, rule, redundant);
        }
    }

    private void Add(SeccompConvention convention, int number, SeccompTest test, bool redundant, bool exists = true)
    {
        if (number < 0 || !exists)
        {
            return;
        }
        int c = (int)convention;
        _newest[c] = Math.Max(_newest[c], number);
        if (redundant)
        {
            return;
        }
        int entry = _entries.Count;
        _entries.Add(new(test));
        if (_first[c][number] == 0)
        {
            _first[c][number] = entry;
        }
        else
        {
            _entries[_last[c][number]] = _entries[_last[c][number]] with { Next = entry };
        }
        _last[c][number] = entry;
    }

    private void Add(SeccompConvention convention, int multiplexer, uint call, SeccompRule rule, bool redundant)
    {
        if (multiplexer < 0 || redundant)
        {
            return;
        }
        var conditions = rule.Conditions.RemoveAll(condition => condition.Index == 0)
            .Add(new(0, SeccompComparison.Equal, call));
        Add(convention, multiplexer, new SeccompTest(rule.Action, SeccompTest.Normalize(conditions, wide: false)), false);
    }

    private static (int Number, uint Call) Multiplexed(string name) => name switch
    {
        "socket" => (NumberOfSocketcall, 1),
        "bind" => (NumberOfSocketcall, 2),
        "connect" => (NumberOfSocketcall, 3),
        "listen" => (NumberOfSocketcall, 4),
        "accept" => (NumberOfSocketcall, 5),
        "getsockname" => (NumberOfSocketcall, 6),
        "getpeername" => (NumberOfSocketcall, 7),
        "socketpair" => (NumberOfSocketcall, 8),
        "send" => (NumberOfSocketcall, 9),
        "recv" => (NumberOfSocketcall, 10),
        "sendto" => (NumberOfSocketcall, 11),
        "recvfrom" => (NumberOfSocketcall, 12),
        "shutdown" => (NumberOfSocketcall, 13),
        "setsockopt" => (NumberOfSocketcall, 14),
        "getsockopt" => (NumberOfSocketcall, 15),
        "sendmsg" => (NumberOfSocketcall, 16),
        "recvmsg" => (NumberOfSocketcall, 17),
        "accept4" => (NumberOfSocketcall, 18),
        "recvmmsg" => (NumberOfSocketcall, 19),
        "sendmmsg" => (NumberOfSocketcall, 20),
        "semop" => (NumberOfIpc, 1),
        "semget" => (NumberOfIpc, 2),
        "semctl" => (NumberOfIpc, 3),
        "semtimedop" => (NumberOfIpc, 4),
        "msgsnd" => (NumberOfIpc, 11),
        "msgrcv" => (NumberOfIpc, 12),
        "msgget" => (NumberOfIpc, 13),
        "msgctl" => (NumberOfIpc, 14),
        "shmat" => (NumberOfIpc, 21),
        "shmdt" => (NumberOfIpc, 22),
        "shmget" => (NumberOfIpc, 23),
        "shmctl" => (NumberOfIpc, 24),
        _ => (-1, 0),
    };

    private readonly record struct Entry(SeccompTest Test, int Next = 0);
}
