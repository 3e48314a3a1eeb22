#!/bin/bash
# Engines against each other: caissond, Debian's dockerd and podman, each with its own client. bench/engine.sh [--write]
# ROUNDS (default 3) interleaved rounds of RUNS (default 10) runs each; then IDLE (default 10) containers that wait. TOOLS names
# some of caisson, docker, podman. The image is made by Caisson and is the same for all.
peers=(docker.io podman crun busybox-static)
source "$(dirname "$0")/environment.sh"

source "$(dirname "$0")/engines.sh"

idle=${IDLE:-10}
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
