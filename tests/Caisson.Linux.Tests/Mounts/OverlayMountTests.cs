using Caisson.Errors;
using Xunit;

namespace Caisson.Linux.Tests.Mounts;

public sealed class OverlayMountTests : IDisposable
{
    private const uint Base = 100_000;
    private readonly TemporaryDirectory _temporary = new();
    private readonly UserNamespace _users = UserNamespace.Create([new(0, Base, 65536)], [new(0, Base, 65536)]);

    public OverlayMountTests()
    {
        _temporary.Make("one");
        _temporary.Make("two");
        _temporary.Make("data/upper");
        _temporary.Make("data/work");
        _temporary.Write("one/f", "one");
        _temporary.Write("two/f", "two");
        _temporary.Write("two/g", "two");
    }

    [Fact]
    public void Layers_cover_each_other_the_first_on_top()
    {
        using var tree = OverlayMount.Create([Open("one"), Open("two")]);
        using var root = RootDirectory.From(tree);

        Assert.Equal("one"u8.ToArray(), root.ReadFile("f", 10));
        Assert.Equal("two"u8.ToArray(), root.ReadFile("g", 10));
        Assert.Equal(Errno.EROFS, Assert.Throws<LinuxException>(() => root.CreateFile("new", 0x1A4)).Errno);
    }

    [Fact]
    public void One_layer_alone_is_read_only()
    {
        using var tree = OverlayMount.Create([Open("one")]);
        using var root = RootDirectory.From(tree);

        Assert.Equal("one"u8.ToArray(), root.ReadFile("f", 10));
        Assert.Equal(Errno.EROFS, Assert.Throws<LinuxException>(() => root.CreateFile("new", 0x1A4)).Errno);
    }

