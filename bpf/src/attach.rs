//! Loading and attaching.

use crate::{Counters, Error, interface_index};
use libbpf_rs::{MapCore, MapFlags, Object, ObjectBuilder, PrintLevel, ProgramMut};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::{Mutex, PoisonError};

/// The compiled program without kfuncs: the one that can be run on test packets.
const PLAIN_OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/steer_plain.o"));
const KFUNCS_OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/steer_kfuncs.o"));

/// linux/if_link.h
const XDP_FLAGS_SKB_MODE: u32 = 1 << 1;
const XDP_FLAGS_DRV_MODE: u32 = 1 << 2;
/// linux/bpf.h
const BPF_F_XDP_HAS_FRAGS: u32 = 1 << 5;
const BPF_F_XDP_DEV_BOUND_ONLY: u32 = 1 << 6;
const XDP_DROP: u32 = 1;

/// Where the program is to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// In the driver, or generic where the driver cannot.
    Auto,
    /// In the driver only.
    Native,
    /// Generic only.
    Skb,
}

/// How the program is loaded.
#[derive(Clone, Debug)]
pub struct Options {
    /// TCP ports to steer.
    pub ports: Vec<u16>,
    /// Drop everything else instead of passing it to the host.
    pub drop_foreign: bool,
    /// Where it is to run.
    pub mode: Mode,
}

/// The program on an interface. Dropping it takes the program off.
pub struct Steering {
    object: Object,
    interface: String,
    link: OwnedFd,
    native: bool,
    kfuncs: bool,
    refusals: Vec<String>,
}

/// One way of loading and attaching.
struct Attempt {
    name: &'static str,
    kfuncs: bool,
    flags: u32,
}

const ATTEMPTS: [Attempt; 3] = [
    Attempt {
        name: "native with kfuncs",
        kfuncs: true,
        flags: XDP_FLAGS_DRV_MODE,
    },
    Attempt {
        name: "native",
        kfuncs: false,
        flags: XDP_FLAGS_DRV_MODE,
    },
    Attempt {
        name: "skb",
        kfuncs: false,
        flags: XDP_FLAGS_SKB_MODE,
    },
];

impl Steering {
    /// Loads the program and attaches it: in the driver with kfuncs, in the driver without, generic;
    /// the first that `options` allow and the kernel takes.
    ///
    /// # Errors
    /// No way worked; the error is that of the last one, or of the first where the cause will
    /// not change (rights, an occupied interface).
    pub fn attach(interface: &str, options: &Options) -> Result<Self, Error> {
        let index = interface_index(interface)?;
        refuse_occupied(interface)?;
        let mut refusals = Vec::new();
        let mut last = None;
        for attempt in ATTEMPTS {
            let native = attempt.flags == XDP_FLAGS_DRV_MODE;
            let wanted = match options.mode {
                Mode::Auto => true,
                Mode::Native => native,
                Mode::Skb => !native,
            };
            if !wanted {
                continue;
            }
            match try_attach(interface, index, options, &attempt) {
                Ok((object, link)) => {
                    return Ok(Self {
                        object,
                        interface: interface.to_owned(),
                        link,
                        native,
                        kfuncs: attempt.kfuncs,
                        refusals,
                    });
                }
                Err(error) => {
                    let hopeless =
                        matches!(error.cause.raw_os_error(), Some(libc::EPERM | libc::EBUSY));
                    refusals.push(format!("{}: {error}", attempt.name));
                    last = Some(error);
                    if hopeless {
                        break;
                    }
                }
            }
        }
        Err(last.unwrap_or_else(|| {
            Error::new("attaching", interface, io::ErrorKind::Unsupported.into())
        }))
    }

    /// It runs in the driver, not generically.
    #[must_use]
    pub fn is_native(&self) -> bool {
        self.native
    }

    /// It asks the driver for hardware timestamps and VLAN tags.
    #[must_use]
    pub fn has_kfuncs(&self) -> bool {
        self.kfuncs
    }

    /// The ways that were tried before and refused, with the reasons.
    #[must_use]
    pub fn refusals(&self) -> &[String] {
        &self.refusals
    }

