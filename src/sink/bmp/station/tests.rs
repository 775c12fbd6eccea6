//! Connections that fail, and how they end.

use super::*;

/// Whatever was sent: only a connection that has lasted shows that all is well.
#[test]
fn pauses_grow_until_a_connection_lasts() {
    let mut pause = Duration::ZERO;
    let mut pauses = Vec::new();
    for _ in 0..9 {
        pause = pause_after(pause, BACK_OFF_MAX / 2);
        pauses.push(pause.as_millis());
    }
    let wanted = [250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000];
    assert_eq!(pauses, wanted);
    assert_eq!(pause_after(pause, BACK_OFF_MAX), BACK_OFF_MIN);
}

/// What the kernel has been told, asked of the socket.
#[test]
fn a_station_that_vanishes_is_noticed() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let runtime = Builder::new_current_thread().enable_all().build();
    let stream = runtime
        .expect("a runtime")
        .block_on(async { connect(&[address]).await.expect("it listens") });
    let socket = SockRef::from(&stream);
    assert_eq!(socket.tcp_user_timeout().expect("it is set"), Some(STALL));
    assert!(socket.keepalive().expect("it is set"));
    assert_eq!(socket.tcp_keepalive_time().expect("it is set"), KEEPALIVE);
}

/// However much was dropped before, a connection that is given up in an orderly way ends with a Termination
/// (RFC 7854 §4.5).
#[test]
fn the_last_word_finds_room_in_a_full_queue() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let mut station = Station::start(&[address], WhenFull::Drop, 1).expect("a thread");
    let name = RouterName {
        address: [192, 0, 2, 1].into(),
    };
    let line = station.open(&name);
    let (mut stream, _) = listener.accept().expect("a connection");
    assert!(station.await_listener(line));
    assert_ne!(station.epoch(line), 0);
    while station.losses(line) == 0 {
        station.send(line, &mut |out| out.extend([0; CHUNK_BYTES]));
    }
    // Some of it is encoded, and finds no room either.
    station.send(line, &mut |out| out.push(0));
    let last = b"the last word";
    station.say_last(line, &mut |out| out.extend(last));
    station.reopen(line, &name);
    let mut told = Vec::new();
    std::io::Read::read_to_end(&mut stream, &mut told).expect("an orderly end");
    assert!(told.ends_with(last));
    let rest = &told[..told.len() - last.len()];
    assert!(rest.len() >= CHUNK_BYTES && rest.iter().all(|octet| *octet == 0));
}
