//! Streams: standard input, pipes and compressed files, read ahead by a thread.
//!
//! The thread lets a source keep its word on how long it waits (a read from a
//! pipe cannot be given a timeout), and decompression runs beside decoding.
//! It holds at most [`DEPTH`] chunks, and ends when the source is dropped, as
//! soon as its current read returns.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::thread;
use std::time::Instant;

use bytes::{Bytes, BytesMut};

/// Bytes that are allocated, and read, at once.
const CHUNK: usize = 64 * 1024;
/// A chunk's rest smaller than this is not worth another read.
const WORTH_READING: usize = 4 * 1024;
/// Chunks that wait between the thread and the source.
const DEPTH: usize = 4;

/// What the thread has for the source.
#[derive(Debug)]
pub(super) enum Delivery {
    /// The next bytes, at least one.
    Chunk(Bytes),
    /// Nothing arrived before the deadline.
    Pending,
    /// The input ended as it should.
    End,
    /// The input cannot be read any further.
    Failed(io::Error),
}

/// The receiving end of a reader thread.
#[derive(Debug)]
pub(super) struct Feed {
    chunks: Receiver<io::Result<Bytes>>,
}

impl Feed {
    /// Starts a thread that reads `input` to its end.
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub(super) fn spawn(input: impl Read + Send + 'static) -> io::Result<Self> {
        let (sender, chunks) = sync_channel(DEPTH);
        thread::Builder::new()
            .name("pcap-reader".to_owned())
            .spawn(move || read_to_end(input, &sender))?;
        Ok(Self { chunks })
    }

    /// The next chunk; waits for it until `deadline`, or for ever without one.
    pub(super) fn receive(&mut self, deadline: Option<Instant>) -> Delivery {
        let received = match deadline {
            None => self.chunks.recv().map_err(|_| TryRecvError::Disconnected),
            Some(deadline) => match self.chunks.try_recv() {
                Err(TryRecvError::Empty) => self.wait(deadline),
                other => other,
            },
        };
        match received {
            // An empty chunk is how the thread says that it came to the end.
            Ok(Ok(chunk)) if chunk.is_empty() => Delivery::End,
            Ok(Ok(chunk)) => Delivery::Chunk(chunk),
            Ok(Err(error)) => Delivery::Failed(error),
            Err(TryRecvError::Empty) => Delivery::Pending,
            Err(TryRecvError::Disconnected) => {
                Delivery::Failed(io::Error::other("the reader stopped without a reason"))
            }
        }
    }

    fn wait(&self, deadline: Instant) -> Result<io::Result<Bytes>, TryRecvError> {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(TryRecvError::Empty);
        }
        self.chunks.recv_timeout(left).map_err(|error| match error {
            RecvTimeoutError::Timeout => TryRecvError::Empty,
            RecvTimeoutError::Disconnected => TryRecvError::Disconnected,
        })
    }
}

/// Reads `input` chunk by chunk until it ends, fails, or nobody listens any more.
fn read_to_end(mut input: impl Read, sender: &SyncSender<io::Result<Bytes>>) {
    let mut chunk = BytesMut::new();
    loop {
        if chunk.len() < WORTH_READING {
            chunk = BytesMut::zeroed(CHUNK);
        }
        let (delivery, last) = match input.read(&mut chunk) {
            Ok(count) => (Ok(chunk.split_to(count).freeze()), count == 0),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => (Err(error), true),
        };
        if sender.send(delivery).is_err() || last {
            return;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    fn soon() -> Option<Instant> {
        Some(Instant::now() + Duration::from_millis(20))
    }

    /// A silent writer delays nobody for longer than the deadline, and is heard later.
    #[test]
    fn a_silent_writer_is_pending_until_it_speaks() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let mut feed = Feed::spawn(ours).unwrap();
        assert!(matches!(feed.receive(soon()), Delivery::Pending));
        io::Write::write_all(&mut theirs, b"frame").unwrap();
        assert!(matches!(feed.receive(None), Delivery::Chunk(c) if &c[..] == b"frame"));
        drop(theirs);
        assert!(matches!(feed.receive(None), Delivery::End));
    }

    #[test]
    fn a_read_error_is_passed_on_after_the_bytes_before_it() {
        struct Breaks(bool);
        impl Read for Breaks {
            fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                if std::mem::replace(&mut self.0, true) {
                    return Err(io::Error::other("disk on fire"));
                }
                buf[0] = 7;
                Ok(1)
            }
        }
        let mut feed = Feed::spawn(Breaks(false)).unwrap();
        assert!(matches!(feed.receive(None), Delivery::Chunk(c) if c[..] == [7]));
        assert!(
            matches!(feed.receive(None), Delivery::Failed(e) if e.to_string() == "disk on fire")
        );
    }

    /// A decompressor that panics must not look like an ordinary end of file.
    #[test]
    fn a_reader_that_vanishes_is_a_failure() {
        let (sender, chunks) = sync_channel(1);
        drop(sender);
        let mut feed = Feed { chunks };
        assert!(matches!(feed.receive(soon()), Delivery::Failed(_)));
    }
}
