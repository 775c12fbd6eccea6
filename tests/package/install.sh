#!/usr/bin/env bash
# install.sh SCRATCH PACKAGE USER STATE: installs the package over a copy-on-write view of this machine, runs it as its unit
# does and with the drop-in for `--tap`, removes the package, and purges it. Each run has SCRATCH/RUN.unit (sandbox.py), and
# is ended when SCRATCH/RUN.go-on appears.
# Runs in a mount namespace of its own (unshare --mount): nothing outlives it but what it writes to SCRATCH.
set -euo pipefail

here=$(dirname "$0")
# shellcheck source-path=SCRIPTDIR
. "$here/../support/layer.sh"
scratch=$1 package=$2 user=$3 state=/var/lib/$4

layer_over "$scratch"
inside() { chroot "$root" "$@"; }

cp "$package" "$root/tmp/bgptap.deb"
inside dpkg --install /tmp/bgptap.deb
inside systemd-analyze verify --man=no /usr/lib/systemd/system/bgptap.service >"$scratch/verify.log" 2>&1 || true

# Where the sandbox lets it be read.
install -d "$root/run/sandbox"
install -m 644 "$here/sandbox.py" "$scratch"/*.unit "$root/run/sandbox/"
cp "$root/etc/bgptap/bgptap.toml" "$scratch/as-installed.toml"

# start RUN [LINE...]: ExecStart of the unit, with these lines in its configuration; execs.
start() {
  local run=$1
  shift
  { cat "$scratch/as-installed.toml" && printf 'interface = "tap0"\n' && printf '%s\n' "$@"; } >"$root/etc/bgptap/bgptap.toml"
  exec strace -f -o "$scratch/$run.trace" unshare --mount --uts chroot "$root" \
    /usr/bin/python3 /run/sandbox/sandbox.py "/run/sandbox/$run.unit" 2>"$scratch/$run.log"
}

# capture RUN [LINE...]: until it may go on, and what came of it.
capture() {
  local run=$1 traced
  start "$@" "json = \"$state/$run.json\"" &
  traced=$!
  until [[ -e $scratch/$run.go-on ]]; do
    kill -0 "$traced"
    sleep 0.1
  done
  pkill -INT -P "$traced" # strace's child: this very program
  wait "$traced"
  cp "$root$state/$run.json" "$scratch/"
  inside stat -c '%U %G %a' "$state/$run.json" >"$scratch/$run.owner"
}

capture mirror
for run in no-rights no-spaces; do
  status=0
  (start "$run" 'tap = true') || status=$?
  printf '%s\n' "$status" >"$scratch/$run.status"
done
capture tap 'tap = true'
rm "$root$state/tap.json"

# What somebody has set and captured stays, the program goes.
inside dpkg --remove bgptap
for path in /usr/bin/bgptap /usr/lib/systemd/system/bgptap.service /etc/bgptap/bgptap.toml \
  "$state/mirror.json" /usr/share/man/man1/bgptap.1.gz; do
  [[ ! -e $root$path ]] || printf '%s\n' "$path"
done >"$scratch/removed"
inside getent passwd "$user" | cut -d: -f1 >>"$scratch/removed"

inside dpkg --purge bgptap
umount -l "$root/proc" "$root/sys" "$root/dev" "$root/tmp" "$root/run"
# What is in the layer and differs from what is below, but for the books of dpkg and copies of earlier versions.
cd "$layer"
find . ! -type d \( -path './var/lib/dpkg/*' -o -path './var/log/*' -o -path './var/cache/*' -o -name '*-' -o -name '.pwd.lock' \) -prune -o \
  ! -type d -print | while read -r changed; do
  cmp -s "$changed" "/$changed" || printf '%s\n' "$changed"
done >"$scratch/left"
find . -depth -type d -name '*bgptap*' >>"$scratch/left"
