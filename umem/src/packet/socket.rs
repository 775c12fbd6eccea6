//! A packet socket with its ring: how it is made, what it counts, how it ends.

use super::Ring;
use memmap2::MmapOptions;
use std::cell::Cell;
use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::Duration;

/// One instruction of a classic BPF program.
pub type Instruction = libc::sock_filter;

/// A protocol that nobody sends: IEEE 802's first one for local experiments.
const NOTHING: u16 = 0x88b5;

/// How large a ring is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingSize {
    /// Bytes of a block, a power of two and at least a page. The longest frame and its headers must
    /// fit in one.
    pub block_size: u32,
    /// How many blocks.
    pub blocks: u32,
}

/// How a socket is made.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// Its ring.
    pub ring: RingSize,
    /// After so long the kernel lets go of a block that is not full; whole milliseconds.
    pub retire: Duration,
    /// Which packets it gets: those for which the program does not return 0.
    pub filter: &'a [Instruction],
    /// Leave out what this host sends.
    pub incoming_only: bool,
    /// Have the card's time where it stamps packets.
    pub hardware_time: bool,
}

/// What the kernel counted (`PACKET_STATISTICS`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Packets that passed the filter, those that were dropped behind it included.
    pub packets: u64,
    /// Packets for which the ring had no room.
    pub drops: u64,
    /// Times that the kernel came to a block that was not back yet.
    pub freezes: u64,
}

/// A step of the set-up that failed.
#[derive(Debug, thiserror::Error)]
#[error("{step}: {cause}")]
pub struct PacketError {
    /// The step.
    pub step: &'static str,
    /// What the kernel said.
    pub cause: io::Error,
}

/// A socket that gets the packets of one interface.
pub struct Socket {
    // Before the descriptor: the mapping goes first.
    ring: Ring,
    fd: OwnedFd,
    interface: libc::c_int,
    statistics: Cell<Statistics>,
}

impl Socket {
    /// Opens the socket; from then on packets arrive.
    ///
    /// # Errors
    /// The step that the kernel refused: EPERM without CAP_NET_RAW, ENODEV if there is no such
    /// interface, ENOMEM for a ring that is too large.
    pub fn open(interface: &str, options: &Options<'_>) -> Result<Self, PacketError> {
        let step = |step| move |cause| PacketError { step, cause };
        let interface = index_of(interface).map_err(step("looking up the interface"))?;
        let fd = packet_socket().map_err(step("opening a packet socket"))?;
        let version = libc::tpacket_versions::TPACKET_V3 as libc::c_int;
        set(&fd, libc::PACKET_VERSION, &version).map_err(step("asking for TPACKET_V3"))?;
        if options.hardware_time {
            let source = libc::SOF_TIMESTAMPING_RAW_HARDWARE.cast_signed();
            set(&fd, libc::PACKET_TIMESTAMP, &source)
                .map_err(step("asking for the card's time"))?;
        }
        if options.incoming_only {
            let on: libc::c_int = 1;
            set(&fd, libc::PACKET_IGNORE_OUTGOING, &on)
                .map_err(step("leaving out what this host sends"))?;
        }
        // Protocol 0 until `bind`: nothing arrives before the filter is there.
        attach_filter(std::os::fd::AsFd::as_fd(&fd), options.filter)
            .map_err(step("attaching the filter"))?;
        let ring = map_ring(&fd, options).map_err(step("setting up the ring"))?;
        let socket = Self {
            ring,
            fd,
            interface,
            statistics: Cell::default(),
        };
        let all = libc::ETH_P_ALL as u16;
        socket.bind(all).map_err(step("binding to the interface"))?;
        Ok(socket)
    }

    /// Its ring.
    #[must_use]
    pub fn ring(&self) -> &Ring {
        &self.ring
    }

    /// What was counted since it was opened. The kernel begins anew each time it is asked, with 32 bits.
    ///
    /// # Errors
    /// The socket option cannot be read.
    pub fn statistics(&self) -> io::Result<Statistics> {
        let mut new = libc::tpacket_stats_v3 {
            tp_packets: 0,
            tp_drops: 0,
            tp_freeze_q_cnt: 0,
        };
        get(
            &self.fd,
            libc::SOL_PACKET,
            libc::PACKET_STATISTICS,
            &mut new,
        )?;
        let old = self.statistics.get();
        let sum = Statistics {
            packets: old.packets + u64::from(new.tp_packets),
            drops: old.drops + u64::from(new.tp_drops),
            freezes: old.freezes + u64::from(new.tp_freeze_q_cnt),
        };
        self.statistics.set(sum);
        Ok(sum)
    }

    /// Nothing more arrives: when this returns the [`Statistics`] are final, and what has arrived is in the
    /// ring at the latest when the last block's time is over.
    ///
    /// # Errors
    /// The kernel refused: the interface is gone.
    pub fn stop(&self) -> io::Result<()> {
        let refuse = Instruction {
            code: (libc::BPF_RET | libc::BPF_K) as u16,
            jt: 0,
            jf: 0,
            k: 0,
        };
        attach_filter(std::os::fd::AsFd::as_fd(&self.fd), &[refuse])?;
        // A packet may still be on its way through the old filter. To bind to another protocol waits
        // until none is (net/packet/af_packet.c, `packet_do_bind`: `synchronize_net`).
        self.bind(NOTHING)
    }

