namespace Caisson.Abi.Tests;

/// <summary>What the C programs include.</summary>
internal static class Headers
{
    public const string Text = """
        #define _GNU_SOURCE
        #include <stddef.h>
        #include <stdio.h>
        #include <elf.h>
        #include <fcntl.h>
        #include <poll.h>
        #include <sched.h>
        #include <signal.h>
        #include <time.h>
        #include <errno.h>
        #include <sys/epoll.h>
        #include <sys/eventfd.h>
        #include <sys/file.h>
        #include <sys/ioctl.h>
        #include <sys/mman.h>
        #include <sys/prctl.h>
        #include <sys/resource.h>
        #include <sys/signalfd.h>
        #include <sys/socket.h>
        #include <sys/stat.h>
        #include <sys/statfs.h>
        #include <sys/syscall.h>
        #include <sys/timerfd.h>
        #include <sys/un.h>
        #include <sys/wait.h>
        #include <sys/xattr.h>
        #include <net/if.h>
        #include <netinet/in.h>
        #include <asm/termbits.h>
        #include <linux/bpf.h>
        #include <linux/capability.h>
        #include <linux/close_range.h>
        #include <linux/filter.h>
        #include <linux/fs.h>
        #include <linux/if_addr.h>
        #include <linux/if_ether.h>
        #include <linux/if_link.h>
        #include <linux/if_tun.h>
        #include <linux/ioprio.h>
        #include <linux/landlock.h>
        #include <linux/kvm.h>
        #include <linux/limits.h>
        #include <linux/loop.h>
        #include <linux/magic.h>
        #include <linux/mount.h>
        #include <linux/netfilter.h>
        #include <linux/netfilter/nf_conntrack_common.h>
        #include <linux/netfilter/nf_nat.h>
        #include <linux/netfilter/nf_tables.h>
        #include <linux/netfilter/nfnetlink.h>
        #include <linux/netlink.h>
        #include <linux/nsfs.h>
        #include <linux/openat2.h>
        #include <linux/random.h>
        #include <linux/reboot.h>
        #include <linux/rtnetlink.h>
        #include <linux/sched.h>
        #include <linux/seccomp.h>
        #include <linux/securebits.h>
        #include <linux/veth.h>
        #include <linux/wait.h>

        """;
}
