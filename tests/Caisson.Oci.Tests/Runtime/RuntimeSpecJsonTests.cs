using System.Text;
using Caisson.Errors;
using Caisson.Oci.Runtime;
using Xunit;

namespace Caisson.Oci.Tests.Runtime;

public sealed class RuntimeSpecJsonTests
{
    private readonly List<Problem> _problems = [];

    [Fact]
    public void A_document_with_every_field_is_written_as_it_was_read()
    {
        string text = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Runtime/full.json"));

        var spec = Read(text);

        Assert.Empty(_problems);
        Assert.Equal(text, Encoding.UTF8.GetString(RuntimeSpecJson.ToUtf8(spec!, indented: true)));
    }

    [Fact]
    public void Values_land_in_the_model()
    {
        var spec = Read(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Runtime/full.json")))!;

        Assert.Equal(new Rlimit(RlimitType.Nofile, 1024, ulong.MaxValue), spec.Process!.Rlimits[0]);
        Assert.Equal(SchedulerOptions.ResetOnFork | SchedulerOptions.DeadlineOverrun, spec.Process.Scheduler!.Flags);
        Assert.Equal(new IoPriority(IoPriorityClass.Idle, 4), spec.Process.IoPriority);
        Assert.Equal(MemoryPolicyOptions.NumaBalancing | MemoryPolicyOptions.StaticNodes, spec.Linux!.MemoryPolicy!.Flags);
        Assert.Equal(PersonalityDomain.Linux32, spec.Linux.Personality!.Domain);
        Assert.Equal("/run/netns/neta", spec.Linux.Namespace(NamespaceType.Network)!.Path);
        Assert.StartsWith("{\"defaultAction\"", Encoding.UTF8.GetString(spec.Linux.Seccomp.Span));
        Assert.Equal(["monotonic", "boottime"], spec.Linux.TimeOffsets.Keys);
        Assert.Equal(1ul << 5, Capabilities.Mask(spec.Process.Capabilities!.Effective));
    }

    [Fact]
    public void The_smallest_document_has_the_defaults_of_the_specification()
    {
        var spec = Read("""{"ociVersion":"1.0.0"}""")!;

        Assert.Empty(_problems);
        Assert.Null(spec.Root);
        Assert.Null(spec.Process);
        Assert.Null(spec.Linux);
        Assert.Empty(spec.Mounts);
        Assert.True(spec.Hooks.IsEmpty);
    }

    [Fact]
    public void Unknown_keys_and_nulls_are_passed_over()
    {
        var spec = Read("""{"ociVersion":"1.0.0","windows":{"a":[1,{"b":2}]},"hostname":null,"mounts":null,"linux":{"new":1}}""")!;

        Assert.Empty(_problems);
        Assert.Null(spec.Hostname);
    }

    [Fact]
    public void Every_problem_is_reported_at_its_place()
    {
        Read("""
            {
              "root": {"path": 5},
              "process": {"terminal": "yes", "cwd": "/", "user": {"uid": -1, "gid": 4294967296}, "args": ["a", 7], "oomScoreAdj": 1001,
                "rlimits": [{"type": "RLIMIT_X", "soft": 1.5}]},
              "mounts": [{"destination": "/a"}, {"type": "proc"}, 3],
              "linux": {"namespaces": [{"type": "pidd"}], "seccomp": [], "resources": {"pids": {"limit": "1"}}, "sysctl": {"a/b~c": 1}}
            }
            """);

        Assert.Equal(
            [
                "/root/path: must be a string, not a number",
                "/process/terminal: must be true or false, not a string",
                "/process/user/uid: out of range: must be 0 to 4294967295",
                "/process/user/gid: out of range: must be 0 to 4294967295",
                "/process/args/1: must be a string, not a number",
                "/process/oomScoreAdj: out of range: must be -1000 to 1000",
                "/process/rlimits/0/type: unknown value 'RLIMIT_X'; known are RLIMIT_CPU, RLIMIT_FSIZE, RLIMIT_DATA, RLIMIT_STACK, "
                    + "RLIMIT_CORE, RLIMIT_RSS, RLIMIT_NPROC, RLIMIT_NOFILE, RLIMIT_MEMLOCK, RLIMIT_AS, RLIMIT_LOCKS, "
                    + "RLIMIT_SIGPENDING, RLIMIT_MSGQUEUE, RLIMIT_NICE, RLIMIT_RTPRIO, RLIMIT_RTTIME",
                "/process/rlimits/0/soft: must be an integer, without fraction or exponent",
                "/process/rlimits/0/hard: is required",
                "/mounts/1/destination: is required",
                "/mounts/2: must be an object, not a number",
                "/linux/namespaces/0/type: unknown value 'pidd'; known are pid, network, mount, ipc, uts, user, cgroup, time",
                "/linux/seccomp: must be an object, not an array",
                "/linux/resources/pids/limit: must be an integer, not a string",
                "/linux/sysctl/a~1b~0c: must be a string, not a number",
                "/ociVersion: is required",
            ],
            _problems.Select(problem => problem.ToString()));
    }

    [Theory]
    [InlineData("""{"ociVersion":"1.0.0","hostname":"a","hostname":"b"}""", "/hostname: the key occurs twice")]
    [InlineData("""{"ociVersion":"1.0.0","hostname":"a","hostn\u0061me":"b"}""", "/hostname: the key occurs twice")]
    [InlineData("""{"ociVersion":"1.0.0","annotations":{"x":"1","x":"2"}}""", "/annotations/x: the key occurs twice")]
    [InlineData("""{"ociVersion":"1.0.0","hostname":"a\u0000b"}""", "/hostname: must not contain a NUL character")]
    [InlineData("""{"ociVersion":"1.0.0","hostname":"\ud800"}""", "/hostname: the string is not valid UTF-8")]
    [InlineData("""[]""", "must be an object, not an array")]
    [InlineData("""null""", "must be an object, not null")]
    public void Malice_is_refused(string json, string expected)
    {
        Read(json);

        Assert.Equal([expected], _problems.Select(problem => problem.ToString()));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("""{"ociVersion":"1.0.0"} x""")]
    [InlineData("""{"ociVersion":"1.0.0",}""")]
    [InlineData("""{"ociVersion":"1.0.0" /* comment */}""")]
    public void What_is_not_JSON_is_named_with_its_place(string json)
    {
        Assert.Null(Read(json));

        Assert.StartsWith("not valid JSON at line 1, byte ", Assert.Single(_problems).Message);
    }

    [Fact]
    public void Deep_nesting_is_refused_and_not_followed()
    {
        string deep = string.Concat(Enumerable.Repeat("[", 100_000));

        Assert.Null(Read($$"""{"ociVersion":"1.0.0","x":{{deep}}"""));

        Assert.Equal("nested deeper than 64 levels", Assert.Single(_problems).Message);
    }

    [Fact]
    public void A_huge_document_is_refused_unread()
    {
        Assert.Null(RuntimeSpecJson.Read(new byte[RuntimeSpecJson.BytesMax + 1], _problems));

        Assert.Equal("the document has 8388609 bytes; at most 8388608 are read", Assert.Single(_problems).Message);
    }

    [Fact]
    public void Bytes_that_are_not_UTF8_are_refused()
    {
        byte[] utf8 = Encoding.Latin1.GetBytes("""{"ociVersion":"1.0.0","hostname":"ü"}""");

        RuntimeSpecJson.Read(utf8, _problems);

        Assert.Equal([new Problem("/hostname", "the string is not valid UTF-8")], _problems);
    }

    [Fact]
    public void Parse_throws_all_problems_of_a_document_with_its_name()
    {
        byte[] utf8 = """{"ociVersion":"2.0.0","root":{"path":""}}"""u8.ToArray();

        var refused = Assert.Throws<ProblemsException>(() => RuntimeSpecJson.Parse(utf8, "config.json"));

        Assert.Equal(["/ociVersion", "/root/path", "/process"], refused.Problems.Select(problem => problem.Path));
        Assert.StartsWith("config.json: ", refused.Message);
    }

    [Fact]
    public void No_cut_of_a_document_crashes_the_reader()
    {
        byte[] utf8 = File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Runtime/full.json"));

        for (int length = 0; length < utf8.Length - 1; length += 29)
        {
            Assert.Null(RuntimeSpecJson.Read(utf8.AsMemory(0, length), _problems));
        }
    }

    [Fact]
    public void No_flipped_byte_crashes_the_reader()
    {
        byte[] utf8 = File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Runtime/full.json"));
        var random = new Random(1);

        for (int i = 0; i < 1_000; i++)
        {
            byte[] copy = [.. utf8];
            copy[random.Next(copy.Length)] = (byte)random.Next(256);
            if (RuntimeSpecJson.Read(copy, _problems) is { } spec && _problems.Count == 0)
            {
                RuntimeSpecRules.Check(spec, _problems, _problems);
            }
            _problems.Clear();
        }
    }

    private RuntimeSpec? Read(string json) => RuntimeSpecJson.Read(Encoding.UTF8.GetBytes(json), _problems);
}
