#!/usr/bin/env bash
# install.sh SCRATCH PACKAGE CAPABILITIES USER STATE COMMAND...: installs the package over a copy-on-write view of this
# machine, runs the command as systemd would, waits for SCRATCH/go-on, stops it, removes the package, and purges it.
# Runs in a mount namespace of its own (unshare --mount): nothing outlives it but what it writes to SCRATCH.
set -euo pipefail

# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/../support/layer.sh"
scratch=$1 package=$2 capabilities=$3 user=$4 state=$5
shift 5

layer_over "$scratch"
inside() { chroot "$root" "$@"; }

cp "$package" "$root/tmp/bgptap.deb"
inside dpkg --install /tmp/bgptap.deb
inside systemd-analyze verify --man=no /usr/lib/systemd/system/bgptap.service >"$scratch/verify.log" 2>&1 || true

# What systemd does for StateDirectory= and UMask=, and its users in the configuration.
inside install -d -o "$user" -g "$user" -m 750 "/var/lib/$state"
umask 027
printf 'interface = "tap0"\njson = "/var/lib/%s/events.json"\n' "$state" >>"$root/etc/bgptap/bgptap.toml"

strace -f -o "$scratch/trace" chroot "$root" \
  setpriv --reuid "$user" --regid "$user" --clear-groups --inh-caps="-all,$capabilities" \
  --ambient-caps="-all,$capabilities" --bounding-set="-all,$capabilities" --no-new-privs \
  -- "$@" 2>"$scratch/live.log" &
traced=$!
until [[ -e $scratch/go-on ]]; do
  kill -0 "$traced"
  sleep 0.1
done
pkill -INT -P "$traced" # strace's child: this very program
wait "$traced"
cp "$root/var/lib/$state/events.json" "$scratch/"
inside stat -c '%U %G %a' "/var/lib/$state/events.json" >"$scratch/owner"

# What somebody has set and captured stays, the program goes.
inside dpkg --remove bgptap
for path in /usr/bin/bgptap /usr/lib/systemd/system/bgptap.service /etc/bgptap/bgptap.toml \
  "/var/lib/$state/events.json" /usr/share/man/man1/bgptap.1.gz; do
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
