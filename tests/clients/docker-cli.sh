#!/bin/bash
# Every verb of docker's command line against an engine, one file of results a case: what it printed, its errors, its exit code; ids and
# times are replaced, so that the directories of two engines can be compared with diff -r.
#
#   tests/clients/docker-cli.sh unix:///run/caisson/docker.sock DIRECTORY [PATTERN]
#
# DOCKER names the program (default docker). PATTERN runs only cases whose names match it. The engine needs an image busybox:latest with sh,
# and is to have no containers, volumes or networks whose names begin with dt.
set -uo pipefail
if (($# < 2)); then
  sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
  exit 2
fi
export DOCKER_HOST=$1 LC_ALL=C
results=$2
pattern=${3:-*}
program=$(command -v "${DOCKER:-docker}") || { echo "docker-cli.sh: ${DOCKER:-docker} is not installed" >&2; exit 2; }
mkdir -p "$results"
work=$(mktemp -d)
export DOCKER_CONFIG=$work/config DOCKER_BUILDKIT=0 work program
mkdir "$DOCKER_CONFIG"
echo '{}' >"$DOCKER_CONFIG/config.json"
docker() { timeout -k 5 "${LIMIT:-30}" "$program" "$@"; }
export -f docker
unset DOCKER_CONTEXT DOCKER_TLS_VERIFY DOCKER_CERT_PATH

clean() {
  docker ps -aq --filter name=dt | xargs -r "$program" rm -f -v
  docker network ls -q --filter name=dt | xargs -r "$program" network rm
  docker volume ls -q --filter name=dt | xargs -r "$program" volume rm -f
  docker images --format '{{.Repository}}:{{.Tag}}' | grep '^dt' | xargs -r "$program" rmi -f
} >/dev/null 2>&1
trap 'clean; rm -rf "$work"' EXIT

normal='
s/sha256:[0-9a-f]{64}/<digest>/g
s/\b[0-9a-f]{64}\b/<id>/g
s/\b[0-9a-f]{12}\b/<short>/g
s/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(\.[0-9]+)?(Z|[+-][0-9:]{5})/<time>/g
s/[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}(\.[0-9]+)? [+-][0-9]{4} [A-Z]+/<time>/g
s/(Less than a second|About an? [a-z]+|[0-9]+ (second|minute|hour|day|week|month|year)s?) ago/<ago>/g
s/Up (Less than a second|About an? [a-z]+|[0-9]+ [a-z]+s?)/Up <time>/g
s/\b([0-9a-f]{2}:){5}[0-9a-f]{2}\b/<mac>/g
s/\b(10|172|192)\.[0-9]+\.[0-9]+\.[0-9]+\b/<address>/g
s/(0\.0\.0\.0|127\.0\.0\.1|\[?::\]?):[0-9]{5}/\1:<port>/g
s#/tmp/tmp\.[A-Za-z0-9]+#<work>#g
s/[ \t]+$//
'

# try NAME COMMANDS: one case.
try() {
  [[ $1 == $pattern ]] || return 0
  local file=$results/$1 code=0
  (cd "$work" && bash -c "$2") >"$work/out" 2>"$work/err" </dev/null || code=$?
  {
    echo "\$ $2"
    sed -E "$normal" "$work/out"
    sed -E "$normal;s/^/! /" "$work/err"
    echo "= $code"
  } >"$file"
  count=$((${count:-0} + 1))
}

# with COMMANDS: something that later cases need, not recorded.
with() { (cd "$work" && bash -c "$1") >/dev/null 2>&1 </dev/null || echo "docker-cli.sh: not prepared: $1" >&2; }

clean
echo content >"$work/file"
mkdir -p "$work/tree/sub"
echo one >"$work/tree/one"
echo two >"$work/tree/sub/two"
ln -s one "$work/tree/link"
printf 'A=from file\nB=2\n#comment\n' >"$work/env"
printf 'tier=file\n' >"$work/labels"

# run
try run-output 'docker run --rm busybox echo hello'
try run-exit-code 'docker run --rm busybox sh -c "exit 7"'
try run-signal-code 'docker run --rm busybox sh -c "kill -9 \$\$"'
try run-absent-program 'docker run --rm busybox /absent/program'
try run-directory-as-program 'docker run --rm busybox /etc'
try run-absent-word 'docker run --rm busybox absent-word'
try run-stderr 'docker run --rm busybox sh -c "echo out; echo err >&2"'
try run-stdin 'echo given | docker run --rm -i busybox cat'
try run-stdin-large 'head -c 3000000 /dev/zero | docker run --rm -i busybox wc -c'
try run-stdin-unread 'head -c 3000000 /dev/zero | docker run --rm -i busybox echo done'
try run-output-large 'docker run --rm busybox head -c 3000000 /dev/zero | wc -c'
try run-without-stdin 'echo given | docker run --rm busybox cat'
try run-tty 'docker run --rm -t busybox sh -c "tty; echo é"'
try run-detached 'docker run -d --name dt-d busybox sleep 1000; docker inspect -f "{{.State.Running}} {{.Name}}" dt-d; docker rm -f dt-d'
try run-name-taken 'docker create --name dt-taken busybox; docker run --name dt-taken busybox; docker rm dt-taken'
try run-bad-name 'docker run --rm --name "dt bad" busybox true'
try run-env 'export C=3; docker run --rm -e A=1 -e C -e EMPTY= --env-file env busybox sh -c "echo \$A \$B \$C [\$EMPTY]"'
try run-workdir 'docker run --rm -w /tmp/new busybox pwd'
try run-user 'docker run --rm -u 1000:100 busybox id -u; docker run --rm -u 1000:100 busybox id -g'
try run-user-absent 'docker run --rm -u nobodyatall busybox id'
try run-hostname 'docker run --rm -h dt-host --domainname dt.test busybox sh -c "hostname; cat /etc/hostname"'
try run-entrypoint 'docker run --rm --entrypoint echo busybox a b'
try run-entrypoint-empty 'docker run --rm --entrypoint "" busybox echo x'
try run-labels 'docker run -d --name dt-l -l a=1 --label b --label-file labels busybox sleep 1000; docker inspect -f "{{json .Config.Labels}}" dt-l; docker rm -f dt-l'
try run-read-only 'docker run --rm --read-only busybox touch /x'
try run-tmpfs 'docker run --rm --tmpfs /t:size=1m,mode=700 busybox sh -c "stat -c %a /t; df -k /t | tail -n 1 | awk \"{print \\\$2}\""'
try run-bind 'docker run --rm -v $PWD/tree:/m:ro busybox sh -c "cat /m/one; touch /m/x"'
try run-bind-mount-option 'docker run --rm --mount type=bind,source=$PWD/tree,target=/m,readonly busybox cat /m/sub/two'
try run-bind-absent 'docker run --rm --mount type=bind,source=/absent/here,target=/m busybox true'
try run-bind-created 'docker run --rm -v $PWD/made:/m busybox ls /m; ls -d made'
try run-volume 'docker run --rm -v dtv:/m busybox sh -c "echo kept >/m/f"; docker run --rm -v dtv:/m busybox cat /m/f; docker volume rm dtv'
try run-volume-anonymous 'docker run -d --name dt-va -v /data busybox sleep 1000; docker inspect -f "{{range .Mounts}}{{.Type}} {{.Destination}} {{.RW}}{{end}}" dt-va; docker rm -f -v dt-va'
try run-memory 'docker run -d --name dt-m -m 64m --memory-swap 64m busybox sleep 1000; docker inspect -f "{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}}" dt-m; docker rm -f dt-m'
try run-memory-low 'docker run --rm -m 1m busybox true'
try run-cpus 'docker create --name dt-c --cpus 0.5 --cpu-shares 512 --cpuset-cpus 0 busybox; docker inspect -f "{{.HostConfig.NanoCpus}} {{.HostConfig.CpuShares}} {{.HostConfig.CpusetCpus}}" dt-c; docker rm dt-c'
try run-cpus-too-many 'docker run --rm --cpus 1000 busybox true'
try run-pids 'docker run --rm --pids-limit 50 busybox echo ok'
try run-ulimit 'docker run --rm --ulimit nofile=100:200 busybox sh -c "ulimit -n; ulimit -Hn"'
try run-cap-drop 'docker run --rm --cap-drop ALL busybox sh -c "grep CapEff /proc/self/status"'
try run-cap-add 'docker run --rm --cap-drop ALL --cap-add NET_ADMIN busybox sh -c "grep CapEff /proc/self/status"'
try run-cap-unknown 'docker run --rm --cap-add NOSUCH busybox true'
try run-privileged 'docker run --rm --privileged busybox sh -c "mount -t tmpfs x /mnt && echo mounted"'
try run-security-opt 'docker run --rm --security-opt no-new-privileges busybox grep NoNewPrivs /proc/self/status'
try run-seccomp-unconfined 'docker run --rm --security-opt seccomp=unconfined busybox grep Seccomp: /proc/self/status'
try run-sysctl 'docker run --rm --sysctl net.ipv4.ip_forward=1 busybox cat /proc/sys/net/ipv4/ip_forward'
try run-sysctl-host 'docker run --rm --sysctl kernel.panic=1 busybox true'
try run-device 'docker run --rm --device /dev/zero:/dev/dt busybox sh -c "head -c 2 /dev/dt | wc -c"'
try run-shm 'docker run --rm --shm-size 2m busybox sh -c "df -k /dev/shm | tail -n 1 | awk \"{print \\\$2}\""'
try run-init 'docker run --rm --init busybox sh -c "echo ok"'
try run-ipc 'docker run --rm --ipc none busybox ls -d /dev/shm'
try run-pid-host 'docker run --rm --pid host busybox sh -c "test \$\$ -ne 1 && echo shared"'
try run-uts-host 'docker run --rm --uts host busybox true'
try run-network-none 'docker run --rm --network none busybox ls /sys/class/net'
try run-network-host 'docker run --rm --network host busybox echo ok'
try run-network-container 'docker run -d --name dt-n1 busybox sleep 1000; docker run --rm --network container:dt-n1 busybox hostname | wc -c; docker rm -f dt-n1'
try run-network-absent 'docker run --rm --network dtabsent busybox true'
try run-dns 'docker run --rm --dns 9.9.9.9 --dns-search dt.test --dns-option ndots:3 busybox cat /etc/resolv.conf | grep -v "^#" | sort'
try run-add-host 'docker run --rm --add-host dtname:10.1.2.3 busybox grep -c dtname /etc/hosts'
try run-mac 'docker run --rm --mac-address 02:42:ac:11:00:99 busybox cat /sys/class/net/eth0/address'
try run-publish 'docker run -d --name dt-p -p 18080:80 -p 127.0.0.1:18081:81/udp busybox sleep 1000; docker port dt-p | sort; docker port dt-p 80; docker ps --filter name=dt-p --format "{{.Ports}}"; docker rm -f dt-p'
try run-publish-all 'docker run -d --name dt-pa -P --expose 80 busybox sleep 1000; docker port dt-pa | grep -c 80/tcp; docker rm -f dt-pa'
try run-publish-taken 'docker run -d --name dt-p1 -p 18082:80 busybox sleep 1000 >/dev/null; docker run --rm -p 18082:80 busybox true >/dev/null 2>&1; echo $?; docker rm -f dt-p1'
try run-restart-policy 'docker run -d --name dt-r --restart on-failure:2 busybox false; sleep 4; docker inspect -f "{{.RestartCount}} {{.HostConfig.RestartPolicy.Name}} {{.State.ExitCode}}" dt-r; docker rm -f dt-r'
try run-restart-and-rm 'docker run --rm --restart always busybox true'
try run-restart-bad 'docker run --restart sometimes busybox true'
try run-stop-signal 'docker run -d --name dt-ss --stop-signal SIGINT --stop-timeout 1 busybox sleep 1000; docker inspect -f "{{.Config.StopSignal}} {{.Config.StopTimeout}}" dt-ss; docker rm -f dt-ss'
try run-cidfile 'docker run --rm --cidfile cid busybox true; wc -c <cid'
try run-log-none 'docker run --name dt-ln --log-driver none busybox echo x; docker logs dt-ln; docker rm dt-ln'
try run-log-unknown 'docker run --rm --log-driver nosuch busybox true'
try run-group-add 'docker run --rm --group-add 1234 busybox sh -c "id -G"'
try run-oom-score 'docker run --rm --oom-score-adj 500 busybox cat /proc/self/oom_score_adj'
try run-cgroupns 'docker run --rm --cgroupns private busybox echo ok'
try run-userns-host 'docker run --rm --userns host busybox echo ok'
try run-runtime-unknown 'docker run --rm --runtime nosuch busybox true'
try run-isolation 'docker run --rm --isolation default busybox echo ok'
try run-health 'docker run -d --name dt-h --health-cmd true --health-interval 1s busybox sleep 1000; sleep 3; docker inspect -f "{{.State.Health.Status}}" dt-h; docker rm -f dt-h'
try run-link 'docker run -d --name dt-lk busybox sleep 1000; docker run --rm --link dt-lk:db busybox grep -c db /etc/hosts; docker rm -f dt-lk'
try run-volumes-from 'docker create --name dt-vf -v /data busybox; docker run --rm --volumes-from dt-vf busybox ls -d /data; docker rm -v dt-vf'
try run-pull-never 'docker run --rm dtabsent:1 true'
try run-platform-wrong 'docker run --rm --platform linux/s390x busybox true'
try run-attach-stderr 'docker run --rm -a stderr busybox sh -c "echo out; echo err >&2"'
try run-blkio 'docker create --name dt-b --blkio-weight 300 busybox; docker inspect -f "{{.HostConfig.BlkioWeight}}" dt-b; docker rm dt-b'
try run-gpus 'docker run --rm --gpus all busybox true'
try run-kernel-memory 'docker run --rm --kernel-memory 50m busybox echo ok'

# create, start, attach, stop
try create 'docker create --name dt-cr busybox echo made; docker start -a dt-cr; docker inspect -f "{{.State.Status}} {{.State.ExitCode}}" dt-cr; docker rm dt-cr'
try create-absent-image 'docker create --pull never dtabsent:2'
try start-several 'docker create --name dt-s1 busybox sleep 1000; docker create --name dt-s2 busybox sleep 1000; docker start dt-s1 dt-s2; docker start dt-s1; docker rm -f dt-s1 dt-s2'
try start-interactive 'docker create -i --name dt-si busybox cat; echo through | docker start -ai dt-si; docker rm dt-si'
try start-absent 'docker start dt-absent'
try start-fails 'docker create --name dt-sf busybox /absent; docker start dt-sf; docker inspect -f "{{.State.ExitCode}} {{.State.Status}}" dt-sf; docker rm dt-sf'
try attach 'docker run -d -i --name dt-a busybox sh -c "read x; echo got \$x; sleep 0.5; exit 3"; (echo word; sleep 1) | docker attach dt-a; docker rm -f dt-a'
try attach-stopped 'docker create --name dt-as busybox; docker attach dt-as; docker rm dt-as'
try attach-no-stdin 'docker run -d --name dt-an busybox sh -c "sleep 1; echo late"; docker attach --no-stdin dt-an; docker rm -f dt-an'
try stop 'docker run -d --name dt-st busybox sh -c "trap \"exit 5\" TERM; while :; do sleep 0.1; done"; sleep 1; docker stop -t 5 dt-st; docker inspect -f "{{.State.ExitCode}}" dt-st; docker stop dt-st; docker rm dt-st'
try stop-kills 'docker run -d --name dt-sk busybox sleep 1000; docker stop -t 1 dt-sk; docker inspect -f "{{.State.ExitCode}} {{.State.OOMKilled}}" dt-sk; docker rm dt-sk'
try stop-absent 'docker stop dt-absent'
try restart 'docker run -d --name dt-re busybox sleep 1000; docker restart -t 0 dt-re; docker inspect -f "{{.State.Running}} {{.RestartCount}}" dt-re; docker rm -f dt-re'
try kill 'docker run -d --name dt-k busybox sleep 1000; docker kill dt-k; docker inspect -f "{{.State.ExitCode}}" dt-k; docker kill dt-k; docker rm dt-k'
try kill-signal 'docker run -d --name dt-ks busybox sh -c "trap \"exit 9\" USR1; while :; do sleep 0.1; done"; sleep 1; docker kill -s USR1 dt-ks; docker wait dt-ks; docker rm dt-ks'
try kill-bad-signal 'docker run -d --name dt-kb busybox sleep 1000; docker kill -s NOSUCH dt-kb; docker rm -f dt-kb'
try pause 'docker run -d --name dt-pz busybox sleep 1000; docker pause dt-pz; docker ps --filter name=dt-pz --format "{{.Status}}"; docker pause dt-pz; docker exec dt-pz true; docker unpause dt-pz; docker unpause dt-pz; docker rm -f dt-pz'
try pause-stopped 'docker create --name dt-ps busybox; docker pause dt-ps; docker rm dt-ps'
try wait 'docker run -d --name dt-w busybox sh -c "sleep 1; exit 4"; docker wait dt-w; docker wait dt-w; docker rm dt-w; docker wait dt-absent'
try rename 'docker create --name dt-o busybox; docker rename dt-o dt-new; docker inspect -f "{{.Name}}" dt-new; docker rename dt-new "b ad"; docker rename dt-absent dt-x; docker rm dt-new'
try rename-same 'docker create --name dt-rs busybox; docker rename dt-rs dt-rs; docker rm dt-rs'
try update 'docker run -d --name dt-u -m 64m busybox sleep 1000; docker update -m 96m --memory-swap 128m --restart no --cpu-shares 700 dt-u; docker inspect -f "{{.HostConfig.Memory}} {{.HostConfig.CpuShares}} {{.HostConfig.RestartPolicy.Name}}" dt-u; docker rm -f dt-u'
try rm 'docker create --name dt-rm busybox; docker rm dt-rm; docker rm dt-rm'
try rm-running 'docker run -d --name dt-rr busybox sleep 1000; docker rm dt-rr; docker rm -f dt-rr'
try rm-force-absent 'docker rm -f dt-absent'
try rm-link 'docker create --name dt-rl busybox; docker rm -l dt-rl; docker rm dt-rl'

# look
try ps 'docker run -d --name dt-x1 -l k=v busybox sleep 1000; docker create --name dt-x2 busybox; docker ps --filter name=dt- --format "{{.Names}}|{{.Image}}|{{.Command}}|{{.State}}|{{.Status}}|{{.Labels}}|{{.Networks}}|{{.Mounts}}|{{.LocalVolumes}}"; docker ps -a --filter name=dt- --format "{{.Names}} {{.Status}}"; docker ps -aq --no-trunc --filter name=dt- | wc -l; docker ps -n 1 --format "{{.Names}}"; docker ps -l --format "{{.Names}}"; docker ps -as --filter name=dt-x2 --format "{{.Size}}" | grep -c virtual; docker rm -f dt-x1 dt-x2'
try ps-table 'docker run -d --name dt-x3 busybox sleep 1000; docker ps --filter name=dt-x3; docker rm -f dt-x3'
try ps-filters 'docker run -d --name dt-f1 -l role=a busybox sleep 1000 >/dev/null; docker run --name dt-f2 -l role=b busybox sh -c "exit 3"; for f in label=role label=role=b status=exited exited=3 status=running name=^/dt-f1$ name=dt-f before=dt-f2 since=dt-f1 ancestor=busybox network=bridge health=none is-task=false; do echo "$f: $(docker ps -a --filter name=dt-f --filter "$f" --format "{{.Names}}" | tr "\n" " ")"; done; docker rm -f dt-f1 dt-f2'
try ps-filter-bad 'docker ps --filter nosuch=1; docker ps --filter status=nosuch; docker ps --filter exited=x'
try inspect 'docker create --name dt-i -e A=1 -p 80 --memory 32m busybox echo x; docker inspect -f "{{.Path}} {{.Args}} {{.Config.Env}} {{.HostConfig.PortBindings}} {{.HostConfig.Memory}} {{.Driver | len | lt 0}} {{.State.Status}} {{.RestartCount}} {{.Config.Image}} {{.Config.Cmd}} {{.HostConfig.NetworkMode}} {{.HostConfig.RestartPolicy}} {{.HostConfig.ShmSize}} {{.HostConfig.LogConfig.Type}} {{.HostConfig.IpcMode}}" dt-i; docker inspect -s -f "{{.SizeRw}}" dt-i; docker inspect --type image dt-i; docker rm dt-i'
try inspect-shape 'docker create --name dt-is busybox; docker inspect dt-is | jq -r "[paths(scalars or type == \"array\" or type == \"null\" or (type==\"object\" and length==0))] | map(map(if type==\"number\" then 0 else . end) | map(tostring) | join(\".\")) | unique | .[]"; docker rm dt-is'
try inspect-values 'docker create --name dt-iv busybox; docker inspect dt-iv | jq -S ".[0].HostConfig, .[0].Config, .[0].State"; docker rm dt-iv'
try inspect-running 'docker run -d --name dt-ir busybox sleep 1000 >/dev/null; docker inspect dt-ir | jq -S ".[0].NetworkSettings"; docker rm -f dt-ir'
try inspect-absent 'docker inspect dt-absent; docker container inspect dt-absent; docker image inspect dt-absent; docker network inspect dt-absent; docker volume inspect dt-absent'
try inspect-prefix 'id=$(docker create --name dt-ip busybox); docker inspect -f "{{.Name}}" ${id:0:10}; docker rm dt-ip'
try top 'docker run -d --name dt-t busybox sleep 1000; docker top dt-t -o args; docker top dt-t -o nosuch; docker rm -f dt-t; docker top dt-t'
try top-columns 'docker run -d --name dt-tc busybox sleep 1000 >/dev/null; docker top dt-tc | head -n 1; docker top dt-tc aux | head -n 1; docker rm -f dt-tc'
try logs 'docker run --name dt-lg busybox sh -c "echo one; sleep 0.2; echo two >&2; sleep 0.2; echo three"; docker logs dt-lg; docker logs --tail 1 dt-lg; docker logs -t dt-lg 2>/dev/null | cut -c1-2 | sort -u; docker logs --since 1h dt-lg 2>/dev/null; docker logs --until 1h dt-lg; docker logs --tail x dt-lg | wc -l; docker logs --since nonsense dt-lg; docker logs --details dt-lg 2>/dev/null | head -n 1; docker rm dt-lg; docker logs dt-absent'
try logs-follow 'docker run -d --name dt-lf busybox sh -c "for i in 1 2 3; do echo \$i; sleep 0.3; done"; docker logs -f dt-lf; docker rm dt-lf'
try logs-tty 'docker run -t --name dt-lt busybox echo line; docker logs dt-lt; docker rm dt-lt'
try stats 'docker run -d --name dt-stt -m 64m busybox sleep 1000; docker stats --no-stream --format "{{.Name}} {{.MemUsage}} {{.PIDs}}" dt-stt | sed "s/[0-9.]*[KM]*i*B \//x \//"; docker stats --no-stream dt-absent; docker rm -f dt-stt'
try port 'docker create --name dt-po busybox; docker port dt-po; docker port dt-po 80; docker rm dt-po'
try diff 'docker run --name dt-df busybox sh -c "echo x >/new; rm /etc/group; mkdir /d; touch /d/f; chmod 600 /etc/passwd"; docker diff dt-df | sort; docker rm dt-df'
try events 'sleep 1.1; since=$(date +%s); docker run --rm --name dt-ev -l e=1 busybox true; docker events --since $since --until $(($(date +%s) + 1)) --filter container=dt-ev --format "{{.Type}} {{.Action}} {{.Actor.Attributes.name}}" | grep -v exec_; docker events --since $since --until $(($(date +%s) + 1)) --filter type=network --format "{{.Type}} {{.Action}} {{.Actor.Attributes.name}}"'
try events-filters 'since=$(date +%s); docker run -d --name dt-ef -l e=2 busybox sleep 1000 >/dev/null; docker exec dt-ef true; docker kill dt-ef >/dev/null; docker rm dt-ef >/dev/null; for f in event=start event=die label=e=2 type=image event=exec_create; do echo "$f: $(docker events --since $since --until $(($(date +%s) + 1)) --filter "$f" --format "{{.Action}}" | cut -d: -f1 | tr "\n" " ")"; done'
try events-json 'since=$(date +%s); docker run --rm --name dt-ej busybox true; docker events --since $since --until $(($(date +%s) + 1)) --filter container=dt-ej --filter event=die --format "{{json .}}" | jq -r "keys | join(\" \")"'

# exec
with 'docker run -d --name dt-e busybox sleep 1000'
try exec 'docker exec dt-e echo hi; docker exec dt-e sh -c "exit 6"; echo $?; echo in | docker exec -i dt-e cat; docker exec -e A=1 -w /tmp -u 1000 dt-e sh -c "echo \$A \$PWD; id -u"; docker exec -t dt-e tty'
try exec-fails 'docker exec dt-e /absent; echo $?; docker exec dt-e /etc; echo $?; docker exec dt-absent true; docker exec -w /absent dt-e pwd >/dev/null 2>&1; echo $?; docker exec -u nobodyatall dt-e true'
try exec-detached 'docker exec -d dt-e touch /done; sleep 1; docker exec dt-e ls /done'
try exec-env-file 'docker exec --env-file env dt-e sh -c "echo \$A"'
try exec-privileged 'docker exec --privileged dt-e sh -c "grep -c 0000003fffffffff\\\\\|000001ffffffffff /proc/self/status >/dev/null && echo all"'
try exec-large 'docker exec dt-e head -c 2000000 /dev/zero | wc -c; head -c 2000000 /dev/zero | docker exec -i dt-e wc -c'
try exec-stopped 'docker create --name dt-es busybox; docker exec dt-es true; docker rm dt-es'
with 'docker rm -f dt-e'

# files
with 'docker create --name dt-cp busybox'
try cp-in 'docker cp file dt-cp:/put; docker cp tree dt-cp:/tree; docker cp tree/. dt-cp:/dots; docker cp dt-cp:/tree/sub/two -| tar x -O; docker cp dt-cp:/dots/link -| tar t; docker cp -L dt-cp:/dots/link out-link; cat out-link'
try cp-out 'docker cp dt-cp:/put got; cat got; docker cp dt-cp:/tree out; find out | sort; docker cp dt-cp:/tree/. out2; ls out2'
try cp-stdin 'tar c -C tree . | docker cp - dt-cp:/tmp; docker cp dt-cp:/tmp/one - | tar t'
try cp-errors 'docker cp dt-cp:/absent x; docker cp file dt-cp:/no/such/; docker cp absent dt-cp:/; docker cp dt-absent:/x y; docker cp tree dt-cp:/put; docker cp file dt-cp:/tree/'
try cp-archive 'docker cp -a file dt-cp:/arch; docker cp dt-cp:/arch - | tar tv --numeric-owner | cut -c1-22'
with 'docker rm dt-cp'
try export 'docker create --name dt-ex busybox; docker export dt-ex | tar t | grep -c bin/; docker export -o ex.tar dt-ex; test -s ex.tar; echo $?; docker rm dt-ex; docker export dt-absent >x'
try commit 'docker run --name dt-cm busybox sh -c "echo kept >/kept"; docker commit -m msg -a me -c "CMD [\"cat\",\"/kept\"]" -c "ENV X=1" -c "LABEL l=1" -c "EXPOSE 80" dt-cm dt/commit:1; docker run --rm dt/commit:1; docker inspect -f "{{.Config.Cmd}} {{.Config.Env}} {{.Config.Labels}} {{.Config.ExposedPorts}} {{.Comment}} {{.Author}}" dt/commit:1; docker history --format "{{.Comment}}" dt/commit:1 | head -n 1; docker rmi dt/commit:1 >/dev/null; docker rm dt-cm'
try commit-bad 'docker create --name dt-cb busybox; docker commit -c "NOSUCH x" dt-cb dt/bad; docker commit dt-cb "Bad Name"; docker commit dt-absent; docker rm dt-cb'

# images
try images 'docker tag busybox dt/one:a; docker tag busybox dt/one:b; docker images --filter reference="dt/*" --format "{{.Repository}}:{{.Tag}}" | sort; docker images dt/one:a --format "{{.Repository}}"; docker images -q dt/one | wc -l; docker images --digests --format "{{.Digest}}" dt/one:a; docker images --no-trunc -q dt/one:a; docker image ls --filter dangling=true -q | wc -l; docker images --filter nosuch=1; docker rmi dt/one:a dt/one:b'
try tag-bad 'docker tag dt-absent dt/x; docker tag busybox "BAD NAME"; docker tag busybox dt/UPPER'
try rmi 'docker tag busybox dt/r:1; docker rmi dt/r:1; docker rmi dt/r:1; docker rmi dt-absent; docker rmi -f dt-absent'
try rmi-used 'id=$(docker image inspect -f "{{.Id}}" busybox); docker create --name dt-ru busybox >/dev/null; docker tag busybox dt/ru:1; docker rmi dt/ru:1; docker rmi $id >/dev/null 2>&1; echo $?; docker rm dt-ru; docker tag $id busybox:latest'
try image-inspect 'docker image inspect -f "{{.Os}} {{.Architecture}} {{.Config.Cmd}} {{.RootFS.Type}} {{len .RootFS.Layers}} {{.RepoTags}}" busybox'
try image-inspect-shape 'docker image inspect busybox | jq -r "[paths(scalars or type == \"array\" or type == \"null\" or (type==\"object\" and length==0))] | map(map(if type==\"number\" then 0 else . end) | map(tostring) | join(\".\")) | unique | .[]"'
try history 'docker history --format "{{.ID}} {{.CreatedBy}} {{.Comment}}" busybox | wc -l; docker history -q busybox | wc -l; docker history --no-trunc dt-absent'
try save-load 'docker tag busybox dt/sl:1; docker tag busybox dt/sl:2; docker save -o sl.tar dt/sl:1 dt/sl:2; tar tf sl.tar | grep -c manifest.json; docker rmi dt/sl:1 dt/sl:2 >/dev/null; docker load -i sl.tar; docker load -q <sl.tar; docker rmi dt/sl:1 dt/sl:2 >/dev/null; docker save dt-absent >x; docker load -i file'
try import 'tar c -C tree . | docker import -m note -c "CMD [\"/x\"]" -c "WORKDIR /w" - dt/imp:1 | wc -c; docker inspect -f "{{.Config.Cmd}} {{.Config.WorkingDir}} {{.Comment}}" dt/imp:1; docker rmi dt/imp:1 >/dev/null; docker import /absent/file; echo nonsense | docker import - dt/bad >/dev/null 2>&1; echo $?'
try image-prune 'docker image prune -f; docker image prune -f --filter nosuch=1; docker image prune -f --filter until=nonsense'
try pull 'docker pull dtregistry.invalid/x:1 >/dev/null 2>&1; echo $?'
try push 'docker tag busybox dtregistry.invalid/x:1; docker push dtregistry.invalid/x:1 >/dev/null 2>&1; echo $?; docker push dtregistry.invalid/absent:1 >/dev/null 2>&1; echo $?; docker rmi dtregistry.invalid/x:1'
try search 'docker search dtnothing >/dev/null 2>&1; echo $?'
try login 'docker login -u x -p y dtregistry.invalid >/dev/null 2>&1; echo $?; docker logout dtregistry.invalid'
try manifest 'docker manifest inspect dtregistry.invalid/x:1 >/dev/null 2>&1; echo $?'
try build 'printf "FROM busybox\nRUN echo x\n" >Dockerfile; docker build -t dt/built . >/dev/null 2>&1; echo $?'
try builder 'docker builder prune -f'

# networks
try network 'docker network create dtnet; docker network ls --filter name=dtnet --format "{{.Name}} {{.Driver}} {{.Scope}} {{.Internal}}"; docker network inspect -f "{{.Name}} {{.Driver}} {{.EnableIPv6}} {{.Internal}} {{.Attachable}} {{len .IPAM.Config}} {{.Labels}} {{.Options}} {{.ConfigOnly}}" dtnet; docker network rm dtnet; docker network rm dtnet'
try network-options 'docker network create --driver bridge --subnet 10.77.0.0/24 --gateway 10.77.0.9 --ip-range 10.77.0.128/25 --internal --attachable --label a=1 -o com.docker.network.bridge.name=dtbr0 dtneto >/dev/null; docker network inspect dtneto | jq -S ".[0] | del(.Created, .Id)"; docker network rm dtneto'
try network-connect 'docker network create dtnc; docker run -d --name dt-nc busybox sleep 1000; docker network connect --alias site --ip "" dtnc dt-nc; docker inspect -f "{{range \$n, \$e := .NetworkSettings.Networks}}{{\$n}} {{end}}" dt-nc; docker network inspect -f "{{range .Containers}}{{.Name}}{{end}}" dtnc; docker network connect dtnc dt-nc; docker network rm dtnc; docker network disconnect dtnc dt-nc; docker network disconnect dtnc dt-nc; docker rm -f dt-nc; docker network rm dtnc'
try network-names 'docker network create dtnn; docker run -d --name dt-nn --network dtnn --network-alias other busybox sleep 1000; docker run --rm --network dtnn busybox sh -c "nslookup dt-nn >/dev/null && echo name; nslookup other >/dev/null && echo alias"; docker rm -f dt-nn; docker network rm dtnn'
try network-errors 'docker network create bridge; docker network rm bridge; docker network connect dtabsent dt-absent; docker network create --subnet nonsense dtbad; docker network create -d nosuch dtbad2; docker network inspect dtabsent'
try network-filters 'docker network create -l x=1 dtnf >/dev/null; for f in driver=bridge name=dtnf label=x label=x=1 type=custom type=builtin scope=local dangling=true; do echo "$f: $(docker network ls --filter "$f" --format "{{.Name}}" | sort | tr "\n" " ")"; done; docker network ls --filter nosuch=1; docker network prune -f --filter label=x=1; docker network ls --filter name=dtnf -q | wc -l'
try network-inspect-defaults 'docker network inspect bridge host none | jq -S "map(del(.Created, .Id, .IPAM.Config, .Options, .Containers))"'

# volumes
try volume 'docker volume create dtvol; docker volume ls --filter name=dtvol; docker volume inspect -f "{{.Name}} {{.Driver}} {{.Scope}} {{.Labels}} {{.Options}}" dtvol; docker volume create dtvol; docker volume rm dtvol; docker volume rm dtvol; docker volume rm -f dtvol'
try volume-options 'docker volume create -d local --label a=1 -o type=tmpfs -o device=tmpfs -o o=size=1m dtvolo; docker volume inspect -f "{{.Labels}} {{.Options}}" dtvolo; docker run --rm -v dtvolo:/m busybox sh -c "df -k /m | tail -n 1 | awk \"{print \\\$2}\""; docker volume rm dtvolo'
try volume-used 'docker create --name dt-vu -v dtvolu:/m busybox; docker volume rm dtvolu; docker volume ls --filter dangling=true --filter name=dtvolu -q; docker rm dt-vu; docker volume ls --filter dangling=true --filter name=dtvolu -q; docker volume rm dtvolu'
try volume-errors 'docker volume create "bad name"; docker volume create -d nosuch dtv2; docker volume inspect dtabsent; docker volume ls --filter nosuch=1'
try volume-prune 'docker volume create --label dt=1 dtvp >/dev/null; docker volume prune -f --filter label=dt=1; docker volume ls -q --filter name=dtvp | wc -l'
try volume-copy-up 'docker run --rm -v dtcu:/etc busybox sh -c "ls /etc | grep -c passwd"; docker volume rm dtcu'

# the engine
try version 'docker version --format "{{.Server.Os}} {{.Server.Arch}} {{.Client.APIVersion}}"; docker version --format "{{json .Server}}" | jq -r "keys[]"'
try info 'docker info --format "{{.OSType}} {{.Architecture}} {{.LoggingDriver}} {{.Swarm.LocalNodeState}} {{.Isolation}} {{.IndexServerAddress}}"'
try info-shape 'docker info --format "{{json .}}" | jq -r "keys[]"'
try system-df 'docker system df --format "{{.Type}}"; docker system df -v >/dev/null; echo $?'
try system-prune 'docker system prune -f --filter label=dtnothing'
try container-prune 'docker create --name dt-cpr -l dtp=1 busybox; docker container prune -f --filter label=dtp=1; docker container prune -f --filter until=1h --filter label=dtp; docker container prune -f --filter nosuch=1'
try context 'docker context ls --format "{{.Name}}"; docker context inspect -f "{{.Name}}"'
try swarm 'docker swarm ca; docker swarm leave; docker node ls; docker service ls; docker secret ls; docker config ls; docker stack ls; docker swarm update; docker swarm join-token worker; docker swarm unlock-key'
try swarm-init 'docker swarm init --advertise-addr 127.0.0.1 >/dev/null; code=$?; docker swarm leave -f >/dev/null 2>&1; echo $code'
try plugin 'docker plugin ls; docker plugin inspect dtnosuch; docker plugin rm dtnosuch; docker plugin enable dtnosuch'
try checkpoint 'docker checkpoint ls dt-absent'
try trust 'docker trust inspect dtregistry.invalid/x >/dev/null 2>&1; echo $?'

echo "docker-cli.sh: ${count:-0} cases in $results"
