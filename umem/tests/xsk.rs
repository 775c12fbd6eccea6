//! AF_XDP sockets on a veth of a namespace of its own: what the kernel grants, and what is done without.
#![cfg(feature = "xsk")]
#![allow(clippy::expect_used, reason = "a test that cannot go on has failed")]

use bgptap_umem::xsk::{
    FramePool, Mode, PoolOptions, Socket, SocketOptions, Transmitter, Wish, ZeroCopy,
};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

const NAME: &str = "tap0";

const OPTIONS: SocketOptions = SocketOptions {
    rx_ring: 64,
    wish: Wish {
        zero_copy: ZeroCopy::Auto,
        multi_buffer: true,
        long_frames: false,
    },
    busy_poll: false,
};

/// Runs `test` on a thread of its own, which has a network of its own with a veth of two queues.
fn with_veth(test: impl FnOnce() + Send) {
    // SAFETY: it only tells who we are.
    if unsafe { libc::geteuid() } != 0 {
        let required = std::env::var_os("BGPTAP_REQUIRE_ALL").is_some_and(|all| !all.is_empty());
        assert!(!required, "not to be skipped here: namespaces need root");
        println!("skipped: namespaces need root");
        return;
    }
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // SAFETY: it concerns this thread alone, which has no sockets yet.
            assert_eq!(unsafe { libc::unshare(libc::CLONE_NEWNET) }, 0);
            let queues = ["numtxqueues", "2", "numrxqueues", "2"];
            let mut add = Command::new("ip");
            add.args(["link", "add", "name", NAME]).args(queues);
            add.args(["type", "veth", "peer", "name", "wire0"]);
            let status = add.args(queues).status().expect("iproute2 is installed");
            assert!(status.success());
            for name in [NAME, "wire0"] {
                let mut up = Command::new("ip");
                let status = up.args(["link", "set", name, "up"]).status();
                assert!(status.expect("iproute2 is installed").success());
            }
            test();
        });
    });
}

fn pool() -> FramePool {
    FramePool::new(&PoolOptions {
        frames: 512,
        fill_ring: 128,
        huge_pages: false,
    })
    .expect("two megabytes")
}

fn open(pool: &FramePool, queue: u32) -> Socket<'_> {
    Socket::open(pool, NAME, queue, &OPTIONS).expect("veth has native XDP and copies")
}

/// veth has no zero-copy. Each way that was tried is told, with the kernel's reason; the sockets that share
/// the memory share the mode.
#[test]
fn every_better_mode_is_told_with_the_reason() {
    with_veth(|| {
        let pool = pool();
        let (first, second) = (open(&pool, 0), open(&pool, 1));
        for socket in [&first, &second] {
            assert_eq!(socket.is_zero_copy(), Some(false));
            assert!(socket.is_multi_buffer() && socket.is_need_wakeup());
            assert_eq!(socket.waited(), Duration::ZERO);
        }
        let refused: Vec<_> = first
            .refused()
            .iter()
            .map(|refusal| (refusal.mode, refusal.cause.raw_os_error()))
            .collect();
        let zero_copy = |multi_buffer| Mode {
            zero_copy: true,
            multi_buffer,
        };
        let reason = Some(libc::EOPNOTSUPP);
        assert_eq!(
            refused,
            [(zero_copy(true), reason), (zero_copy(false), reason)]
        );
        assert!(second.refused().is_empty());
    });
}

/// Also where that is less than what is moved in one go elsewhere: without frames the kernel receives nothing.
#[test]
fn a_small_fill_ring_is_filled_too() {
    with_veth(|| {
        let pool = pool();
        let _socket = open(&pool, 0);
        let gauges = pool.gauges();
        assert_eq!((gauges.given, gauges.free), (128, 512 - 128));
        assert!(gauges.conserved());
    });
}

/// A child process would keep the queue when we have left it.
#[test]
fn no_program_inherits_a_socket() {
    with_veth(|| {
        let pool = pool();
        let socket = open(&pool, 0);
        let descriptor = socket.fd().as_raw_fd();
        // SAFETY: the descriptor is open.
        let flags = unsafe { libc::fcntl(descriptor, libc::F_GETFD) };
        assert_eq!(flags & libc::FD_CLOEXEC, libc::FD_CLOEXEC);
    });
}

