#!/bin/bash
# Builds every directory of tests/builds with buildah and with Caisson, and compares the files and the configuration of the images.
#   tests/builds.sh [CAISSON [NAME…]]
# CAISSON is the command line (default artifacts/publish/caisson); its engine is started on directories of its own. Needs root,
# buildah, python3, and busybox for the image that the Dockerfiles build on. Differences that are meant are in tests/builds/expected.
set -euo pipefail
tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
caisson=${1-$tree/artifacts/publish/caisson}
shift $(($# > 0 ? 1 : 0))
((EUID == 0)) || { echo "builds: needs root" >&2; exit 1; }
command -v buildah > /dev/null || { echo "builds: buildah is not installed" >&2; exit 1; }

# Networks and mounts of the engine and of buildah are those of namespaces that end with this script.
if [[ -z ${BUILDS_INSIDE-} ]]; then
  exec env BUILDS_INSIDE=1 unshare --mount --net --propagation private "${BASH_SOURCE[0]}" "$caisson" "$@"
fi
ip link set lo up
work=$(mktemp -d)
export CAISSON_ROOT=$work/root CAISSON_RUN=$work/run BUILDAH_ISOLATION=chroot
buildah() { command buildah --root "$work/buildah" --runroot "$work/buildah-run" --storage-driver vfs "$@"; }
finish() {
  "$caisson" engine stop > /dev/null 2>&1 || true
  rm -rf "$work"
}
trap finish EXIT

"$caisson" image bootstrap busybox > /dev/null
"$caisson" tag busybox base
"$caisson" save -o "$work/base.tar" base
buildah tag "$(buildah pull -q "docker-archive:$work/base.tar" | tail -1)" localhost/base:latest

(($# > 0)) || set -- $(cd "$tree/tests/builds" && ls -d [0-9]*)
failed=0
for name in "$@"; do
  context=$tree/tests/builds/$name
  if ! buildah bud --format docker --isolation chroot -q -t "theirs-$name" "$context" > "$work/log" 2>&1; then
    echo "builds: $name: buildah: $(tail -1 "$work/log")"
    theirs=0
  else
    theirs=1
  fi
  if ! "$caisson" build -t "ours-$name" "$context" > "$work/log" 2>&1; then
    echo "builds: $name: caisson:"; cat "$work/log"; failed=$((failed + 1))
    continue
  fi
  ((theirs)) || continue
  container=$(buildah from "theirs-$name" | tail -1); mounted=$(buildah mount "$container")
  tar -C "$mounted" --xattrs -cf "$work/theirs.tar" .
  buildah inspect --type image "theirs-$name" > "$work/theirs.json"
  buildah rm "$container" > /dev/null
  "$caisson" create --name "c-$name" "ours-$name" x > /dev/null
  "$caisson" export -o "$work/ours.tar" "c-$name"
  "$caisson" image inspect "ours-$name" > "$work/ours.json"
  "$caisson" rm "c-$name" > /dev/null
  if python3 "$tree/tests/builds/compare.py" "$work" "$name" "$tree/tests/builds/expected"; then
    echo "builds: $name: same"
  else
    failed=$((failed + 1))
  fi
done
echo "builds: $# built, $failed different"
((failed == 0))
