#!/usr/bin/env bash
# view.sh SCRATCH PROGRAM: a view of this machine as the pages assume it: bgptap is installed, hosts have their names, and
# the files that commands read are in the folder in which they are run. Says so, and holds it until its input ends.
# Runs in a mount namespace of its own (unshare --mount).
set -euo pipefail

# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/../support/layer.sh"
scratch=$1 program=$2

layer_over "$scratch"
# A copy: what commands do to it must not happen to the program itself.
install -D -m 755 "$program" "$root/usr/bin/bgptap"
mkdir -p "$root/etc/bash_completion.d" "$root/var/lib/bgptap" "$root/root/captures"
cp "$scratch"/files/* "$root/root/captures/"
cp "$scratch/hosts" "$root/etc/hosts"
# shellcheck disable=SC2016  # expanded by the inner shell
exec chroot "$root" bash -c 'cd /root/captures && echo ready && exec cat >/dev/null'
