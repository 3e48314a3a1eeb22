# Sourced by ./caisson and ./test: the packages a build needs, and the build itself. Speaks on stderr only.

tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf 'caisson: %s\n' "$*" >&2; }
give_up() { say "$*"; exit 1; }

# What the linker needs, what the binaries load, and what makes images and root filesystems.
build_packages=(zlib1g-dev libc6-dev libsqlite3-0 libzstd1 libnftables1 busybox-static mmdebstrap)

# What machines run with.
machine_packages=(qemu-system-x86 qemu-utils erofs-utils e2fsprogs)

# install_packages NAME…: those that are missing, with one call of apt-get.
install_packages() {
  if ! command -v dpkg-query >/dev/null; then
    say "this is not Debian: expecting to find what Debian has in: $*"
    return
  fi
  local installed missing=() name
  installed=" $(dpkg-query -W -f='${Package}=${db:Status-Status} ' 2>/dev/null)"
  for name in "$@"; do
    [[ $installed == *" $name=installed "* ]] || missing+=("$name")
  done
  ((${#missing[@]})) || return 0
  local install="apt-get update && apt-get install --no-install-recommends ${missing[*]}"
  ((EUID == 0)) || give_up "packages are missing; as root: $install"

  say "installing ${missing[*]}"
  local log=$tree/artifacts/packages.log
  mkdir -p "$tree/artifacts"
  if ! { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get -y -o DPkg::Lock::Timeout=600 --no-install-recommends install "${missing[@]}"; } \
    </dev/null >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    give_up "cannot install ${missing[*]}; all of apt-get's output is in $log"
  fi
}

need_dotnet() {
  command -v dotnet >/dev/null ||
    give_up "the .NET SDK 10 is needed and there is no 'dotnet' in PATH; install it as https://learn.microsoft.com/dotnet/core/install/linux-debian says"
  (cd "$tree" && dotnet --version >/dev/null 2>&1) ||
    give_up "the .NET SDK 10 is needed; 'dotnet' here has: $(dotnet --list-sdks | cut -d' ' -f1 | paste -sd' ')"
}

need_linker() {
  command -v clang >/dev/null || command -v gcc >/dev/null || install_packages gcc
}

# show_stages LOG: keeps everything, shows one line for each thing that is done.
show_stages() {
  local line started=$SECONDS
  while IFS= read -r line; do
    printf '%s\n' "$line" >>"$1"
    case $line in
      *': error '* | *': warning '*) printf '%s\n' "$line" >&2 ;;
      *' -> '*/staging/) printf '  %4ds published %s\n' $((SECONDS - started)) "${line%% -> *}" | tr -s ' ' >&2 ;;
      *' -> '*) printf '  %4ds %s\n' $((SECONDS - started)) "${line%% -> *}" | tr -s ' ' >&2 ;;
      *'Generating native code'*) printf '  %4ds native code\n' $((SECONDS - started)) | tr -s ' ' >&2 ;;
    esac
  done
}

# The binaries, in artifacts/publish. Several calls at once make one build.
publish_binaries() {
  local output=$tree/artifacts/publish staging=$tree/artifacts/staging log=$tree/artifacts/publish.log name
  mkdir -p "$output/symbols"
  exec 9>"$tree/artifacts/publish.lock"
  flock -n 9 || { say "another call is building; waiting for it"; flock 9; }
  if [[ -e $output/.stamp && -z $(find "$tree"/src "$tree"/Directory.* "$tree"/global.json "$tree"/publish.proj -newer "$output/.stamp" -print -quit) ]]; then
    exec 9>&-
    return
  fi

  need_dotnet
  need_linker
  install_packages "${build_packages[@]}"
  say "building (the first time takes some minutes)"
  : >"$log"
  rm -rf "$staging"
  touch "$output/.stamp.next"
  if ! (cd "$tree" && DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 MSBUILDDISABLENODEREUSE=1 \
    dotnet msbuild publish.proj -restore -t:Publish -m -v:m -nologo -tl:off </dev/null 2>&1 9>&-) | show_stages "$log"; then
    give_up "the build failed; all of its output is in $log"
  fi
  # Renamed into place: a running program keeps the file it was started from.
  for name in caisson-runtime caisson-init caisson-machine caissond caisson; do
    [[ ! -e $staging/$name.dbg ]] || mv -f "$staging/$name.dbg" "$output/symbols/"
    # What a bare `dotnet publish` leaves is a directory of that name.
    [[ ! -d $output/$name ]] || rm -rf "${output:?}/$name"
    mv -f "$staging/$name" "$output/$name"
  done
  rm -rf "$staging"
  mv "$output/.stamp.next" "$output/.stamp"
  exec 9>&-
}
