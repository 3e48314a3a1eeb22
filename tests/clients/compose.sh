#!/bin/bash
# docker-compose 1.29 against an engine: tests/clients/compose.sh unix:///run/caisson/docker.sock. One line a step.
set -uo pipefail
export DOCKER_HOST=${1:?the address of an engine} COMPOSE_PROJECT_NAME=caissontest COMPOSE_HTTP_TIMEOUT=30
cd "$(dirname "$0")/compose" || exit 2
program=${COMPOSE:-docker-compose}
failed=0
passed=0

# step NAME PATTERN ARGUMENTS: the command succeeds, and prints what matches.
step() {
  local name=$1 wanted=$2 out code=0
  shift 2
  out=$(timeout 60 "$program" --no-ansi "$@" 2>&1 </dev/null) || code=$?
  if ((code == ${EXPECT:-0})) && grep -qE -- "$wanted" <<<"$out"; then
    echo "ok $name"
    passed=$((passed + 1))
  else
    echo "not ok $name: exit code $code: $(tail -n 3 <<<"$out" | tr '\n' ' ')"
    failed=$((failed + 1))
  fi
}

timeout 60 "$program" down -v -t 1 >/dev/null 2>&1
step config 'image: busybox' config
step "up" 'done' up -d web worker
step "up again changes nothing" 'up-to-date' up -d web worker
EXPECT=3 step "up in front and the code of a service" 'once' up --no-color --abort-on-container-exit once
step ps 'web.*Up' ps
step "ps -q" '^[0-9a-f]{64}$' ps -q web
step logs 'hello from web' logs web
step exec 'green' exec -T web sh -c 'echo $COLOR'
step "names of services" 'site|Address' exec -T web nslookup site
step "a volume is shared" 'started' exec -T worker cat /data/state
step run 'one-off' run --rm -T worker echo one-off
EXPECT=7 step "the code of run" '' run --rm -T worker sh -c 'exit 7'
step port '127.0.0.1:[0-9]+' port web 80
step top 'nc -ll' top web
step images 'busybox' images
step scale 'done|Creating' up -d --scale worker=3 worker
step "three of them" 'worker_3' ps worker
step pause 'done|Pausing' pause web
step unpause 'done|Unpausing' unpause web
step restart 'done|Restarting' restart -t 1 worker
step stop 'done|Stopping' stop -t 2 worker
step start 'done|Starting' start worker
step kill 'done|Killing' kill -s KILL worker
step rm 'done|Removing' rm -f worker
step recreate 'done|Recreating' up -d --force-recreate -t 1 web
step "events" '' config --services
step down 'Removing network' down -v -t 1
step "nothing is left" '^Name' ps -a
echo "compose.sh: $passed passed, $failed failed"
((failed == 0))
