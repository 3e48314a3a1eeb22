#!/bin/bash
# How long a machine stands still when it moves to another engine, and to another QEMU told by hand: bench/migration.sh [--write]
# ROUNDS (default 5) rounds of each; the machine has MEMORY (default 256) MiB and a disk of DISK (default 256) MiB, which moves, too. It is idle, or writes 20 MB of its memory
# a second. Its operating system is a boot sector. The pause is from the stop of its processors here to their start there, by the events of both QEMUs.
peers=(qemu-system-x86 qemu-utils binutils python3)
source "$(dirname "$0")/environment.sh"

memory=${MEMORY:-256} disk=${DISK:-256}
caisson=$tree/artifacts/publish/caisson
here() { CAISSON_ROOT=$BENCH_SCRATCH/here CAISSON_RUN=/run/here "$caisson" "$@"; }
there() { CAISSON_ROOT=$BENCH_SCRATCH/there CAISSON_RUN=/run/there "$caisson" "$@"; }

# A boot sector that writes PAGES pages of its memory above 16 MiB, of 64 MiB in turn, at each of a hundred ticks a second, and else halts.
guest() {
  cat >"$BENCH_SCRATCH/guest.s" <<END
    .code16
    cli
    xorw %ax, %ax
    movw %ax, %ds
    lgdtl table + 0x7c00
    movl %cr0, %eax
    orl \$1, %eax
    movl %eax, %cr0
    ljmpl \$8, \$flat + 0x7c00
    .code32
flat:
    movw \$16, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movl \$0x7000, %esp
    # The tick's handler is an iret; the interrupt controller sends ticks to vector 32.
    movl \$0x0008, %eax
    shll \$16, %eax
    movl \$tick + 0x7c00, %ebx
    andl \$0xffff, %ebx
    orl %ebx, %eax
    movl %eax, 0x1100
    movl \$0x8e00, 0x1104
    lidtl interrupts + 0x7c00
    movb \$0x11, %al; outb %al, \$0x20; outb %al, \$0xa0
    movb \$32, %al; outb %al, \$0x21; movb \$40, %al; outb %al, \$0xa1
    movb \$4, %al; outb %al, \$0x21; movb \$2, %al; outb %al, \$0xa1
    movb \$1, %al; outb %al, \$0x21; outb %al, \$0xa1
    movb \$0xfe, %al; outb %al, \$0x21; movb \$0xff, %al; outb %al, \$0xa1
    movb \$0x34, %al; outb %al, \$0x43
    movb \$(11932 & 255), %al; outb %al, \$0x40; movb \$(11932 >> 8), %al; outb %al, \$0x40
    movw \$0x3f8, %dx; movb \$'r', %al; outb %al, %dx
    movl \$0x1000000, %edi
again:
    sti
    hlt
    movl \$$1, %ecx
    jecxz again
one:
    incl (%edi)
    addl \$4096, %edi
    cmpl \$0x5000000, %edi
    jb next
    movl \$0x1000000, %edi
next:
    loop one
    jmp again
tick:
    pushl %eax
    movb \$0x20, %al
    outb %al, \$0x20
    popl %eax
    iretl
    .balign 8
gates:
    .quad 0, 0x00cf9a000000ffff, 0x00cf92000000ffff
table:
    .word 23
    .long gates + 0x7c00
interrupts:
    .word 264 - 1
    .long 0x1000
    .org 510
    .word 0xaa55
END
  as --32 -o "$BENCH_SCRATCH/guest.o" "$BENCH_SCRATCH/guest.s"
  ld -m elf_i386 --oformat binary -Ttext 0 -o "$BENCH_SCRATCH/$2" "$BENCH_SCRATCH/guest.o" 2>/dev/null
  truncate -s "${disk}M" "$BENCH_SCRATCH/$2"
  # What cannot be left out, so that it is copied.
  head -c "$((disk / 4 * 1024 * 1024))" /dev/urandom | dd of="$BENCH_SCRATCH/$2" bs=1M seek=1 conv=notrunc status=none
}

