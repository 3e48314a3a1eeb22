#!/bin/bash
# Many containers, and much log: caissond, dockerd, podman and (for starts alone) containerd's ctr. bench/scale.sh [--write]
# MANY (default 50) containers started one after the other; COUNT (default 1000) containers that do not run, for lists and memory;
# RUNNING (default 300) that sleep; MEGABYTES (default 2000) of lines into one container's log. Without networks.
# TOOLS names some of caisson, docker, podman, ctr. COUNT is for caisson and docker, RUNNING for caisson alone: the others take minutes.
peers=(docker.io containerd podman crun busybox-static)
source "$(dirname "$0")/environment.sh"
TOOLS=${TOOLS:-caisson docker podman ctr}
source "$(dirname "$0")/engines.sh"
source "$(dirname "$0")/containerd.sh"

many=${MANY:-50} count=${COUNT:-1000} running=${RUNNING:-300} megabytes=${MEGABYTES:-2000}

# since NANOSECONDS NUMBER: milliseconds of each of so many since that moment.
since() { awk "BEGIN { print ($(date +%s%N) - $1) / 1e6 / $2 }"; }
seconds_since() { awk "BEGIN { print ($(date +%s%N) - $1) / 1e9 }"; }

run_detached() { # TOOL NAME COMMAND…
  local tool=$1 name=$2
  shift 2
  case $tool in
    ctr) ${client[ctr]} run -d --log-uri "file://$BENCH_SCRATCH/$name.log" docker.io/library/$image:latest "$name" "$@" >/dev/null ;;
    *) ${client[$tool]} run -d --network none --name "$name" $image "$@" >/dev/null ;;
  esac
}
remove_detached() {
  case $1 in
    ctr) ${client[ctr]} task rm -f "$2" >/dev/null 2>&1 && ${client[ctr]} container rm "$2" >/dev/null ;;
    *) remove "$1" "$2" ;;
  esac
}
# The first line of a log that is followed; ctr reads no logs, so its file is followed.
first_line() {
  local line
  case $1 in
    ctr) exec {log}< <(exec tail -n +1 -F "$BENCH_SCRATCH/$2.log" 2>/dev/null) ;;
    *) exec {log}< <(exec ${client[$1]} logs -f "$2") ;;
  esac
  local follower=$!
  read -r line <&"$log"
  [[ $line == ready ]] || give_up "$1: the first line was '$line'"
  kill "$follower" 2>/dev/null || true
  exec {log}<&-
}

for tool in "${tools[@]}"; do
  command=${client[$tool]}
  "start_$tool"
  [[ $tool == caisson || $tool == ctr ]] || $command load -q -i "$archive" >/dev/null
  run_detached "$tool" warm sleep 100000
  remove_detached "$tool" warm

  started=$(date +%s%N)
  for ((i = 0; i < many; i++)); do
    run_detached "$tool" "many$i" sleep 100000
  done
  sample "each of $many run -d, ms" "$tool" "$(since "$started" "$many")"
  for ((i = 0; i < many; i++)); do
    remove_detached "$tool" "many$i"
  done

  for ((i = 0; i < 20; i++)); do
    started=$(date +%s%N)
    run_detached "$tool" "line$i" sh -c 'echo ready; sleep 1000'
    first_line "$tool" "line$i"
    sample "run -d until the first log line is read, ms" "$tool" "$(since "$started" 1)"
    remove_detached "$tool" "line$i"
  done

  if [[ $tool != ctr ]]; then
    # Lines of 100 bytes from memory, so that the log alone is measured; read back, none is missing.
    mkdir -p /run/lines
    [[ -s /run/lines/text ]] || awk -v n="$((megabytes * 10000))" 'BEGIN { for (i = 0; i < n; i++) printf "%099d\n", i }' >/run/lines/text
    drivers='json-file local'
    [[ $tool != podman ]] || drivers=k8s-file
    for driver in $drivers; do
      options="--network none --log-driver $driver -v /run/lines:/lines:ro"
      # The driver local keeps the last 100 MB unless asked.
      [[ $driver != local ]] || options+=" --log-opt max-size=64g"
      sync # so that nobody waits for what another wrote
      started=$(date +%s%N)
      $command run --name text $options $image cat /lines/text >/dev/null
      sample "into a log of $driver and to the client, MB/s" "$tool" "$(awk "BEGIN { print $megabytes / $(seconds_since "$started") }")"
      remove_detached "$tool" text
      sync
      started=$(date +%s%N)
      $command run -d --name text $options $image cat /lines/text >/dev/null
      $command wait text >/dev/null
      sample "into a log of $driver, MB/s" "$tool" "$(awk "BEGIN { print $megabytes / $(seconds_since "$started") }")"
      $command logs text | cmp - /run/lines/text || give_up "$tool: the log of $driver is not what was written"
      remove_detached "$tool" text
    done
  fi
  "stop_$tool"
done

for tool in "${tools[@]}"; do
  [[ $tool == caisson || $tool == docker ]] || continue
  command=${client[$tool]}
  "start_$tool"
  $command run --rm --network none $image true
  sleep 8
  alone=$(memory_kib)
  for ((i = 0; i < count; i++)); do
    $command create --network none $image true >/dev/null
  done
  measure "ps -a with $count containers, ms" "$tool" 20 "$command ps -a"
  sleep 8
  sample "engine for each of $count created containers, KiB" "$tool" "$(awk "BEGIN { print ($(memory_kib) - $alone) / $count }")"
  if [[ $tool == caisson ]]; then
    $command start $($command ps -aq) >/dev/null
    $command wait $($command ps -aq) >/dev/null
    sleep 8
    sample "engine for each of $count exited containers, KiB" "$tool" "$(awk "BEGIN { print ($(memory_kib) - $alone) / $count }")"
    measure "ps -a with $count exited containers, ms" "$tool" 20 "$command ps -a"
  fi
  $command rm -f $($command ps -aq) >/dev/null
  if [[ $tool == caisson ]]; then
    for ((i = 0; i < running; i++)); do
      run_detached "$tool" "idle$i" sleep 100000
    done
    sleep 8
    used=$(processor_ms)
    sleep 10
    sample "processor time of 10 s with $running running, ms" "$tool" "$(($(processor_ms) - used))"
    $command rm -f $($command ps -aq) >/dev/null
  fi
  "stop_$tool"
done
finish scale "$@"
