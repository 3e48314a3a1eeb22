# Sourced behind engines.sh: containerd with its own client ctr, which makes no networks and reads no logs.
client[ctr]="ctr -a $BENCH_SCRATCH/containerd.sock"
start_ctr() {
  printf 'version = 2\nroot = "%s"\nstate = "%s"\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\naddress = "%s"\n' \
    "$BENCH_SCRATCH/containerd" "/run/containerd-bench" "$BENCH_SCRATCH/containerd.sock" >"$BENCH_SCRATCH/containerd.toml"
  containerd -c "$BENCH_SCRATCH/containerd.toml" >"$BENCH_SCRATCH/containerd.log" 2>&1 &
  ctr_pid=$!
  wait_for containerd "$BENCH_SCRATCH/containerd.log" ${client[ctr]} version
  ${client[ctr]} image import "$archive" >/dev/null || give_up "containerd: $(tail -n 3 "$BENCH_SCRATCH/containerd.log")"
}
stop_ctr() {
  kill "$ctr_pid"
  wait "$ctr_pid" || true
}
