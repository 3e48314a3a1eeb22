#!/bin/bash
# OCI runtimes against each other: a bundle as an engine writes it, one process that ends at once. bench/runtime.sh [--write]
# ROUNDS (default 5) interleaved rounds of RUNS (default 10) runs each; TOOLS names some of the three.
peers=(runc crun busybox-static golang-github-containers-common)
source "$(dirname "$0")/environment.sh"

bundle=$BENCH_SCRATCH/bundle
mkdir -p "$bundle"/rootfs/{bin,dev,etc,proc,sys,tmp} "$bundle/files"
cp /bin/busybox "$bundle/rootfs/bin/busybox"
ln -s busybox "$bundle/rootfs/bin/true"
for i in {1..13}; do echo "$i" >"$bundle/files/$i"; done

capabilities='["CAP_CHOWN","CAP_DAC_OVERRIDE","CAP_FSETID","CAP_FOWNER","CAP_MKNOD","CAP_NET_RAW","CAP_SETGID","CAP_SETUID","CAP_SETFCAP","CAP_SETPCAP","CAP_NET_BIND_SERVICE","CAP_SYS_CHROOT","CAP_KILL","CAP_AUDIT_WRITE"]'
# The profile that podman and dockerd use, as they resolve it for this machine and these capabilities.
jq -c --argjson caps "$capabilities" '{ defaultAction, architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
  syscalls: [.syscalls[]
    | select((.includes.arches // ["amd64"] | index("amd64")) and ((.includes.caps // []) - $caps == [])
        and ((.excludes.caps // []) - $caps == (.excludes.caps // [])) and (.excludes.arches // [] | index("amd64") | not))
    | { names, action } + (if .errnoRet then { errnoRet } else {} end)
      + (if (.args // []) == [] then {} else { args: [.args[] | { index, value, valueTwo: (.valueTwo // 0), op }] } end)] }' \
  /usr/share/containers/seccomp.json >"$BENCH_SCRATCH/seccomp.json"
(cd "$bundle" && runc spec)
jq --argjson caps "$capabilities" --slurpfile seccomp "$BENCH_SCRATCH/seccomp.json" --arg files "$bundle/files" '
  .process.terminal = false | .process.args = ["/bin/true"]
  | .process.capabilities = { bounding: $caps, effective: $caps, permitted: $caps }
  | .root.readonly = false
  | .linux.seccomp = $seccomp[0]
  | .linux.namespaces += [{ type: "cgroup" }]
  | .linux.cgroupsPath = "/caisson-bench/bundle"
  | .linux.resources.memory = { limit: 268435456 } | .linux.resources.pids = { limit: 128 }
  | .linux.resources.cpu = { shares: 512, quota: 100000, period: 100000 }
  | .mounts += [range(1; 14) as $i | { destination: "/etc/f\($i)", type: "bind", source: "\($files)/\($i)", options: ["rbind", "rprivate", "ro"] }]' \
  "$bundle/config.json" >"$bundle/config.new"
mv "$bundle/config.new" "$bundle/config.json"
mkdir "$BENCH_SCRATCH/users"
cp -a "$bundle" "$BENCH_SCRATCH/users/bundle"
jq '.linux.namespaces += [{ type: "user" }] | .linux.uidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }] | .linux.gidMappings = .linux.uidMappings' \
  "$bundle/config.json" >"$BENCH_SCRATCH/users/bundle/config.json"
chown -R 100000:100000 "$BENCH_SCRATCH/users/bundle/rootfs"
chmod 711 "$BENCH_SCRATCH"
cat >"$BENCH_SCRATCH/three.sh" <<'SCRIPT'
$1 create -b "$2" "$3" </dev/null && $1 start "$3" && $1 delete -f "$3"
SCRIPT

declare -A runtimes=([caisson-runtime]=$tree/artifacts/publish/caisson-runtime [runc]=$(command -v runc) [crun]=$(command -v crun))
versions="runc $(runc --version | awk 'NR == 1 { print $3 }'), crun $(crun --version | awk 'NR == 1 { print $3 }')"
for ((round = 1; round <= ${ROUNDS:-5}; round++)); do
  for name in ${TOOLS:-caisson-runtime runc crun}; do
    program=${runtimes[$name]}
    measure "run, ms" "$name" "${RUNS:-10}" "$program run -b $bundle bench$$"
    measure "run in a user namespace, ms" "$name" "${RUNS:-10}" "$program run -b $BENCH_SCRATCH/users/bundle bench$$"
    measure "create, start, delete, ms" "$name" "${RUNS:-10}" "sh $BENCH_SCRATCH/three.sh $program $bundle bench$$"
    measure "start of the program itself, ms" "$name" "${RUNS:-10}" "$program --version"
  done
done
finish runtime "$@"
