using System.Runtime.InteropServices;

namespace Caisson.Linux.Abi;

#pragma warning disable CS0649 // the kernel writes many of these fields
#pragma warning disable CS8981 // the kernel's own names

/// <summary>Source: openat2(2).</summary>
internal struct open_how
{
    public ulong flags;
    public ulong mode;
    public ulong resolve;
}

/// <summary>Source: clone(2), CLONE_ARGS_SIZE_VER2.</summary>
internal struct clone_args
{
    public ulong flags;
    public ulong pidfd;
    public ulong child_tid;
    public ulong parent_tid;
    public ulong exit_signal;
    public ulong stack;
    public ulong stack_size;
    public ulong tls;
    public ulong set_tid;
    public ulong set_tid_size;
    public ulong cgroup;
}

/// <summary>Memory of a machine. Source: kernel Documentation/virt/kvm/api.rst, KVM_SET_USER_MEMORY_REGION.</summary>
internal struct kvm_userspace_memory_region
{
    public uint slot;
    public uint flags;
    public ulong guest_phys_addr;
    public ulong memory_size;
    public ulong userspace_addr;
}

/// <summary>General registers of a processor of a machine. Source: kernel Documentation/virt/kvm/api.rst, KVM_SET_REGS.</summary>
internal struct kvm_regs
{
    public ulong rax;
    public ulong rbx;
    public ulong rcx;
    public ulong rdx;
    public ulong rsi;
    public ulong rdi;
    public ulong rsp;
    public ulong rbp;
    public ulong r8;
    public ulong r9;
    public ulong r10;
    public ulong r11;
    public ulong r12;
    public ulong r13;
    public ulong r14;
    public ulong r15;
    public ulong rip;
    public ulong rflags;
}

/// <summary>Source: mount_setattr(2).</summary>
internal struct mount_attr
{
    public ulong attr_set;
    public ulong attr_clr;
    public ulong propagation;
    public ulong userns_fd;
}

/// <summary>Source: statx(2).</summary>
internal struct statx_timestamp
{
    public long tv_sec;
    public uint tv_nsec;
    public int __reserved;
}

/// <summary>Source: statx(2).</summary>
[StructLayout(LayoutKind.Sequential, Size = 256)]
internal struct statx
{
    public uint stx_mask;
    public uint stx_blksize;
    public ulong stx_attributes;
    public uint stx_nlink;
    public uint stx_uid;
    public uint stx_gid;
    public ushort stx_mode;
    public ushort __spare0;
    public ulong stx_ino;
    public ulong stx_size;
    public ulong stx_blocks;
    public ulong stx_attributes_mask;
    public statx_timestamp stx_atime;
    public statx_timestamp stx_btime;
    public statx_timestamp stx_ctime;
    public statx_timestamp stx_mtime;
    public uint stx_rdev_major;
    public uint stx_rdev_minor;
    public uint stx_dev_major;
    public uint stx_dev_minor;
    public ulong stx_mnt_id;
}

/// <summary>Source: clock_gettime(2).</summary>
internal struct timespec
{
    public long tv_sec;
    public long tv_nsec;
}

/// <summary>Source: epoll_ctl(2); packed on x86-64 alone.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal struct epoll_event
{
    public uint events;
    public ulong data;
}

/// <summary>Source: poll(2).</summary>
internal struct pollfd
{
    public int fd;
    public short events;
    public short revents;
}

/// <summary>Source: unix(7).</summary>
internal struct ucred
{
    public int pid;
    public uint uid;
    public uint gid;
}

/// <summary>Source: unix(7).</summary>
internal unsafe struct sockaddr_un
{
    public ushort sun_family;
    public fixed byte sun_path[108];
}

/// <summary>Source: netlink(7).</summary>
internal struct sockaddr_nl
{
    public ushort nl_family;
    public ushort nl_pad;
    public uint nl_pid;
    public uint nl_groups;
}

/// <summary>Source: readv(2).</summary>
internal unsafe struct iovec
{
    public void* iov_base;
    public nuint iov_len;
}

/// <summary>Source: sendmsg(2).</summary>
internal unsafe struct msghdr
{
    public void* msg_name;
    public uint msg_namelen;
    public iovec* msg_iov;
    public nuint msg_iovlen;
    public void* msg_control;
    public nuint msg_controllen;
    public int msg_flags;
}

/// <summary>Source: cmsg(3); data follows at once.</summary>
internal struct cmsghdr
{
    public nuint cmsg_len;
    public int cmsg_level;
    public int cmsg_type;
}

/// <summary>Source: seccomp(2), linux/filter.h.</summary>
internal struct sock_filter
{
    public ushort code;
    public byte jt;
    public byte jf;
    public uint k;
}

/// <summary>Source: seccomp(2), linux/filter.h.</summary>
internal unsafe struct sock_fprog
{
    public ushort len;
    public sock_filter* filter;
}

/// <summary>What TCGETS and TCSETS carry. Source: asm-generic/termbits.h.</summary>
internal unsafe struct termios
{
    public uint c_iflag;
    public uint c_oflag;
    public uint c_cflag;
    public uint c_lflag;
    public byte c_line;
    public fixed byte c_cc[19];
}

/// <summary>Source: ioctl_tty(2).</summary>
internal struct winsize
{
    public ushort ws_row;
    public ushort ws_col;
    public ushort ws_xpixel;
    public ushort ws_ypixel;
}

/// <summary>The part of siginfo_t that waitid(2) fills.</summary>
[StructLayout(LayoutKind.Explicit, Size = 128)]
internal struct siginfo_t
{
    [FieldOffset(0)] public int si_signo;
    [FieldOffset(4)] public int si_errno;
    [FieldOffset(8)] public int si_code;
    [FieldOffset(16)] public int si_pid;
    [FieldOffset(20)] public uint si_uid;
    [FieldOffset(24)] public int si_status;
}

