#!/bin/bash
# Engines against each other: caissond, Debian's dockerd and podman, each with its own client. bench/engine.sh [--write]
# ROUNDS (default 3) interleaved rounds of RUNS (default 10) runs each; then IDLE (default 10) containers that wait. TOOLS names
# some of caisson, docker, podman. The image is made by Caisson and is the same for all.
peers=(docker.io podman crun busybox-static)
source "$(dirname "$0")/environment.sh"

image=busybox idle=${IDLE:-10}
export CAISSON_ROOT=$BENCH_SCRATCH/caisson CAISSON_RUN=/run/caisson DOCKER_CONFIG=$BENCH_SCRATCH/docker-config
mkdir "$DOCKER_CONFIG"
echo '{}' >"$DOCKER_CONFIG/config.json"
docker=/usr/bin/docker
[[ -x $docker ]] || docker=$(command -v docker)
# podman asks for limits that root of a confined machine may not set.
printf '[containers]\ndefault_ulimits = ["nofile=1024:%s", "nproc=4096:4096"]\n' "$(ulimit -Hn)" >"$BENCH_SCRATCH/containers.conf"
export CONTAINERS_CONF=$BENCH_SCRATCH/containers.conf
declare -A client=(
  [caisson]=$tree/artifacts/publish/caisson
  [docker]="$docker -H unix:///run/docker.sock"
  [podman]="podman --root $BENCH_SCRATCH/podman --runroot /run/podman --tmpdir /run/podman/tmp --storage-driver overlay --cgroup-manager cgroupfs --events-backend file --runtime crun"
)
read -ra tools <<<"${TOOLS:-caisson docker podman}"

start_caisson() { ${client[caisson]} engine start >/dev/null; }
stop_caisson() { ${client[caisson]} engine stop >/dev/null; }
start_docker() {
  dockerd -H unix:///run/docker.sock --data-root "$BENCH_SCRATCH/docker" --exec-root /run/dockerd -p /run/dockerd.pid --cgroup-parent /caisson-bench \
    --bridge=none --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false >"$BENCH_SCRATCH/dockerd.log" 2>&1 &
  docker_pid=$!
  local i
  for ((i = 0; i < 300; i++)); do
    ! ${client[docker]} version >/dev/null 2>&1 || return 0
    sleep 0.1
  done
  tail -n 5 "$BENCH_SCRATCH/dockerd.log" >&2
  give_up "dockerd does not answer after 30 seconds"
}
stop_docker() {
  kill "$docker_pid"
  wait "$docker_pid" || true
}
start_podman() { ${client[podman]} info >/dev/null; }
stop_podman() { :; }

# Without -t 0 podman waits ten seconds for a process 1 that ignores SIGTERM; the others kill it at once.
remove() { ${client[$1]} rm -f $([[ $1 != podman ]] || echo "-t 0") "$2" >/dev/null 2>&1; }

versions="dockerd $(dockerd --version | awk '{ sub(/,/, "", $3); print $3 }'), podman $(podman --version | awk '{ print $3 }') with crun"
archive=$BENCH_SCRATCH/image.tar
start_caisson
${client[caisson]} image bootstrap $image >/dev/null
${client[caisson]} save -o "$archive" $image
stop_caisson

# Memory first, one engine alone at a time.
for tool in "${tools[@]}"; do
  command=${client[$tool]}
  before=$(memory_kib)
  "start_$tool"
  [[ $tool == caisson ]] || $command load -q -i "$archive" >/dev/null
  sleep 2
  alone=$(memory_kib)
  sample "engine at rest, MiB" "$tool" "$(awk "BEGIN { print ($alone - $before) / 1024 }")"
  for ((i = 0; i < idle; i++)); do
    $command run -d --network none --name "idle$i" $image sleep 100000 >/dev/null
  done
  sleep 2
  sample "each container at rest, KiB" "$tool" "$(awk "BEGIN { print ($(memory_kib) - $alone) / $idle }")"
  used=$(processor_ms)
  sleep 10
  sample "processor time of 10 s at rest, ms" "$tool" "$(($(processor_ms) - used))"
  for ((i = 0; i < idle; i++)); do
    remove "$tool" "idle$i"
  done
  "stop_$tool"
done

for tool in "${tools[@]}"; do
  "start_$tool"
  ${client[$tool]} run -d --network none --name target $image sleep 100000 >/dev/null
done
for ((round = 1; round <= ${ROUNDS:-3}; round++)); do
  for tool in "${tools[@]}"; do
    measure "run --rm … true, ms" "$tool" "${RUNS:-10}" "${client[$tool]} run --rm --network none $image true"
    measure "exec … true, ms" "$tool" "${RUNS:-10}" "${client[$tool]} exec target true"
  done
done
for tool in "${tools[@]}"; do
  remove "$tool" target
  "stop_$tool"
done
finish engine "$@"
