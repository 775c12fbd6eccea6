//! The program on an interface, by a link that ends with the process.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use crate::query::{ifindex, refuse_occupied};
use crate::{Counters, Error, ErrorKind, Mode, Options, Program, Steering};

const ATTACH: &str = "attach the XDP program";

/// The steering program at work on an interface.
///
/// Dropping it detaches the program. The kernel does the same when the process
/// ends in whatever way, SIGKILL included: the link lives as long as its file
/// descriptor. Drop it before the sockets close, so that no packet is
/// redirected to a socket that is going away.
#[derive(Debug)]
pub struct Attached {
    // Declared first: the link goes before the program and its maps.
    link: OwnedFd,
    steering: Steering,
    native: bool,
    program: Program,
    failures: Vec<String>,
}

/// One way to put the program on an interface.
#[derive(Clone, Copy)]
struct Way {
    name: &'static str,
    native: bool,
    program: Program,
}

/// From the best to the one that always works.
const WAYS: [Way; 5] = [
    Way {
        name: "native mode with hardware metadata",
        native: true,
        program: Program::Kfuncs,
    },
    Way {
        name: "native mode",
        native: true,
        program: Program::Plain,
    },
    Way {
        name: "native mode with the basic program",
        native: true,
        program: Program::Basic,
    },
    Way {
        name: "SKB mode",
        native: false,
        program: Program::Plain,
    },
    Way {
        name: "SKB mode with the basic program",
        native: false,
        program: Program::Basic,
    },
];

impl Way {
    fn allowed_by(self, options: &Options) -> bool {
        let mode = match options.mode {
            Mode::Auto => true,
            Mode::Native => self.native,
            Mode::Skb => !self.native,
        };
        mode && options.program.is_none_or(|only| only == self.program)
    }
}

impl Attached {
    /// Loads the program and attaches it to `interface`, in the best way that `options.mode`
    /// allows and the driver accepts.
    ///
    /// # Errors
    /// [`ErrorKind::NoSuchInterface`]; [`ErrorKind::Occupied`] if another XDP program is there,
    /// which stays untouched; [`ErrorKind::NoPrivilege`]; [`ErrorKind::Kernel`] if every way
    /// failed, with the text of each failure.
    pub fn load(interface: &str, options: &Options) -> Result<Self, Error> {
        let ifindex = ifindex(interface)?;
        refuse_occupied(interface)?;
        let mut failures = Vec::new();
        for way in WAYS.into_iter().filter(|w| w.allowed_by(options)) {
            match attach(way, ifindex, options) {
                Ok((steering, link)) => {
                    return Ok(Self {
                        link,
                        steering,
                        native: way.native,
                        program: way.program,
                        failures,
                    });
                }
                Err(e) if e.kind == ErrorKind::NoPrivilege => return Err(e),
                Err(e) => failures.push(format!("{}: {}: {}", way.name, e.step, e.why)),
            }
            // Someone was faster: the other ways would only hide that.
            refuse_occupied(interface)?;
        }
        if failures.is_empty() {
            failures.push("the program with kfuncs is for native mode".into());
        }
        Err(Error::kernel(ATTACH, failures.join("; ")))
    }

    /// Whether the program runs in the driver rather than on skbs.
    #[must_use]
    pub fn native(&self) -> bool {
        self.native
    }

    /// Whether the program asks the driver for timestamps and stripped VLAN tags.
    #[must_use]
    pub fn kfuncs(&self) -> bool {
        self.program == Program::Kfuncs
    }

    /// Which variant of the program it is.
    #[must_use]
    pub fn program(&self) -> Program {
        self.program
    }

    /// What was tried before and failed: one text for each better way.
    #[must_use]
    pub fn failures(&self) -> &[String] {
        &self.failures
    }

    /// Takes the program off the interface and keeps its counters: what has been steered is then
    /// in the rings, and nothing more comes.
    ///
    /// # Errors
    /// The kernel refused.
    pub fn detach(&self) -> Result<(), Error> {
        // SAFETY: no pointer is passed; the descriptor is that of the link, which `self` owns.
        let status = unsafe { libbpf_sys::bpf_link_detach(self.link.as_raw_fd()) };
        if status == 0 {
            return Ok(());
        }
        let why = io::Error::last_os_error().to_string();
        Err(Error::kernel("detach the XDP program", why))
    }

    /// See [`Steering::insert_socket`].
    ///
    /// # Errors
    /// If the queue is beyond the map, or `fd` no AF_XDP socket with rings.
    pub fn insert_socket(&self, queue: u32, fd: BorrowedFd<'_>) -> Result<(), Error> {
        self.steering.insert_socket(queue, fd)
    }

    /// See [`Steering::counters`].
    ///
    /// # Errors
    /// If the kernel refuses to read the map.
    pub fn counters(&self) -> Result<Counters, Error> {
        self.steering.counters()
    }
}

impl Drop for Attached {
    /// Closing the link would do, but a child that another thread has just forked holds a copy
    /// of it until it executes its program.
    fn drop(&mut self) {
        let _ = self.detach();
    }
}

fn attach(way: Way, ifindex: u32, options: &Options) -> Result<(Steering, OwnedFd), Error> {
    if let Some((major, minor)) = options.pretend.filter(|it| *it < way.program.since()) {
        let why = format!("Linux {major}.{minor}, as it is to be, does not load it");
        return Err(Error::kernel(ATTACH, why));
    }
    let steering = Steering::for_device(way.program, options, ifindex)?;
    let flags = if way.native {
        libbpf_sys::XDP_FLAGS_DRV_MODE
    } else {
        libbpf_sys::XDP_FLAGS_SKB_MODE
    };
    let link = steering
        .with_fd(ATTACH, |program| create_link(program, ifindex, flags))?
        .map_err(|e| Error::kernel(ATTACH, e.to_string()))?;
    Ok((steering, link))
}

/// A BPF link with a mode, for which libbpf has no function of higher level.
fn create_link(program: BorrowedFd<'_>, ifindex: u32, flags: u32) -> io::Result<OwnedFd> {
    let opts = libbpf_sys::bpf_link_create_opts {
        sz: size_of::<libbpf_sys::bpf_link_create_opts>() as libbpf_sys::size_t,
        flags,
        ..Default::default()
    };
    // SAFETY: `program` is open for the call, and `opts` is valid for reads of the
    // size that it states; its pointers are null, its unions zero.
    let fd = unsafe {
        libbpf_sys::bpf_link_create(
            program.as_raw_fd(),
            ifindex.cast_signed(),
            libbpf_sys::BPF_XDP,
            &raw const opts,
        )
    };
    if fd < 0 {
        return Err(io::Error::from_raw_os_error(-fd));
    }
    // SAFETY: the kernel has just opened `fd` for us, close-on-exec, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
