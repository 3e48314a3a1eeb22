#!/bin/bash
# All foreign clients against one engine: docker's command line, docker-compose 1.29, docker-py 5.0.3, dockerode and testcontainers.
#
#   tests/clients/run.sh unix:///run/caisson/docker.sock [DIRECTORY]
#
# DIRECTORY (default a temporary one) keeps what is installed and every log. The engine needs an image busybox:latest. DOCKER_PY names a
# checkout of docker-py 5.0.3, whose own integration tests are then run too. CLIENTS names some of docker, compose, dockerpy, dockerode,
# testcontainers. Debian's packages and npm's are installed where they are missing.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
source "$here/../../.ci/build.sh"
host=${1:?the address of an engine, such as unix:///run/caisson/docker.sock}
directory=${2:-$(mktemp -d)}
mkdir -p "$directory"
read -ra clients <<<"${CLIENTS:-docker compose dockerpy dockerode testcontainers}"
wants() { [[ " ${clients[*]} " == *" $1 "* ]]; }
failed=0
summary=()

# report NAME LOG COMMAND: runs it, keeps what it says, and shows the last line.
report() {
  local name=$1 log=$directory/$1.log code=0
  shift
  "$@" >"$log" 2>&1 || code=$?
  grep -E '^(not ok|FAILED|ERROR) ' "$log" | cut -c1-200
  summary+=("$name: $(tail -n 1 "$log")")
  ((code == 0)) || failed=1
}

install_packages docker.io docker-compose python3-docker python3-pytest python3-pytest-timeout python3-paramiko jq >&2
command -v npm >/dev/null || install_packages nodejs npm >&2
docker=/usr/bin/docker
[[ -x $docker ]] || docker=$(command -v docker)
for name in alpine:3.10 alpine:latest hello-world:latest; do
  DOCKER_HOST=$host "$docker" image inspect "$name" >/dev/null 2>&1 || DOCKER_HOST=$host "$docker" tag busybox:latest "$name"
done

! wants docker || report docker-cli env DOCKER="$docker" "$here/docker-cli.sh" "$host" "$directory/docker-cli"
! wants compose || report compose env COMPOSE=/usr/bin/docker-compose "$here/compose.sh" "$host"
if wants dockerpy && [[ -n ${DOCKER_PY:-} ]]; then
  # A copy: the tests are to meet the installed library, and warnings of newer Pythons about it are not what is asked.
  rm -rf "$directory/docker-py"
  mkdir -p "$directory/docker-py" "$directory/home"
  cp -r "$DOCKER_PY/tests" "$DOCKER_PY/pytest.ini" "$directory/docker-py/"
  sed -i "s/warnings.simplefilter('error')/pass/" "$directory/docker-py/tests/integration/conftest.py"
  report docker-py env -C "$directory/docker-py" HOME="$directory/home" DOCKER_HOST="$host" DOCKER_TEST_API_VERSION=1.41 \
    /usr/bin/python3 -m pytest -q -W ignore -p no:cacheprovider --timeout 60 -rfE tests/integration
fi
if wants dockerode || wants testcontainers; then
  mkdir -p "$directory/npm"
  cp "$here"/*.mjs "$directory/npm/"
  [[ -d $directory/npm/node_modules/testcontainers ]] || npm install --silent --no-fund --no-audit --prefix "$directory/npm" dockerode@5.0.1 testcontainers@10.28.0 >&2 || exit 2
  ! wants dockerode || report dockerode env DOCKER_SOCKET="${host#unix://}" node "$directory/npm/dockerode.mjs"
  ! wants testcontainers || report testcontainers env DOCKER_HOST="$host" TESTCONTAINERS_RYUK_DISABLED=true node "$directory/npm/testcontainers.mjs"
fi
printf '%s\n' "${summary[@]}"
exit "$failed"
