# shellcheck shell=bash
# The recorded play.

start_capture() {
  rm -f "$1"
  setsid ip netns exec "$(netns_of mon)" tcpdump -i mon0 -n -U -s 0 -B 65536 -Z root -w "$1" \
    </dev/null 2>"$RUN/tcpdump.out" &
  CAPTURE_PID=$!
  wait_until 10 grep -q 'listening on' "$RUN/tcpdump.out" || die "tcpdump does not start: see $RUN/tcpdump.out"
}

stop_capture() {
  sleep 1
  stop_pid "$CAPTURE_PID" INT 10
  say "$(tail -n 3 "$RUN/tcpdump.out")"
}