/// <summary>Source: signalfd(2); the first fields of 128 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 128)]
internal struct signalfd_siginfo
{
    public uint ssi_signo;
    public int ssi_errno;
    public int ssi_code;
    public uint ssi_pid;
    public uint ssi_uid;
    public int ssi_fd;
    public uint ssi_tid;
    public uint ssi_band;
    public uint ssi_overrun;
    public uint ssi_trapno;
    public int ssi_status;
}

/// <summary>Source: landlock_create_ruleset(2), ABI 6; older kernels take a prefix.</summary>
internal struct landlock_ruleset_attr
{
    public ulong handled_access_fs;
    public ulong handled_access_net;
    public ulong scoped;
}

/// <summary>Source: landlock_add_rule(2).</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal struct landlock_path_beneath_attr
{
    public ulong allowed_access;
    public int parent_fd;
}

/// <summary>Source: netlink(7).</summary>
internal struct nlmsghdr
{
    public uint nlmsg_len;
    public ushort nlmsg_type;
    public ushort nlmsg_flags;
    public uint nlmsg_seq;
    public uint nlmsg_pid;
}

/// <summary>Source: netlink(7).</summary>
internal struct nlattr
{
    public ushort nla_len;
    public ushort nla_type;
}

/// <summary>Source: rtnetlink(7).</summary>
internal struct ifinfomsg
{
    public byte ifi_family;
    public byte __ifi_pad;
    public ushort ifi_type;
    public int ifi_index;
    public uint ifi_flags;
    public uint ifi_change;
}

/// <summary>Source: rtnetlink(7).</summary>
internal struct ifaddrmsg
{
    public byte ifa_family;
    public byte ifa_prefixlen;
    public byte ifa_flags;
    public byte ifa_scope;
    public uint ifa_index;
}

/// <summary>Source: rtnetlink(7).</summary>
internal struct rtmsg
{
    public byte rtm_family;
    public byte rtm_dst_len;
    public byte rtm_src_len;
    public byte rtm_tos;
    public byte rtm_table;
    public byte rtm_protocol;
    public byte rtm_scope;
    public byte rtm_type;
    public uint rtm_flags;
}

/// <summary>Source: linux/netfilter/nfnetlink.h.</summary>
internal struct nfgenmsg
{
    public byte nfgen_family;
    public byte version;

    /// <summary>Big-endian.</summary>
    public ushort res_id;
}

/// <summary>Source: ip(7). Port and address are big-endian.</summary>
internal unsafe struct sockaddr_in
{
    public ushort sin_family;
    public ushort sin_port;
    public uint sin_addr;
    public fixed byte sin_zero[8];
}

/// <summary>Source: ipv6(7). The port is big-endian.</summary>
internal unsafe struct sockaddr_in6
{
    public ushort sin6_family;
    public ushort sin6_port;
    public uint sin6_flowinfo;
    public fixed byte sin6_addr[16];
    public uint sin6_scope_id;
}

/// <summary>Source: bpf(2), linux/bpf.h.</summary>
internal struct bpf_insn
{
    public byte code;
    public byte regs; // dst_reg in the low four bits, src_reg in the high four
    public short off;
    public int imm;
}

/// <summary>The arm of union bpf_attr that BPF_PROG_LOAD reads. Source: bpf(2).</summary>
[StructLayout(LayoutKind.Sequential, Size = 48)]
internal unsafe struct bpf_attr_prog_load
{
    public uint prog_type;
    public uint insn_cnt;
    public ulong insns;
    public ulong license;
    public uint log_level;
    public uint log_size;
    public ulong log_buf;
    public uint kern_version;
    public uint prog_flags;
}

/// <summary>The arm of union bpf_attr that BPF_PROG_ATTACH and BPF_PROG_DETACH read. Source: bpf(2).</summary>
internal struct bpf_attr_prog_attach
{
    public uint target_fd;
    public uint attach_bpf_fd;
    public uint attach_type;
    public uint attach_flags;
    public uint replace_bpf_fd;
}

/// <summary>The arm of union bpf_attr that BPF_PROG_QUERY reads. Source: bpf(2).</summary>
internal struct bpf_attr_prog_query
{
    public uint target_fd;
    public uint attach_type;
    public uint query_flags;
    public uint attach_flags;
    public ulong prog_ids;
    public uint prog_cnt;
    public uint __pad;
}

/// <summary>Source: statfs(2).</summary>
[StructLayout(LayoutKind.Sequential, Size = 120)]
internal struct statfs
{
    public long f_type;
    public long f_bsize;
    public ulong f_blocks;
    public ulong f_bfree;
    public ulong f_bavail;
    public ulong f_files;
    public ulong f_ffree;
    public ulong f_fsid;
    public long f_namelen;
    public long f_frsize;
}

/// <summary>Source: loop(4), <c>struct loop_config</c>: what of it is not zero.</summary>
[StructLayout(LayoutKind.Explicit, Size = 304)]
internal struct loop_config
{
    [FieldOffset(0)]
    public uint fd;

    [FieldOffset(4)]
    public uint block_size;

    [FieldOffset(60)]
    public uint lo_flags;
}

/// <summary>Source: elf(5).</summary>
internal struct Elf64_Phdr
{
    public uint p_type;
    public uint p_flags;
    public ulong p_offset;
    public ulong p_vaddr;
    public ulong p_paddr;
    public ulong p_filesz;
    public ulong p_memsz;
    public ulong p_align;
}
