# Sourced first by each benchmark. Runs the script again in mount and network namespaces of its own, so that engines, their sockets
# and their mounts never touch the host, and ends by pid what was started there. What a script needs of the network it gets in prepare.
set -euo pipefail
bench=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$bench/../.ci/build.sh"

if [[ -z ${BENCH_SCRATCH:-} ]]; then
  ((EUID == 0)) || give_up "benchmarks start containers with several engines and need root"
  install_packages hyperfine jq iproute2 "${peers[@]}"
  publish_binaries
  BENCH_SCRATCH=$(mktemp -d /var/tmp/caisson-bench.XXXXXX)
  export BENCH_SCRATCH LC_ALL=C PATH=$PATH:/usr/sbin:/sbin
  ! declare -F prepare >/dev/null || prepare
  code=0
  trap : INT TERM
  unshare --mount --net --propagation private "$0" "$@" || code=$?
  namespace=$(cat "$BENCH_SCRATCH/namespace" 2>/dev/null || true)
  # A container's process has another namespace and is a child of one that has ours.
  for directory in /proc/[0-9]*; do
    if [[ -n $namespace && $(readlink "$directory/ns/mnt" 2>/dev/null) == "$namespace" ]]; then
      kill -KILL $(cat "$directory"/task/*/children 2>/dev/null) "${directory#/proc/}" 2>/dev/null || true
    fi
  done
  sleep 0.5
  find /sys/fs/cgroup -depth -type d \( -path '*/caisson-bench*' -o -path '*/libpod_parent*' \) -exec rmdir {} + 2>/dev/null || true
  rm -rf "$BENCH_SCRATCH"
  exit "$code"
fi

readlink /proc/self/ns/mnt >"$BENCH_SCRATCH/namespace"
# crun 1.8 refuses a host that has both kinds of cgroups.
umount /sys/fs/cgroup/unified 2>/dev/null || true
mount -t tmpfs -o mode=755 tmpfs /run
# crun 1.8 gives /dev/null to the root of a user namespace: it shall not be the host's.
mknod -m 666 "$BENCH_SCRATCH/null" c 1 3
mount --bind "$BENCH_SCRATCH/null" /dev/null
ip link set lo up
samples=$BENCH_SCRATCH/samples
: >"$samples"

# measure METRIC TOOL RUNS COMMAND: wall time of a command without a shell between, in milliseconds.
measure() {
  local json=$BENCH_SCRATCH/hyperfine.json log=$BENCH_SCRATCH/hyperfine.log
  if ! hyperfine -N --style none --warmup 1 --runs "$3" --export-json "$json" "$4" >"$log" 2>&1; then
    tail -n 5 "$log" >&2
    give_up "$2: $4"
  fi
  jq -r '.results[0].times[] * 1000' "$json" | sed "s/^/$1\t$2\t/" >>"$samples"
}

# sample METRIC TOOL VALUE
sample() { printf '%s\t%s\t%s\n' "$1" "$2" "$3" >>"$samples"; }

# Proportional memory, in KiB, and processor time, in ms, of all that this benchmark started outside containers; not of itself.
memory_kib() { each_process | while read -r pid; do awk '/^Pss:/ { print $2 }' "/proc/$pid/smaps_rollup" 2>/dev/null; done | awk '{ s += $1 } END { print s + 0 }'; }
processor_ms() { each_process | while read -r pid; do awk '{ sub(/.*\) /, ""); print ($12 + $13) * 10 }' "/proc/$pid/stat" 2>/dev/null; done | awk '{ s += $1 } END { print s + 0 }'; }
each_process() {
  local directory name namespace
  namespace=$(<"$BENCH_SCRATCH/namespace")
  for directory in /proc/[0-9]*; do
    [[ $(readlink "$directory/ns/mnt" 2>/dev/null) == "$namespace" ]] || continue
    { read -r name <"$directory/comm"; } 2>/dev/null || continue
    case $name in bash | sh | "$(basename "$0")" | awk | hyperfine | readlink | sleep) ;; *) echo "${directory#/proc/}" ;; esac
  done
}

# table: medians of all samples as Markdown; the ratio is to Caisson's.
table() {
  echo "| | tool | median | lowest | highest | to Caisson |"
  echo "|---|---|---:|---:|---:|---:|"
  sort -t$'\t' -k1,1 -k2,2 -k3,3g "$samples" | awk -F'\t' '
    function flush(   m) {
      if (n == 0) return
      m = n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
      rows++; metric[rows] = key1; tool[rows] = key2; median[rows] = m; low[rows] = v[1]; high[rows] = v[n]
      if (key2 ~ /^caisson/) ours[key1] = m
      n = 0
    }
    { if ($1 != key1 || $2 != key2) { flush(); key1 = $1; key2 = $2 } v[++n] = $3 }
    END {
      flush()
      for (i = 1; i <= rows; i++)
        printf "| %s | %s | %.1f | %.1f | %.1f | %s |\n", metric[i], tool[i], median[i], low[i], high[i],
          (ours[metric[i]] > 0 ? sprintf("%.2f", median[i] / ours[metric[i]]) : "-")
    }'
}

# finish NAME ARGUMENTS: prints the table; with --write it goes into docs/performance.md too.
finish() {
  local name=$1 result
  shift
  result="$(table)"$'\n\n'"$(uname -sr), $(nproc) processors, $(awk -F: '/model name/ { gsub(/^ +/, "", $2); print $2; exit }' /proc/cpuinfo); $(date -u +%F); $versions"
  printf '%s\n' "$result"
  [[ ${1:-} == --write ]] || return 0
  printf '%s\n' "$result" >"$BENCH_SCRATCH/section"
  awk -v name="$name" -v file="$BENCH_SCRATCH/section" '
    $0 == "<!-- " name " -->" { print; print ""; while ((getline line < file) > 0) print line; print ""; skip = 1; next }
    $0 == "<!-- end of " name " -->" { skip = 0 }
    !skip' "$tree/docs/performance.md" >"$BENCH_SCRATCH/page"
  cp "$BENCH_SCRATCH/page" "$tree/docs/performance.md"
}
