#!/bin/bash
# Networks of engines against each other: caissond, dockerd and podman, each in a network namespace of its own with its own bridge and
# rules; ctr of containerd, without a network, for the price of a start alone; and a bridge that nobody made rules for. bench/network.sh [--write]
# ROUNDS (default 3) interleaved rounds of RUNS (default 10) runs each; MANY (default 50) containers that are started one after the other;
# SECONDS_EACH (default 3) of each measurement of throughput. TOOLS names some of caisson, docker, podman, ctr, bare.
peers=(docker.io containerd podman netavark aardvark-dns crun iptables busybox-static iperf3 apache2-utils)
source "$(dirname "$0")/environment.sh"
TOOLS=${TOOLS:-caisson docker podman ctr bare}
source "$(dirname "$0")/engines.sh"
source "$(dirname "$0")/containerd.sh"

# podman keeps networks in /etc.
printf '[network]\nnetwork_config_dir = "%s"\n' "$BENCH_SCRATCH/networks" >>"$CONTAINERS_CONF"
mkdir "$BENCH_SCRATCH/networks"
many=${MANY:-50} each=${SECONDS_EACH:-3} port=5201 web=8080
# A host of its own for each tool, and a machine outside that is on its wire.
mkdir -p /run/netns
declare -A wire
number=0
for tool in "${tools[@]}"; do
  number=$((number + 1))
  wire[$tool]=198.51.100.$((number * 4 + 1))
  ip netns add "$tool"
  ip netns add "$tool-outside"
  ip link add up0 netns "$tool" type veth peer name eth0 netns "$tool-outside"
  in_host() { nsenter --net="/run/netns/$tool" "$@"; }
  in_host ip link set lo up
  in_host ip addr add "${wire[$tool]}/30" dev up0
  in_host ip link set up0 up
  in_host sysctl -qw net.ipv4.ip_forward=1
  nsenter --net="/run/netns/$tool-outside" ip addr add "198.51.100.$((number * 4 + 2))/30" dev eth0
  nsenter --net="/run/netns/$tool-outside" ip link set eth0 up
done

start_caisson() { nsenter --net=/run/netns/caisson "${client[caisson]}" engine start >/dev/null; }
start_docker() {
  nsenter --net=/run/netns/docker dockerd -H unix:///run/docker.sock --data-root "$BENCH_SCRATCH/docker" --exec-root /run/dockerd -p /run/dockerd.pid \
    --cgroup-parent /caisson-bench >"$BENCH_SCRATCH/dockerd.log" 2>&1 &
  docker_pid=$!
  wait_for docker "$BENCH_SCRATCH/dockerd.log" ${client[docker]} version
}
client[podman]="nsenter --net=/run/netns/podman ${client[podman]}"

# Two namespaces at a bridge without a rule: what the kernel can.
start_bare() {
  local name
  ip netns exec bare ip link add bridge0 type bridge forward_delay 0
  ip netns exec bare ip addr add 10.99.0.1/24 dev bridge0
  ip netns exec bare ip link set bridge0 up
  for name in serve ask; do
    ip netns add "bare-$name"
    ip -n bare link add "v$name" type veth peer name eth0 netns "bare-$name"
    ip -n bare link set "v$name" master bridge0 up
    ip -n "bare-$name" link set eth0 up
    ip -n "bare-$name" link set lo up
  done
  ip -n bare-serve addr add 10.99.0.2/24 dev eth0
  ip -n bare-ask addr add 10.99.0.3/24 dev eth0
}
stop_bare() { :; }

is_engine() { [[ $1 == caisson || $1 == docker || $1 == podman ]]; }
namespace_of() { # TOOL CONTAINER
  [[ $1 == bare ]] && echo "/run/netns/bare-$2" || echo "/proc/$(${client[$1]} inspect -f '{{.State.Pid}}' "$2")/ns/net"
}
address_of() {
  [[ $1 == bare ]] && echo 10.99.0.2 || ${client[$1]} inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$2"
}
# gigabits METRIC TOOL NAMESPACE ADDRESS
gigabits() {
  local json=$BENCH_SCRATCH/iperf.json
  nsenter --net="$3" iperf3 -c "$4" -p $port -t "$each" -J >"$json" || give_up "$2: iperf3: $(jq -r .error "$json")"
  sample "$1" "$2" "$(jq '.end.sum_received.bits_per_second / 1e9' "$json")"
}

