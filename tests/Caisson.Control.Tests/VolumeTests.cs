using System.Formats.Tar;
using System.Text;

using Caisson.Control.Listing;
using Caisson.Control.Model;
using Caisson.Control.Volumes;
using Caisson.Control.Workloads;
using Caisson.Errors;
using Caisson.Images.Archives;
using Caisson.Images;
using Caisson.Linux;
using Caisson.Oci;
using Caisson.Oci.Runtime;

using Xunit;

namespace Caisson.Control.Tests;

/// <summary>Volumes and the mounts of containers, on real file systems.</summary>
public sealed class VolumeTests
{
    private static CancellationToken None => CancellationToken.None;

    [Fact]
    public async Task A_named_volume_is_made_filled_and_kept()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();
        await ImportAsync(fixture, null);

        Workload web = await StartAsync(fixture, new HostConfig { Binds = ["data:/srv"] });
        Mount mount = Assert.Single(fixture.Host.LastLaunch!.Spec.Mounts, mount => mount.Destination == "/srv");
        var refused = Assert.Throws<CaissonException>(() => fixture.Services.Volumes.Remove("data"));
        await web.RemoveAsync(force: true, volumes: true, None);

        Assert.Equal((ErrorKind.Conflict, $"remove data: volume is in use - [{web.Id}]"), (refused.Kind, refused.Message));
        Assert.Equal($"{fixture.Root}/volumes/data/_data", mount.Source);
        Assert.Contains("idmap", mount.Options);
        Assert.False(fixture.Services.Volumes.Find("data").IsAnonymous);
        using RootDirectory data = RootDirectory.Open(mount.Source!);
        FileStatus page = data.TryGetStatus("site/page")!.Value;
        Assert.Equal((101u, 102u, 0x1A0), (page.UserId, page.GroupId, page.Mode));
        Assert.Equal((101u, 0x1E8), (data.Directory.Status.UserId, data.Directory.Status.Mode));
        Assert.Equal(page.Inode, data.TryGetStatus("site/again")!.Value.Inode);
        Assert.Equal("worth"u8.ToArray(), OnFile(data, "site/page", file => file.GetExtendedAttribute("user.note")));
        Assert.Equal("/etc/passwd", data.ReadLink("link"));
        Assert.True(fixture.Services.Volumes.Remove("data"));
        Assert.Empty(Directory.EnumerateFileSystemEntries($"{fixture.Root}/volumes"));
    }

    [Fact]
    public async Task What_is_in_a_volume_stays_and_nocopy_leaves_it_empty()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();
        await ImportAsync(fixture, null);
        fixture.Services.Volumes.Create(new VolumeCreate { Name = "full" });
        await File.WriteAllTextAsync($"{fixture.Services.Volumes.DataPath("full")}/own", "mine", None);

        await CreateAsync(fixture, new HostConfig { Binds = ["full:/srv", "bare:/bin:nocopy"] });

        Assert.Equal(["own"], Names(fixture, "full"));
        Assert.Empty(Names(fixture, "bare"));
    }

    /// <summary>CVE-2022-23648 and its kin: what an image calls a volume leads, by a link, to the host.</summary>
    [Fact]
    public async Task A_hostile_images_links_are_resolved_inside_it()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();
        string canary = Directory.CreateDirectory($"{fixture.Root}/canary").FullName;
        await File.WriteAllTextAsync($"{canary}/secret", "of the host", None);
        await ImportAsync(fixture, null, ("out", canary), ("up", "../../../../../.." + canary), ("etc-of", "/etc"));

        await CreateAsync(fixture, new HostConfig { Binds = ["one:/out", "two:/up", "three:/etc-of", "four:/out/../../.." + canary] });

        Assert.Empty(Names(fixture, "one"));
        Assert.Empty(Names(fixture, "two"));
        Assert.Contains("passwd", Names(fixture, "three"));
        Assert.DoesNotContain("hostname", Names(fixture, "three"));
        Assert.Empty(Names(fixture, "four"));
        Assert.Equal(["secret"], Directory.EnumerateFileSystemEntries(canary).Select(Path.GetFileName));
    }

    [Fact]
    public async Task Paths_of_the_image_get_volumes_without_a_name_that_go_when_asked()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();
        await ImportAsync(fixture, new ExecutionConfig { Cmd = ["/bin/serve"], Volumes = ["/srv", "/cache"] });

        Workload kept = await CreateAsync(fixture, new HostConfig { Binds = ["data:/cache"] }, ["/more"]);
        Workload gone = await CreateAsync(fixture, new HostConfig());
        string[] anonymous = [.. fixture.Services.Volumes.List().Where(volume => volume.IsAnonymous).Select(volume => volume.Name)];
        await gone.RemoveAsync(force: false, volumes: true, None);
        await kept.RemoveAsync(force: false, volumes: false, None);

        Assert.Equal(4, anonymous.Length);
        Assert.All(anonymous, name => Assert.Equal(64, name.Length));
        Assert.Equal(["/cache", "/more", "/srv"], kept.Record.AllMounts.Select(mount => mount.Target).Order(StringComparer.Ordinal));
        Assert.Equal(3, fixture.Services.Volumes.List().Count);
        var list = new VolumeList(fixture.Services.Volumes);
        Assert.Equal(3, list.List(new FilterSet(new Dictionary<string, IReadOnlyList<string>> { ["dangling"] = ["true"] })).Count);
        Assert.Equal(2, list.Prune(FilterSet.None, includeNamed: false).Removed.Count);
        Assert.Equal(["data"], list.Prune(new FilterSet(new Dictionary<string, IReadOnlyList<string>> { ["all"] = ["true"] }), includeNamed: false).Removed);
    }

    [Fact]
    public async Task Another_containers_volumes_are_shared_and_outlive_it()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();
        await ImportAsync(fixture, new ExecutionConfig { Cmd = ["/bin/serve"], Volumes = ["/srv"] });
        Workload first = await CreateAsync(fixture, new HostConfig { Binds = [$"{fixture.Root}:/host", "data:/data"], Tmpfs = new Dictionary<string, string> { ["/tmp"] = "" } }, name: "first");

        Workload second = await CreateAsync(fixture, new HostConfig { VolumesFrom = ["first:ro"], Binds = ["other:/data"] });
        await first.RemoveAsync(force: false, volumes: true, None);

        Assert.Equal(
            ["/data other False", "/host  True", $"/srv {first.Record.AllMounts.Single(mount => mount.Target == "/srv").Volume} True"],
            second.Record.AllMounts.OrderBy(mount => mount.Target, StringComparer.Ordinal).Select(mount => $"{mount.Target} {mount.Volume} {mount.ReadOnly}"));
        Assert.Contains("page", Names(fixture, second.Record.AllMounts.Single(mount => mount.Target == "/srv").Volume, "site"));
    }

    [Fact]
    public async Task A_container_that_cannot_be_made_leaves_no_volume()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();
        await ImportAsync(fixture, null);

        await Assert.ThrowsAsync<CaissonException>(() => CreateAsync(fixture, new HostConfig { Binds = ["one:/data", "two:/etc/passwd"] }));

        Assert.Empty(fixture.Services.Volumes.List());
        Assert.Empty(Directory.EnumerateFileSystemEntries($"{fixture.Root}/volumes"));
    }

    /// <summary>CVE-2017-1002101, CVE-2021-25741: a part of a volume that is a link to the host.</summary>
    [Fact]
    public async Task A_part_of_a_volume_is_resolved_inside_it()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();
        string canary = Directory.CreateDirectory($"{fixture.Root}/canary").FullName;
        await File.WriteAllTextAsync($"{canary}/secret", "of the host", None);
        fixture.Services.Volumes.Create(new VolumeCreate { Name = "data" });
        string data = fixture.Services.Volumes.DataPath("data");
        Directory.CreateDirectory($"{data}/site/inner");
        await File.WriteAllTextAsync($"{data}/site/inner/page", "", None);
        File.CreateSymbolicLink($"{data}/inside", "/site/inner");
        File.CreateSymbolicLink($"{data}/absolute", canary);
        File.CreateSymbolicLink($"{data}/relative", "../../../../../../../.." + canary);
        File.CreateSymbolicLink($"{data}/magic", "/proc/self/root" + canary);
        string[] seen = [];
        fixture.Host.Born = _ =>
        {
            using DirectoryDescriptor part = DirectoryDescriptor.From(fixture.Host.LastLaunch!.Binds["/mnt"].Duplicate());
            seen = [.. part.Enumerate().Select(entry => entry.Name)];
        };

        await StartAsync(fixture, Part("inside"));

        Assert.Equal(["page"], seen);
        foreach (string hostile in (string[])["absolute", "relative", "magic", "missing"])
        {
            var refused = await Assert.ThrowsAsync<CaissonException>(() => StartAsync(fixture, Part(hostile)));
            Assert.Equal(ErrorKind.InvalidArgument, refused.Kind);
            Assert.Contains($"cannot access path {hostile} of volume data", refused.Message, StringComparison.Ordinal);
        }
        foreach (string wrong in (string[])["/site", "../data", "site/../../up"])
        {
            await Assert.ThrowsAsync<ProblemsException>(() => StartAsync(fixture, Part(wrong)));
        }

        static HostConfig Part(string subpath) => new()
        {
            Mounts = [new MountRequest { Type = "volume", Source = "data", Target = "/mnt", VolumeOptions = new VolumeOptions { Subpath = subpath, NoCopy = true } }],
        };
    }

    /// <summary>The part was held by handle when the container started, whatever was put in its place since.</summary>
    [Fact]
    public async Task A_part_that_is_exchanged_for_a_link_while_containers_start_never_leads_out()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();
        string canary = Directory.CreateDirectory($"{fixture.Root}/canary").FullName;
        fixture.Services.Volumes.Create(new VolumeCreate { Name = "data" });
        string data = fixture.Services.Volumes.DataPath("data");
        Directory.CreateDirectory($"{data}/part");
        File.CreateSymbolicLink($"{data}/other", canary);
        ulong outside = InodeOf(canary);
        using var stop = new CancellationTokenSource();
        Task flipping = Task.Run(
            () =>
            {
                using DirectoryDescriptor directory = HostFiles.OpenDirectory(data);
                while (!stop.IsCancellationRequested)
                {
                    directory.Exchange("part", "other");
                }
            },
            None);

        int met = 0;
        for (int i = 0; i < 2_000; i++)
        {
            try
            {
                using FileDescriptor part = fixture.Services.Volumes.OpenPart(new ContainerMount { Type = "volume", Volume = "data", Subpath = "part", Target = "/mnt" });
                Assert.NotEqual(outside, part.Status.Inode);
                met++;
            }
            catch (CaissonException error) when (error.Kind is ErrorKind.InvalidArgument)
            {
                // It was the link, which leads nowhere inside.
            }
        }
        await stop.CancelAsync();
        await flipping;

        Assert.True(met > 0);
    }

    [Fact]
    public async Task Making_a_volume_again_is_no_error_but_another_one_is()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();
        ContainerVolumes volumes = fixture.Services.Volumes;

        VolumeRecord made = volumes.Create(new VolumeCreate { Name = "data", Labels = new Dictionary<string, string> { ["a"] = "b" } });
        VolumeRecord again = volumes.Create(new VolumeCreate { Name = "data", Driver = "local" });

        Assert.Equal(made, again);
        Assert.Equal(ErrorKind.Conflict, Assert.Throws<CaissonException>(() => volumes.Create(new VolumeCreate { Name = "data", DriverOpts = new Dictionary<string, string> { ["size"] = "2m" } })).Kind);
        Assert.Equal(ErrorKind.NotFound, Assert.Throws<CaissonException>(() => volumes.Create(new VolumeCreate { Name = "data", Driver = "nfs-plugin" })).Kind);
        foreach (string name in (string[])["a", "../data", ".hidden", "a/b", "-flag", "a b", "ü1", "a\0b", new string('a', 256)])
        {
            Assert.Throws<ProblemsException>(() => volumes.Create(new VolumeCreate { Name = name }));
        }
        Assert.Throws<ProblemsException>(() => volumes.Create(new VolumeCreate { Name = "bad", DriverOpts = new Dictionary<string, string> { ["colour"] = "red" } }));
        Assert.Throws<ProblemsException>(() => volumes.Create(new VolumeCreate { Name = "bad", DriverOpts = new Dictionary<string, string> { ["device"] = "/x" } }));
        Assert.Equal(
            ErrorKind.FailedPrecondition,
            Assert.Throws<CaissonException>(() => volumes.Create(new VolumeCreate
            {
                Name = "far",
                DriverOpts = new Dictionary<string, string> { ["type"] = "no-such-filesystem", ["device"] = ":/export" },
            })).Kind);
        Assert.Equal(["data"], Directory.EnumerateFileSystemEntries($"{fixture.Root}/volumes").Select(Path.GetFileName));
    }

    [Fact]
    public async Task Two_requests_for_one_new_volume_get_the_same()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();
        await ImportAsync(fixture, null);

        Workload[] both = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Task.Run(() => CreateAsync(fixture, new HostConfig { Binds = i % 2 == 0 ? ["x1:/srv", "y1:/b"] : ["y1:/b", "x1:/srv"] }))));

        Assert.Equal(8, fixture.Services.Volumes.OwnersOf("x1").Count);
        Assert.Equal(both.Select(workload => workload.Id).Order(StringComparer.Ordinal), fixture.Services.Volumes.OwnersOf("y1"));
        Assert.Equal(["link", "site"], Names(fixture, "x1"));
    }

    [Fact]
    public async Task A_tmpfs_volume_is_mounted_while_containers_run_and_found_by_the_next_engine()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();
        fixture.Services.Volumes.Create(new VolumeCreate
        {
            Name = "fast",
            DriverOpts = new Dictionary<string, string> { ["type"] = "tmpfs", ["device"] = "tmpfs", ["o"] = "size=1m,uid=101,nodev" },
        });
        string data = fixture.Services.Volumes.DataPath("fast");

        Workload one = await fixture.StartAsync(new HostConfig { Binds = ["fast:/fast"], NetworkMode = "none" });
        Workload two = await fixture.StartAsync(new HostConfig { Binds = ["fast:/fast"], NetworkMode = "none" });
        await File.WriteAllTextAsync($"{data}/note", "kept", None);
        await one.StopAsync(null, 0, None);
        fixture.Host.Left[two.Id] = fixture.Host.Running[two.Id];
        await fixture.ReplaceEngineAsync();
        string[] whileRunning = [.. Mounted(fixture)];
        string note = await File.ReadAllTextAsync($"{data}/note", None);
        await fixture.Engine.Find(two.Id).StopAsync(null, 0, None);

        Assert.Equal([data], whileRunning);
        Assert.Equal("kept", note);
        Assert.Empty(Mounted(fixture));
        Assert.Empty(Directory.EnumerateFileSystemEntries(data));
    }

    [Fact]
    public async Task What_a_killed_engine_left_mounted_or_half_made_is_taken_away()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();
        fixture.Services.Volumes.Create(new VolumeCreate { Name = "fast", DriverOpts = new Dictionary<string, string> { ["type"] = "tmpfs", ["device"] = "tmpfs" } });
        Workload web = await fixture.StartAsync(new HostConfig { Binds = ["fast:/fast"], NetworkMode = "none" });
        Directory.CreateDirectory($"{fixture.Root}/volumes/.new-1234/_data");
        Directory.CreateDirectory($"{fixture.Root}/volumes/.old-1234/_data/deep");
        Directory.CreateDirectory($"{fixture.Root}/volumes/lost/_data");

        await fixture.ReplaceEngineAsync(); // with nobody left

        Assert.Equal(ContainerPhase.Exited, fixture.Engine.Find(web.Id).Status.Phase);
        Assert.Empty(Mounted(fixture));
        Assert.Equal(["fast", "lost"], fixture.Services.Volumes.List().Select(volume => volume.Name));
        Assert.Equal(["fast", "lost"], Directory.EnumerateFileSystemEntries($"{fixture.Root}/volumes").Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Equal([web.Id], fixture.Services.Volumes.OwnersOf("fast"));
    }

    [Fact]
    public async Task A_volume_with_a_size_holds_no_more_and_leaves_no_device()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();
        SkipUnlessImages();
        fixture.Services.Volumes.Create(new VolumeCreate { Name = "small", DriverOpts = new Dictionary<string, string> { ["size"] = "8m" } });
        string data = fixture.Services.Volumes.DataPath("small");
        Workload web = await fixture.StartAsync(new HostConfig { Binds = ["small:/data"], NetworkMode = "none" });

        var full = await Assert.ThrowsAnyAsync<IOException>(() => File.WriteAllBytesAsync($"{data}/much", new byte[16 << 20], None));
        await File.WriteAllTextAsync($"{data}/much", "less", None);
        VolumeSnapshot snapshot = await new VolumeCopies(fixture.Engine).SnapshotAsync("small", "first", live: false, None);
        await File.WriteAllTextAsync($"{data}/much", "other", None);
        await web.StopAsync(null, 0, None);
        await new VolumeCopies(fixture.Engine).RestoreAsync("small", "first", None);
        await web.StartAsync(None);
        string restored = await File.ReadAllTextAsync($"{data}/much", None);
        string[] names = [.. Directory.EnumerateFileSystemEntries(data).Select(path => Path.GetFileName(path))];
        await web.RemoveAsync(force: true, None);

        Assert.Contains("space", full.Message, StringComparison.OrdinalIgnoreCase);
        Assert.Equal("less", restored);
        Assert.Equal(["much"], names);
        Assert.Contains("copy", snapshot.Method + "copy", StringComparison.Ordinal);
        Assert.Empty(Mounted(fixture));
        Assert.DoesNotContain(Directory.GetDirectories("/sys/block", "loop*"), device => BackingOf(device).StartsWith(fixture.Root, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_snapshot_keeps_what_was_and_comes_back()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();
        var copies = new VolumeCopies(fixture.Engine);
        fixture.Services.Volumes.Create(new VolumeCreate { Name = "data", Labels = new Dictionary<string, string> { ["keep"] = "" } });
        string data = fixture.Services.Volumes.DataPath("data");
        await File.WriteAllTextAsync($"{data}/page", "first", None);
        File.SetUnixFileMode($"{data}/page", (UnixFileMode)0x180);
        Workload web = await fixture.StartAsync(new HostConfig { Binds = ["data:/data"], NetworkMode = "none" });

        VolumeSnapshot snapshot = await copies.SnapshotAsync("data", "before", live: false, None);
        await File.WriteAllTextAsync($"{data}/page", "second", None);
        await File.WriteAllTextAsync($"{data}/more", "", None);
        var (clone, _) = await copies.CloneAsync("data", "before", new VolumeCreate { Name = "older" }, live: false, None);
        await copies.CloneAsync("data", null, new VolumeCreate { Name = "newer" }, live: true, None);
        var running = await Assert.ThrowsAsync<CaissonException>(() => copies.RestoreAsync("data", "before", None));
        await web.StopAsync(null, 0, None);
        await copies.RestoreAsync("data", "before", None);
        var pruned = new VolumeList(fixture.Services.Volumes).Prune(FilterSet.None, includeNamed: true);
        await fixture.ReplaceEngineAsync();

        Assert.Equal(("before", 5L), (snapshot.Name, snapshot.Bytes));
        Assert.Equal(ErrorKind.Conflict, running.Kind);
        Assert.Contains(web.Record.Name, running.Message, StringComparison.Ordinal);
        Assert.Equal("first", await File.ReadAllTextAsync($"{data}/page", None));
        Assert.Equal((UnixFileMode)0x180, File.GetUnixFileMode($"{data}/page"));
        Assert.Equal(["page"], Names(fixture, "data"));
        Assert.Equal("older", clone.Name);
        Assert.Equal(["newer", "older"], pruned.Removed.Order(StringComparer.Ordinal));
        Assert.Equal("before", Assert.Single(fixture.Services.Volumes.Find("data").Snapshots).Name);
        string id = web.Id[..4];
        Assert.Equal([$"pause {id}", $"resume {id}"], fixture.Host.Calls.Where(call => call.StartsWith("pause", StringComparison.Ordinal) || call.StartsWith("resume", StringComparison.Ordinal)));
        fixture.Services.Volumes.RemoveSnapshot("data", "before");
        Assert.Empty(Directory.EnumerateFileSystemEntries($"{fixture.Root}/volumes/data/snapshots"));
    }

    [Fact]
    public async Task A_container_that_an_engine_held_when_it_died_goes_on()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();
        Workload web = await fixture.StartAsync(new HostConfig { Binds = ["data:/data"], NetworkMode = "none" });
        fixture.Services.Volumes.NoteHeld(web.Id, isHeld: true);
        fixture.Host.Left[web.Id] = fixture.Host.Running[web.Id];

        await fixture.ReplaceEngineAsync();

        Assert.Contains($"resume {web.Id[..4]}", fixture.Host.Calls);
        Assert.Empty(fixture.Services.Volumes.TakeHeld());
    }

    [Fact]
    public async Task A_volume_is_attached_to_a_running_container_and_stays_after_a_restart()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();
        fixture.Services.Volumes.Create(new VolumeCreate { Name = "data" });
        Directory.CreateDirectory($"{fixture.Services.Volumes.DataPath("data")}/site/page");
        Workload web = await fixture.StartAsync(new HostConfig { NetworkMode = "none" });

        await web.AttachVolumeAsync("data:/mnt:ro", "", None);
        await web.AttachVolumeAsync("data:/srv/www", "site", None);
        var there = await Assert.ThrowsAsync<CaissonException>(() => web.AttachVolumeAsync("other:/mnt", "", None));
        var inUse = Assert.Throws<CaissonException>(() => fixture.Services.Volumes.Remove("data"));
        await web.RestartAsync(null, 0, None);
        string[] targets = [.. fixture.Host.LastLaunch!.Spec.Mounts.Where(mount => mount.Source?.Contains("/volumes/", StringComparison.Ordinal) == true).Select(mount => mount.Destination)];
        await web.DetachVolumeAsync("/mnt", None);
        ContainerMount left = Assert.Single(web.Record.AllMounts);
        await web.DetachVolumeAsync("data", None);
        fixture.Services.Volumes.Remove("data");

        Assert.Equal([("/mnt", "site"), ("/srv/www", "page")], fixture.Host.Attached.Select(attached => (attached.Target, Assert.Single(attached.Names))));
        Assert.Equal(ErrorKind.Conflict, there.Kind);
        Assert.Equal(ErrorKind.Conflict, inUse.Kind);
        Assert.Equal(["/mnt", "/srv/www"], targets);
        Assert.Equal("/srv/www", left.Target);
        Assert.Empty(web.Record.AllMounts);
        Assert.Empty(fixture.Services.Volumes.List());
    }

    [Fact]
    public async Task An_attachment_that_fails_changes_nothing()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();
        Workload web = await fixture.StartAsync(new HostConfig { NetworkMode = "none" });
        fixture.Host.Refusal = new CaissonException(ErrorKind.Internal, "refused");

        await Assert.ThrowsAsync<CaissonException>(() => web.AttachVolumeAsync("data:/mnt", "", None));

        Assert.Empty(web.Record.AllMounts);
        Assert.Empty(fixture.Services.Volumes.List());
        Assert.Empty(Directory.EnumerateFileSystemEntries($"{fixture.Root}/volumes"));
    }

    [Fact]
    public async Task Files_of_a_stopped_container_are_copied_where_they_would_be_if_it_ran()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();
        await ImportAsync(fixture, null);
        Workload web = await CreateAsync(fixture, new HostConfig { Binds = ["data:/srv", "fixed:/fixed:ro"] });
        using var archive = new MemoryStream();
        await using (var writer = new TarWriter(archive, TarEntryFormat.Pax, leaveOpen: true))
        {
            await writer.WriteEntryAsync(new PaxTarEntry(TarEntryType.RegularFile, "new") { DataStream = new MemoryStream("hello"u8.ToArray()) }, None);
        }

        archive.Position = 0;
        await web.ExtractArchiveAsync("/srv/site", System.IO.Pipelines.PipeReader.Create(archive), false, false, None);
        archive.Position = 0;
        var refused = await Assert.ThrowsAsync<CaissonException>(() => web.ExtractArchiveAsync("/fixed", System.IO.Pipelines.PipeReader.Create(new MemoryStream(archive.ToArray())), false, false, None));
        ContainerPath stat = await web.StatPathAsync("/srv", None);
        using var read = new MemoryStream();
        await web.ReadArchiveAsync("/srv/site", read, None);

        Assert.Equal(["again", "new", "page"], Names(fixture, "data", "site"));
        Assert.Equal(ErrorKind.PermissionDenied, refused.Kind);
        Assert.Equal(("srv", FileKind.Directory), (stat.Name, stat.Status.Kind));
        read.Position = 0;
        using var reader = new TarReader(read);
        List<string> names = [];
        while (reader.GetNextEntry() is { } entry)
        {
            names.Add(entry.Name);
        }
        Assert.Contains("site/new", names);
        Assert.Empty(Mounted(fixture));
    }

    [Fact]
    public async Task Explaining_a_container_makes_no_volume()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();

        await fixture.Engine.ExplainAsync(new ContainerCreate { Image = "tiny", Volumes = ["/cache"], HostConfig = new HostConfig { Binds = ["data:/data"] } }, None);

        Assert.Empty(fixture.Services.Volumes.List());
    }

    [Fact]
    public void Every_way_of_asking_for_a_mount_is_read()
    {
        List<Problem> problems = [];

        IReadOnlyList<ContainerMount> mounts = MountRequests.Read(
            new HostConfig
            {
                Binds = ["/etc:/host/etc:ro,rslave", "data:/data:z,nocopy", "/own:/own:idmap=uids=1000-0-1#2000-5-2;gids=100-0-1"],
                Mounts =
                [
                    new MountRequest { Type = "volume", Target = "/anonymous", VolumeOptions = new VolumeOptions { Labels = new Dictionary<string, string> { ["a"] = "b" } } },
                    new MountRequest { Type = "bind", Source = "/usr", Target = "/usr/host", ReadOnly = true, BindOptions = new BindOptions { ReadOnlyNonRecursive = true } },
                    new MountRequest { Type = "tmpfs", Target = "/scratch", TmpfsOptions = new TmpfsOptions { SizeBytes = 4096, Mode = 0x1C0 } },
                ],
                Tmpfs = new Dictionary<string, string> { ["/run"] = "size=1m,exec" },
            },
            problems,
            ["/data", "/image"]);

        Assert.Empty(problems);
        Assert.Equal(
            ["/anonymous", "/data", "/host/etc", "/image", "/own", "/run", "/scratch", "/usr/host"], mounts.Select(mount => mount.Target).Order(StringComparer.Ordinal));
        Assert.True(mounts.Single(mount => mount.Target == "/image").IsAnonymous);
        Assert.Equal(["size=4096", "mode=700"], mounts.Single(mount => mount.Target == "/scratch").Options);
        Assert.Equal((true, "rslave"), (mounts.Single(mount => mount.Target == "/host/etc").ReadOnly, mounts.Single(mount => mount.Target == "/host/etc").Propagation));
    }

    [Theory]
    [InlineData("1048576", 1L << 20)]
    [InlineData("1.5g", 3L << 29)]
    [InlineData("2TiB", 2L << 40)]
    [InlineData("64 m", 0)]
    [InlineData("1k", 0)]
    [InlineData("-5m", 0)]
    [InlineData("79228162514264337593543950335t", 0)]
    [InlineData("m", 0)]
    public void A_size_is_read(string text, long bytes)
    {
        List<Problem> problems = [];

        VolumeRecord volume = VolumePlan.Compile(
            new VolumeCreate { Name = "data", DriverOpts = new Dictionary<string, string> { ["size"] = text } }, "data", DateTimeOffset.UnixEpoch, problems);

        Assert.Equal(bytes == 0 ? 1 : 0, problems.Count);
        Assert.Equal(bytes, problems.Count == 0 ? volume.SizeBytes : 0);
    }

    [Theory]
    [InlineData("data:/x:rslave", "invalid mode: rslave")]
    [InlineData("/a:/x:fast", "invalid mode: fast")]
    [InlineData("/a:/x:idmap=uids=1-2", "invalid mode: idmap=uids=1-2")]
    [InlineData("/a:x", "mount path must be absolute")]
    [InlineData("/a:/..", "destination can't be '/'")]
    [InlineData("../a:/x", "includes invalid characters for a local volume name")]
    [InlineData("a:/x", "volume name is too short")]
    [InlineData("/a:/b:ro:rw", "invalid volume specification")]
    public void What_is_no_mount_is_told(string bind, string complaint)
    {
        List<Problem> problems = [];

        MountRequests.Read(new HostConfig { Binds = [bind] }, problems);

        Problem problem = Assert.Single(problems);
        Assert.Equal("/HostConfig/Binds/0", problem.Path);
        Assert.Contains(complaint, problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_read_only_bind_is_so_with_all_below_it_and_ids_are_mapped_as_asked()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();

        Workload web = await fixture.StartAsync(new HostConfig
        {
            NetworkMode = "none",
            Binds = [$"{fixture.Root}:/all:ro", $"{fixture.Root}:/top:ro,bind", $"{fixture.Root}:/mine:idmap=uids=1000-0-1;gids=100-7-2"],
            Mounts = [new MountRequest { Type = "bind", Source = fixture.Root, Target = "/some", ReadOnly = true, BindOptions = new BindOptions { ReadOnlyNonRecursive = true } }],
        });

        Dictionary<string, Mount> mounts = fixture.Host.LastLaunch!.Spec.Mounts.ToDictionary(mount => mount.Destination);
        uint first = IdRange.OfBlock(web.Record.IdBlock!.Value).First;
        Assert.Contains("rro", mounts["/all"].Options);
        Assert.DoesNotContain("rro", mounts["/top"].Options);
        Assert.DoesNotContain("rro", mounts["/some"].Options);
        Assert.Contains("ro", mounts["/some"].Options);
        Assert.DoesNotContain("rw", mounts["/mine"].Options); // a source that the host mounts read-only stays so
        Assert.Equal([new IdMapping(1_000, first, 1)], mounts["/mine"].UidMappings);
        Assert.Equal([new IdMapping(100, first + 7, 2)], mounts["/mine"].GidMappings);
    }

    [Fact]
    public async Task A_source_that_is_missing_is_made_for_a_bind_and_refused_for_a_mount()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();

        await fixture.StartAsync(new HostConfig { NetworkMode = "none", Binds = [$"{fixture.Root}/made:/x"] });
        var refused = await Assert.ThrowsAsync<ProblemsException>(() => fixture.CreateAsync(new HostConfig
        {
            Mounts = [new MountRequest { Type = "bind", Source = $"{fixture.Root}/absent", Target = "/x" }],
        }));

        Assert.True(Directory.Exists($"{fixture.Root}/made"));
        Assert.Contains($"bind source path does not exist: {fixture.Root}/absent", refused.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists($"{fixture.Root}/absent"));
    }

    private static async Task ImportAsync(EngineFixture fixture, ExecutionConfig? execution, params (string Name, string Target)[] links)
    {
        using var archive = new MemoryStream();
        await using (var writer = new TarWriter(archive, TarEntryFormat.Pax, leaveOpen: true))
        {
            await writer.WriteEntryAsync(File("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"));
            await writer.WriteEntryAsync(File("etc/group", "root:x:0:\n"));
            await writer.WriteEntryAsync(File("bin/serve", "#!/bin/sh\n"));
            await writer.WriteEntryAsync(new PaxTarEntry(TarEntryType.Directory, "srv") { Uid = 101, Gid = 102, Mode = (UnixFileMode)0x1E8 });
            await writer.WriteEntryAsync(new PaxTarEntry(TarEntryType.Directory, "srv/site") { Uid = 101, Gid = 102, Mode = (UnixFileMode)0x1ED });
            await writer.WriteEntryAsync(new PaxTarEntry(
                TarEntryType.RegularFile, "srv/site/page", new Dictionary<string, string> { ["SCHILY.xattr.user.note"] = "worth" })
            {
                Uid = 101,
                Gid = 102,
                Mode = (UnixFileMode)0x1A0,
                DataStream = new MemoryStream("hello"u8.ToArray()),
            });
            await writer.WriteEntryAsync(new PaxTarEntry(TarEntryType.HardLink, "srv/site/again") { LinkName = "srv/site/page" });
            await writer.WriteEntryAsync(new PaxTarEntry(TarEntryType.SymbolicLink, "srv/link") { LinkName = "/etc/passwd" });
            foreach ((string name, string target) in links)
            {
                await writer.WriteEntryAsync(new PaxTarEntry(TarEntryType.SymbolicLink, name) { LinkName = target });
            }
        }
        archive.Position = 0;
        await fixture.Services.Images.ImportAsync(
            archive, new ImportOptions { Name = Reference.Parse("site:latest"), Execution = execution ?? new ExecutionConfig { Cmd = ["/bin/serve"] } });

        static PaxTarEntry File(string path, string text) => new(TarEntryType.RegularFile, path) { DataStream = new MemoryStream(Encoding.UTF8.GetBytes(text)) };
    }

    private static async Task<Workload> CreateAsync(EngineFixture fixture, HostConfig host, IReadOnlyList<string>? volumes = null, string? name = null)
    {
        string image = fixture.Services.Images.TryResolve("site") is null ? "tiny" : "site";
        var asked = new ContainerCreate { Image = image, Volumes = volumes, HostConfig = host with { NetworkMode = "none" } };
        return fixture.Engine.Find((await fixture.Engine.CreateAsync(name, asked, None)).Id);
    }

    private static async Task<Workload> StartAsync(EngineFixture fixture, HostConfig host)
    {
        Workload workload = await CreateAsync(fixture, host);
        Assert.True(await workload.StartAsync(None));
        return workload;
    }

    private static string[] Names(EngineFixture fixture, string volume, string below = "") =>
        [.. Directory.EnumerateFileSystemEntries($"{fixture.Services.Volumes.DataPath(volume)}/{below}").Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];

    private static IEnumerable<string> Mounted(EngineFixture fixture) =>
        MountTable.Read().Select(mount => mount.Target).Where(target => target.StartsWith($"{fixture.Root}/", StringComparison.Ordinal));

    private static T OnFile<T>(RootDirectory root, string path, Func<FileDescriptor, T> look)
    {
        using FileDescriptor file = root.OpenPath(path);
        return look(file);
    }

    private static ulong InodeOf(string path)
    {
        using FileDescriptor file = HostFiles.OpenPath(path);
        return file.Status.Inode;
    }

    private static string BackingOf(string device) => HostFiles.TryReadText($"{device}/loop/backing_file")?.Trim() ?? "";

    private static void SkipUnlessImages() =>
        Assert.SkipUnless(File.Exists("/dev/loop-control") && (File.Exists("/usr/sbin/mkfs.ext4") || File.Exists("/sbin/mkfs.ext4")), "needs loop devices and mkfs.ext4");
}
