#!/bin/bash
# Builds and runs the tests: ./test.sh [NAME…], where NAME is the middle of test/Caisson.NAME.Tests; without one, all.
# The last line is "N passed, N failed, N skipped"; the exit code is 0 when none failed and each suite ran.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
PATH=$PATH:/usr/sbin:/sbin
source .ci/build.sh
source .ci/census.sh

budget_seconds=2400
suite_seconds=900
# Cheap and telling first; suites that are not named here come last.
order=(House Abi Oci Cli Control Api Containers Images Linux EndToEnd)
packages=(gcc libc6-dev binutils busybox-static mmdebstrap zstd iproute2 strace runc crun jq nftables)

# The suites that have a test, in order.
all_suites() {
  local name directory
  for name in "${order[@]}"; do
    [[ -z $(find "test/Caisson.$name.Tests" -name '*Tests.cs' -print -quit 2>/dev/null) ]] || echo "$name"
  done
  for directory in test/Caisson.*.Tests; do
    name=${directory#test/Caisson.} name=${name%.Tests}
    [[ " ${order[*]} " == *" $name "* || -z $(find "$directory" -name '*Tests.cs' -print -quit) ]] || echo "$name"
  done
}

mapfile -t known < <(all_suites)
suites=()
for wanted in "$@"; do
  found=
  for name in "${known[@]}"; do
    [[ ${name,,} != "${wanted,,}" ]] || found=$name
  done
  [[ -n $found ]] || give_up "no suite is called '$wanted'; there are: ${known[*]}"
  suites+=("$found")
done
((${#suites[@]})) || suites=("${known[@]}")

need_dotnet
need_linker
command -v docker >/dev/null || packages+=(docker.io)
install_packages "${packages[@]}" "${build_packages[@]}"

export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 MSBUILDDISABLENODEREUSE=1
if [[ " ${suites[*]} " == *" EndToEnd "* ]]; then
  publish_binaries
fi
projects=()
for name in "${suites[@]}"; do
  projects+=("test/Caisson.$name.Tests/Caisson.$name.Tests.csproj")
done
say "building ${suites[*]}"
mkdir -p artifacts/results
: >artifacts/tests.log
if ! dotnet msbuild test/suites.proj -restore -t:Build -m -v:m -nologo -tl:off "-p:Suites=$(IFS=' '; echo "${projects[*]}")" </dev/null 2>&1 |
  show_stages artifacts/tests.log; then
  say "the build failed; all of its output is in artifacts/tests.log"
  echo "0 passed, 1 failed, 0 skipped"
  exit 1
fi

passed=0 failed=0 skipped=0
before=$(census)
for name in "${suites[@]}"; do
  echo "== $name"
  left=$((budget_seconds - SECONDS))
  limit=$((left < suite_seconds ? left : suite_seconds))
  report=$PWD/artifacts/results/$name.json
  rm -f "$report"
  if ((limit <= 0)); then
    echo "$name: not run: the $budget_seconds seconds for all suites are over"
    ((++failed))
    continue
  fi
  code=0
  timeout -k 15 "$limit" "artifacts/bin/Caisson.$name.Tests/debug/Caisson.$name.Tests" --no-ansi --no-progress \
    --results-directory "${report%/*}" --report-ctrf --report-ctrf-filename "${report##*/}" </dev/null || code=$?
  counts=$(jq -er '.results.summary | "\(.passed) \(.failed) \(.skipped + .pending)"' "$report" 2>/dev/null) || counts=
  if [[ -z $counts ]]; then
    echo "$name: ended with exit code $code and no report$( ((code == 124)) && echo " (stopped after $limit seconds)")"
    ((++failed))
    continue
  fi
  read -r p f s <<<"$counts"
  # A suite that ran nothing, or ended badly without saying which test failed, is a failure of its own.
  if ((p + f == 0 || (code != 0 && f == 0))); then
    echo "$name: exit code $code with $p passed and $f failed"
    ((++f))
  fi
  echo "$name: $p passed, $f failed, $s skipped"
  ((passed += p, failed += f, skipped += s)) || true
done

echo "== census"
# What ends by itself may take a moment.
for _ in {1..20}; do
  difference=$(diff <(echo "$before") <(census)) || true
  [[ -n $difference ]] || break
  sleep 0.5
done
if [[ -z $difference ]]; then
  echo "census: nothing left behind"
  ((++passed))
else
  echo "census: failed: the suites changed this machine (< before, > after):"
  grep '^[<>]' <<<"$difference"
  ((++failed))
fi

echo "$passed passed, $failed failed, $skipped skipped"
((failed == 0))
