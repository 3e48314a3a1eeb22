using System.Collections.Immutable;
using Caisson.Containers.Documents;
using Caisson.Containers.Launch;
using Caisson.Errors;
using Caisson.Linux;
using Caisson.Linux.Launch;
using Caisson.Oci.Runtime;
using Xunit;

namespace Caisson.Containers.Tests.Launch;

/// <summary>Plans walked by the real interpreter in real namespaces; root and the host's static busybox are needed.</summary>
public sealed class LaunchTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("caisson-launch-").FullName;
    private readonly List<Problem> _problems = [];

    public LaunchTests()
    {
        Assert.SkipUnless(File.Exists("/bin/busybox"), "needs the static busybox of the package busybox-static");
        Directory.CreateDirectory($"{_root}/bin");
        File.Copy("/bin/busybox", $"{_root}/bin/busybox");
        foreach (string applet in (string[])["sh", "cat", "true", "id", "hostname", "mount", "ls", "touch"])
        {
            File.CreateSymbolicLink($"{_root}/bin/{applet}", "busybox");
        }
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public void The_default_document_runs_and_its_exit_code_comes_back()
    {
        var (output, exit) = Run(Spec("exit 7"));

        Assert.Equal("", output);
        Assert.Equal(7, exit);
    }

    [Fact]
    public void A_container_is_alone_in_its_namespaces()
    {
        var (output, exit) = Run(Spec("echo $$; hostname; id -u; ls /; cat /proc/self/status | grep -E '^(CapEff|CapBnd|NoNewPrivs)'"));

        Assert.Equal(0, exit);
        Assert.Equal(
            "1\nrunc-like\n0\nbin\ndev\nproc\nsys\nCapEff:\t0000000020000420\nCapBnd:\t0000000020000420\nNoNewPrivs:\t1\n",
            output.Replace("caisson", "runc-like"));
    }

    [Fact]
    public void Nothing_but_the_standard_descriptors_is_open()
    {
        using var decoy = HostFiles.OpenDirectory("/");
        decoy.SetCloseOnExec(false);

        var (output, _) = Run(Spec("ls /proc/self/fd"));

        Assert.Equal("0\n1\n2\n3\n", output); // 3 is ls's own
    }

    [Fact]
    public void Masked_files_are_empty_and_read_only_paths_refuse()
    {
        var (output, _) = Run(Spec("cat /proc/kcore; echo x > /proc/sys/kernel/hostname || echo refused; ls /proc/acpi /sys/firmware"));

        Assert.Contains("refused", output, StringComparison.Ordinal);
        Assert.DoesNotContain("x\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_program_is_reported_before_start_and_by_its_name()
    {
        var spec = Spec("");
        spec = spec with { Process = spec.Process! with { Args = ["nothing-here"] } };

        var error = Assert.Throws<CaissonException>(() => Run(spec));

        Assert.Contains("nothing-here", error.Message, StringComparison.Ordinal);
        Assert.Contains("ENOENT", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_user_namespace_of_its_own_maps_root_to_nobody_special()
    {
        Chown(_root, 100_000);
        var spec = Spec("id -u; cat /proc/self/uid_map; touch /made; echo y > /dev/null && echo ok");
        ImmutableArray<IdMapping> map = [new(0, 100_000, 65_536)];
        spec = spec with
        {
            Linux = spec.Linux! with { Namespaces = [.. spec.Linux.Namespaces, new(NamespaceType.User)], UidMappings = map, GidMappings = map },
            Root = spec.Root! with { Readonly = false },
        };

        var (output, exit) = Run(spec);

        Assert.Equal(0, exit);
        Assert.Equal("0\n         0     100000      65536\nok\n", output);
        using var made = HostFiles.OpenPath($"{_root}/made");
        Assert.Equal(100_000u, made.Status.UserId);
    }

    /// <summary>Source: runtime-spec config.md, "Linux Process": what cannot be granted is a warning.</summary>
    [Fact]
    public void A_capability_that_the_runtime_lacks_is_left_out_with_a_warning()
    {
        var spec = Spec("true");
        var sets = new Capabilities { Bounding = ["CAP_KILL", "CAP_SYS_TIME"], Effective = ["CAP_SYS_TIME"], Permitted = ["CAP_KILL", "CAP_SYS_TIME"] };
        spec = spec with { Process = spec.Process! with { Capabilities = sets } };
        var facts = Facts() with { GrantableCapabilities = Capabilities.Mask(["CAP_KILL"]) };

        var plan = LaunchPlan.Create(spec, null, facts, _problems);

        Assert.Empty(_problems);
        Assert.Equal("/process/capabilities: CAP_SYS_TIME is left out: the runtime itself does not have it", Assert.Single(plan.Warnings).ToString());
        Assert.Contains("{effective 0, permitted 20, inheritable 0}", plan.Explain(), StringComparison.Ordinal);
    }

    [Fact]
    public void The_plan_explains_every_step_with_its_reason()
    {
        var spec = Spec("true");

        string text = Compile(spec).Explain();

        Assert.Contains("pivot_root(\".\", \".\")", text, StringComparison.Ordinal);
        Assert.Contains("# /linux/maskedPaths/0 /proc/acpi", text, StringComparison.Ordinal);
        Assert.Contains("execve(", text, StringComparison.Ordinal);
    }

    private static void Chown(string path, uint id)
    {
        foreach (string entry in Directory.EnumerateFileSystemEntries(path, "*", SearchOption.AllDirectories).Append(path))
        {
            using var file = HostFiles.OpenPath(entry, followLast: false);
            file.ChangeOwner(id, id);
        }
    }

    private static RuntimeSpec Spec(string script)
    {
        var spec = DefaultSpec.Create(isCgroupV2: false);
        return spec with
        {
            Process = spec.Process! with { Terminal = false, Args = ["sh", "-c", script] },
            Mounts = [.. spec.Mounts.Where(mount => mount.Type != "cgroup")],
        };
    }

    private LaunchPlan Compile(RuntimeSpec spec)
    {
        var plan = LaunchPlan.Create(spec, null, Facts(), _problems);
        Assert.Empty(_problems);
        return plan;
    }

    private LaunchFacts Facts() => new() { RootPath = _root, Id = "test", SuppliesStdio = true };

    private (string Output, int Exit) Run(RuntimeSpec spec)
    {
        var plan = Compile(spec);
        using var self = Memfd.CreateSealed("self", SelfProgram.ToElf(plan.Self.Encode()));
        using var input = HostFiles.OpenRead("/dev/null");
        var pipe = Pipe.Create();
        using var reader = pipe.Reader;
        Descriptor?[] inherited = [.. plan.Inputs.Select(item => item switch
        {
            LaunchInput.SelfProgram => self,
            LaunchInput.Stdio { Number: 0 } => input,
            LaunchInput.Stdio => (Descriptor)pipe.Writer,
            _ => throw new InvalidOperationException($"{item}"),
        })];
        using var launched = Launcher.Start(plan.World.Encode(), inherited);
        pipe.Writer.Dispose();
        while (true)
        {
            switch (launched.Next())
            {
                case LaunchReport.Checkpoint { Point: (int)LaunchPoint.MapIds }:
                    HostFiles.WriteOnce($"/proc/{launched.Pid}/uid_map", IdMap.Format(plan.UserMaps));
                    HostFiles.WriteOnce($"/proc/{launched.Pid}/gid_map", IdMap.Format(plan.GroupMaps));
                    launched.Continue();
                    break;
                case LaunchReport.Checkpoint:
                    launched.Continue();
                    break;
                case LaunchReport.Failed failed:
                    launched.Process.WaitExit();
                    throw new CaissonException(ErrorKind.Internal, plan.Describe(failed));
                case LaunchReport.Executed:
                    string output = System.Text.Encoding.UTF8.GetString(reader.ReadToEnd(1 << 20));
                    return (output, launched.Process.WaitExit().Code);
            }
        }
    }
}
