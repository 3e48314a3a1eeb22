using Caisson.Containers.Profiles;
using Caisson.Linux.Seccomp;

using Xunit;

namespace Caisson.Containers.Tests.Profiles;

/// <summary>The policies as the running kernel enforces them.</summary>
public sealed class ProfileKernelTests(ProfileSandbox sandbox) : IClassFixture<ProfileSandbox>
{
    private const int Eperm = 1, E2big = 7, Ebadf = 9, Efault = 14, Einval = 22, Enosys = 38, Eafnosupport = 97;
    private const long Unix = 1, Internet = 2, Internet6 = 10, Netlink = 16, Packet = 17, Alg = 38, Vsock = 40;
    private const long Stream = 1, Raw = 3;

    [Theory]
    [InlineData("mount", Eperm)]
    [InlineData("unshare", Eperm)]
    [InlineData("setns", Eperm)]
    [InlineData("ptrace", Eperm)]
    [InlineData("bpf", Eperm)]
    [InlineData("keyctl", Eperm)]
    [InlineData("io_uring_setup", Eperm)]
    [InlineData("perf_event_open", Eperm)]
    [InlineData("userfaultfd", Eperm)]
    [InlineData("chroot", Eperm)]
    [InlineData("kexec_load", Eperm)]
    [InlineData("clone3", Enosys)]
    [InlineData("getppid", 0)]
    [InlineData("landlock_create_ruleset", E2big)]
    [InlineData("close", Ebadf)]
    public void Default_refuses_what_it_says(string call, int errno)
    {
        Assert.True(SyscallTable.TryFind(call, out var numbers));

        Assert.Equal(errno, sandbox.Call(SecurityProfiles.Default, numbers.X64, -1, -1));
    }

    [Fact]
    public void A_call_of_the_future_does_not_exist()
    {
        Assert.Equal(Enosys, sandbox.Call(SecurityProfiles.Default, 2000));
        Assert.Equal(Enosys, sandbox.Call(SecurityProfiles.CompatDocker, 2000));
    }

    [Theory]
    [InlineData(Unix, Stream, 0, 0)]
    [InlineData(Internet, Stream, 0, 0)]
    [InlineData(Internet6, Stream, 0, 0)]
    [InlineData(Netlink, Raw, 0, 0)]
    [InlineData(Netlink, Raw, 4, 0)]
    [InlineData(Netlink, Raw, 15, 0)]
    [InlineData(Netlink, Raw, 9, Eafnosupport)]
    [InlineData(Netlink, Raw, 12, Eafnosupport)]
    [InlineData(Netlink, Raw, 16, Eafnosupport)]
    [InlineData(Packet, Raw, 0, Eafnosupport)]
    [InlineData(Alg, 5, 0, Eafnosupport)]
    [InlineData(Vsock, Stream, 0, Eafnosupport)]
    [InlineData(Vsock | (1L << 32), Stream, 0, Eafnosupport)]
    [InlineData(Netlink | (1L << 40), Raw, 9 | (1L << 40), Eafnosupport)]
    public void Default_makes_sockets_of_four_families(long family, long type, long protocol, int errno) =>
        Assert.Equal(errno, sandbox.Call(SecurityProfiles.Default, 41, family, type, protocol));

    [Theory]
    [InlineData(Alg)]
    [InlineData(Vsock)]
    [InlineData(Vsock | (1L << 32))]
    public void Compat_docker_refuses_ciphers_and_vsock_though_the_upper_bits_are_rubbish(long family) =>
        Assert.Equal(Eafnosupport, sandbox.Call(SecurityProfiles.CompatDocker, 41, family, Stream, 0));

    [Theory]
    [InlineData(0x5412)]
    [InlineData(0x541c)]
    [InlineData(0x5412 | (1L << 32))]
    public void Default_lets_nobody_type_into_a_terminal(long command) =>
        Assert.Equal(Eperm, sandbox.Call(SecurityProfiles.Default, 16, -1, command));

    [Theory]
    [InlineData(0x10000011)]
    [InlineData(0x00020011)]
    [InlineData(0x40000011)]
    [InlineData(0x02000011)]
    public void Default_lets_clone_make_no_namespace(long flags) =>
        Assert.Equal(Eperm, sandbox.Call(SecurityProfiles.Default, 56, flags, 0));

    [Theory]
    [InlineData(0x0, 0)]
    [InlineData(0x8, 0)]
    [InlineData(0xffffffff, 0)]
    [InlineData(-1, 0)]
    [InlineData(0x0040000, Eperm)]
    [InlineData(0x0400000, Eperm)]
    public void Default_keeps_the_execution_domain(long domain, int errno) =>
        Assert.Equal(errno, sandbox.Call(SecurityProfiles.Default, 135, domain));

    [Fact]
    public void Default_keeps_protocols_off_tcp()
    {
        Assert.Equal(Eperm, sandbox.Call(SecurityProfiles.Default, 54, -1, 6, 31));
        Assert.Equal(Ebadf, sandbox.Call(SecurityProfiles.Default, 54, -1, 6, 1));
    }

    [Fact]
    public void System_may_mount_and_make_namespaces()
    {
        Assert.Equal(Efault, sandbox.Call(SecurityProfiles.System, 165, 0, 1, 0));
        Assert.Equal(Einval, sandbox.Call(SecurityProfiles.System, 435, 0, 0));
        Assert.Equal(Eperm, sandbox.Call(SecurityProfiles.System, 425, 1, 0));
    }

    [Theory]
    [InlineData("sh", "-c", "echo $(id -u) | cat && (sleep 0 & wait) && ls -la / > list && tar cf - list | gzip -d -c 2>&1 | wc -c; test -s list")]
    [InlineData("bash", "-c", "mkfifo f; (echo through > f) & read -r x < f; test \"$x\" = through && ulimit -n 100 && kill -0 $$")]
    [InlineData("apt-get", "--version")]
    [InlineData("dpkg", "-l")]
    [InlineData("perl", "-MSocket", "-e", "socketpair(my $a, my $b, AF_UNIX, SOCK_STREAM, 0) or die $!; fork or exit 0; wait; exit $?")]
    [InlineData("python3", "-c", "import threading,subprocess,socket,tempfile,multiprocessing as m; t=threading.Thread(target=print); t.start(); t.join(); s=socket.create_server(('127.0.0.1',0)); c=socket.create_connection(s.getsockname()); m.Lock(); print(subprocess.check_output(['true']))")]
    [InlineData("node", "-e", "require('fs').readFile('/etc/passwd',()=>require('child_process').exec('true',e=>{new (require('worker_threads').Worker)('process.exit(0)',{eval:true}).on('exit',()=>process.exit(e?1:0))}))")]
    [InlineData("java", "-Xmx64m", "-version")]
    [InlineData("go", "version")]
    public void Programs_run_under_the_default_profile(params string[] command)
    {
        Assert.SkipUnless(IsInstalled(command[0]), $"{command[0]} is not installed");

        var (code, output) = sandbox.Run(SecurityProfiles.Default, command);

        Assert.True(code == 0, $"exit {code}: {output}");
    }

    private static bool IsInstalled(string program) =>
        Environment.GetEnvironmentVariable("PATH")!.Split(':').Any(directory => File.Exists(Path.Combine(directory, program)));
}
