#!/bin/bash
# The same program behind a kernel of its own: from the command's start until its first byte is read. bench/machines.sh [--write]
# In turns, RUNS (default 10) times: QEMU as people type it (bzImage, its usual machine and processor, the image as first file system),
# Caisson's machine that boots, Caisson's machine from a template, and the same image as a container. All with 512 MiB and the kernel of
# Debian's package, all by the same accelerator. Then CLONES (default 10) machines at once, their memory; and the start of a full machine.
peers=(qemu-system-x86 qemu-utils erofs-utils busybox-static cpio)
# Debian's archive is out of reach from where the benchmark runs.
prepare() {
  local caisson=$tree/artifacts/publish/caisson release
  export CAISSON_ROOT=$BENCH_SCRATCH/caisson CAISSON_RUN=$BENCH_SCRATCH/run
  $caisson kernel install >/dev/null
  release=$($caisson kernel ls -q | head -n 1)
  $caisson engine stop >/dev/null
  mkdir "$BENCH_SCRATCH/by-hand"
  # As root it would ask for a directory that the archive's own user can write to.
  (cd "$BENCH_SCRATCH/by-hand" && apt-get -o APT::Sandbox::User=root download "linux-image-$release" >/dev/null) || give_up "cannot get linux-image-$release"
}
source "$(dirname "$0")/environment.sh"
TOOLS=caisson
source "$(dirname "$0")/engines.sh"

runs=${RUNS:-10} clones=${CLONES:-10}
caisson=${client[caisson]}
versions="$(qemu-system-x86_64 --version | sed -n 's/QEMU emulator version \([^ ]*\).*/QEMU \1/p'), accelerator $(
  $caisson explain run --runtime vm $image 2>/dev/null | sed -n 's/^machine: .*accelerated by //p' || true)"

# first_byte METRIC TOOL COMMAND…: until 'ready' is read; then the command ends by itself.
first_byte() {
  local metric=$1 tool=$2 started line
  shift 2
  started=$(date +%s%N)
  exec {output}< <(exec "$@" 2>>"$BENCH_SCRATCH/errors" </dev/null)
  local pid=$!
  while IFS= read -r line <&"$output"; do
    [[ $line != *ready* ]] || break
  done
  [[ ${line:-} == *ready* ]] || { tail -n 5 "$BENCH_SCRATCH/errors" >&2; give_up "$tool never said that it was ready"; }
  sample "$metric" "$tool" "$(awk "BEGIN { print ($(date +%s%N) - $started) / 1e6 }")"
  cat <&"$output" >/dev/null
  wait "$pid" 2>/dev/null || true
  exec {output}<&-
}

# What QEMU boots by hand: Debian's package as it is, and the image's files as the first file system.
by_hand() {
  local directory=$BENCH_SCRATCH/by-hand
  dpkg-deb -x "$directory"/linux-image-*.deb "$directory/kernel"
  bzimage=$(echo "$directory"/kernel/boot/vmlinuz-*)
  mkdir -p "$directory/root/"{bin,dev,proc,sys}
  cp /bin/busybox "$directory/root/bin/busybox"
  ln -s busybox "$directory/root/bin/sh"
  printf '#!/bin/sh\necho ready\n/bin/busybox poweroff -f\n' >"$directory/root/init"
  chmod +x "$directory/root/init"
  initrd=$directory/initrd
  (cd "$directory/root" && find . | cpio -o -H newc --quiet | gzip) >"$initrd"
}

start_caisson
by_hand
# The first machine has its template made beside it.
$caisson run --rm --runtime vm --network none $image true
until [[ -n $(ls "$CAISSON_ROOT/machines/templates" 2>/dev/null) ]]; do
  sleep 0.2
done
$caisson run --rm --runtime vm --network none $image true
for ((i = 0; i < runs; i++)); do
  first_byte "start until the first byte, ms" "plain QEMU" qemu-system-x86_64 -m 512 -smp 2 -cpu max -nographic -no-reboot \
    -kernel "$bzimage" -initrd "$initrd" -append "console=ttyS0 quiet panic=-1"
  mv "$CAISSON_ROOT/machines/templates" "$CAISSON_ROOT/machines/templates.aside"
  first_byte "start until the first byte, ms" "caisson machine that boots" $caisson run --rm --runtime vm --network none $image echo ready
  rm -rf "$CAISSON_ROOT/machines/templates"
  mv "$CAISSON_ROOT/machines/templates.aside" "$CAISSON_ROOT/machines/templates"
  first_byte "start until the first byte, ms" "caisson machine" $caisson run --rm --runtime vm --network none $image echo ready
  first_byte "start until the first byte, ms" "caisson container" $caisson run --rm --network none $image echo ready
done

machine_kib() {
  local pid total=0 kib
  for pid in $(pgrep 'qemu-system-x86|caisson-machine'); do
    kib=$(awk '/^Pss:/ { print $2 }' "/proc/$pid/smaps_rollup" 2>/dev/null)
    total=$((total + ${kib:-0}))
  done
  echo "$total"
}
before=$(machine_kib)
for ((i = 0; i < clones; i++)); do
  $caisson run -d --runtime vm --network none --name "clone$i" $image sleep 100000 >/dev/null
done
sleep 3
sample "memory of each of $clones machines of one template, MiB" "caisson machine" "$(awk "BEGIN { print ($(machine_kib) - $before) / $clones / 1024 }")"
$caisson rm -f $($caisson ps -aq) >/dev/null
stop_caisson
finish machines "$@"
