//! A BMP station, connected to by TCP: one connection for each monitored router (RFC 7854 §3.2).

use super::carrier::{Carrier, Ledger, RouterName};
use super::pipe::{CHUNK_BYTES, Chunk, Counts, Pipe};
use crate::sink::deadline::Deadline;
use crate::sink::writer::WhenFull;
use socket2::{SockRef, TcpKeepalive};
use std::future::{Future, poll_fn};
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::task::Poll;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Handle};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

/// Bytes that may wait for one station, over all its routers.
const WAITING_BYTES_MAX: u64 = 256 << 20;
/// How long one address of a station is tried.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The first pause after a connection failed; it doubles from time to time.
const BACK_OFF_MIN: Duration = Duration::from_millis(250);
/// The longest pause. A connection that lasted as long was a good one.
const BACK_OFF_MAX: Duration = Duration::from_secs(30);
/// A connection on which nothing is said is looked after so often.
const KEEPALIVE: Duration = Duration::from_secs(60);
/// A station that takes nothing for so long, or is not heard of, is connected to anew.
const STALL: Duration = Duration::from_secs(300);
/// How long a reader of files waits for a station before it gives up.
const NOBODY: Duration = Duration::from_secs(30);
/// How long the end of a capture waits for a station that takes nothing.
const LAST_WORDS: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(1);

/// One router's connection, as the worker sees it.
struct Line {
    pipe: Arc<Pipe>,
    chunk: Chunk,
    /// The epoch that the worker was told of.
    epoch: u64,
    lost: u64,
    /// What ends the line.
    last: Vec<u8>,
}

/// Connections to a station, kept by a thread of their own.
pub struct Station {
    addresses: Arc<[SocketAddr]>,
    when_full: WhenFull,
    queue_bytes: usize,
    lines: Vec<Line>,
    /// Of lines that others have now: they go when what waits in them is sent.
    former: Vec<Arc<Pipe>>,
    counts: Arc<Counts>,
    waiting: Arc<AtomicU64>,
    runtime: Handle,
    stop: Arc<Notify>,
    thread: Option<JoinHandle<()>>,
    broken: bool,
}

impl Station {
    /// Starts the thread. The first of `addresses` that accepts is connected to; for each router `queue_bytes` of
    /// messages may wait.
    ///
    /// # Errors
    /// The thread, or what it needs to wait for connections, cannot be made.
    pub fn start(
        addresses: &[SocketAddr],
        when_full: WhenFull,
        queue_bytes: usize,
    ) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let stop = Arc::new(Notify::new());
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name("bmp".into())
            .spawn(move || runtime.block_on(stopped.notified()))?;
        Ok(Self {
            addresses: addresses.into(),
            when_full,
            queue_bytes,
            lines: Vec::new(),
            former: Vec::new(),
            counts: Arc::default(),
            waiting: Arc::default(),
            runtime: handle,
            stop,
            thread: Some(thread),
            broken: false,
        })
    }

    /// The queues of all connections.
    fn pipes(&self) -> impl Iterator<Item = &Arc<Pipe>> {
        let now = self.lines.iter().map(|line| &line.pipe);
        now.chain(&self.former)
    }

    fn all_sent(&self) -> bool {
        self.pipes().all(|pipe| Arc::strong_count(pipe) == 1)
    }

    /// Begins to connect.
    fn connect(&self) -> Line {
        let pipe = Arc::new(Pipe::new(self.queue_bytes, Arc::clone(&self.counts)));
        let chunk = Chunk {
            bytes: pipe.buffer(),
            messages: 0,
            epoch: 0,
        };
        let connection = Connection {
            pipe: Arc::clone(&pipe),
            addresses: Arc::clone(&self.addresses),
            waiting: Arc::clone(&self.waiting),
        };
        self.runtime.spawn(connection.keep());
        Line {
            pipe,
            chunk,
            epoch: 0,
            lost: 0,
            last: Vec::new(),
        }
    }
}

impl Line {
    /// There will be no more: what waits is sent, the last word, and that is it.
    fn end(&mut self, when_full: WhenFull, waiting: &AtomicU64) {
        self.flush(when_full, waiting);
        let bytes = std::mem::take(&mut self.last);
        self.pipe.end(Chunk {
            messages: u64::from(!bytes.is_empty()),
            bytes,
            epoch: self.epoch,
        });
    }

    /// Hands over what was encoded. What there is no room for is lost, or waits as long as somebody listens.
    fn flush(&mut self, when_full: WhenFull, waiting: &AtomicU64) {
        if self.chunk.messages == 0 {
            return;
        }
        let next = Chunk {
            bytes: self.pipe.buffer(),
            messages: 0,
            epoch: self.epoch,
        };
        let mut chunk = std::mem::replace(&mut self.chunk, next);
        let bytes = chunk.bytes.len() as u64;
        loop {
            if chunk.epoch == 0 || self.pipe.epoch.load(Acquire) != chunk.epoch {
                self.pipe.discard(chunk);
                return;
            }
            if waiting.fetch_add(bytes, Relaxed) + bytes <= WAITING_BYTES_MAX {
                match self.pipe.push(chunk) {
                    Ok(()) => return,
                    Err(back) => chunk = back,
                }
            }
            waiting.fetch_sub(bytes, Relaxed);
            if when_full == WhenFull::Drop {
                self.lost += chunk.messages;
                let full = &self.pipe.counts.queue_full;
                full.fetch_add(chunk.messages, Relaxed);
                self.pipe.recycle(chunk.bytes);
                return;
            }
            std::thread::sleep(PAUSE);
        }
    }
}

