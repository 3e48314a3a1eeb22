#!/bin/bash
# Pulls from a registry on loopback: caissond, dockerd, podman and containerd's ctr. bench/pull.sh [--write]
# The image has 8 layers of Debian packages, about 35,000 files; then one whose last layer differs. Each pull is unpacked, onto a file system
# that was just made: ext4 does not reuse what was removed for minutes. ROUNDS (default 3). TOOLS names some of caisson, docker, podman, ctr.
peers=(docker.io containerd podman crun busybox-static docker-registry skopeo umoci e2fsprogs)
layers=(
  "base-files base-passwd bash coreutils libc6 libc-bin dash grep sed tar gzip perl-base util-linux libssl3 libstdc++6 openssl tzdata"
  "libpython3.11-minimal libpython3.11-stdlib python3.11-minimal python3.11"
  libllvm14 golang-1.19-src "cpp-12 gcc-12" libboost1.74-dev "vim-runtime perl-modules-5.36"
)
# Runs where Debian's archive can be reached.
prepare() {
  mkdir "$BENCH_SCRATCH/packages"
  (cd "$BENCH_SCRATCH/packages" && apt-get -qq -o APT::Sandbox::User=root download ${layers[*]}) >"$BENCH_SCRATCH/apt.log" 2>&1 ||
    give_up "packages: $(tail -n 3 "$BENCH_SCRATCH/apt.log")"
}
source "$(dirname "$0")/environment.sh"
TOOLS=${TOOLS:-caisson docker podman ctr}
source "$(dirname "$0")/engines.sh"
source "$(dirname "$0")/containerd.sh"

registry=127.0.0.1:5000
mkdir "$BENCH_SCRATCH/registry" "$BENCH_SCRATCH/image"
cat >"$BENCH_SCRATCH/registry.yml" <<YAML
version: 0.1
log: { level: error }
storage: { filesystem: { rootdirectory: $BENCH_SCRATCH/registry } }
http: { addr: $registry }
YAML
docker-registry serve "$BENCH_SCRATCH/registry.yml" >"$BENCH_SCRATCH/registry.log" 2>&1 &
wait_for docker-registry "$BENCH_SCRATCH/registry.log" bash -c ": </dev/tcp/${registry/:/\/}"

add_layer() { # TAG DIRECTORY: one more layer, and the directory is removed
  tar --sort=name --owner=0 --group=0 --numeric-owner -C "$2" -cf "$2.tar" .
  umoci raw add-layer --image "big:$1" "$2.tar" >/dev/null
  rm -r "$2" "$2.tar"
}
(
  cd "$BENCH_SCRATCH/image"
  umoci init --layout big
  umoci new --image big:1
  for packages in "${layers[@]}"; do
    mkdir layer
    for package in $packages; do
      dpkg-deb -x "$BENCH_SCRATCH/packages/${package}"_*.deb layer
    done
    add_layer 1 layer
  done
  # An application of 2,000 small files, and another version of it.
  umoci tag --image big:1 2
  for tag in 1 2; do
    for ((i = 0; i < 2000; i++)); do
      mkdir -p "layer/app/d$((i % 40))"
      head -c $((400 + i)) /usr/bin/gcc-12 | tail -c $((200 + i)) | base64 >"layer/app/d$((i % 40))/f$i"
    done
    echo "$tag" >layer/app/version
    add_layer $tag layer
    skopeo copy -q --dest-tls-verify=false "oci:big:$tag" "docker://$registry/big:$tag"
  done
) >"$BENCH_SCRATCH/image.log" 2>&1 || give_up "the image: $(tail -n 3 "$BENCH_SCRATCH/image.log")"

pull() { # TOOL TAG
  case $1 in
    podman) ${client[podman]} pull -q --tls-verify=false "$registry/big:$2" ;;
    ctr) ${client[ctr]} image pull --plain-http "$registry/big:$2" ;;
    *) ${client[$1]} pull -q "$registry/big:$2" ;;
  esac >"$BENCH_SCRATCH/pull.log" 2>&1 || give_up "$1: $(tail -n 3 "$BENCH_SCRATCH/pull.log")"
}
timed() { # METRIC TOOL TAG
  local started
  sync
  started=$(date +%s%N)
  pull "$2" "$3"
  sample "$1" "$2" "$((($(date +%s%N) - started) / 1000000))"
}

for ((round = 0; round < ${ROUNDS:-3}; round++)); do
  for tool in "${tools[@]}"; do
    store=$BENCH_SCRATCH/${tool/ctr/containerd}
    truncate -s 8G "$BENCH_SCRATCH/disk"
    mkfs.ext4 -q -E lazy_itable_init=0,lazy_journal_init=0 "$BENCH_SCRATCH/disk"
    mkdir -p "$store"
    mount -o loop "$BENCH_SCRATCH/disk" "$store"
    "start_$tool"
    sleep 2
    if [[ $tool == caisson ]]; then
      engine=$(pgrep -x caissond | while read -r pid; do [[ $(readlink "/proc/$pid/ns/mnt") != "$(<"$BENCH_SCRATCH/namespace")" ]] || echo "$pid"; done)
      idle=$(awk '/^VmRSS:/ { print $2 }' "/proc/$engine/status")
      echo 5 >"/proc/$engine/clear_refs" # the peak begins here
    fi
    timed "pull of 8 layers, ms" "$tool" 1
    if [[ $tool == caisson ]]; then
      sample "memory at most above idle while pulling, MiB" "$tool" "$((($(awk '/^VmHWM:/ { print $2 }' "/proc/$engine/status") - idle) / 1024))"
    fi
    timed "pull when one layer of 8 differs, ms" "$tool" 2
    "stop_$tool"
    umount -R "$store" || { sleep 2 && umount -R "$store"; }
    rm "$BENCH_SCRATCH/disk"
  done
done
finish pull "$@"
