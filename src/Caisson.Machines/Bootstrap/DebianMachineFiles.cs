namespace Caisson.Machines.Bootstrap;

/// <summary>The files that make a Debian root a machine's: how it starts, finds its network, and does what it is told at its first start.</summary>
internal static class DebianMachineFiles
{
    /// <summary>What a machine has beside the minimal packages.</summary>
    internal static readonly string[] Packages =
    [
        "systemd-sysv", "udev", "dbus", "systemd-resolved", "initramfs-tools", "zstd", "openssh-server", "qemu-guest-agent", "sudo", "iproute2", "iputils-ping",
        "ca-certificates", "less", "procps", "kmod", "libfdisk1", "e2fsprogs", "dosfstools", "nano",
    ];

    /// <summary>GRUB's parts that are always there: what it needs to find the file system and start a kernel by its configuration.</summary>
    internal static readonly string[] GrubModules =
    [
        "part_gpt", "ext2", "fat", "search", "search_fs_uuid", "search_label", "linux", "normal", "configfile", "serial", "terminal", "echo", "test", "boot", "minicmd", "ls", "cat", "reboot",
        "halt", "true", "sleep", "gzio", "zstd", "loadenv",
    ];

    /// <summary>The library of <c>first-boot</c>, and what runs it.</summary>
    private const string FirstBoot = """
        #!/bin/sh
        # Does what the disc "cidata" says, once for each instance; called with "early" before the network and "late" after.
        set -u
        phase=${1:-early}
        state=/var/lib/caisson
        mkdir -p "$state"
        log() { echo "first-boot: $*"; echo "first-boot: $*" > /dev/kmsg 2>/dev/null || :; }

        set_hostname() {
          echo "$1" > /etc/hostname
          hostname "$1"
          sed -i '/^127\.0\.1\.1/d' /etc/hosts
          echo "127.0.1.1 $1 ${1%%.*}" >> /etc/hosts
        }
        set_timezone() {
          if [ -e "/usr/share/zoneinfo/$1" ]; then ln -sf "/usr/share/zoneinfo/$1" /etc/localtime; else log "no time zone $1"; fi
        }
        add_user() {
          id "$1" > /dev/null 2>&1 || useradd --create-home --shell "$2" "$1" || return
          for group in $(echo "${3:-}" | tr ',' ' '); do
            getent group "$group" > /dev/null || groupadd "$group"
            usermod --append --groups "$group" "$1"
          done
        }
        allow_sudo() {
          name=$(echo "$1" | tr -c 'a-zA-Z0-9_\n' '_')
          printf '%s %s\n' "$1" "$2" >> "/etc/sudoers.d/90-first-boot-$name"
          chmod 0440 "/etc/sudoers.d/90-first-boot-$name"
        }
        set_password() { usermod --password "$2" "$1"; }
        add_key() {
          home=$(getent passwd "$1" | cut -d: -f6)
          [ -n "$home" ] || return
          install -d -m 0700 -o "$1" -g "$(id -g "$1")" "$home/.ssh"
          touch "$home/.ssh/authorized_keys"
          grep -qxF -e "$2" "$home/.ssh/authorized_keys" || printf '%s\n' "$2" >> "$home/.ssh/authorized_keys"
          chown "$1:$(id -g "$1")" "$home/.ssh/authorized_keys"
          chmod 0600 "$home/.ssh/authorized_keys"
        }
        allow_ssh_passwords() { echo 'PasswordAuthentication yes' > /etc/ssh/sshd_config.d/10-first-boot.conf; }
        write_file() {
          mkdir -p "$(dirname "$1")"
          if [ "$4" = append ]; then printf %s "$5" | base64 -d >> "$1"; else printf %s "$5" | base64 -d > "$1"; fi
          chmod "$2" "$1"
          chown "$3" "$1"
        }
        run_command() { "$@" || log "ended with $?: $*"; }
        run_script() { cat > "$state/user-data"; chmod 0700 "$state/user-data"; "$state/user-data" || log "user-data ended with $?"; }
        update_packages() { apt-get -q update || log "the lists of packages could not be read"; }
        upgrade_packages() { DEBIAN_FRONTEND=noninteractive apt-get -qy upgrade || log "packages could not be upgraded"; }
        install_packages() { DEBIAN_FRONTEND=noninteractive apt-get -qy --no-install-recommends install "$@" || log "could not be installed: $*"; }

        if [ "$phase" = early ]; then
          ls /etc/ssh/ssh_host_*_key > /dev/null 2>&1 || {
            for kind in ed25519 ecdsa; do ssh-keygen -q -t $kind -N '' -C "" -f /etc/ssh/ssh_host_${kind}_key; done
          }
          umask 077
          mkdir -p /run/cidata
          if [ -e /dev/disk/by-label/cidata ] && mount -o ro,nosuid,nodev,noexec /dev/disk/by-label/cidata /run/cidata; then
            rm -f "$state/first-boot"
            [ ! -e /run/cidata/first-boot ] || cp /run/cidata/first-boot "$state/first-boot"
            umount /run/cidata
          fi
          umask 022
        fi

        [ -e "$state/first-boot" ] || exit 0
        . "$state/first-boot"
        [ "$(cat "$state/$phase" 2>/dev/null)" = "$instance_id" ] && exit 0
        log "$phase of $instance_id"
        if [ "$phase" = early ]; then
          if [ -e "$state/early" ]; then
            # Another instance of the same disk: no two have one identity.
            rm -f /etc/ssh/ssh_host_*_key /etc/ssh/ssh_host_*_key.pub
            for kind in ed25519 ecdsa; do ssh-keygen -q -t $kind -N '' -C "" -f /etc/ssh/ssh_host_${kind}_key; done
          fi
          early
        else
          late
        fi
        echo "$instance_id" > "$state/$phase"
        log "$phase of $instance_id is done"

        """;

