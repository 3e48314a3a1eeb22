#!/bin/bash
# cri.py against an engine of its own, in the network namespace in which this runs: tests/clients/cri.sh BINARIES DIRECTORY [OPTION…]
# BINARIES has caisson and caissond; DIRECTORY is made and stays. OPTIONS go to cri.py. The engine is killed once in the middle.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
binaries=${1:?the directory of caisson and caissond}
directory=${2:?a directory}
shift 2
PATH=$PATH:/usr/sbin:/sbin
export CAISSON_ROOT=$directory/root CAISSON_RUN=$directory/run
mkdir -p "$directory/made"
chmod 711 "$directory" # the root of a user namespace must get through
ip link set lo up
cat >"$directory/start.sh" <<START
[[ ! -e '$directory/pid' ]] || { kill -9 \$(cat '$directory/pid'); sleep 0.2; }
CAISSON_ROOT='$CAISSON_ROOT' CAISSON_RUN='$CAISSON_RUN' '$binaries/caissond' --cri-cni-config '$directory/made/cni' >>'$directory/engine.log' 2>&1 &
echo \$! >'$directory/pid'
START
bash "$directory/start.sh"
for ((i = 0; i < 200; i++)); do
  [[ ! -S $CAISSON_RUN/cri.sock ]] || break
  sleep 0.1
done
"$binaries/caisson" image bootstrap busybox >/dev/null || exit 2
code=0
/usr/bin/python3 "$here/cri.py" "$CAISSON_RUN/cri.sock" "$here/../../src/Caisson.Api/Cri/api.proto" "$directory/made" \
  --cni "$directory/made/cni" --restart "bash '$directory/start.sh'" "$@" || code=$?
left=$("$binaries/caisson" ps -aq)
[[ -z $left ]] || { echo "not ok containers are left: $left"; "$binaries/caisson" rm -f $left >/dev/null; code=1; }
"$binaries/caisson" engine stop >/dev/null
grep -E ' (warn|error) ' "$directory/engine.log" | grep -v 'not-a-subnet' && { echo "not ok the engine complained"; code=1; }
exit "$code"
