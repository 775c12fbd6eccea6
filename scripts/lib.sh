# shellcheck shell=bash
# What the scripts share: messages, waiting, processes and namespaces that are
# surely cleaned up. Sourced, never run.

set -euo pipefail

REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck disable=SC2034  # used by the scripts that source this file
readonly REPO

# Colours only for a person who looks at a terminal and has not said no.
if [[ -t 2 && -z ${NO_COLOR:-} && ${TERM:-dumb} != dumb ]]; then
  BOLD=$'\e[1m' RED=$'\e[31m' GREEN=$'\e[32m' YELLOW=$'\e[33m' RESET=$'\e[0m'
else
  BOLD='' RED='' GREEN='' YELLOW='' RESET=''
fi

say() { printf '%s\n' "$*" >&2; }
step() { printf '%s==> %s%s\n' "$BOLD" "$*" "$RESET" >&2; }
good() { printf '%sok%s    %s\n' "$GREEN" "$RESET" "$*" >&2; }
bad() { printf '%sFAIL%s  %s\n' "$RED" "$RESET" "$*" >&2; }
warn() { printf '%swarning:%s %s\n' "$YELLOW" "$RESET" "$*" >&2; }

# die MESSAGE: says what went wrong and what to do, and ends with the status
# that bgptap uses for "wrong use or set-up failed".
die() {
  printf '%serror:%s %s\n' "$RED" "$RESET" "$*" >&2
  exit 2
}

have() { command -v "$1" >/dev/null 2>&1; }

need_root() {
  [[ $EUID -eq 0 ]] || die "$1 needs root: it makes network namespaces. Run it again with sudo."
}

# need_commands WHY COMMAND...
need_commands() {
  local why=$1 missing=() c
  shift
  for c in "$@"; do have "$c" || missing+=("$c"); done
  [[ ${#missing[@]} -eq 0 ]] || die "$why needs ${missing[*]}, which scripts/setup --lab installs"
}

# program: the one to be measured is $BGPTAP_BIN, which is built if it is not given.
program() {
  [[ -z ${BGPTAP_BIN:-} ]] || return 0
  local profile=${BGPTAP_PROFILE:-fast}
  step "cargo build --profile $profile"
  cargo build --locked --manifest-path "$REPO/Cargo.toml" --profile "$profile" --bin bgptap >&2
  BGPTAP_BIN=${CARGO_TARGET_DIR:-$REPO/target}/$profile/bgptap
}

# --- what is to be undone -----------------------------------------------------

EXIT_STACK=()

# on_exit COMMAND [ARG...]: runs when the script ends, however it ends; last in,
# first out, as the things were made.
on_exit() {
  local quoted
  printf -v quoted '%q ' "$@"
  EXIT_STACK+=("$quoted")
  trap run_exit_stack EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
}

run_exit_stack() {
  local status=$? i
  trap '' INT TERM HUP
  trap - EXIT
  set +e
  for ((i = ${#EXIT_STACK[@]} - 1; i >= 0; i--)); do eval "${EXIT_STACK[i]}"; done
  exit "$status"
}

# --- waiting and processes ------------------------------------------------------

# wait_until SECONDS COMMAND [ARG...]: polls until the command succeeds.
wait_until() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.2
  done
}

# A zombie that nobody reaps (containers without an init) has ended.
running() { [[ -r /proc/$1/stat && ! $(<"/proc/$1/stat") =~ \)\ Z ]] 2>/dev/null; }
gone() { ! running "$1"; }

# stop_pid PID [SIGNAL [SECONDS]]: asks, waits, and insists only then. Never by name.
stop_pid() {
  local pid=$1 signal=${2:-TERM} patience=${3:-5}
  running "$pid" || return 0
  kill -s "$signal" "$pid" 2>/dev/null || return 0
  wait_until "$patience" gone "$pid" && return 0
  kill -s KILL "$pid" 2>/dev/null || true
  wait_until 2 gone "$pid" || warn "process $pid does not end"
}

# --- network namespaces -----------------------------------------------------------

netns_exists() { [[ -e /run/netns/$1 || -e /var/run/netns/$1 ]]; }

# netns_make NAME: with loopback up, IPv6 addresses usable at once, and no addresses but
# those given: FRR advertises its prefix where it sends IPv6 next hops.
netns_make() {
  ip netns add "$1"
  ip -n "$1" link set lo up
  netns_sysctl "$1" net/ipv6/conf/all/accept_dad 0
  netns_sysctl "$1" net/ipv6/conf/default/accept_dad 0
  netns_sysctl "$1" net/ipv6/conf/all/accept_ra 0
  netns_sysctl "$1" net/ipv6/conf/default/accept_ra 0
  netns_sysctl "$1" net/ipv6/conf/all/keep_addr_on_down 1
  netns_sysctl "$1" net/ipv6/conf/default/keep_addr_on_down 1
}

# netns_sysctl NAME PATH VALUE
netns_sysctl() {
  [[ -e /proc/sys/$2 ]] || return 0
  # shellcheck disable=SC2016  # expanded by the inner shell, in the namespace
  ip netns exec "$1" sh -c 'echo "$2" >"/proc/sys/$1"' sh "$2" "$3"
}

# netns_mute NAME: no IPv6 of its own: the namespace does not speak unasked.
netns_mute() {
  netns_sysctl "$1" net/ipv6/conf/all/disable_ipv6 1
  netns_sysctl "$1" net/ipv6/conf/default/disable_ipv6 1
}

# netns_drop NAME...: ends what still runs in them, by pid, and removes them.
netns_drop() {
  local name pid pids=()
  for name in "$@"; do
    netns_exists "$name" || continue
    mapfile -t -O "${#pids[@]}" pids < <(ip netns pids "$name" 2>/dev/null)
  done
  for pid in "${pids[@]}"; do kill -s TERM "$pid" 2>/dev/null || true; done
  local deadline=$((SECONDS + 4))
  for pid in "${pids[@]}"; do
    wait_until $((deadline - SECONDS)) gone "$pid" || kill -s KILL "$pid" 2>/dev/null || true
  done
  for name in "$@"; do
    ! netns_exists "$name" || ip netns delete "$name"
  done
}

# offloads_off NAMESPACE INTERFACE: frames no longer than the MTU, with the right
# checksums, as a real wire carries them.
offloads_off() {
  ip netns exec "$1" ethtool -K "$2" tso off gso off gro off tx off rx off >/dev/null 2>&1 ||
    ip netns exec "$1" ethtool -K "$2" tso off gso off gro off tx off >/dev/null
}
