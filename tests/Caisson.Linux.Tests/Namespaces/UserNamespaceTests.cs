using Caisson.Errors;
using Xunit;

namespace Caisson.Linux.Tests.Namespaces;

public sealed class UserNamespaceTests
{
    [Fact]
    public void It_lives_without_a_process_and_has_its_maps()
    {
        using var users = UserNamespace.Create([new(0, 100000, 65536)], [new(0, 200000, 1000), new(5000, 300000, 1)]);
        users.SetCloseOnExec(false);

        string maps = Shell.Run($"nsenter --user={users.ProcPath} cat /proc/self/uid_map /proc/self/gid_map");

        Assert.Equal(
            [["0", "100000", "65536"], ["0", "200000", "1000"], ["5000", "300000", "1"]],
            maps.Split('\n').Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)));
        using var own = Namespace.OpenOwn(NamespaceKind.User);
        Assert.NotEqual(own.Identity, users.Identity);
    }

    [Fact]
    public void Many_are_made_at_once_beside_garbage_collections()
    {
        using var stop = new CancellationTokenSource();
        var collector = new Thread(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                GC.Collect(0);
            }
        });
        collector.Start();
        int made = 0;

        Parallel.For(0, 200, new() { MaxDegreeOfParallelism = 4 }, _ =>
        {
            UserNamespace.Create([new(0, 100000, 1)], [new(0, 100000, 1)]).Dispose();
            Interlocked.Increment(ref made);
        });

        stop.Cancel();
        collector.Join();
        Assert.Equal(200, made);
    }

    [Theory]
    [InlineData(0, 0, 0)]
    [InlineData(0, 4294967295, 1)]
    [InlineData(1, 0, 4294967295)]
    public void Impossible_ranges_are_refused(uint inside, uint outside, uint count)
    {
        Assert.Equal(ErrorKind.InvalidArgument, Assert.Throws<CaissonException>(() => IdMap.Format([new(inside, outside, count)])).Kind);
    }

    [Fact]
    public void The_kernel_s_refusal_of_a_map_shows_the_map()
    {
        var e = Assert.Throws<LinuxException>(() => UserNamespace.Create([new(0, 1000, 10), new(5, 2000, 10)], [new(0, 0, 1)]));

        Assert.Equal(Errno.EINVAL, e.Errno);
        Assert.Contains("uid_map", e.Message);
    }

    [Fact]
    public void A_file_that_is_no_namespace_or_another_kind_is_refused()
    {
        Assert.Contains("is not a namespace", Assert.Throws<CaissonException>(() => Namespace.Open("/proc/self/status", NamespaceKind.Network)).Message);
        Assert.Contains("is of kind Uts", Assert.Throws<CaissonException>(() => Namespace.Open("/proc/self/ns/uts", NamespaceKind.Network)).Message);
    }
}
