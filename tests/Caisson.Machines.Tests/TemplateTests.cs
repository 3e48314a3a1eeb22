using System.Collections.Immutable;
using Caisson.Errors;
using Caisson.Machines.Plan;
using Caisson.Machines.Templates;
using Xunit;

namespace Caisson.Machines.Tests;

/// <summary>What a template and the machines made of it agree on, and which files are one.</summary>
public sealed class TemplateTests : IDisposable
{
    private const string Key = "0123456789abcdef0123456789abcdef";
    private const long MemoryBytes = 1 << 20;

    private readonly string _root = Directory.CreateTempSubdirectory("caisson-templates-").FullName;

    [Fact]
    public void A_template_and_what_is_made_of_it_have_the_same_devices_at_the_same_places()
    {
        ImmutableArray<string> template = Compile(MachineStart.Template, []);
        ImmutableArray<string> restored = Compile(MachineStart.Restore, ["02:00:00:00:00:01"]);

        Assert.Equal(Devices(template), Devices(restored));
    }

    [Fact]
    public void Nothing_of_a_template_says_whose_disks_and_addresses_come_later()
    {
        ImmutableArray<string> template = Compile(MachineStart.Template, []);

        Assert.DoesNotContain(template, argument => argument.Contains("/disks/", StringComparison.Ordinal) || argument.Contains("mac=", StringComparison.Ordinal));
    }

    [Fact]
    public void What_goes_on_from_a_template_reads_no_kernel_and_keeps_what_it_writes()
    {
        ImmutableArray<string> restored = Compile(MachineStart.Restore, []);

        Assert.DoesNotContain("-kernel", restored);
        Assert.Contains(restored, argument => argument.EndsWith("share=off", StringComparison.Ordinal));
    }

    [Fact]
    public void A_disk_that_was_used_is_never_where_a_template_has_another_mounted()
    {
        ImmutableArray<string> fresh = Compile(MachineStart.Restore, []);
        ImmutableArray<string> used = Compile(MachineStart.Restore, [], isUsed: true);

        Assert.EndsWith("node-name=data", Assert.Single(fresh, argument => argument.Contains("/disks/data", StringComparison.Ordinal)));
        Assert.EndsWith("node-name=other-data", Assert.Single(used, argument => argument.Contains("/disks/data", StringComparison.Ordinal)));
    }

    [Fact]
    public void A_finished_template_is_found_and_is_written_to_by_nobody()
    {
        var store = new TemplateStore(_root);

        Make(store);

        Assert.Equal("6.1.0", store.Find(Key)?.Kernel);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.GroupRead | UnixFileMode.OtherRead, File.GetUnixFileMode($"{store.DirectoryOf(Key)}/memory"));
    }

    [Theory]
    [InlineData("memory")]
    [InlineData("state")]
    [InlineData("disk")]
    public void A_template_that_was_changed_is_thrown_away(string file)
    {
        var store = new TemplateStore(_root);
        Make(store);

        File.WriteAllBytes($"{store.DirectoryOf(Key)}/{file}", new byte[MemoryBytes]);

        Assert.Null(store.Find(Key));
        Assert.False(Directory.Exists(store.DirectoryOf(Key)));
    }

    [Fact]
    public void What_is_not_whole_is_no_template()
    {
        var store = new TemplateStore(_root);
        string work = store.Begin(MemoryBytes, 0, 0);
        File.WriteAllText($"{work}/disk", "disk");

        Assert.Throws<CaissonException>(() => store.Finish(work, Key, "6.1.0", MemoryBytes, 1)); // no state was written
        store.RemoveUnfinished();

        Assert.Empty(store.List());
        Assert.False(Directory.Exists(work));
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);

    private static void Make(TemplateStore store)
    {
        string work = store.Begin(MemoryBytes, 0, 0);
        File.WriteAllText($"{work}/state", "state");
        File.WriteAllText($"{work}/disk", "disk");
        store.Finish(work, Key, "6.1.0", MemoryBytes, 1);
    }

    /// <summary>Kind and place of each device; what is behind it is of no matter.</summary>
    private static string[] Devices(ImmutableArray<string> arguments) =>
    [
        .. arguments.Where((_, i) => i > 0 && arguments[i - 1] == "-device").Select(device => string.Join(',', device.Split(',').Take(2))).Order(StringComparer.Ordinal),
    ];

    private static ImmutableArray<string> Compile(MachineStart start, ImmutableArray<string> interfaces, bool isUsed = false)
    {
        List<Problem> problems = [];
        var config = new MachineConfig
        {
            Name = "m",
            Start = start,
            MemoryPath = "/template/memory",
            MemoryBytes = 512L << 20,
            Processors = 2,
            KernelPath = "/boot/vmlinux",
            InitrdPath = "/boot/initrd",
            ImagePath = "/disks/image",
            DataPath = start == MachineStart.Template ? "/template/disk" : "/disks/data",
            DataIsUsed = isUsed,
            Interfaces = interfaces,
        };
        var facts = new MachineFacts { QemuPath = "/usr/bin/qemu-system-x86_64", HasKvm = false, TimeStampKhz = 2_000_000, Processors = 2, MemoryBytes = 8L << 30 };
        MachinePlan plan = MachinePlan.Compile(config, facts, problems);
        Assert.Empty(problems);
        return plan.Arguments;
    }
}