    [Fact]
    public void Changes_go_to_the_upper_directory_and_the_mount_is_in_no_table()
    {
        using var data = _temporary.Root.OpenDirectory("data");
        int before = MountTable.Read().Count(mount => mount.Type == "overlay");

        using (var tree = OverlayMount.Create([Open("one"), Open("two")], new(data)))
        using (var root = RootDirectory.From(tree))
        {
            root.Unlink("g");
            root.CreateFile("new", 0x1A4).Dispose();

            Assert.Equal(before, MountTable.Read().Count(mount => mount.Type == "overlay"));
        }

        Assert.Equal(["g", "new"], _temporary.Root.Enumerate("data/upper").Select(entry => entry.Name).Order());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Through_an_id_map_disk_owner_0_is_root_of_the_namespace_both_ways(bool attached)
    {
        using var data = _temporary.Root.OpenDirectory("data");
        using var tree = CreateMapped(data, attached);
        using var root = RootDirectory.From(tree);

        Assert.Equal(Base, root.TryGetStatus("f")!.Value.UserId);
        Assert.Equal(Base, root.TryGetStatus("/")!.Value.UserId);
        AsUser(Base, () =>
        {
            root.CreateFile("new", 0x1A4).Dispose();
            using var changed = root.OpenFile("f", writable: true);
            changed.Write("ONE"u8);
        });

        Assert.Equal(Base, root.TryGetStatus("new")!.Value.UserId);
        Assert.Equal(Base, root.TryGetStatus("f")!.Value.UserId);
        Assert.Equal(0u, _temporary.Root.TryGetStatus("data/upper/new")!.Value.UserId);
        Assert.Equal(0u, _temporary.Root.TryGetStatus("data/upper/f")!.Value.UserId);
    }

    [Fact]
    public void Root_of_the_namespace_owns_and_changes_the_mapped_mount()
    {
        using var data = _temporary.Root.OpenDirectory("data");
        using var tree = OverlayMount.CreateIdmapped([Open("one"), Open("two")], new(data), _users);

        string owners = InNamespace(tree, "sh -c 'mkdir d && touch d/new && chown 5:6 d && rm g && stat -c %u:%g f d d/new'");

        Assert.Equal("0:0\n5:6\n0:0", owners);
        Assert.Equal(5u, _temporary.Root.TryGetStatus("data/upper/d")!.Value.UserId);
        Assert.Equal(FileKind.CharacterDevice, _temporary.Root.TryGetStatus("data/upper/g")!.Value.Kind);
    }

    [Fact]
    public void An_upper_directory_of_a_stranger_is_refused_instead_of_being_read_only()
    {
        using var data = _temporary.Root.OpenDirectory("data");
        using (var upper = data.OpenDirectory("upper"))
        {
            upper.ChangeOwner(70000, 70000);
        }

        var e = Assert.Throws<CaissonException>(() => OverlayMount.CreateIdmapped([Open("one")], new(data), _users));

        Assert.Equal(ErrorKind.FailedPrecondition, e.Kind);
        Assert.Contains("70000:70000", e.Message);
    }

    [Fact]
    public void Whether_ids_can_be_mapped_is_known_beforehand()
    {
        Assert.True(MountTree.CanMapIds(_temporary.Root.Directory));
        using var proc = HostFiles.OpenDirectory("/proc");
        Assert.False(MountTree.CanMapIds(proc));
    }

    [Fact]
    public void Many_layers_are_one_mount()
    {
        for (int i = 0; i < 120; i++)
        {
            _temporary.Make($"layer{i}");
            _temporary.Write($"layer{i}/f{i}", "");
        }
        List<Descriptor> layers = [.. Enumerable.Range(0, 120).Select(i => Open($"layer{i}"))];
        using var data = _temporary.Root.OpenDirectory("data");

        using var tree = OverlayMount.CreateIdmapped(layers, new(data), _users);
        using var root = RootDirectory.From(tree);

        Assert.Equal(120, root.Enumerate("/").Count);
        layers.ForEach(layer => layer.Dispose());
    }

    [Fact]
    public void A_driver_says_why_it_refused()
    {
        using var context = FilesystemContext.Open("overlay");

        var e = Assert.Throws<LinuxException>(() => context.Set("uper", "x"));

        Assert.Contains("nknown parameter 'uper'", e.Message);
    }

    public void Dispose()
    {
        _users.Dispose();
        _temporary.Dispose();
    }

    private MountTree CreateMapped(DirectoryDescriptor data, bool attached)
    {
        if (!attached)
        {
            return OverlayMount.CreateIdmapped([Open("one"), Open("two")], new(data), _users);
        }
        using var mapped = new MappedLayers([Open("one"), Open("two")], new(data), _users);
        return OverlayMount.BuildMapped(mapped, OverlayOptions.Default, attach: true);
    }

    private FileDescriptor Open(string path) => _temporary.Root.OpenPath(path);

    /// <summary>Runs a command as root of the namespace, in the root of the mount.</summary>
    private string InNamespace(MountTree tree, string command)
    {
        using var root = tree.OpenRoot();
        root.SetCloseOnExec(false);
        _users.SetCloseOnExec(false);
        var start = new System.Diagnostics.ProcessStartInfo("nsenter") { RedirectStandardOutput = true };
        string inner = $"cd {root.ProcPath} && exec {command}";
        foreach (string argument in (string[])[$"--user={_users.ProcPath}", "--setuid=0", "--setgid=0", "sh", "-c", inner])
        {
            start.ArgumentList.Add(argument);
        }
        using var process = System.Diagnostics.Process.Start(start)!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return output.Trim();
    }

    /// <summary>Runs on a thread whose file system ids are those of <paramref name="id"/>.</summary>
    private static void AsUser(uint id, Action action)
    {
        Exception? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                Libc.syscall(Abi.Kernel.SYS_setfsgid, (nint)id);
                Libc.syscall(Abi.Kernel.SYS_setfsuid, (nint)id);
                action();
            }
            catch (Exception e)
            {
                failure = e;
            }
        });
        thread.Start();
        thread.Join();
        Assert.Null(failure);
    }
}
