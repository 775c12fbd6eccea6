//! A network namespace per test, and an AF_XDP socket in it.

use std::env;
use std::ffi::CString;
use std::io;
use std::num::NonZeroU32;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::process::Command;
use std::thread;
use std::time::Duration;

use bgptap_bpf::{META_LEN, Meta};
use xsk_rs::config::{BindFlags, LibxdpFlags, SocketConfig, UmemConfig};
use xsk_rs::{FillQueue, FrameDesc, RxQueue, Socket, TxQueue, Umem};

/// Runs `test` in a network namespace of its own, with the loopback device up,
/// which ends with it. Without root the test is skipped, unless `BGPTAP_REQUIRE_ALL` is set.
pub(crate) fn in_namespace(test: impl FnOnce() + Send + 'static) {
    // SAFETY: takes no pointers and cannot fail.
    if unsafe { libc::geteuid() } != 0 {
        assert!(
            env::var_os("BGPTAP_REQUIRE_ALL").is_none(),
            "this test needs root"
        );
        println!("skipped: this test needs root (BPF, network namespaces)");
        return;
    }
    // A thread of our own: the harness may run a test on a thread that others use too.
    let worker = thread::spawn(|| {
        // SAFETY: takes no pointers; only this thread changes its namespace.
        let status = unsafe { libc::unshare(libc::CLONE_NEWNET) };
        assert_eq!(status, 0, "{}", io::Error::last_os_error());
        ip("link set lo up");
        test();
    });
    if let Err(panic) = worker.join() {
        std::panic::resume_unwind(panic);
    }
}