    /// Sends the BGP of a queue to a socket.
    ///
    /// # Errors
    /// The queue's number is too high, or the descriptor is no AF_XDP socket.
    pub fn insert_socket(&self, queue: u32, socket: BorrowedFd<'_>) -> Result<(), Error> {
        let failed = |cause| Error::new("putting a socket into the XSKMAP", &self.interface, cause);
        let descriptor = u32::try_from(socket.as_raw_fd())
            .map_err(|_| failed(io::ErrorKind::InvalidInput.into()))?;
        self.map("sockets")?
            .update(
                &queue.to_ne_bytes(),
                &descriptor.to_ne_bytes(),
                MapFlags::ANY,
            )
            .map_err(|error| failed(os_error(&error)))
    }

    /// What was counted since it was loaded.
    ///
    /// # Errors
    /// The map cannot be read.
    pub fn counters(&self) -> Result<Counters, Error> {
        let failed = |cause| Error::new("reading the counters", &self.interface, cause);
        let per_cpu = self
            .map("counters")?
            .lookup_percpu(&0u32.to_ne_bytes(), MapFlags::ANY)
            .map_err(|error| failed(os_error(&error)))?
            .unwrap_or_default();
        Ok(Counters::sum(&per_cpu))
    }

    /// Takes the program off the interface and keeps its counters: what has been steered is then
    /// in the rings, and nothing more comes.
    ///
    /// # Errors
    /// The kernel refused.
    pub fn detach(&self) -> Result<(), Error> {
        // SAFETY: the descriptor is that of the link, which `self` owns.
        let status = unsafe { libbpf_sys::bpf_link_detach(self.link.as_raw_fd()) };
        if status == 0 {
            return Ok(());
        }
        Err(Error::new(
            "detaching",
            &self.interface,
            io::Error::last_os_error(),
        ))
    }

    fn map(&self, name: &str) -> Result<libbpf_rs::Map<'_>, Error> {
        find_map(&self.object, name).ok_or_else(|| {
            Error::new(
                "finding a map",
                &self.interface,
                io::ErrorKind::NotFound.into(),
            )
        })
    }
}

fn find_map<'a>(object: &'a Object, name: &str) -> Option<libbpf_rs::Map<'a>> {
    object.maps().find(|map| map.name() == name)
}

fn try_attach(
    interface: &str,
    index: u32,
    options: &Options,
    attempt: &Attempt,
) -> Result<(Object, OwnedFd), Error> {
    let bytes = if attempt.kfuncs {
        KFUNCS_OBJECT
    } else {
        PLAIN_OBJECT
    };
    let bound = attempt.kfuncs.then_some(index);
    let (object, log) = with_log(|| load(bytes, options, bound));
    let object = object
        .map_err(|cause| Error::new("loading the XDP program", interface, cause).with_log(log))?;
    let program = program(&object).ok_or_else(|| {
        Error::new(
            "loading the XDP program",
            interface,
            io::ErrorKind::NotFound.into(),
        )
    })?;
    let (link, log) = with_log(|| link(program.as_fd(), index, attempt.flags));
    let link = link
        .map_err(|cause| Error::new("attaching the XDP program", interface, cause).with_log(log))?;
    Ok((object, link))
}

fn program(object: &Object) -> Option<ProgramMut<'_>> {
    object.progs_mut().find(|program| program.name() == "steer")
}

/// Loads an object; bound to a device where `bound` names one.
fn load(bytes: &[u8], options: &Options, bound: Option<u32>) -> io::Result<Object> {
    let mut open = ObjectBuilder::default()
        .open_memory(bytes)
        .map_err(|error| os_error(&error))?;
    if options.drop_foreign {
        for mut map in open.maps_mut() {
            let is_config = map.name().to_string_lossy().contains("rodata");
            if let Some(value) = map
                .initial_value_mut()
                .filter(|value| is_config && value.len() >= 4)
            {
                value[..4].copy_from_slice(&XDP_DROP.to_ne_bytes());
            }
        }
    }
    if let Some(index) = bound {
        for mut program in open.progs_mut() {
            program.set_ifindex(index);
            program.set_flags(BPF_F_XDP_DEV_BOUND_ONLY | BPF_F_XDP_HAS_FRAGS);
        }
    }
    let object = open.load().map_err(|error| os_error(&error))?;
    set_ports(&object, &options.ports)?;
    Ok(object)
}

/// Loads the plain program without attaching it, for running it on test packets.
///
/// # Errors
/// The kernel refused it.
#[doc(hidden)]
pub fn load_plain(options: &Options) -> io::Result<Object> {
    load(PLAIN_OBJECT, options, None)
}