/// The flags of a fill ring, where the kernel asks to be woken, mapped a second time: veth never asks.
fn fill_ring_flags(socket: BorrowedFd<'_>) -> &'static AtomicU32 {
    // linux/if_xdp.h: struct xdp_ring_offset { __u64 producer, consumer, desc, flags; }, four of them in
    // struct xdp_mmap_offsets: rx, tx, fr, cr.
    const XDP_MMAP_OFFSETS: libc::c_int = 1;
    const XDP_UMEM_PGOFF_FILL_RING: libc::off_t = 0x1_0000_0000;
    let mut offsets = [0u64; 16];
    let mut length = size_of_val(&offsets) as libc::socklen_t;
    // SAFETY: `offsets` has as many bytes as `length` says.
    let status = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_XDP,
            XDP_MMAP_OFFSETS,
            offsets.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    assert_eq!((status, length), (0, 128), "offsets as of Linux 5.4");
    let flags = usize::try_from(offsets[8 + 3]).expect("within a page");
    // SAFETY: a new mapping, of the ring's first page.
    let ring = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            4096,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED,
            socket.as_raw_fd(),
            XDP_UMEM_PGOFF_FILL_RING,
        )
    };
    assert_ne!(ring, libc::MAP_FAILED);
    assert!(flags + 4 <= 4096 && flags % 4 == 0);
    let flags = ring.cast::<AtomicU32>().wrapping_add(flags / 4);
    // SAFETY: it lies within the page and is aligned; the mapping is never removed, and what others do to the
    // flags is atomic.
    unsafe { &*flags }
}

/// A driver that found the fill ring empty stands still until it is told of the new frames, once a round.
#[test]
fn a_driver_that_asks_is_woken_once_a_round() {
    const XDP_RING_NEED_WAKEUP: u32 = 1;
    with_veth(|| {
        let pool = pool();
        let mut socket = open(&pool, 0);
        let round = |socket: &mut Socket<'_>| {
            socket.refill();
            socket.wake();
            socket.wakeups()
        };
        assert_eq!(round(&mut socket), 0, "it does not ask");
        let flags = fill_ring_flags(socket.fd());
        flags.store(XDP_RING_NEED_WAKEUP, Ordering::Relaxed);
        assert_eq!(round(&mut socket), 1);
        assert_eq!(round(&mut socket), 2);
        flags.store(0, Ordering::Relaxed);
        assert_eq!(round(&mut socket), 2);
    });
}

/// A queue that another socket keeps is refused after two seconds, in so many words, and not after two
/// seconds for each mode.
#[test]
fn a_queue_that_stays_taken_is_refused_in_the_end() {
    with_veth(|| {
        let _holder = Transmitter::open(NAME, 1, 64).expect("the queue is free");
        let pool = pool();
        let started = Instant::now();
        let error = Socket::open(&pool, NAME, 1, &OPTIONS)
            .err()
            .expect("the queue is taken");
        let took = started.elapsed();
        assert_eq!(error.cause.raw_os_error(), Some(libc::EBUSY));
        assert!(error.remedy().contains("another AF_XDP socket"));
        assert!(error.to_string().contains("tap0, queue 1"), "{error}");
        assert!(took >= Duration::from_secs(2), "{took:?}");
        // The others are not affected.
        assert_eq!(open(&pool, 0).waited(), Duration::ZERO);
    });
}

#[test]
fn a_queue_that_is_left_in_time_is_taken() {
    with_veth(|| {
        let holder = Transmitter::open(NAME, 0, 64).expect("the queue is free");
        let pool = pool();
        let (tell, told) = mpsc::channel::<()>();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                told.recv().expect("it is told when");
                std::thread::sleep(Duration::from_millis(200));
                drop(holder);
            });
            tell.send(()).expect("it listens");
            let socket = open(&pool, 0);
            // Two tries at least: the kernel is a little later than the one who leaves.
            assert!(socket.waited() >= Duration::from_millis(50));
        });
    });
}

/// Takes a capability from this thread alone.
fn drop_net_admin() {
    #[repr(C)]
    struct Header {
        version: u32,
        pid: i32,
    }
    const VERSION_3: u32 = 0x2008_0522;
    const CAP_NET_ADMIN: u32 = 12;
    let mut header = Header {
        version: VERSION_3,
        pid: 0,
    };
    // Effective, permitted, inheritable; the lower 32 capabilities and the upper.
    let mut sets = [[0u32; 3]; 2];
    // SAFETY: header and sets have the layout of version 3 (linux/capability.h).
    let got = unsafe { libc::syscall(libc::SYS_capget, &raw mut header, sets.as_mut_ptr()) };
    assert_eq!(got, 0);
    sets[0][0] &= !(1 << CAP_NET_ADMIN);
    // SAFETY: as above.
    let set = unsafe { libc::syscall(libc::SYS_capset, &raw mut header, sets.as_ptr()) };
    assert_eq!(set, 0);
}

/// Busy polling takes a right that receiving does not.
#[test]
fn where_busy_polling_is_refused_the_socket_serves_without() {
    let options = SocketOptions {
        busy_poll: true,
        ..OPTIONS
    };
    with_veth(move || {
        let pool = pool();
        let mut polling = Socket::open(&pool, NAME, 0, &options).expect("veth copies");
        assert!(matches!(polling.busy_poll(), Ok(true)));
        polling.wake();
        assert_eq!(polling.wakeups(), 1, "it is driven each round");
        drop_net_admin();
        let mut socket = Socket::open(&pool, NAME, 1, &options).expect("the right is not needed");
        let error = socket.busy_poll().expect_err("the right is");
        assert_eq!(error.raw_os_error(), Some(libc::EPERM));
        socket.wake();
        assert_eq!(socket.wakeups(), 0);
    });
}
