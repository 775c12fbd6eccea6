# shellcheck shell=bash
# The routers: what each is told, and how each is started. The table goes along
# a chain, so that every implementation sends it once:
#
#   exabgp ─► bird ◄─ feeder          bird ─► frr ─► gobgp ─► openbgpd
#
# The table is the feeder's; each other router adds a few routes of its own.

AS_FEEDER=65010 AS_BIRD=65001 AS_FRR=65002 AS_GOBGP=4200000003 AS_OPENBGPD=65004 AS_EXABGP=65005
MD5_KEY=bgptap-lab

# start_inside ROUTER COMMAND [ARG...]: in a session of its own, so that a Ctrl-C
# at the lab's terminal does not reach it, and holding none of our descriptors.
start_inside() {
  local router=$1
  shift
  setsid ip netns exec "$(netns_of "$router")" "$@" </dev/null >>"$RUN/$router/$router.out" 2>&1 &
  disown
}

# run_inside ROUTER COMMAND [ARG...]: the same for what goes into the background itself.
run_inside() {
  local router=$1
  shift
  setsid --wait ip netns exec "$(netns_of "$router")" "$@" </dev/null >>"$RUN/$router/$router.out" 2>&1 ||
    die "$1 does not start: see $RUN/$router/"
}

# --- BIRD: the feeder, and the router that speaks to most others -------------------

# bird_session NAME NEIGHBOUR-ADDRESS NEIGHBOUR-AS EXTRA CHANNEL...
bird_session() {
  local name=$1 address=$2 as=$3 extra=$4
  shift 4
  printf 'protocol bgp %s from peer {\n  neighbor %s as %s;\n  %s\n' "$name" "$address" "$as" "$extra"
  printf '  %s\n' "$@"
  printf '}\n'
}

# bird_head ROUTER AS
bird_head() {
  cat <<CONF
log "$RUN/$1/bird.log" all;
router id $(v4 "$1");
protocol device {}
template bgp peer {
  local as $2;
  hold time $LAB_HOLD;
  connect delay time 1;
  connect retry time 2;
  error wait time 1, 4;
  enable extended messages on;
}
CONF
}

# The feeder keeps no import table, so "reload in" asks its neighbour to refresh.
conf_feeder() {
  "$LAB_D/feed" 4 "$LAB_PREFIXES" >"$RUN/feeder/table4.conf"
  "$LAB_D/feed" 6 "$LAB_PREFIXES6" 6 >"$RUN/feeder/table6.conf"
  {
    bird_head feeder "$AS_FEEDER"
    cat <<CONF
protocol static table4 {
  ipv4;
  include "$RUN/feeder/table4.conf";
}
protocol static table6 {
  ipv6;
  include "$RUN/feeder/table6.conf";
}
CONF
    bird_session bird4 "$(v4 bird)" $AS_BIRD '' 'ipv4 { import all; export all; export table on; };'
    bird_session bird6 "$(v6 bird)" $AS_BIRD '' 'ipv6 { import all; export all; export table on; };'
  } >"$RUN/feeder/bird.conf"
}

conf_bird() {
  local tables='import table on; export table on;'
  {
    bird_head bird "$AS_BIRD"
    cat <<CONF
protocol static own4 {
  ipv4;
  route 198.51.100.0/26 blackhole { bgp_community.add(($AS_BIRD,1)); };
}
protocol static own6 {
  ipv6;
  route 2001:db8:1::/48 blackhole { bgp_large_community.add(($AS_BIRD,1,1)); };
}
CONF
    bird_session feeder4 "$(v4 feeder)" $AS_FEEDER '' "ipv4 { import all; export all; $tables };"
    bird_session feeder6 "$(v6 feeder)" $AS_FEEDER '' "ipv6 { import all; export all; $tables };"
    bird_session frr4 "$(v4 frr)" $AS_FRR "password \"$MD5_KEY\";" \
      "ipv4 { import all; export all; add paths on; $tables };"
    bird_session frr6 "$(v6 frr)" $AS_FRR '' "ipv6 { import all; export all; $tables };"
    # IPv6 routes over an IPv4 session: only what ExaBGP sends, with its own next hops.
    bird_session exabgp "$(v4 exabgp)" $AS_EXABGP 'passive on;' \
      "ipv4 { import all; export where source = RTS_STATIC; $tables };" \
      "ipv6 { import all; export none; $tables };"
  } >"$RUN/bird/bird.conf"
}

