# shellcheck shell=bash
# The lab's wire: one bridge, one port per router, and a mirror of all ports.

# Addresses: 192.0.2.N and 2001:db8:179::N; N is the router's number.
declare -A NUMBER=([bird]=1 [frr]=2 [gobgp]=3 [openbgpd]=4 [exabgp]=5 [feeder]=10)
ROUTERS=(feeder bird frr gobgp openbgpd exabgp)

v4() { printf '192.0.2.%d' "${NUMBER[$1]}"; }
v6() { printf '2001:db8:179::%x' "${NUMBER[$1]}"; }
netns_of() { printf 'bgptap-%s-%s' "$LAB_ID" "$1"; }
inside() {
  local router=$1
  shift
  ip netns exec "$(netns_of "$router")" "$@"
}

network_up() {
  local bridge monitor router
  bridge=$(netns_of bridge) monitor=$(netns_of mon)
  netns_make "$bridge"
  netns_mute "$bridge"
  netns_make "$monitor"
  netns_mute "$monitor"
  ip -n "$bridge" link add br0 type bridge stp_state 0 mcast_snooping 0
  ip -n "$bridge" link set br0 up

  # The mirror's far end is the monitor's mon0. mon0b stays outside the bridge:
  # nothing that the monitor did could reach the routers.
  ip -n "$monitor" link add mon0 type veth peer name mon0b netns "$bridge"
  # A real queue: a reader that is late for a moment loses nothing.
  ip -n "$bridge" link set mon0b txqueuelen 200000 up
  ip netns exec "$bridge" tc qdisc replace dev mon0b root pfifo limit 200000
  offloads_off "$bridge" mon0b
  ip -n "$monitor" link set mon0 up

  for router in "${ROUTERS[@]}"; do port_up "$router" "$bridge"; done
}

# port_up ROUTER BRIDGE-NAMESPACE: the router's eth0, its port, and the mirror of
# what enters that port. Ingress of every port is every frame, once.
port_up() {
  local router=$1 bridge=$2 ns
  ns=$(netns_of "$router")
  netns_make "$ns"
  ip -n "$ns" link add eth0 type veth peer name "$router" netns "$bridge"
  ip -n "$ns" address add "$(v4 "$router")/24" dev eth0
  ip -n "$ns" -6 address add "$(v6 "$router")/64" dev eth0 nodad
  ip -n "$bridge" link set "$router" master br0 up
  ip -n "$ns" link set eth0 up
  ip netns exec "$bridge" tc qdisc add dev "$router" ingress
  ip netns exec "$bridge" tc filter add dev "$router" parent ffff: protocol all prio 1 \
    u32 match u32 0 0 action mirred egress mirror dev mon0b
}

network_down() {
  local name all=()
  for name in "${ROUTERS[@]}" bridge mon; do all+=("$(netns_of "$name")"); done
  netns_drop "${all[@]}"
}
