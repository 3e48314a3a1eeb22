#!/bin/bash
# Builds against each other: Caisson, BuildKit and the classic builder in Debian's dockerd, buildah. bench/build.sh [--write]
# Three stages, a root filesystem of busybox, 2,000 source files that two stages copy, steps without network. Each of ROUNDS (default 5) begins with
# a fresh file system for every tool (ext4 passes over what was deleted in the last minutes, which makes the next one slow): a cold build, the same
# again, one source file changed. TOOLS names some of caisson, buildkit, docker, buildah.
peers=(docker.io buildah crun busybox-static)
source "$(dirname "$0")/environment.sh"

export DOCKER_CONFIG=$BENCH_SCRATCH/docker-config BUILDAH_ISOLATION=oci
mkdir "$DOCKER_CONFIG"
echo '{}' >"$DOCKER_CONFIG/config.json"
docker=/usr/bin/docker
[[ -x $docker ]] || docker=$(command -v docker)
read -ra tools <<<"${TOOLS:-caisson buildkit docker buildah}"
printf '[containers]\ndefault_ulimits = ["nofile=1024:%s", "nproc=4096:4096"]\n' "$(ulimit -Hn)" >"$BENCH_SCRATCH/containers.conf"
export CONTAINERS_CONF=$BENCH_SCRATCH/containers.conf

context=$BENCH_SCRATCH/context
mkdir -p "$context/src" "$BENCH_SCRATCH/rootfs"/{bin,etc,root,tmp,proc,sys,dev}
cp /bin/busybox "$BENCH_SCRATCH/rootfs/bin/"
for name in $(/bin/busybox --list); do
  [[ $name == busybox ]] || ln -s busybox "$BENCH_SCRATCH/rootfs/bin/$name"
done
echo 'root:x:0:0:root:/root:/bin/sh' >"$BENCH_SCRATCH/rootfs/etc/passwd"
echo 'root:x:0:' >"$BENCH_SCRATCH/rootfs/etc/group"
tar -C "$BENCH_SCRATCH/rootfs" --sort=name --owner=0 --group=0 --numeric-owner --mtime=@1700000000 -cf "$context/rootfs.tar" .
for ((i = 1; i <= 2000; i++)); do
  ((i > 50)) || mkdir "$context/src/d$((i % 50))"
  head -c $((500 + i)) /bin/busybox | tail -c $((400 + i)) | base64 >"$context/src/d$((i % 50))/f$i.txt"
done
cat >"$context/Dockerfile" <<'DOCKERFILE'
FROM scratch AS base
ADD rootfs.tar /
ENV PATH=/bin
RUN mkdir -p /app /out && echo app:x:1000:1000::/app:/bin/sh >> /etc/passwd
FROM base AS build
WORKDIR /src
RUN for i in 1 2 3 4 5 6 7 8; do dd if=/dev/zero of=/out/blob$i bs=1M count=2 2>/dev/null; done
COPY src/ /src/
RUN find . -type f -print0 | xargs -0 sha256sum | sort > /out/sums && wc -l /out/sums
RUN tar -C /src -cf /out/src.tar .
FROM base
COPY --from=build /out /app/out
COPY src/ /app/src/
RUN ls -lR /app > /app/list && chmod 0444 /app/list
USER app
CMD ["/bin/sh"]
DOCKERFILE

start_caisson() { CAISSON_ROOT=$store/caisson CAISSON_RUN=/run/caisson "$tree/artifacts/publish/caisson" engine start >/dev/null; }
stop_caisson() { CAISSON_ROOT=$store/caisson CAISSON_RUN=/run/caisson "$tree/artifacts/publish/caisson" engine stop >/dev/null; }
build_caisson() { CAISSON_ROOT=$store/caisson CAISSON_RUN=/run/caisson "$tree/artifacts/publish/caisson" build -q --network none -t reference "$context"; }
start_dockerd() { # STORE
  dockerd -H unix:///run/docker.sock --data-root "$store/$1" --exec-root /run/dockerd -p /run/dockerd.pid --cgroup-parent /caisson-bench \
    --bridge=none --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false >"$BENCH_SCRATCH/dockerd.log" 2>&1 &
  docker_pid=$!
  local i
  for ((i = 0; i < 300; i++)); do
    ! "$docker" -H unix:///run/docker.sock version >/dev/null 2>&1 || return 0
    sleep 0.1
  done
  tail -n 5 "$BENCH_SCRATCH/dockerd.log" >&2
  give_up "dockerd does not answer after 30 seconds"
}
stop_dockerd() {
  kill "$docker_pid"
  wait "$docker_pid" || true
}
start_docker() { start_dockerd docker; }
stop_docker() { stop_dockerd; }
build_docker() { DOCKER_BUILDKIT=0 "$docker" -H unix:///run/docker.sock build -q --network none -t reference "$context"; }
start_buildkit() { start_dockerd buildkit; }
stop_buildkit() { stop_dockerd; }
build_buildkit() { DOCKER_BUILDKIT=1 "$docker" -H unix:///run/docker.sock build -q --network none -t reference "$context"; }
start_buildah() { :; }
stop_buildah() { :; }
build_buildah() {
  buildah --root "$store/buildah" --runroot /run/buildah --storage-driver overlay --registries-conf /dev/null \
    bud -q --layers --isolation oci --runtime crun --network none -t reference "$context"
}

# timed METRIC TOOL
timed() {
  local before=$EPOCHREALTIME after
  if ! "build_$2" >"$BENCH_SCRATCH/build.log" 2>&1; then
    tail -n 5 "$BENCH_SCRATCH/build.log" >&2
    give_up "$2 does not build: $1"
  fi
  after=$EPOCHREALTIME
  sample "$1" "$2" "$(((${after/./} - ${before/./}) / 1000)).$(printf %03d $(((${after/./} - ${before/./}) % 1000)))"
}

versions="dockerd $(dockerd --version | awk '{ sub(/,/, "", $3); print $3 }') with its BuildKit and its classic builder, buildah $(buildah --version | awk '{ print $3 }') with crun"
for ((round = 1; round <= ${ROUNDS:-5}; round++)); do
  for tool in "${tools[@]}"; do
    store=$BENCH_SCRATCH/store
    mkdir -p "$store"
    truncate -s 8G "$BENCH_SCRATCH/disk"
    mkfs.ext4 -q "$BENCH_SCRATCH/disk"
    mount -o loop "$BENCH_SCRATCH/disk" "$store"
    date +%N >"$context/src/d1/f1.txt"
    sync
    "start_$tool"
    timed "build cold, ms" "$tool"
    timed "build cached, ms" "$tool"
    date +%N >"$context/src/d1/f1.txt"
    timed "build after one file changed, ms" "$tool"
    "stop_$tool"
    umount -R -l "$store"
    rm "$BENCH_SCRATCH/disk"
  done
done
finish build "$@"