impl Carrier for Station {
    fn name(&self) -> &'static str {
        "bmp"
    }

    fn open(&mut self, _: &RouterName) -> usize {
        self.lines.push(self.connect());
        self.lines.len() - 1
    }

    fn reopen(&mut self, line: usize, _: &RouterName) {
        let next = self.connect();
        let Some(line) = self.lines.get_mut(line) else {
            return;
        };
        let mut before = std::mem::replace(line, next);
        before.end(self.when_full, &self.waiting);
        self.former.retain(|pipe| Arc::strong_count(pipe) > 1);
        self.former.push(before.pipe);
    }

    fn epoch(&mut self, line: usize) -> u64 {
        let Some(line) = self.lines.get_mut(line) else {
            return 0;
        };
        let epoch = line.pipe.epoch.load(Acquire);
        if epoch != line.epoch {
            // What is left was meant for whoever listened before.
            line.flush(self.when_full, &self.waiting);
            line.epoch = epoch;
            line.chunk.epoch = epoch;
        }
        epoch
    }

    fn losses(&self, line: usize) -> u64 {
        self.lines.get(line).map_or(0, |line| line.lost)
    }

    fn is_settled(&self, line: usize) -> bool {
        // What is being written arrives, or the epoch is over.
        let settled = |line: &Line| line.chunk.messages == 0 && line.pipe.len() == 0;
        self.lines.get(line).is_none_or(settled)
    }

    fn has_room(&self, line: usize) -> bool {
        let free = |line: &Line| {
            line.pipe.has_room() && self.waiting.load(Relaxed) < WAITING_BYTES_MAX / 2
        };
        self.when_full == WhenFull::Wait || self.lines.get(line).is_some_and(free)
    }

    fn send(&mut self, line: usize, encode: &mut dyn FnMut(&mut Vec<u8>)) {
        let Some(line) = self.lines.get_mut(line) else {
            return;
        };
        let before = line.chunk.bytes.len();
        encode(&mut line.chunk.bytes);
        line.chunk.messages += u64::from(line.chunk.bytes.len() > before);
        if line.chunk.bytes.len() >= CHUNK_BYTES {
            line.flush(self.when_full, &self.waiting);
        }
    }

    fn say_last(&mut self, line: usize, encode: &mut dyn FnMut(&mut Vec<u8>)) {
        if let Some(line) = self.lines.get_mut(line) {
            line.last.clear();
            encode(&mut line.last);
        }
    }

    fn await_listener(&mut self, line: usize) -> bool {
        let Some(line) = self.lines.get(line) else {
            return false;
        };
        let until = Instant::now() + NOBODY;
        while !self.broken && line.pipe.epoch.load(Acquire) == 0 {
            self.broken = Instant::now() >= until;
            std::thread::sleep(PAUSE);
        }
        !self.broken
    }

    fn flush(&mut self) {
        // While a station is busy chunks are filled first, so that as many messages can wait as there is room for.
        for line in self.lines.iter_mut().filter(|line| line.pipe.len() == 0) {
            line.flush(self.when_full, &self.waiting);
        }
    }

    fn when_full(&self) -> WhenFull {
        self.when_full
    }

    fn is_log(&self) -> bool {
        false
    }

    fn is_broken(&self) -> bool {
        self.broken
    }

    fn ledger(&self) -> Arc<dyn Ledger> {
        Arc::<Counts>::clone(&self.counts)
    }

    fn queue(&self) -> f64 {
        let pipes = self.lines.iter().map(|line| &line.pipe);
        pipes.map(|pipe| pipe.ratio()).fold(0.0, f64::max)
    }

    fn begin_close(&mut self) {
        for line in &mut self.lines {
            line.end(self.when_full, &self.waiting);
        }
    }

    fn close(&mut self, until: Deadline) {
        self.begin_close();
        let patience = match self.when_full {
            WhenFull::Drop => LAST_WORDS,
            WhenFull::Wait => NOBODY,
        };
        let (mut left, mut since) = (u64::MAX, Instant::now());
        while !self.broken && !self.all_sent() && since.elapsed() < patience && !until.has_passed()
        {
            let now = self.waiting.load(Relaxed);
            if now < left {
                (left, since) = (now, Instant::now());
            }
            std::thread::sleep(PAUSE);
        }
        self.counts.over.store(true, Release);
        self.stop.notify_one();
        if let Some(thread) = self.thread.take() {
            // It cannot panic but by a fault of the runtime; there is nothing left to be saved then.
            let _ = thread.join();
        }
        for pipe in self.pipes() {
            pipe.discard_all();
        }
    }
}

impl Drop for Station {
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.close(Deadline::NEVER);
        }
    }
}

