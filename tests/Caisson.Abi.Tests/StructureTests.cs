using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text;
using Caisson.Linux.Abi;
using Xunit;

namespace Caisson.Abi.Tests;

public sealed class StructureTests
{
    /// <summary>Our structure, the C type, and fields that C calls otherwise (or that only we have: empty).</summary>
    internal static readonly (Type Ours, string C, Dictionary<string, string> Names)[] Structures =
    [
        (typeof(open_how), "struct open_how", []),
        (typeof(clone_args), "struct clone_args", []),
        (typeof(mount_attr), "struct mount_attr", []),
        (typeof(statx_timestamp), "struct statx_timestamp", new() { ["__reserved"] = "" }),
        (typeof(statx), "struct statx", new() { ["__spare0"] = "" }),
        (typeof(timespec), "struct timespec", []),
        (typeof(epoll_event), "struct epoll_event", []),
        (typeof(pollfd), "struct pollfd", []),
        (typeof(ucred), "struct ucred", []),
        (typeof(sockaddr_un), "struct sockaddr_un", []),
        (typeof(sockaddr_nl), "struct sockaddr_nl", []),
        (typeof(iovec), "struct iovec", []),
        (typeof(msghdr), "struct msghdr", []),
        (typeof(cmsghdr), "struct cmsghdr", []),
        (typeof(sock_filter), "struct sock_filter", []),
        (typeof(sock_fprog), "struct sock_fprog", []),
        (typeof(termios), "struct termios", []),
        (typeof(winsize), "struct winsize", []),
        (typeof(siginfo_t), "siginfo_t", []),
        (typeof(signalfd_siginfo), "struct signalfd_siginfo", []),
        (typeof(landlock_path_beneath_attr), "struct landlock_path_beneath_attr", []),
        (typeof(nlmsghdr), "struct nlmsghdr", []),
        (typeof(nlattr), "struct nlattr", []),
        (typeof(ifinfomsg), "struct ifinfomsg", []),
        (typeof(ifaddrmsg), "struct ifaddrmsg", []),
        (typeof(rtmsg), "struct rtmsg", []),
        (typeof(nfgenmsg), "struct nfgenmsg", []),
        (typeof(sockaddr_in), "struct sockaddr_in", []),
        (typeof(sockaddr_in6), "struct sockaddr_in6", []),
        (typeof(bpf_insn), "struct bpf_insn", new() { ["regs"] = "" }),
        (typeof(statfs), "struct statfs", []),
        (typeof(loop_config), "struct loop_config", new() { ["lo_flags"] = "info.lo_flags" }),
        (typeof(kvm_userspace_memory_region), "struct kvm_userspace_memory_region", []),
        (typeof(kvm_regs), "struct kvm_regs", []),
        (typeof(Elf64_Phdr), "Elf64_Phdr", []),
        (typeof(bpf_attr_prog_load), "union bpf_attr", []),
        (typeof(bpf_attr_prog_attach), "union bpf_attr", []),
        (typeof(bpf_attr_prog_query), "union bpf_attr", new()
        {
            ["target_fd"] = "query.target_fd",
            ["attach_type"] = "query.attach_type",
            ["query_flags"] = "query.query_flags",
            ["attach_flags"] = "query.attach_flags",
            ["prog_ids"] = "query.prog_ids",
            ["prog_cnt"] = "query.prog_cnt",
            ["__pad"] = "",
        }),
    ];

    /// <summary>One program tells of all structures: starting the compiler is what takes time.</summary>
    private static readonly Lazy<ILookup<string, string>> Theirs = new(() => CCompiler.Run(Program())
        .Select(line => line.Split('|'))
        .ToLookup(words => words[0], words => words[1]));

    public static TheoryData<string> Names => [.. Structures.Select(structure => structure.Ours.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_structure_has_the_size_and_offsets_of_the_header(string name)
    {
        Assert.SkipUnless(CCompiler.Exists, "needs a C compiler");
        var structure = Structures.Single(structure => structure.Ours.Name == name);

        List<string> ours = [.. Fields(structure).Select(field => $"{field.Ours} {Marshal.OffsetOf(structure.Ours, field.Ours)}")];
        if (!structure.C.StartsWith("union", StringComparison.Ordinal))
        {
            ours.Add($"size {Marshal.SizeOf(structure.Ours)}");
        }

        Assert.Equal(Theirs.Value[name], ours);
    }

    private static string Program()
    {
        var source = new StringBuilder(Headers.Text).Append("int main(void) {\n");
        foreach (var structure in Structures)
        {
            foreach (var (ours, c) in Fields(structure))
            {
                source.Append(CultureInfo.InvariantCulture, $"printf(\"{structure.Ours.Name}|{ours} %zu\\n\", offsetof({structure.C}, {c}));\n");
            }
            if (!structure.C.StartsWith("union", StringComparison.Ordinal))
            {
                source.Append(CultureInfo.InvariantCulture, $"printf(\"{structure.Ours.Name}|size %zu\\n\", sizeof({structure.C}));\n");
            }
        }
        return source.Append("return 0; }\n").ToString();
    }

    internal static IEnumerable<(string Ours, string C)> Fields((Type Ours, string C, Dictionary<string, string> Names) structure) => structure.Ours
        .GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic)
        .Select(field => (field.Name, C: structure.Names.GetValueOrDefault(field.Name, field.Name)))
        .Where(field => field.C.Length > 0);
}
