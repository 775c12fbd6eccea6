# shellcheck shell=bash
# Asking the routers: sessions, counts, and the tables that each keeps per
# neighbour and direction.

birdc_at() {
  local router=$1
  shift
  inside "$router" birdc -s "$RUN/$router/bird.ctl" "$@"
}
vtysh_at() { inside frr vtysh --vty_socket "$RUN/frr" "$@"; }
gobgp_at() { inside gobgp gobgp "$@"; }
bgpctl_at() { inside openbgpd bgpctl -s "$RUN/openbgpd/bgpd.sock" "$@"; }

# Every direction in which routes go: sender, receiver, the IP version of the
# session's addresses, and the routes' family.
DIRECTIONS=(
  "feeder bird 4 ipv4" "bird feeder 4 ipv4" "feeder bird 6 ipv6" "bird feeder 6 ipv6"
  "bird frr 4 ipv4" "frr bird 4 ipv4" "bird frr 6 ipv6" "frr bird 6 ipv6"
  "frr gobgp 6 ipv4" "gobgp frr 6 ipv4" "frr gobgp 6 ipv6" "gobgp frr 6 ipv6"
  "gobgp openbgpd 4 ipv4" "openbgpd gobgp 4 ipv4" "gobgp openbgpd 6 ipv6" "openbgpd gobgp 6 ipv6"
  "exabgp bird 4 ipv4" "exabgp bird 4 ipv6" "bird exabgp 4 ipv4"
)

# How many Established sessions each router must count.
# shellcheck disable=SC2034  # scripts/lab waits for them
declare -A SESSIONS=([feeder]=2 [bird]=5 [frr]=3 [gobgp]=3 [openbgpd]=2)

# address ROUTER 4|6
address() { "v$2" "$1"; }

# established ROUTER: the number of its sessions that are up.
established() {
  case $1 in
    feeder | bird) birdc_at "$1" show protocols | grep -c ' BGP .* up .*Established' || true ;;
    frr) vtysh_at -c 'show bgp neighbors json' | jq '[.[] | select(.bgpState? == "Established")] | length' ;;
    gobgp) gobgp_at neighbor -j | jq '[.[] | select(.state.session_state == 6)] | length' ;;
    openbgpd) bgpctl_at -j show neighbor | jq '[.neighbors[]? | select(.state == "Established")] | length' ;;
  esac 2>/dev/null
}

# counts: a line that stays the same when no router learns or tells anything more.
counts() {
  birdc_at bird show route count | tail -n +2 | tr '\n' ' '
  vtysh_at -c 'show bgp summary json' | jq -c '[.. | objects | select(has("pfxRcd")) | .pfxRcd, .pfxSnt]' | tr '\n' ' '
  gobgp_at neighbor | awk 'NR > 1 {printf "%s/%s ", $(NF-1), $NF}'
  bgpctl_at -j show rib memory | jq -c '.' 
} 2>/dev/null

# table ROUTER {sent|received} NEIGHBOUR 4|6 FAMILY: the prefixes; fails where
# the router keeps no such table.
table() {
  local router=$1 said=$2 neighbour=$3 ip=$4 family=$5 far
  far=$(address "$neighbour" "$ip")
  case $router in
    feeder | bird) bird_table "$router" "$said" "$neighbour" "$ip" "$family" | "$LAB_D/prefixes" bird ;;
    frr)
      local which=received-routes
      [[ $said == received ]] || which=advertised-routes
      vtysh_at -c "show bgp $family unicast neighbors $far $which json" | "$LAB_D/prefixes" frr
      ;;
    gobgp)
      local adj='adj-in'
      [[ $said == received ]] || adj='adj-out'
      gobgp_at neighbor "$far" "$adj" -a "$family" -j | "$LAB_D/prefixes" gobgp
      ;;
    openbgpd)
      local rib=in af=inet
      [[ $said == received ]] || rib=out
      [[ $family == ipv4 ]] || af=inet6
      bgpctl_at -j show rib $af neighbor "$far" $rib | "$LAB_D/prefixes" openbgpd
      ;;
    *) return 1 ;;
  esac
}

bird_table() {
  local router=$1 said=$2 protocol=$3$4 family=$5
  [[ $3 != exabgp ]] || protocol=exabgp
  if [[ $router == feeder && $said == received ]]; then
    birdc_at "$router" show route protocol "$protocol"
  elif [[ $said == received ]]; then
    birdc_at "$router" show route import table "$protocol.$family"
  else
    birdc_at "$router" show route export table "$protocol.$family"
  fi
}

# write_tables DIR ONCE: a file per (direction, family, teller), and index.tsv, which says
# what each is: sender, receiver, family, teller, sent or received, count, file. With
# ONCE=yes the receiver is only asked where the sender keeps no table.
write_tables() {
  local dir=$1 once=$2 row sender receiver ip family
  mkdir -p "$dir"
  printf 'sender\treceiver\tfamily\tteller\tsaid\tcount\tfile\n' >"$dir/index.tsv"
  for row in "${DIRECTIONS[@]}"; do
    read -r sender receiver ip family <<<"$row"
    write_table "$dir" "$sender" sent "$receiver" "$sender" "$receiver" "$ip" "$family"
    [[ $once == no || $sender == exabgp ]] || continue
    write_table "$dir" "$receiver" received "$sender" "$sender" "$receiver" "$ip" "$family"
  done
}

# write_table DIR TELLER SAID NEIGHBOUR SENDER RECEIVER IP FAMILY
write_table() {
  local dir=$1 teller=$2 said=$3 neighbour=$4 sender=$5 receiver=$6 ip=$7 family=$8 file
  [[ $teller != exabgp ]] || return 0 # keeps no tables
  file=$sender-$receiver-$family.$said
  table "$teller" "$said" "$neighbour" "$ip" "$family" >"$dir/$file" ||
    die "$teller does not tell its table of $neighbour ($family, $said)"
  printf '%s\t%s\t%s\t%s\t%s\t%d\t%s\n' "$(address "$sender" "$ip")" "$(address "$receiver" "$ip")" \
    "$family" "$teller" "$said" "$(wc -l <"$dir/$file")" "$file" >>"$dir/index.tsv"
}