# Two QEMUs on one host, told as the manual has it: the disk by a mirror, the memory by a socket.
cat >"$BENCH_SCRATCH/raw.py" <<'END'
import json, os, socket, subprocess, sys, time
scratch, image, memory = sys.argv[1:]
class Qemu:
    def __init__(self, name, *more):
        self.disk = f"{scratch}/{name}.qcow2"
        if name == "source":
            subprocess.check_call(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", image, self.disk])
        else:
            subprocess.check_call(["qemu-img", "create", "-q", "-f", "qcow2", self.disk, str(os.path.getsize(image))])
        path = f"{scratch}/{name}.sock"
        self.process = subprocess.Popen(["qemu-system-x86_64", "-M", "q35,accel=tcg", "-m", memory, "-display", "none", "-nodefaults",
            "-blockdev", json.dumps({"driver": "qcow2", "node-name": "disk0", "file": {"driver": "file", "filename": self.disk}}), "-device", "virtio-blk-pci,drive=disk0",
            "-qmp", f"unix:{path},server=on,wait=off", *more])
        self.events, self.rest = [], b""
        self.socket = socket.socket(socket.AF_UNIX)
        for _ in range(500):
            try:
                self.socket.connect(path)
                break
            except OSError:
                time.sleep(0.01)
        self.read()
        self("qmp_capabilities")
    def read(self):
        while b"\n" not in self.rest:
            self.rest += self.socket.recv(65536)
        line, self.rest = self.rest.split(b"\n", 1)
        return json.loads(line)
    def __call__(self, command, **arguments):
        self.socket.sendall(json.dumps({"execute": command, "arguments": {k.replace("_", "-"): v for k, v in arguments.items()}}).encode())
        while True:
            answer = self.read()
            if "event" in answer:
                self.events.append(answer)
            elif "error" in answer:
                raise SystemExit(f"{command}: {answer}")
            else:
                return answer["return"]
    def wait(self, name, **data):
        while True:
            for told in self.events:
                if told["event"] == name and all(told.get("data", {}).get(k) == v for k, v in data.items()):
                    return told["timestamp"]["seconds"] * 1000 + told["timestamp"]["microseconds"] / 1000
            told = self.read()
            self.events.append(told)
source, target = Qemu("source"), Qemu("target", "-incoming", "defer")
time.sleep(2)
for one in (source, target):
    one("migrate-set-capabilities", capabilities=[{"capability": c, "state": True} for c in ("events", "pause-before-switchover")])
source("migrate-set-parameters", downtime_limit=10, max_bandwidth=1 << 40)
target("nbd-server-start", addr={"type": "unix", "data": {"path": f"{scratch}/nbd.sock"}})
target("block-export-add", type="nbd", id="in", node_name="disk0", name="disk0", writable=True)
target("migrate-incoming", uri=f"unix:{scratch}/memory.sock")
source("blockdev-add", driver="nbd", node_name="to", server={"type": "unix", "path": f"{scratch}/nbd.sock"}, export="disk0")
source("blockdev-mirror", job_id="mirror", device="disk0", target="to", sync="full", copy_mode="write-blocking")
source.wait("BLOCK_JOB_READY")
source("migrate", uri=f"unix:{scratch}/memory.sock")
source.wait("MIGRATION", status="pre-switchover")
source("block-job-cancel", device="mirror")
source.wait("BLOCK_JOB_COMPLETED")
target("nbd-server-stop")
source("migrate-continue", state="pre-switchover")
print(target.wait("RESUME") - source.wait("STOP"))
for one in (source, target):
    one.process.kill()
    one.process.wait()
    os.remove(one.disk)
END

versions=$(qemu-system-x86_64 --version | head -n 1)
here engine start >/dev/null
# Beside each other in one network the engines would have the same addresses.
unshare --net -- sh -c 'ip link set lo up && exec "$@" engine start' sh env CAISSON_ROOT="$BENCH_SCRATCH/there" CAISSON_RUN=/run/there "$caisson" >/dev/null
guest 0 idle.img
guest 51 busy.img
for ((round = 1; round <= ${ROUNDS:-5}; round++)); do
  for kind in idle busy; do
    metric="pause, $kind machine, ms"
    sample "$metric" "qemu by hand" "$(python3 "$BENCH_SCRATCH/raw.py" "$BENCH_SCRATCH" "$BENCH_SCRATCH/$kind.img" "$memory")"
    here machine create --disk "$BENCH_SCRATCH/$kind.img" --no-network -m "${memory}m" --start moving >/dev/null
    sleep 2
    here machine migrate moving unix:///run/there/docker.sock >/dev/null 2>"$BENCH_SCRATCH/said" || give_up "$(<"$BENCH_SCRATCH/said")"
    sample "$metric" caisson "$(sed -n 's/.*stood still for \([0-9.]*\) ms.*/\1/p' "$BENCH_SCRATCH/said")"
    there machine delete -f moving >/dev/null
  done
done
here engine stop >/dev/null
there engine stop >/dev/null
finish migration "$@"
