#!/bin/bash
# Runs other projects' conformance suites with runtimes and compares: what a later runtime fails and the first passes is named.
#   tests/conformance.sh runtime-tools CHECKOUT [RUNTIME…]
#   tests/conformance.sh runc CHECKOUT [RUNTIME…] [-- FILE.bats…]
#   tests/conformance.sh distribution CHECKOUT [CAISSOND]
#   tests/conformance.sh dockerfile-parser CHECKOUT
# The last compares what we make of the Dockerfiles in CHECKOUT/frontend/dockerfile/parser/testfiles of moby/buildkit with the results beside them.
# CHECKOUT is a checkout of opencontainers/runtime-tools or opencontainers/runc; the suites are built there (Go, vendored modules).
# Without RUNTIME: runc of PATH, then artifacts/publish/caisson-runtime. Needs root. Results are in artifacts/conformance.
set -euo pipefail
tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
PATH=$PATH:/usr/sbin:/sbin
case_seconds=${CASE_SECONDS:-120}
file_seconds=${FILE_SECONDS:-600}

say() { printf 'conformance: %s\n' "$*" >&2; }
give_up() { say "$*"; exit 1; }
usage() { sed -n '2,10s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2; }

(($# >= 2)) || usage
suite=$1
if [[ $suite == dockerfile-parser ]]; then
  fixtures=$(cd "$2/frontend/dockerfile/parser/testfiles" && pwd)
  dotnet build "$tree/tests/Caisson.Build.Tests" -v q -nologo
  DOCKERFILE_FIXTURES=$fixtures exec "$tree/artifacts/bin/Caisson.Build.Tests/debug/Caisson.Build.Tests" --filter-class "*ParserFixtureTests"
fi
[[ $suite == runtime-tools || $suite == runc || $suite == distribution ]] || usage

# The registry needs no namespaces: it is served from a directory of its own, and the suite asks it for everything it knows.
if [[ $suite == distribution ]]; then
  caissond=$(realpath "${3:-$tree/artifacts/publish/caissond}")
  results=$tree/artifacts/conformance/distribution
  mkdir -p "$results"
  [[ -x $results/suite && -z ${REBUILD-} ]] || (cd "$2/conformance" && go build -buildvcs=false -o "$results/suite" .)
  data=$(mktemp -d)
  address=127.0.0.1:${REGISTRY_PORT:-15700}
  "$caissond" registry serve --data "$data" --listen "$address" 2>"$results/registry.log" &
  registry=$!
  trap 'kill $registry; wait $registry 2>/dev/null || :; rm -rf "$data"' EXIT
  for _ in {1..100}; do curl -sf "http://$address/v2/" >/dev/null && break; sleep 0.1; done
  cd "$results"
  OCI_REGISTRY=$address OCI_TLS=disabled OCI_REPO1=conformance/one OCI_REPO2=conformance/two OCI_RESULTS_DIR=$results \
    OCI_API_BLOBS_UPLOAD_CANCEL=true OCI_API_MANIFESTS_TAG_PARAM=true ./suite >"$results/report.txt" 2>&1 || :
  sed -n '/Conformance Result/,/Total/p' "$results/report.txt"
  grep -q 'Conformance Result: Pass' "$results/report.txt"
  exit
fi
((EUID == 0)) || give_up "the suites make containers: run this as root"

# Everything runs in a mount namespace of its own: what a failed case leaves mounted is gone with it.
if [[ -z ${CONFORMANCE_INSIDE-} ]]; then
  exec env CONFORMANCE_INSIDE=1 unshare --mount --propagation private "${BASH_SOURCE[0]}" "$@"
fi
mount -t tmpfs -o mode=755 tmpfs /run

checkout=$(cd "$2" && pwd)
shift 2
runtimes=() files=()
while (($#)) && [[ $1 != -- ]]; do
  path=$(command -v "$1") || give_up "no such runtime: $1"
  runtimes+=("$(realpath "$path")")
  shift
done
(($# == 0)) || files=("${@:2}")
((${#runtimes[@]})) || runtimes=("$(command -v runc)" "$tree/artifacts/publish/caisson-runtime")
results=$tree/artifacts/conformance
mkdir -p "$results"
export GOFLAGS=-mod=vendor GOTOOLCHAIN=local

build() { [[ -x $1 && -z ${REBUILD-} ]] || (cd "$checkout" && go build -buildvcs=false -o "$@"); }

# cases FILE…: one line a case, "ok", "skip" or "not" and its name without what differs from run to run.
cases() {
  awk '
    FNR == 1 { file = FILENAME; sub(/.*\//, "", file); sub(/\.tap$/, "", file); delete seen }
    /^(not )?ok( |$)/ {
      verdict = $1; text = $0
      sub(/^(not )?ok *[0-9]* *(- )?/, "", text)
      if (text ~ /# (skip|SKIP)/) verdict = "skip"
      sub(/ *# (skip|SKIP).*/, "", text)
      gsub(/[0-9a-f]{8}-[0-9a-f-]{27}/, "ID", text)
      gsub(/ocitest[0-9]+/, "BUNDLE", text)
      sub(/ # time=.*/, "", text)
      n = ++seen[text]
      print verdict "\t" file ": " text (n > 1 ? " (" n ")" : "")
    }' "$@"
}

run_runtime_tools() {
  local runtime=$1 output=$2 test name code
  for test in "$checkout"/validation/*/*.t; do
    name=$(basename "$test" .t)
    code=0
    (cd "$checkout" && RUNTIME=$runtime timeout -k 5 "$case_seconds" "$test") >"$output/$name.tap" 2>"$output/$name.err" </dev/null || code=$?
    # A test that gives up says so with its exit code alone, or with nothing.
    if ((code != 0)); then
      echo "not ok - the test ended with exit code $code" >>"$output/$name.tap"
    elif ! grep -qE '^(not )?ok' "$output/$name.tap"; then
      echo "ok - the test ended without a word" >>"$output/$name.tap"
    fi
  done
}

# With a terminal of its own, whose input never ends: the suite's containers ask for one.
run_runc() {
  local runtime=$1 output=$2 file code idle
  exec {idle}<> <(:)
  for file in "${files[@]}"; do
    code=0
    (cd "$checkout" && RUNC=$runtime timeout -k 5 "$file_seconds" script --quiet --return --command \
      "bats --tap 'tests/integration/$file' >'$output/${file%.bats}.tap' 2>'$output/${file%.bats}.err'" /dev/null) <&"$idle" >/dev/null || code=$?
    ((code != 124)) || echo "not ok - stopped after $file_seconds seconds" >>"$output/${file%.bats}.tap"
  done
  exec {idle}>&-
}

if [[ $suite == runtime-tools ]]; then
  say "building"
  (export CGO_ENABLED=0 && build runtimetest ./cmd/runtimetest)
  for source in "$checkout"/validation/*/*.go; do
    [[ $source == */util/* ]] || build "${source%.go}.t" "$source"
  done
else
  for tool in recvtty sd-helper; do
    build "contrib/cmd/$tool/$tool" "./contrib/cmd/$tool"
  done
  build contrib/cmd/seccompagent/seccompagent -tags seccomp ./contrib/cmd/seccompagent
  ((${#files[@]})) || mapfile -t files < <(cd "$checkout/tests/integration" && ls ./*.bats | sed 's,^\./,,')
fi

first=
for runtime in "${runtimes[@]}"; do
  name=$suite-$(basename "$runtime")
  mkdir -p "$results/$name"
  say "$suite with $runtime"
  rm -f "$results/$name"/*
  "run_${suite//-/_}" "$runtime" "$results/$name"
  cases "$results/$name"/*.tap | sort -t $'\t' -k2 >"$results/$name.cases"
  printf '%s: %s passed, %s failed, %s skipped\n' "$runtime" \
    "$(grep -c ^ok "$results/$name.cases")" "$(grep -c ^not "$results/$name.cases")" "$(grep -c ^skip "$results/$name.cases")"
  if [[ -z $first ]]; then
    first=$results/$name.cases
  else
    awk -F '\t' 'NR == FNR { other[$2] = $1; next } $1 == "ok" && other[$2] != "ok" { print "  only the first passes: " $2 }' "$results/$name.cases" "$first"
  fi
done
