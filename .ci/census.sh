# Sourced by ./test: what of this machine a test could leave behind, one line each, sorted.

census() {
  {
    awk '{ print "mount", $5 }' /proc/self/mountinfo
    awk -F: 'NR > 2 { gsub(/ /, "", $1); print "link", $1 }' /proc/net/dev
    find /run/netns -mindepth 1 -printf 'netns %p\n' 2>/dev/null
    # Those of units come and go with timers.
    find /sys/fs/cgroup -mindepth 1 -type d ! -path '*.service*' ! -path '*.scope*' ! -path '*.slice*' ! -path '*.mount*' ! -path '*.socket*' \
      -printf 'cgroup %p\n' 2>/dev/null
    ! command -v nft >/dev/null || nft -s list ruleset 2>/dev/null | sed 's/^/nft /'
    local file
    for file in /sys/block/loop*/loop/backing_file; do
      [[ ! -e $file ]] || printf 'loop %s %s\n' "${file:11:6}" "$(<"$file")"
    done
    find /tmp /var/tmp /dev/shm /run -maxdepth 1 -iname '*caisson*' -printf 'file %p\n' 2>/dev/null
    census_processes
  } | sort
}

# Ours by name or by the file they run, and whoever is in another network or mount namespace as a child of nobody we know.
census_processes() {
  local directory pid name program
  for directory in /proc/[0-9]*; do
    pid=${directory#/proc/}
    { read -r name <"$directory/comm"; } 2>/dev/null || continue
    program=$(readlink "$directory/exe" 2>/dev/null) || continue
    if [[ $name == caisson* || $program == */caisson* || $program == "$tree"/artifacts/* || $program == /memfd:* ]]; then
      printf 'process %s %s %s\n' "$pid" "$name" "$program"
    fi
  done
}