    private const string EarlyUnit = """
        [Unit]
        Description=What this machine does at its first start, before the network
        DefaultDependencies=no
        Wants=network-pre.target
        After=local-fs.target systemd-udevd.service systemd-udev-trigger.service systemd-sysusers.service dev-hugepages.mount
        Before=network-pre.target systemd-networkd.service ssh.service sysinit.target shutdown.target
        Conflicts=shutdown.target

        [Service]
        Type=oneshot
        RemainAfterExit=yes
        ExecStartPre=-/usr/bin/udevadm settle --timeout=10 --exit-if-exists=/dev/disk/by-label/cidata
        ExecStart=/usr/lib/caisson/first-boot early
        StandardOutput=journal+console

        [Install]
        WantedBy=sysinit.target

        """;

    private const string LateUnit = """
        [Unit]
        Description=What this machine does at its first start, with the network
        After=network-online.target caisson-early.service ssh.service
        Wants=network-online.target
        ConditionPathExists=/var/lib/caisson/first-boot

        [Service]
        Type=oneshot
        RemainAfterExit=yes
        ExecStart=/usr/lib/caisson/first-boot late
        StandardOutput=journal+console
        TimeoutStartSec=infinity

        [Install]
        WantedBy=multi-user.target

        """;

    /// <summary>Runs as root of the new system's host, with its directory as the first argument, after all packages are there.</summary>
    internal const string Finish = """
        set -eu
        root=$1
        out=$2
        release=$3
        shift 3
        mkdir -p "$root/tmp/grub"
        cd "$root/tmp/grub"
        APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get -q -o APT::Sandbox::User=root download grub-common grub-pc-bin grub-efi-amd64-bin libdevmapper1.02.1
        for package in *.deb; do dpkg-deb -x "$package" tree; done
        cp "$out/early.cfg" early.cfg
        make_grub() {
          chroot "$root" env LD_LIBRARY_PATH=/tmp/grub/tree/lib/x86_64-linux-gnu:/tmp/grub/tree/usr/lib/x86_64-linux-gnu \
            /tmp/grub/tree/usr/bin/grub-mkimage -d "/tmp/grub/tree/usr/lib/grub/$1" -O "$1" -p /boot/grub -c /tmp/grub/early.cfg -o "/tmp/grub/$2" $3
        }
        make_grub i386-pc core.img "biosdisk $*"
        make_grub x86_64-efi bootx64.efi "$*"
        cat core.img > "$out/core.img"
        cat bootx64.efi > "$out/bootx64.efi"
        cat tree/usr/lib/grub/i386-pc/boot.img > "$out/boot.img"
        cd /
        rm -rf "$root/tmp/grub"
        chroot "$root" systemctl enable systemd-networkd systemd-resolved caisson-early caisson-late serial-getty@ttyS0
        chroot "$root" systemctl disable systemd-networkd-wait-online apt-daily.timer apt-daily-upgrade.timer e2scrub_reap.service e2scrub_all.timer || :
        chroot "$root" systemctl enable systemd-networkd-wait-online
        chroot "$root" passwd --lock root
        rm -f "$root"/etc/ssh/ssh_host_* "$root"/etc/resolv.conf "$root"/etc/hostname
        ln -s /run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"
        echo debian > "$root/etc/hostname"
        : > "$root/etc/machine-id"
        rm -f "$root/var/lib/dbus/machine-id"
        rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*.bin "$root"/var/log/*.log "$root"/var/log/apt "$root"/var/cache/ldconfig/aux-cache

        """;

