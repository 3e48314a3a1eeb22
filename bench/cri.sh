#!/bin/bash
# The Container Runtime Interface, as a kubelet uses it: caissond against Debian's containerd with its CRI plugin and runc. bench/cri.sh [--write]
# ROUNDS (default 3) interleaved rounds of RUNS (default 10) pods each: RunPodSandbox, CreateContainer, StartContainer, by one client over
# gRPC; with the host's network and with CNI's bridge. Then lists over MANY (default 500) containers of Caisson. TOOLS names some of caisson, containerd.
peers=(containerd runc containernetworking-plugins python3-grpcio python3-protobuf protobuf-compiler busybox-static)
source "$(dirname "$0")/environment.sh"

export CAISSON_ROOT=$BENCH_SCRATCH/caisson CAISSON_RUN=/run/caisson
caisson=$tree/artifacts/publish/caisson
declare -A socket=([caisson]=/run/caisson/cri.sock [containerd]=$BENCH_SCRATCH/containerd.sock)
read -ra tools <<<"${TOOLS:-caisson containerd}"
versions="containerd $(containerd --version | awk '{ print $3 }') with $(runc --version | head -n 1)"
mkdir -p "$BENCH_SCRATCH"/{cni,pause,logs}
chmod 711 "$BENCH_SCRATCH"
ip link add bench0 type bridge
ip address add 10.88.0.1/16 dev bench0
ip link set bench0 up
cat >"$BENCH_SCRATCH/cni/10-bench.conflist" <<CNI
{"cniVersion": "1.0.0", "name": "bench", "plugins": [{"type": "bridge", "bridge": "bench0", "isGateway": false,
  "ipam": {"type": "host-local", "dataDir": "$BENCH_SCRATCH/ipam", "ranges": [[{"subnet": "10.88.0.0/16"}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}
CNI

client() { /usr/bin/python3 "$bench/cri.py" "$tree/src/Caisson.Api/Cri/api.proto" "$BENCH_SCRATCH" "$@"; }

start_caisson() {
  "$tree/artifacts/publish/caissond" --cri-cni-config "$BENCH_SCRATCH/cni" --cri-cni-plugins /usr/lib/cni >"$BENCH_SCRATCH/caissond.log" 2>&1 &
  caisson_pid=$!
  for ((i = 0; i < 300; i++)); do
    [[ ! -S ${socket[caisson]} ]] || return 0
    sleep 0.1
  done
  give_up "caissond: $(tail -n 3 "$BENCH_SCRATCH/caissond.log")"
}
stop_caisson() {
  kill "$caisson_pid"
  wait "$caisson_pid" || true
}
start_containerd() {
  cat >"$BENCH_SCRATCH/containerd.toml" <<TOML
version = 2
root = "$BENCH_SCRATCH/containerd"
state = "/run/containerd-bench"
[grpc]
address = "${socket[containerd]}"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "docker.io/library/pause:bench"
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "$BENCH_SCRATCH/cni"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
TOML
  containerd -c "$BENCH_SCRATCH/containerd.toml" >"$BENCH_SCRATCH/containerd.log" 2>&1 &
  containerd_pid=$!
  local ctr="ctr -a ${socket[containerd]} -n k8s.io" i
  for ((i = 0; i < 300; i++)); do
    ! $ctr version >/dev/null 2>&1 || break
    sleep 0.1
  done
  $ctr image import "$BENCH_SCRATCH/images.tar" >/dev/null || give_up "containerd: $(tail -n 3 "$BENCH_SCRATCH/containerd.log")"
}
stop_containerd() {
  kill "$containerd_pid"
  wait "$containerd_pid" || true
}

start_caisson
"$caisson" image bootstrap busybox >/dev/null
printf 'FROM busybox\nCMD ["sleep", "1000000"]\n' >"$BENCH_SCRATCH/pause/Dockerfile"
"$caisson" build -q -t pause:bench "$BENCH_SCRATCH/pause" >/dev/null
"$caisson" save -o "$BENCH_SCRATCH/images.tar" busybox:latest pause:bench
stop_caisson

for tool in "${tools[@]}"; do
  "start_$tool"
done
for ((round = 1; round <= ${ROUNDS:-3}; round++)); do
  for tool in "${tools[@]}"; do
    for network in host cni; do
      client "${socket[$tool]}" pods "$network" "${RUNS:-10}" >"$BENCH_SCRATCH/result" || give_up "$tool: $(tail -n 3 "$BENCH_SCRATCH/result")"
      while read -r value; do
        sample "pod with a container, network $network, ms" "$tool" "$value"
      done <"$BENCH_SCRATCH/result"
    done
  done
done
if [[ " ${tools[*]} " == *" caisson "* ]]; then
  client "${socket[caisson]}" lists host "${MANY:-500}" >"$BENCH_SCRATCH/result" || give_up "caisson: $(tail -n 3 "$BENCH_SCRATCH/result")"
  while read -r call value; do
    sample "$call over ${MANY:-500} containers, ms" caisson "$value"
  done <"$BENCH_SCRATCH/result"
fi
for tool in "${tools[@]}"; do
  "stop_$tool"
done
finish cri "$@"
