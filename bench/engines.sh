# Sourced behind environment.sh: caissond, dockerd and podman, how each is started, stopped and spoken to, and one image for all.
# Sets tools, client, image, archive, versions; wait_for, remove, start_TOOL, stop_TOOL.

image=busybox
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

# wait_for NAME LOG COMMAND: until the command succeeds; after 30 seconds the log's end is shown.
wait_for() {
  local name=$1 log=$2 i
  shift 2
  for ((i = 0; i < 300; i++)); do
    ! "$@" >/dev/null 2>&1 || return 0
    sleep 0.1
  done
  tail -n 5 "$log" >&2
  give_up "$name does not answer after 30 seconds"
}

start_caisson() { ${client[caisson]} engine start >/dev/null; }
stop_caisson() { ${client[caisson]} engine stop >/dev/null; }
start_docker() {
  dockerd -H unix:///run/docker.sock --data-root "$BENCH_SCRATCH/docker" --exec-root /run/dockerd -p /run/dockerd.pid --cgroup-parent /caisson-bench \
    --bridge=none --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false >"$BENCH_SCRATCH/dockerd.log" 2>&1 &
  docker_pid=$!
  wait_for dockerd "$BENCH_SCRATCH/dockerd.log" ${client[docker]} version
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