    /// <summary>All files that are put in before the packages that read them, by path, with their modes.</summary>
    /// <param name="rootId">The root file system's identity.</param>
    internal static IReadOnlyDictionary<string, (int Mode, string Text)> All(Guid rootId) => new Dictionary<string, (int, string)>
    {
        ["usr/lib/caisson/first-boot"] = (0x1ed, FirstBoot),
        ["etc/systemd/system/caisson-early.service"] = (0x1a4, EarlyUnit),
        ["etc/systemd/system/caisson-late.service"] = (0x1a4, LateUnit),
        // A first file system with what a machine of ours, or of another hypervisor, has its disks on, and no more: it is small, so it is unpacked at once.
        ["etc/initramfs-tools/conf.d/caisson"] = (0x1a4, "MODULES=list\nCOMPRESS=zstd\nRESUME=none\n"),
        ["usr/share/initramfs-tools/modules.d/caisson"] = (0x1a4, "virtio_pci\nvirtio_blk\nvirtio_scsi\nahci\nsd_mod\nsr_mod\nnvme\nata_piix\nmptspi\nvmw_pvscsi\next4\ncrc32c_generic\n"),
        // What is plugged while it runs is used at once.
        ["etc/udev/rules.d/60-caisson.rules"] = (0x1a4, "SUBSYSTEM==\"cpu\", ACTION==\"add\", TEST==\"online\", ATTR{online}==\"0\", ATTR{online}=\"1\"\nSUBSYSTEM==\"memory\", ACTION==\"add\", ATTR{state}==\"offline\", ATTR{state}=\"online\"\n"),
        ["etc/fstab"] = (0x1a4, $"UUID={rootId} / ext4 errors=remount-ro,x-systemd.growfs 0 1\n"),
        ["etc/repart.d/50-root.conf"] = (0x1a4, "[Partition]\nType=root\n"),
        ["etc/systemd/network/90-dhcp.network"] = (0x1a4, "[Match]\nName=en* eth*\n[Network]\nDHCP=yes\n[DHCPv4]\nClientIdentifier=mac\n"),
        ["etc/systemd/system/systemd-networkd-wait-online.service.d/any.conf"] = (0x1a4, "[Service]\nExecStart=\nExecStart=/lib/systemd/systemd-networkd-wait-online --any --timeout=30\n"),
        ["etc/systemd/journald.conf.d/caisson.conf"] = (0x1a4, "[Journal]\nSystemMaxUse=64M\n"),
        ["etc/hosts"] = (0x1a4, "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n"),
        ["boot/grub/grub.cfg"] = (0x1a4, $$"""
            # Read by the boot loader; /vmlinuz and /initrd.img are always those of the newest kernel that is installed.
            set timeout=0
            set cmdline="root=UUID={{rootId}} ro console=tty0 console=ttyS0,115200n8 quiet"
            if [ -f /boot/grub/custom.cfg ]; then source /boot/grub/custom.cfg; fi
            linux /vmlinuz $cmdline
            initrd /initrd.img
            boot

            """),
    };

    /// <summary>What GRUB has within itself: where the rest is.</summary>
    internal static string EarlyGrub(Guid rootId) =>
        $"search.fs_uuid {rootId} root\nset prefix=($root)/boot/grub\nserial --unit=0 --speed=115200\nterminal_input console serial\nterminal_output console serial\nconfigfile $prefix/grub.cfg\n";
}