start_bird_daemon() {
  run_inside "$1" bird -c "$RUN/$1/bird.conf" -s "$RUN/$1/bird.ctl" -P "$RUN/$1/bird.pid"
}
start_feeder() { start_bird_daemon feeder; }
start_bird() { start_bird_daemon bird; }

# --- FRR ---------------------------------------------------------------------------

conf_frr() {
  chown frr:frr "$RUN/frr"
  printf 'hostname frr\nlog file %s/zebra.log\n' "$RUN/frr" >"$RUN/frr/zebra.conf"
  cat >"$RUN/frr/bgpd.conf" <<CONF
hostname frr
log file $RUN/frr/bgpd.log
router bgp $AS_FRR
 bgp router-id $(v4 frr)
 no bgp ebgp-requires-policy
 no bgp default ipv4-unicast
 no bgp network import-check
 timers bgp $((LAB_HOLD / 3)) $LAB_HOLD
 neighbor $(v4 bird) remote-as $AS_BIRD
 neighbor $(v4 bird) password $MD5_KEY
 neighbor $(v6 bird) remote-as $AS_BIRD
 neighbor $(v6 gobgp) remote-as $AS_GOBGP
 neighbor $(v6 gobgp) capability extended-nexthop
 neighbor $(v4 bird) timers connect 1
 neighbor $(v6 bird) timers connect 1
 neighbor $(v6 gobgp) timers connect 1
 neighbor $(v4 bird) advertisement-interval 0
 neighbor $(v6 bird) advertisement-interval 0
 neighbor $(v6 gobgp) advertisement-interval 0
 address-family ipv4 unicast
  network 198.51.100.64/26
  neighbor $(v4 bird) activate
  neighbor $(v4 bird) soft-reconfiguration inbound
  neighbor $(v4 bird) addpath-tx-all-paths
  neighbor $(v6 gobgp) activate
  neighbor $(v6 gobgp) soft-reconfiguration inbound
  neighbor $(v6 gobgp) addpath-tx-all-paths
 exit-address-family
 address-family ipv6 unicast
  network 2001:db8:2::/48
  neighbor $(v6 bird) activate
  neighbor $(v6 bird) soft-reconfiguration inbound
  neighbor $(v6 gobgp) activate
  neighbor $(v6 gobgp) soft-reconfiguration inbound
 exit-address-family
CONF
  chown frr:frr "$RUN"/frr/*.conf
}

start_frr() {
  local dir=$RUN/frr lib=/usr/lib/frr
  local common=(-d -u frr -g frr -z "$dir/zserv.api" --vty_socket "$dir")
  run_inside frr "$lib/zebra" "${common[@]}" -f "$dir/zebra.conf" -i "$dir/zebra.pid"
  wait_until 60 test -S "$dir/zserv.api" || die "zebra does not start: see $dir/zebra.log"
  run_inside frr "$lib/bgpd" "${common[@]}" -n -f "$dir/bgpd.conf" -i "$dir/bgpd.pid"
}

# --- GoBGP: passive towards FRR, active towards OpenBGPD ------------------------------

conf_gobgp() {
  {
    printf '[global.config]\n  as = %s\n  router-id = "%s"\n' "$AS_GOBGP" "$(v4 gobgp)"
    gobgp_neighbour "$(v6 frr)" "$AS_FRR" true
    gobgp_family ipv4-unicast add-path
    gobgp_family ipv6-unicast
    gobgp_neighbour "$(v4 openbgpd)" "$AS_OPENBGPD" true
    gobgp_family ipv4-unicast
    gobgp_neighbour "$(v6 openbgpd)" "$AS_OPENBGPD" true
    gobgp_family ipv6-unicast
  } >"$RUN/gobgp/gobgpd.toml"
}

# gobgp_neighbour ADDRESS AS PASSIVE
gobgp_neighbour() {
  cat <<CONF
[[neighbors]]
  [neighbors.config]
    neighbor-address = "$1"
    peer-as = $2
  [neighbors.timers.config]
    connect-retry = 2
    hold-time = $LAB_HOLD
    keepalive-interval = $((LAB_HOLD / 3))
    idle-hold-time-after-reset = 2
  [neighbors.transport.config]
    passive-mode = $3
CONF
}

# gobgp_family NAME [add-path]
gobgp_family() {
  printf '  [[neighbors.afi-safis]]\n    [neighbors.afi-safis.config]\n      afi-safi-name = "%s"\n' "$1"
  [[ ${2:-} != add-path ]] ||
    printf '    [neighbors.afi-safis.add-paths.config]\n      receive = true\n      send-max = 8\n'
}

start_gobgp() {
  start_inside gobgp gobgpd -f "$RUN/gobgp/gobgpd.toml" --api-hosts 127.0.0.1:50051 --pprof-disable
  wait_until 60 inside gobgp gobgp global >/dev/null 2>&1 || die "gobgpd does not start: see $RUN/gobgp/"
  inside gobgp gobgp global rib add 198.51.100.128/26 community "65003:3" origin igp >/dev/null
  inside gobgp gobgp global rib add -a ipv6 2001:db8:3::/48 origin igp >/dev/null
}

# --- OpenBGPD: without 4-octet AS numbers, so AS_TRANS and AS4_PATH are on the wire ----

conf_openbgpd() {
  cat >"$RUN/openbgpd/bgpd.conf" <<CONF
AS $AS_OPENBGPD
router-id $(v4 openbgpd)
holdtime $LAB_HOLD
connect-retry 2
fib-update no
socket "$RUN/openbgpd/bgpd.sock"
network 198.51.100.192/26
network 2001:db8:4::/48
neighbor $(v4 gobgp) {
  remote-as $AS_GOBGP
  announce as-4byte no
  enforce neighbor-as no # AS_TRANS is what it sees
}
neighbor $(v6 gobgp) {
  remote-as $AS_GOBGP
}
allow from any
allow to any
CONF
  chmod 600 "$RUN/openbgpd/bgpd.conf"
}

start_openbgpd() {
  mkdir -p /run/openbgpd # where it shuts itself in
  start_inside openbgpd /usr/sbin/bgpd -d -f "$RUN/openbgpd/bgpd.conf"
}

# --- ExaBGP: the oddest attributes, told through a pipe ---------------------------------

conf_exabgp() {
  mkfifo "$RUN/exabgp/commands"
  cat >"$RUN/exabgp/exabgp.conf" <<CONF
process commands {
  run /bin/sh -c "exec cat <>$RUN/exabgp/commands";
  encoder text;
}
neighbor $(v4 bird) {
  router-id $(v4 exabgp);
  local-address $(v4 exabgp);
  local-as $AS_EXABGP;
  peer-as $AS_BIRD;
  hold-time $LAB_HOLD;
  family { ipv4 unicast; ipv6 unicast; }
  api { processes [ commands ]; }
}
CONF
}

start_exabgp() {
  start_inside exabgp env exabgp.daemon.user=root exabgp.api.ack=false exabgp.api.cli=false \
    exabgp "$RUN/exabgp/exabgp.conf"
  exabgp_own_routes
}

# tell_exabgp COMMAND: "announce route …", "withdraw route …"
tell_exabgp() { printf '%s\n' "$*" >"$RUN/exabgp/commands"; }

exabgp_own_routes() {
  local near far
  near="next-hop $(v4 exabgp)" far="next-hop $(v6 exabgp)"
  tell_exabgp "announce route 203.0.113.0/26 $near origin incomplete med 50" \
    "community [65005:1 no-export-subconfed] large-community [4200000005:1:2]"
  tell_exabgp "announce route 203.0.113.64/26 $near as-path [65005 64500 [64501 64502]]" \
    "aggregator (64501:192.0.2.5) atomic-aggregate extended-community [target:65005:7 origin:65005:8]"
  tell_exabgp "announce route 203.0.113.128/26 $near as-path [65005 4200000099 64500]" \
    "extended-community [target:65005:9] attribute [0xf0 0xe0 0x0badcafe]"
  tell_exabgp "announce route 2001:db8:5::/48 $far large-community [65005:6:6]" \
    "extended-community [origin:65005:10]"
}