/// One router's connection, as the thread sees it.
struct Connection {
    pipe: Arc<Pipe>,
    addresses: Arc<[SocketAddr]>,
    waiting: Arc<AtomicU64>,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// All was sent.
    Done,
    /// The station closed it, or takes nothing.
    Lost,
}

impl Connection {
    /// Connects, sends what comes, and begins anew when the connection is lost, until the end.
    async fn keep(self) {
        let mut pause = Duration::ZERO;
        let mut epoch = 0;
        while !self.pipe.closing.load(Acquire) {
            let mut lasted = Duration::ZERO;
            if let Ok(stream) = connect(&self.addresses, CONNECT_TIMEOUT).await {
                epoch += 1;
                let since = Instant::now();
                self.pipe.epoch.store(epoch, Release);
                let ended = self.carry(stream, epoch).await;
                self.pipe.epoch.store(0, Release);
                if ended == Ended::Done {
                    return;
                }
                lasted = since.elapsed();
            }
            self.discard_all();
            pause = pause_after(pause, lasted);
            self.rest(pause).await;
        }
        // Nobody has heard the last word.
        self.pipe.discard_all();
    }

    /// Waits, unless it all ends.
    async fn rest(&self, pause: Duration) {
        let until = Instant::now() + pause;
        while !self.pipe.closing.load(Acquire) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            either(self.pipe.wake.notified(), sleep(left)).await;
        }
    }

    async fn carry(&self, stream: TcpStream, epoch: u64) -> Ended {
        loop {
            while let Some(chunk) = self.pop() {
                if !self.say(&stream, chunk, epoch).await {
                    return Ended::Lost;
                }
            }
            if self.pipe.closing.load(Acquire) && self.pipe.len() == 0 {
                if let Some(last) = self.pipe.last()
                    && !self.say(&stream, last, epoch).await
                {
                    return Ended::Lost;
                }
                // What is under way still arrives: the kernel goes on with it.
                let stream = stream
                    .into_std()
                    .map(|stream| stream.shutdown(Shutdown::Write));
                return stream.map_or(Ended::Lost, |_| Ended::Done);
            }
            either(self.pipe.wake.notified(), stream.readable()).await;
            // A station says nothing (RFC 7854 §3.2): what comes is its end, or of no interest.
            match stream.try_read(&mut [0; 512]) {
                Ok(0) => return Ended::Lost,
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Ended::Lost,
                _ => (),
            }
        }
    }

    /// Writes a chunk if it is meant for this connection; whether that is still there.
    async fn say(&self, stream: &TcpStream, chunk: Chunk, epoch: u64) -> bool {
        if chunk.epoch != epoch {
            self.pipe.discard(chunk);
            return true;
        }
        // The end of it all drops this future where it is.
        let chunk = self.pipe.in_hand(chunk);
        let written = write(stream, chunk.bytes()).await;
        if written.is_ok() {
            chunk.sent();
        }
        written.is_ok()
    }

    fn pop(&self) -> Option<Chunk> {
        let chunk = self.pipe.pop()?;
        self.waiting.fetch_sub(chunk.bytes.len() as u64, Relaxed);
        Some(chunk)
    }

    fn discard_all(&self) {
        while let Some(chunk) = self.pop() {
            self.pipe.discard(chunk);
        }
    }
}

/// How long to wait behind an attempt, if it was `pause` before it and the connection that it gave, if any, `lasted`
/// so long. A station that takes every connection and drops it again is not asked more often than one that takes none.
fn pause_after(pause: Duration, lasted: Duration) -> Duration {
    if lasted >= BACK_OFF_MAX {
        return BACK_OFF_MIN;
    }
    (2 * pause).clamp(BACK_OFF_MIN, BACK_OFF_MAX)
}

/// Connects to the first address that accepts. Each has its own time: one that answers nothing, by a route that leads
/// nowhere for instance, does not keep the next from being tried.
async fn connect(addresses: &[SocketAddr], each: Duration) -> io::Result<TcpStream> {
    let mut last = io::ErrorKind::AddrNotAvailable.into();
    for address in addresses {
        match timeout(each, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                watch_over(&stream)?;
                return Ok(stream);
            }
            Ok(Err(error)) => last = error,
            Err(elapsed) => last = elapsed.into(),
        }
    }
    Err(last)
}

/// Has the kernel give a connection up whose other end has vanished, which would else take it a quarter of an
/// hour (tcp(7), `tcp_retries2`), or for ever if there is nothing to be said.
fn watch_over(stream: &TcpStream) -> io::Result<()> {
    let socket = SockRef::from(stream);
    socket.set_tcp_user_timeout(Some(STALL))?;
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE))
}

async fn write(stream: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        timeout(STALL, stream.writable()).await??;
        match stream.try_write(bytes) {
            Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => (),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Waits for one of the two.
async fn either<A, B>(a: impl Future<Output = A>, b: impl Future<Output = B>) {
    let (mut a, mut b) = (pin!(a), pin!(b));
    poll_fn(|context| {
        if a.as_mut().poll(context).is_ready() || b.as_mut().poll(context).is_ready() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

#[cfg(test)]
mod tests;
