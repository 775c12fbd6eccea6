# shellcheck shell=bash
# Recording the mirror port, and the play that the recorded session shows.

# start_capture FILE: everything on the mirror port, also what is not BGP.
start_capture() {
  rm -f "$1"
  setsid ip netns exec "$(netns_of mon)" tcpdump -i mon0 -n -U -s 0 -B 65536 -Z root -w "$1" \
    </dev/null 2>"$RUN/tcpdump.out" &
  CAPTURE_PID=$!
  on_exit stop_pid "$CAPTURE_PID" INT
  wait_until 60 grep -qs 'listening on' "$RUN/tcpdump.out" || die "tcpdump does not start: see $RUN/tcpdump.out"
}

stop_capture() {
  sleep 1
  stop_pid "$CAPTURE_PID" INT 10
  say "$(tail -n 3 "$RUN/tcpdump.out")"
}

act() {
  say "  $*"
  sleep 2
}

play_changes() {
  local near
  near="next-hop $(v4 exabgp)"
  act 'ExaBGP changes a MED and its path, and withdraws a route'
  tell_exabgp "announce route 203.0.113.0/26 $near origin igp med 60 as-path [65005 65005 65005]"
  tell_exabgp "withdraw route 203.0.113.128/26 $near"
  act 'a tenth of the feeder table goes away, and comes back'
  sed -i.full '1~10d' "$RUN/feeder/table4.conf" "$RUN/feeder/table6.conf"
  birdc_at feeder configure >/dev/null
  sleep 2
  mv "$RUN/feeder/table4.conf.full" "$RUN/feeder/table4.conf"
  mv "$RUN/feeder/table6.conf.full" "$RUN/feeder/table6.conf"
  birdc_at feeder configure >/dev/null
  act 'the feeder and OpenBGPD ask for a refresh'
  birdc_at feeder reload in bird4 >/dev/null
  bgpctl_at neighbor "$(v6 gobgp)" refresh
}

play_ends() {
  act 'FRR shuts the MD5 session down with a text, and comes back'
  frr_neighbour "neighbor $(v4 bird) shutdown message maintenance, back in a minute"
  act 'BIRD closes an IPv6 session with a text, and opens it again'
  birdc_at feeder 'disable bird6 "fibre cut, see ticket 42"' >/dev/null
  frr_neighbour "no neighbor $(v4 bird) shutdown"
  act 'GoBGP resets a session with a text'
  gobgp_at neighbor "$(v4 openbgpd)" reset --reason 'new policy' >/dev/null
  birdc_at feeder enable bird6 >/dev/null
  act 'FRR takes GoBGP for another AS: the OPEN is refused'
  frr_neighbour "neighbor $(v6 gobgp) remote-as 64999"
  sleep 5
  frr_neighbour "neighbor $(v6 gobgp) remote-as $AS_GOBGP"
  act 'ExaBGP dies without a word'
  stop_exabgp
}

frr_neighbour() { vtysh_at -c 'configure terminal' -c "router bgp $AS_FRR" -c "$1"; }

stop_exabgp() {
  local pid
  for pid in $(ip netns pids "$(netns_of exabgp)"); do kill -s KILL "$pid" 2>/dev/null || true; done
}

# cmd_record FILE: a small lab of its own, captured from before the first SYN.
cmd_record() {
  [[ $# -eq 1 ]] || die 'usage: scripts/lab record FILE'
  # shellcheck disable=SC2034  # what `up` reads
  LAB_ID=record-$$ RUN=/run/bgptap-lab/record-$$
  # shellcheck disable=SC2034
  LAB_PREFIXES=300 LAB_PREFIXES6=60 LAB_HOLD=9
  cmd_up --hold
  on_exit cmd_down
  start_capture "$1"
  cmd_go
  play_changes
  play_ends
  sleep 3
  frr_neighbour "neighbor $(v6 bird) shutdown message good night"
  birdc_at bird 'disable all "the lab closes"' >/dev/null
  stop_capture
}