for tool in "${tools[@]}"; do
  "start_$tool"
  is_engine "$tool" || continue
  [[ $tool == caisson ]] || ${client[$tool]} load -q -i "$archive" >/dev/null
  ${client[$tool]} network create second >/dev/null
done

for ((round = 1; round <= ${ROUNDS:-3}; round++)); do
  for tool in "${tools[@]}"; do
    is_engine "$tool" || continue
    measure "run --rm … true in a bridge, ms" "$tool" "${RUNS:-10}" "${client[$tool]} run --rm $image true"
    measure "run --rm … true without a network, ms" "$tool" "${RUNS:-10}" "${client[$tool]} run --rm --network none $image true"
    measure "run --rm -p … true in a bridge, ms" "$tool" "${RUNS:-10}" "${client[$tool]} run --rm -p 9090:80 $image true"
  done
done

for tool in "${tools[@]}"; do
  is_engine "$tool" || continue
  ${client[$tool]} run -d --name target $image sleep 100000 >/dev/null
  printf '#!/bin/sh\n%s network connect second target && exec %s network disconnect second target\n' "${client[$tool]}" "${client[$tool]}" >"$BENCH_SCRATCH/connect-$tool"
  chmod +x "$BENCH_SCRATCH/connect-$tool"
  measure "network connect and disconnect, ms" "$tool" "${RUNS:-10}" "$BENCH_SCRATCH/connect-$tool"
  remove "$tool" target
done

# Many, one after the other.
for tool in "${tools[@]}"; do
  [[ $tool != bare ]] || continue
  started=$(date +%s%N)
  for ((i = 0; i < many; i++)); do
    case $tool in
      ctr) ${client[ctr]} run -d docker.io/library/$image:latest "many$i" sleep 100000 >/dev/null ;;
      *) ${client[$tool]} run -d --name "many$i" $image sleep 100000 >/dev/null ;;
    esac
  done
  label="each of $many run -d in a bridge, ms"
  [[ $tool != ctr ]] || label="each of $many run -d without a network, ms"
  sample "$label" "$tool" "$(awk "BEGIN { print ($(date +%s%N) - $started) / 1e6 / $many }")"
  for ((i = 0; i < many; i++)); do
    case $tool in
      ctr) ${client[ctr]} task rm -f "many$i" >/dev/null 2>&1 && ${client[ctr]} container rm "many$i" >/dev/null ;;
      *) remove "$tool" "many$i" ;;
    esac
  done
done

# Throughput: the servers are programs of this host in the namespaces of two containers that wait.
mkdir "$BENCH_SCRATCH/www"
echo hello >"$BENCH_SCRATCH/www/index.html"
servers=()
for tool in "${tools[@]}"; do
  [[ $tool != ctr ]] || continue
  if is_engine "$tool"; then
    ${client[$tool]} run -d --name serve -p $port:$port -p $web:$web $image sleep 100000 >/dev/null
    ${client[$tool]} run -d --name ask $image sleep 100000 >/dev/null
  fi
  nsenter --net="$(namespace_of "$tool" serve)" iperf3 -s -p $port >/dev/null 2>&1 &
  servers+=($!)
  nsenter --net="$(namespace_of "$tool" serve)" busybox httpd -f -p $web -h "$BENCH_SCRATCH/www" &
  servers+=($!)
done
sleep 1
for ((round = 1; round <= ${ROUNDS:-3}; round++)); do
  for tool in "${tools[@]}"; do
    [[ $tool != ctr ]] || continue
    gigabits "container to container, Gbit/s" "$tool" "$(namespace_of "$tool" ask)" "$(address_of "$tool" serve)"
    is_engine "$tool" || continue
    gigabits "from outside by a published port, Gbit/s" "$tool" "/run/netns/$tool-outside" "${wire[$tool]}"
    log=$BENCH_SCRATCH/ab.log
    nsenter --net="/run/netns/$tool-outside" ab -q -n 3000 -c 8 "http://${wire[$tool]}:$web/" >"$log" 2>&1 || give_up "$tool: ab: $(tail -n 1 "$log")"
    sample "connections by a published port, 1/s" "$tool" "$(awk '/^Requests per second/ { print $4 }' "$log")"
  done
done
kill "${servers[@]}"
for tool in "${tools[@]}"; do
  if is_engine "$tool"; then
    remove "$tool" serve
    remove "$tool" ask
  fi
  "stop_$tool"
done
finish network "$@"
