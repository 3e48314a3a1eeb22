using Caisson.Containers.State;
using Caisson.Errors;
using Caisson.Oci.Runtime;
using Xunit;

namespace Caisson.Containers.Tests.State;

public sealed class RuntimeRootTests : IDisposable
{
    private readonly string _path = Directory.CreateTempSubdirectory("caisson-root-").FullName;
    private readonly RuntimeRoot _root;

    public RuntimeRootTests() => _root = new RuntimeRoot(Path.Combine(_path, "run"));

    public void Dispose() => Directory.Delete(_path, recursive: true);

    [Fact]
    public void A_container_is_there_after_its_state_was_written()
    {
        Make("web");
        Make("a+b_c-1.2");

        Assert.Equal(["a+b_c-1.2", "web"], _root.List().Select(state => state.Id));
        Assert.Equal(42, _root.Read("web").Pid);
        using ContainerDirectory opened = _root.Open("web");
        Assert.Equal("/bundles/web", opened.ReadState().Bundle);
    }

    [Fact]
    public void Of_two_with_one_id_the_second_is_refused()
    {
        Make("web");

        Assert.Equal(ErrorKind.AlreadyExists, Assert.Throws<CaissonException>(() => _root.Create("web")).Kind);
    }

    [Fact]
    public void Creating_without_a_state_leaves_nothing()
    {
        using (ContainerDirectory started = _root.Create("web"))
        {
            File.WriteAllText(started.PathOf("gate"), "");
            Directory.CreateDirectory(started.PathOf("more/deep"));
        }

        Assert.Empty(Directory.EnumerateFileSystemEntries(_root.Path));
    }

    [Fact]
    public void What_a_killed_create_left_is_taken_over()
    {
        Directory.CreateDirectory(Path.Combine(_root.Path, "web/old"));
        Assert.Empty(_root.List());
        Assert.Equal(ErrorKind.NotFound, Assert.Throws<CaissonException>(() => _root.Open("web")).Kind);

        using ContainerDirectory created = _root.Create("web");

        Assert.False(Directory.Exists(created.PathOf("old")));
    }

    [Fact]
    public void Deleting_leaves_nothing_and_the_id_is_free()
    {
        Make("web");
        using (ContainerDirectory opened = _root.Open("web"))
        {
            opened.Delete();
        }

        Assert.Empty(Directory.EnumerateFileSystemEntries(_root.Path));
        Assert.Equal(ErrorKind.NotFound, Assert.Throws<CaissonException>(() => _root.Read("web")).Kind);
        Make("web");
    }

    [Fact]
    public async Task A_second_command_waits_for_the_first()
    {
        Make("web");
        ContainerDirectory first = _root.Open("web");
        Task<ContainerDirectory> second = Task.Run(() => _root.Open("web"), TestContext.Current.CancellationToken);
        await Task.Delay(50, TestContext.Current.CancellationToken);
        Assert.False(second.IsCompleted);
        first.WriteState(first.ReadState() with { Started = true });

        first.Dispose();

        using ContainerDirectory opened = await second;
        Assert.True(opened.ReadState().Started);
    }

    [Fact]
    public async Task Who_waited_for_a_container_that_was_deleted_finds_none()
    {
        Make("web");
        ContainerDirectory first = _root.Open("web");
        Task<ContainerDirectory> second = Task.Run(() => _root.Open("web"), TestContext.Current.CancellationToken);
        await Task.Delay(50, TestContext.Current.CancellationToken);

        first.Delete();
        first.Dispose();

        Assert.Equal(ErrorKind.NotFound, (await Assert.ThrowsAsync<CaissonException>(() => second)).Kind);
    }

    [Fact]
    public void Of_many_at_once_exactly_one_creates_each_round()
    {
        for (int round = 0; round < 20; round++)
        {
            int created = 0;
            Parallel.For(0, 8, new ParallelOptions { MaxDegreeOfParallelism = 8 }, _ =>
            {
                try
                {
                    Make("web");
                    Interlocked.Increment(ref created);
                }
                catch (CaissonException e) when (e.Kind == ErrorKind.AlreadyExists)
                {
                    // another was first
                }
            });

            Assert.Equal(1, created);
            using ContainerDirectory opened = _root.Open("web");
            opened.Delete();
        }
    }

    [Fact]
    public void A_root_that_others_can_write_is_refused()
    {
        Directory.CreateDirectory(_root.Path);
        File.SetUnixFileMode(_root.Path, (UnixFileMode)0x1FF);

        Assert.Equal(ErrorKind.PermissionDenied, Assert.Throws<CaissonException>(() => _root.Create("web")).Kind);
    }

    [Fact]
    public void The_configuration_is_kept()
    {
        using ContainerDirectory created = _root.Create("web");
        var spec = new RuntimeSpec
        {
            OciVersion = "1.2.0",
            Root = new Root { Path = "rootfs" },
            Process = new Process { Cwd = "/", Args = ["sh"] },
        };

        created.WriteSpec(spec);

        Assert.Equal(["sh"], created.ReadSpec().Process!.Args);
    }

    [Theory]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData("a/b")]
    [InlineData("ä")]
    [InlineData("a b")]
    public void Ids_that_are_not_plain_names_are_refused(string id)
    {
        Assert.Equal(ErrorKind.InvalidArgument, Assert.Throws<CaissonException>(() => _root.Create(id)).Kind);
        Assert.Equal(ErrorKind.InvalidArgument, Assert.Throws<CaissonException>(() => _root.Open(id)).Kind);
        Assert.Equal(ErrorKind.InvalidArgument, Assert.Throws<CaissonException>(() => _root.Read(id)).Kind);
    }

    [Fact]
    public void The_longest_id_is_the_longest_file_name()
    {
        Make(new string('a', 255));

        Assert.False(ContainerId.IsValid(new string('a', 256)));
    }

    private void Make(string id)
    {
        using ContainerDirectory created = _root.Create(id);
        created.WriteState(RuntimeStateTests.Sample with { Id = id });
    }
}