fn set_ports(object: &Object, ports: &[u16]) -> io::Result<()> {
    let mut bitmap = vec![0u8; 65_536 / 8];
    for port in ports {
        bitmap[usize::from(port >> 3)] |= 1 << (port & 7);
    }
    find_map(object, "ports")
        .ok_or(io::ErrorKind::NotFound)?
        .update(&0u32.to_ne_bytes(), &bitmap, MapFlags::ANY)
        .map_err(|error| os_error(&error))
}

/// Attaches by a link in the given mode. libbpf-rs makes links but takes no mode, hence the raw call.
fn link(program: BorrowedFd<'_>, index: u32, flags: u32) -> io::Result<OwnedFd> {
    let mut options = libbpf_sys::bpf_link_create_opts {
        sz: size_of::<libbpf_sys::bpf_link_create_opts>() as libbpf_sys::size_t,
        flags,
        ..Default::default()
    };
    let target = i32::try_from(index).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: the program's descriptor is open, and `options` is initialised and as long as `sz` says.
    let link = unsafe {
        libbpf_sys::bpf_link_create(
            program.as_raw_fd(),
            target,
            libbpf_sys::BPF_XDP,
            &raw mut options,
        )
    };
    if link < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor was just made and belongs to nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(link) })
}

/// Refuses an interface that has an XDP program already.
///
/// # Errors
/// There is one, or the interface cannot be asked.
pub fn refuse_occupied(interface: &str) -> Result<(), Error> {
    let Some(program) = occupant(interface)? else {
        return Ok(());
    };
    let busy = io::Error::from_raw_os_error(libc::EBUSY);
    Err(Error::new("attaching the XDP program", interface, busy)
        .with_log(format!("program id {program} is there")))
}

/// The XDP program that is attached to an interface, if any: its id.
///
/// # Errors
/// There is no such interface, or the kernel cannot be asked.
pub fn occupant(interface: &str) -> Result<Option<u32>, Error> {
    let index = interface_index(interface)?;
    let mut options = libbpf_sys::bpf_xdp_query_opts {
        sz: size_of::<libbpf_sys::bpf_xdp_query_opts>() as libbpf_sys::size_t,
        ..Default::default()
    };
    let target = i32::try_from(index).unwrap_or(0);
    // SAFETY: `options` is initialised and as long as `sz` says.
    let status = unsafe { libbpf_sys::bpf_xdp_query(target, 0, &raw mut options) };
    if status < 0 {
        let cause = io::Error::from_raw_os_error(-status);
        return Err(Error::new("asking for XDP programs", interface, cause));
    }
    let ids = [
        options.prog_id,
        options.drv_prog_id,
        options.skb_prog_id,
        options.hw_prog_id,
    ];
    Ok(ids.into_iter().find(|id| *id != 0))
}

fn os_error(error: &libbpf_rs::Error) -> io::Error {
    let mut source: Option<&dyn std::error::Error> = Some(error);
    while let Some(current) = source {
        if let Some(code) = current
            .downcast_ref::<io::Error>()
            .and_then(io::Error::raw_os_error)
        {
            return io::Error::from_raw_os_error(code);
        }
        source = current.source();
    }
    match error.kind() {
        libbpf_rs::ErrorKind::PermissionDenied => io::Error::from_raw_os_error(libc::EPERM),
        libbpf_rs::ErrorKind::InvalidInput => io::Error::from_raw_os_error(libc::EINVAL),
        _ => io::Error::other(error.to_string()),
    }
}

/// What libbpf would print; it goes into errors instead.
static LOG: Mutex<String> = Mutex::new(String::new());
/// One libbpf call at a time has the log.
static LOG_USER: Mutex<()> = Mutex::new(());
const LOG_LINES: usize = 3;

fn with_log<T>(work: impl FnOnce() -> T) -> (T, String) {
    let _turn = LOG_USER.lock().unwrap_or_else(PoisonError::into_inner);
    LOG.lock().unwrap_or_else(PoisonError::into_inner).clear();
    let before = libbpf_rs::set_print(Some((PrintLevel::Warn, keep)));
    let result = work();
    libbpf_rs::set_print(before);
    let log = LOG.lock().unwrap_or_else(PoisonError::into_inner);
    let mut lines: Vec<&str> = log.lines().filter(|line| !line.trim().is_empty()).collect();
    lines.drain(..lines.len().saturating_sub(LOG_LINES));
    let text = lines.join("; ");
    (result, text)
}

#[allow(clippy::needless_pass_by_value)] // the signature is libbpf-rs'
fn keep(_: PrintLevel, text: String) {
    LOG.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push_str(&text);
}
