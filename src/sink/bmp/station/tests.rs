//! Connections that fail, and how they end.

use super::*;
use std::net::TcpListener;

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
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let runtime = Builder::new_current_thread().enable_all().build();
    let stream = runtime.expect("a runtime").block_on(async {
        connect(&[address], CONNECT_TIMEOUT)
            .await
            .expect("it listens")
    });
    let socket = SockRef::from(&stream);
    assert_eq!(socket.tcp_user_timeout().expect("it is set"), Some(STALL));
    assert!(socket.keepalive().expect("it is set"));
    assert_eq!(socket.tcp_keepalive_time().expect("it is set"), KEEPALIVE);
}

/// A listener that nobody may connect to any more: its queue of connections is full, and the kernel drops what asks for
/// another one, as a firewall does.
struct Mute {
    address: SocketAddr,
    _listener: socket2::Socket,
    _waiting: Vec<std::net::TcpStream>,
}

impl Mute {
    fn new() -> Self {
        let listener = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
        let listener = listener.expect("a socket");
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        listener.bind(&any.into()).expect("a port");
        listener.listen(0).expect("a queue");
        let address = listener.local_addr().expect("an address").as_socket();
        let address = address.expect("of IPv4");
        let brief = Duration::from_millis(200);
        let waiting = || std::net::TcpStream::connect_timeout(&address, brief).ok();
        Self {
            address,
            _waiting: std::iter::from_fn(waiting).collect(),
            _listener: listener,
        }
    }
}

/// As with a name that has an address that cannot be reached beside one that can.
#[test]
fn an_address_that_is_mute_does_not_take_the_time_of_the_next() {
    let mute = Mute::new();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let each = Duration::from_millis(300);
    let begun = Instant::now();
    let stream = runtime.block_on(connect(&[mute.address, address], each));
    let stream = stream.expect("the second listens");
    assert_eq!(stream.peer_addr().expect("it is connected"), address);
    assert!(begun.elapsed() >= each, "the first was not mute");
    let error = runtime.block_on(connect(&[mute.address], each));
    let error = error.expect_err("it is mute");
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
}

fn router() -> RouterName {
    RouterName {
        address: [192, 0, 2, 1].into(),
    }
}

/// A station that is connected to, its line, and where it listens and what it reads from.
fn connected(when_full: WhenFull) -> (TcpListener, Station, usize, std::net::TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let mut station = Station::start(&[address], when_full, 1).expect("a thread");
    let line = station.open(&router());
    let (stream, _) = listener.accept().expect("a connection");
    assert!(station.await_listener(line));
    (listener, station, line, stream)
}

/// Whoever reads a file waits for room, but what was meant for a connection that is over is lost, and counted.
#[test]
fn a_station_that_hangs_up_on_a_reader_of_files_costs_what_waited() {
    let (listener, mut station, line, stream) = connected(WhenFull::Wait);
    let first = station.epoch(line);
    assert_ne!(first, 0);
    station.send(line, &mut |out| out.push(0));
    drop(stream);
    let until = Instant::now() + Duration::from_secs(60);
    while station.epoch(line) == first && Instant::now() < until {
        std::thread::sleep(PAUSE);
    }
    let fate = station.ledger().fate();
    assert_eq!((fate.sent, fate.queue_full, fate.undelivered), (0, 0, 1));
    // It comes back, and hears of it as of a new one.
    let (_stream, _) = listener.accept().expect("another connection");
    assert!(station.await_listener(line));
    assert!(station.epoch(line) > first);
}

/// However much was dropped before, a connection that is given up in an orderly way ends with a Termination
/// (RFC 7854 §4.5).
#[test]
fn the_last_word_finds_room_in_a_full_queue() {
    let (_listener, mut station, line, mut stream) = connected(WhenFull::Drop);
    assert_ne!(station.epoch(line), 0);
    while station.losses(line) == 0 {
        station.send(line, &mut |out| out.extend([0; CHUNK_BYTES]));
    }
    // Some of it is encoded, and finds no room either.
    station.send(line, &mut |out| out.push(0));
    let last = b"the last word";
    station.say_last(line, &mut |out| out.extend(last));
    station.reopen(line, &router());
    let mut told = Vec::new();
    std::io::Read::read_to_end(&mut stream, &mut told).expect("an orderly end");
    assert!(told.ends_with(last));
    let rest = &told[..told.len() - last.len()];
    assert!(rest.len() >= CHUNK_BYTES && rest.iter().all(|octet| *octet == 0));
}

/// Whatever has become of a message, it is counted once: also of those that were being written when it all ended.
#[test]
fn what_a_station_does_not_take_by_the_end_is_late() {
    let (_listener, mut station, line, _reads_nothing) = connected(WhenFull::Drop);
    assert_ne!(station.epoch(line), 0);
    let mut made = 0;
    // What the kernel has room for is sent; then the queue stays full.
    let mut refused = 0;
    while refused < 100 {
        let before = station.losses(line);
        station.send(line, &mut |out| out.extend([0; CHUNK_BYTES]));
        made += 1;
        match station.losses(line) > before {
            true => refused += 1,
            false => refused = 0,
        }
        std::thread::sleep(PAUSE);
    }
    station.close(Deadline::after(Duration::from_millis(50)));
    let fate = station.ledger().fate();
    assert_eq!(fate.sent + fate.lost(), made, "{fate:?}");
    assert_eq!(fate.undelivered, 0, "{fate:?}");
    // A queue, and the one that was being written.
    assert!(fate.late >= 5, "{fate:?}");
}
