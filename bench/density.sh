#!/bin/bash
# How much memory an idle container costs beside its own: caissond, Debian's dockerd (with containerd and its shims) and podman (with
# conmon). bench/density.sh [--write]
# CONTAINERS (default 50) containers that sleep, without a network, one engine alone at a time. Proportional memory of all of the engine's
# processes, before and after; then how much processor time ten seconds of waiting take. TOOLS names some of caisson, docker, podman.
peers=(docker.io podman crun busybox-static)
source "$(dirname "$0")/environment.sh"
source "$(dirname "$0")/engines.sh"

containers=${CONTAINERS:-50}
for tool in "${tools[@]}"; do
  command=${client[$tool]}
  "start_$tool"
  [[ $tool == caisson ]] || $command load -q -i "$archive" >/dev/null
  # What the first container makes the engine load is not the price of one more.
  $command run -d --network none --name warm $image sleep 100000 >/dev/null
  remove "$tool" warm
  sleep 8
  alone=$(memory_kib)
  sample "engine at rest after use, MiB" "$tool" "$(awk "BEGIN { print $alone / 1024 }")"
  for ((i = 0; i < containers; i++)); do
    $command run -d --network none --name "idle$i" $image sleep 100000 >/dev/null
  done
  # As long as before: what an engine gives back, it gives back in these seconds.
  sleep 8
  sample "each of $containers containers at rest, KiB" "$tool" "$(awk "BEGIN { print ($(memory_kib) - $alone) / $containers }")"
  used=$(processor_ms)
  sleep 10
  sample "processor time of 10 s with $containers at rest, ms" "$tool" "$(($(processor_ms) - used))"
  for ((i = 0; i < containers; i++)); do
    remove "$tool" "idle$i"
  done
  "stop_$tool"
done
finish density "$@"
