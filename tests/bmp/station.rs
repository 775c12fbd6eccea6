//! A BMP station: it takes what comes, can stop reading for a while, and can be killed and come back.

use std::io::{ErrorKind, Read};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

const PAUSE: Duration = Duration::from_millis(5);

/// What came over one connection, cut into messages.
pub type Messages = Vec<Vec<u8>>;

#[derive(Default)]
struct Shared {
    connections: Mutex<Vec<Arc<Mutex<Messages>>>>,
    stalled: AtomicBool,
    /// No more connections than those that wait.
    finishing: AtomicBool,
    closed: AtomicBool,
}

/// Listens on a port of the loopback, in the namespace of the thread that starts it.
pub struct Station {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    threads: Arc<Mutex<Vec<JoinHandle<()>>>>,
    acceptor: Option<JoinHandle<()>>,
}

impl Station {
    /// A station on a free port.
    pub fn start() -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap())
    }

    /// A station at an address: one that was killed comes back.
    pub fn start_at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (shared, threads) = (Arc::<Shared>::default(), Arc::<Mutex<Vec<_>>>::default());
        let (theirs, readers) = (Arc::clone(&shared), Arc::clone(&threads));
        let acceptor = std::thread::spawn(move || {
            while !theirs.closed.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((stream, _)) => {
                        let messages = Arc::<Mutex<Messages>>::default();
                        let mut connections = theirs.connections.lock().unwrap();
                        connections.push(Arc::clone(&messages));
                        let shared = Arc::clone(&theirs);
                        let reader = std::thread::spawn(move || read(stream, &shared, &messages));
                        readers.lock().unwrap().push(reader);
                    }
                    Err(error) if error.kind() != ErrorKind::WouldBlock => panic!("{error}"),
                    Err(_) if theirs.finishing.load(Ordering::Relaxed) => return,
                    Err(_) => sleep(PAUSE),
                }
            }
        });
        Self {
            address,
            shared,
            threads,
            acceptor: Some(acceptor),
        }
    }

    /// Reads no more, or goes on.
    pub fn stall(&self, stalled: bool) {
        self.shared.stalled.store(stalled, Ordering::Relaxed);
    }

    /// What has come so far, one list for each connection.
    pub fn connections(&self) -> Vec<Messages> {
        let connections = self.shared.connections.lock().unwrap();
        connections
            .iter()
            .map(|messages| messages.lock().unwrap().clone())
            .collect()
    }

    /// Waits until what came answers a question.
    pub fn wait_for(&self, what: &str, is: impl Fn(&[Messages]) -> bool) -> Vec<Messages> {
        let started = Instant::now();
        loop {
            let now = self.connections();
            if is(&now) {
                return now;
            }
            let sizes: Vec<usize> = now.iter().map(Vec::len).collect();
            assert!(
                started.elapsed() < Duration::from_secs(60),
                "{what}: {sizes:?}"
            );
            sleep(Duration::from_millis(50));
        }
    }

    /// Waits until all connections are closed by the other side; what has come.
    pub fn finish(mut self) -> Vec<Messages> {
        self.shared.finishing.store(true, Ordering::Relaxed);
        self.join();
        self.connections()
    }

    /// Closes everything at once; what has come until then.
    pub fn kill(mut self) -> Vec<Messages> {
        self.shared.closed.store(true, Ordering::Relaxed);
        self.join();
        self.connections()
    }

    fn join(&mut self) {
        if let Some(acceptor) = self.acceptor.take() {
            acceptor.join().unwrap();
        }
        for thread in self.threads.lock().unwrap().drain(..) {
            thread.join().unwrap();
        }
    }
}

impl Drop for Station {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Relaxed);
    }
}

fn read(mut stream: TcpStream, shared: &Shared, messages: &Mutex<Messages>) {
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(PAUSE)).unwrap();
    let (mut bytes, mut buffer) = (Vec::new(), vec![0; 64 * 1024]);
    while !shared.closed.load(Ordering::Relaxed) {
        if shared.stalled.load(Ordering::Relaxed) {
            sleep(PAUSE);
            continue;
        }
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => {
                bytes.extend_from_slice(&buffer[..count]);
                let taken = cut(&bytes, messages);
                bytes.drain(..taken);
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => (),
            Err(_) => break,
        }
    }
    let _ = stream.shutdown(Shutdown::Both);
}

/// Takes whole messages off the front (RFC 7854 §4.1); how many bytes they have.
fn cut(bytes: &[u8], messages: &Mutex<Messages>) -> usize {
    let (mut taken, mut messages) = (0, messages.lock().unwrap());
    while let Some(header) = bytes.get(taken..taken + 6) {
        assert_eq!(header[0], 3, "version at {taken}");
        let length = u32::from_be_bytes(header[1..5].try_into().unwrap()) as usize;
        let Some(message) = bytes.get(taken..taken + length) else {
            break;
        };
        messages.push(message.to_vec());
        taken += length;
    }
    taken
}
