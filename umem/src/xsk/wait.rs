//! Waiting for frames.

use super::Socket;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

/// Waits on sockets, however many there are. Keeps the list that the kernel is given.
#[derive(Debug, Default)]
pub struct Waiter {
    polled: Vec<libc::pollfd>,
}

impl Waiter {
    /// Waits until one of the sockets has a frame, a signal comes or `timeout` is over. Wakes the
    /// drivers that have asked for it (net/xdp/xsk.c, `xsk_poll`).
    ///
    /// # Errors
    /// `ppoll` failed for another reason than a signal.
    pub fn wait(&mut self, sockets: &[Socket<'_>], timeout: Duration) -> io::Result<bool> {
        self.wait_for(sockets.iter().map(Socket::fd), timeout)
    }

    pub(super) fn wait_for<'f>(
        &mut self,
        descriptors: impl Iterator<Item = BorrowedFd<'f>>,
        timeout: Duration,
    ) -> io::Result<bool> {
        self.polled.clear();
        self.polled
            .extend(descriptors.map(|descriptor| libc::pollfd {
                fd: descriptor.as_raw_fd(),
                events: libc::POLLIN,
                revents: 0,
            }));
        let timeout = libc::timespec {
            tv_sec: timeout
                .as_secs()
                .try_into()
                .unwrap_or(libc::time_t::from(i32::MAX)),
            tv_nsec: timeout.subsec_nanos().into(),
        };
        // SAFETY: the entries of `polled` are initialised, there are as many as is said, and their
        // descriptors are borrowed, so open; the timeout lives through the call, and no mask is given.
        let ready = unsafe {
            libc::ppoll(
                self.polled.as_mut_ptr(),
                self.polled.len() as libc::nfds_t,
                &raw const timeout,
                std::ptr::null(),
            )
        };
        if ready >= 0 {
            return Ok(ready > 0);
        }
        let error = io::Error::last_os_error();
        if error.kind() == io::ErrorKind::Interrupted {
            return Ok(false);
        }
        Err(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixDatagram;
    use std::time::Instant;

    /// As many sockets as the program's map has room for: the last one counts as much as the first.
    #[test]
    fn the_last_of_256_sockets_ends_the_waiting() {
        const LONG: Duration = Duration::from_secs(20);
        let (sender, last) = UnixDatagram::pair().expect("a pair of sockets");
        let mut sockets: Vec<UnixDatagram> = (1..256)
            .map(|_| UnixDatagram::unbound().expect("a socket"))
            .collect();
        sockets.push(last);
        let mut waiter = Waiter::default();
        let mut wait =
            |timeout| waiter.wait_for(sockets.iter().map(|socket| socket.as_fd()), timeout);
        let idle = wait(Duration::from_micros(300)).expect("they can be waited for");
        assert!(!idle, "nothing was sent");
        sender.send(b"frame").expect("the last one receives");
        let started = Instant::now();
        assert!(wait(LONG).expect("they can be waited for"));
        assert!(started.elapsed() < LONG, "it was seen, not waited out");
    }
}
