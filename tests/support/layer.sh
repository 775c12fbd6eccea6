# shellcheck shell=bash
# A copy-on-write view of this machine's file system. Sourced by scripts that run in a mount namespace of their own
# (unshare --mount), with which it goes.

# layer_over SCRATCH: $root is the view, $layer holds what is changed in it. Both are in memory.
layer_over() {
  local scratch=$1
  mount --make-rprivate /
  mkdir -p "$scratch/layer"
  mount -t tmpfs layer "$scratch/layer"
  layer=$scratch/layer/changes root=$scratch/layer/root
  mkdir "$layer" "$scratch/layer/work" "$root"
  mount -t overlay overlay -o "lowerdir=/,upperdir=$layer,workdir=$scratch/layer/work" "$root"
  mount -t proc proc "$root/proc"
  mount --rbind /sys "$root/sys"
  mount --rbind /dev "$root/dev"
  mount -t tmpfs tmpfs "$root/tmp"
  mount -t tmpfs tmpfs "$root/run"
}