/// Runs `ip` in the namespace of the calling thread and returns what it printed.
pub(crate) fn ip(arguments: &str) -> String {
    let output = Command::new("ip")
        .args(arguments.split_whitespace())
        .output()
        .expect("ip(8) runs");
    assert!(output.status.success(), "ip {arguments}: {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A veth pair `tap` – `peer`, both ends up.
pub(crate) fn veth_pair() {
    ip("link add tap type veth peer name peer");
    ip("link set tap up");
    ip("link set peer up");
}

/// An AF_XDP socket on queue 0, in copy mode.
pub(crate) struct Receiver {
    rx: RxQueue,
    frames: Vec<FrameDesc>,
    umem: Umem,
    _others: (TxQueue, FillQueue),
}

impl Receiver {
    pub(crate) fn on(interface: &str) -> Self {
        let count = NonZeroU32::new(64).expect("not zero");
        let (umem, frames) = Umem::new(UmemConfig::default(), count, false).expect("a UMEM");
        let config = SocketConfig::builder()
            .libxdp_flags(LibxdpFlags::XSK_LIBXDP_FLAGS_INHIBIT_PROG_LOAD)
            .bind_flags(BindFlags::XDP_COPY)
            .build();
        let interface = interface.parse().expect("a name without NUL");
        // SAFETY: the only socket on this UMEM, so that no two share its rings.
        let (tx, rx, rings) =
            unsafe { Socket::new(config, &umem, &interface, 0) }.expect("an AF_XDP socket");
        let (mut fill, _completion) = rings.expect("the first socket has the rings");
        // SAFETY: the frames belong to this UMEM and are nowhere else.
        let filled = unsafe { fill.produce(&frames) };
        assert_eq!(filled, frames.len());
        Self {
            rx,
            frames,
            umem,
            _others: (tx, fill),
        }
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        // SAFETY: the socket stays open as long as `self`, which the result borrows.
        unsafe { BorrowedFd::borrow_raw(self.rx.fd().as_raw_fd()) }
    }

    /// The next packet with the metadata below it, if one comes within a second.
    pub(crate) fn receive(&mut self) -> Option<(Option<Meta>, Vec<u8>)> {
        let one = self.frames.get_mut(..1)?;
        // SAFETY: the descriptors are of the UMEM of this socket.
        let received = unsafe { self.rx.poll_and_consume(one, 1000) }.expect("poll");
        if received == 0 {
            return None;
        }
        // SAFETY: the frame was just received and does not go back to the kernel.
        let packet = unsafe { self.umem.data(&one[0]) };
        let start = packet.contents().as_ptr();
        // SAFETY: in front of a received packet lie 256 bytes of XDP headroom in the same frame.
        let below = unsafe { start.sub(META_LEN) };
        // SAFETY: as above: META_LEN bytes of the frame, which nobody writes to.
        let below = unsafe { std::slice::from_raw_parts(below, META_LEN) };
        Some((Meta::parse(below), packet.contents().to_vec()))
    }
}

/// Sends `frame` as it is out of `interface`.
pub(crate) fn send(interface: &str, frame: &[u8]) {
    let name = CString::new(interface).expect("a name without NUL");
    // SAFETY: takes no pointers.
    let fd = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
    assert!(fd >= 0, "{}", io::Error::last_os_error());
    // SAFETY: the kernel has just opened `fd` for us.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    // SAFETY: all zero is a valid value of this plain C struct.
    let mut to: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    to.sll_family = libc::AF_PACKET as u16;
    // SAFETY: `name` is NUL-terminated and outlives the call.
    to.sll_ifindex = unsafe { libc::if_nametoindex(name.as_ptr()) }.cast_signed();
    // SAFETY: `frame` and `to` are valid for reads of the sizes given.
    let sent = unsafe {
        libc::sendto(
            socket.as_raw_fd(),
            frame.as_ptr().cast(),
            frame.len(),
            0,
            (&raw const to).cast(),
            size_of_val(&to) as libc::socklen_t,
        )
    };
    assert_eq!(sent, frame.len() as isize, "{}", io::Error::last_os_error());
}

/// Waits for what the kernel does a little later, and panics if it never does.
pub(crate) fn wait_until(condition: impl Fn() -> bool) {
    for _ in 0..100 {
        if condition() {
            return;
        }
        thread::sleep(Duration::from_millis(20));
    }
    panic!("it did not happen within 2 s");
}

/// Gives what `interface` sends a VLAN tag beside the frame, by a BPF program
/// on its way out, since not every kernel has VLAN devices. Lasts as long as the result.
pub(crate) fn push_vlan_tags(interface: &str, tci: u8) -> OwnedFd {
    // An instruction is: code, registers, offset (2 bytes), immediate (4 bytes), here as on
    // little-endian machines.
    const VLAN_PUSH: u8 = 18; // bpf_skb_vlan_push(ctx = r1, proto = r2, tci = r3)
    let program: [[u8; 8]; 5] = [
        [0xb7, 2, 0, 0, 0x81, 0x00, 0, 0], // r2 = 0x8100 in network order
        [0xb7, 3, 0, 0, tci, 0, 0, 0],     // r3 = tci
        [0x85, 0, 0, 0, VLAN_PUSH, 0, 0, 0],
        [0xb7, 0, 0, 0, 0, 0, 0, 0], // r0 = TCX_PASS
        [0x95, 0, 0, 0, 0, 0, 0, 0], // return r0
    ];
    // SAFETY: the strings are NUL-terminated, and `program` holds as many instructions
    // of 8 bytes as stated; null options are allowed.
    let fd = unsafe {
        libbpf_sys::bpf_prog_load(
            libbpf_sys::BPF_PROG_TYPE_SCHED_CLS,
            c"push".as_ptr(),
            c"GPL".as_ptr(),
            program.as_ptr().cast(),
            program.len() as libbpf_sys::size_t,
            std::ptr::null_mut(),
        )
    };
    assert!(fd >= 0, "{}", io::Error::from_raw_os_error(-fd));
    // SAFETY: the kernel has just opened `fd` for us.
    let loaded = unsafe { OwnedFd::from_raw_fd(fd) };
    let name = CString::new(interface).expect("a name without NUL");
    // SAFETY: `name` is NUL-terminated and outlives the call.
    let ifindex = unsafe { libc::if_nametoindex(name.as_ptr()) };
    // SAFETY: takes no pointers but the options, for which null is allowed.
    let link = unsafe {
        libbpf_sys::bpf_link_create(
            loaded.as_raw_fd(),
            ifindex.cast_signed(),
            libbpf_sys::BPF_TCX_EGRESS,
            std::ptr::null(),
        )
    };
    assert!(link >= 0, "{}", io::Error::from_raw_os_error(-link));
    // SAFETY: the kernel has just opened `link` for us.
    unsafe { OwnedFd::from_raw_fd(link) }
}