    fn bind(&self, protocol: u16) -> io::Result<()> {
        let address = libc::sockaddr_ll {
            sll_family: libc::AF_PACKET as libc::sa_family_t,
            sll_protocol: protocol.to_be(),
            sll_ifindex: self.interface,
            sll_hatype: 0,
            sll_pkttype: 0,
            sll_halen: 0,
            sll_addr: [0; 8],
        };
        // SAFETY: `address` is valid for reads of the size given, and the kernel keeps no pointer to it.
        check(unsafe {
            libc::bind(
                self.fd.as_raw_fd(),
                (&raw const address).cast(),
                size_of_val(&address) as libc::socklen_t,
            )
        })
    }

    /// Takes the error off the socket: while it is there `poll` returns at once.
    fn take_error(&self) -> io::Result<()> {
        let mut error: libc::c_int = 0;
        get(&self.fd, libc::SOL_SOCKET, libc::SO_ERROR, &mut error)
    }
}

fn map_ring(fd: &OwnedFd, options: &Options<'_>) -> io::Result<Ring> {
    let RingSize { block_size, blocks } = options.ring;
    let request = libc::tpacket_req3 {
        tp_block_size: block_size,
        tp_block_nr: blocks,
        // In a ring of version 3 packets take as much of a block as they need; the kernel
        // only checks that the figures go together.
        tp_frame_size: block_size,
        tp_frame_nr: blocks,
        tp_retire_blk_tov: u32::try_from(options.retire.as_millis()).unwrap_or(u32::MAX),
        tp_sizeof_priv: 0,
        tp_feature_req_word: 0,
    };
    set(fd, libc::PACKET_RX_RING, &request)?;
    let length = block_size as usize * blocks as usize;
    let memory = MmapOptions::new().len(length).map_raw(fd)?;
    Ok(Ring::new(memory, block_size as usize, blocks as usize))
}

/// Lets a socket receive only what the program does not return 0 for.
///
/// # Errors
/// The kernel does not take the program.
pub fn attach_filter(socket: BorrowedFd<'_>, program: &[Instruction]) -> io::Result<()> {
    let program = libc::sock_fprog {
        len: u16::try_from(program.len()).map_err(|_| io::ErrorKind::InvalidInput)?,
        // The kernel only reads it.
        filter: program.as_ptr().cast_mut(),
    };
    // SAFETY: `program` points to as many instructions as it says, which the kernel copies.
    check(unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_FILTER,
            (&raw const program).cast(),
            size_of_val(&program) as libc::socklen_t,
        )
    })
}

/// Waits until one of the sockets has a block, a signal comes or `timeout` is over.
///
/// # Errors
/// `poll` failed for another reason than a signal.
pub fn wait(sockets: &[Socket], timeout: Duration) -> io::Result<()> {
    // It would return at once, again and again, while the last block is not back.
    if sockets.iter().any(|socket| socket.ring.last_is_ours()) {
        std::thread::sleep(timeout.min(Duration::from_millis(1)));
        return Ok(());
    }
    // As many as fit on the stack; blocks of the others are found by the next round.
    let mut polled = [libc::pollfd {
        fd: -1,
        events: libc::POLLIN,
        revents: 0,
    }; 64];
    for (slot, socket) in polled.iter_mut().zip(sockets) {
        slot.fd = socket.fd.as_raw_fd();
    }
    let count = sockets.len().min(polled.len());
    let milliseconds = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: the first `count` entries are initialised and their descriptors are open.
    let status = unsafe { libc::poll(polled.as_mut_ptr(), count as libc::nfds_t, milliseconds) };
    if status < 0 {
        let error = io::Error::last_os_error();
        let signal = error.kind() == io::ErrorKind::Interrupted;
        return if signal { Ok(()) } else { Err(error) };
    }
    for (slot, socket) in polled.iter().zip(sockets) {
        if slot.revents & libc::POLLERR != 0 {
            // The interface went down. It may come back: the kernel keeps the socket for it.
            socket.take_error()?;
        }
    }
    Ok(())
}

fn index_of(interface: &str) -> io::Result<libc::c_int> {
    let name = CString::new(interface)?;
    // SAFETY: `name` is a NUL-terminated string that outlives the call.
    match unsafe { libc::if_nametoindex(name.as_ptr()) } {
        0 => Err(io::Error::last_os_error()),
        index => Ok(index.cast_signed()),
    }
}

fn packet_socket() -> io::Result<OwnedFd> {
    // SAFETY: takes no pointers.
    let fd = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
    check(fd.min(0))?;
    // SAFETY: the kernel has just opened `fd` for us and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Sets an option of the packet level whose value the kernel takes as a `T`.
fn set<T: Copy>(fd: &OwnedFd, option: libc::c_int, value: &T) -> io::Result<()> {
    // SAFETY: `value` is valid for reads of its size, and the kernel keeps no pointer to it.
    check(unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            libc::SOL_PACKET,
            option,
            std::ptr::from_ref(value).cast(),
            size_of::<T>() as libc::socklen_t,
        )
    })
}

/// Values of socket options that are plain numbers: whatever the kernel writes is one.
trait Plain: Copy {}
impl Plain for libc::c_int {}
impl Plain for libc::tpacket_stats_v3 {}

fn get<T: Plain>(
    fd: &OwnedFd,
    level: libc::c_int,
    option: libc::c_int,
    value: &mut T,
) -> io::Result<()> {
    let mut length = size_of::<T>() as libc::socklen_t;
    // SAFETY: `value` has the bytes that `length` announces, of which any content is valid.
    check(unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            level,
            option,
            std::ptr::from_mut(value).cast(),
            &raw mut length,
        )
    })
}

fn check(status: libc::c_int) -> io::Result<()> {
    if status < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
