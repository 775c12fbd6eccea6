//! The program in the kernel, with its maps; not yet on an interface.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::Duration;

use libbpf_rs::{MapCore, MapFlags, MapImpl, Object, ObjectBuilder, OpenObject, ProgramInput};

use crate::abi::{QUEUES_MAX, config};
use crate::log::captured;
use crate::{Counters, Error, Options, Program};

const PLAIN: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/plain.bpf.o"));
const BASELINE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/baseline.bpf.o"));
const BASIC: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/basic.bpf.o"));
const KFUNCS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/kfuncs.bpf.o"));

const PROGRAM: &str = "bgptap_steer";

/// The steering program, verified and loaded.
///
/// By itself it does nothing: [`Attached`](crate::Attached) puts it on an
/// interface, [`test_run`](Self::test_run) shows what it does with one packet.
#[derive(Debug)]
pub struct Steering {
    object: Object,
}

/// What became of a packet in [`Steering::test_run`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// `enum xdp_action` of the kernel: 1 drop, 2 pass, 4 redirect.
    pub action: u32,
    /// The packet afterwards, with its metadata in front.
    pub packet: Vec<u8>,
}

impl Steering {
    /// Loads the variant without kfuncs, which runs on every interface and in every mode.
    ///
    /// # Errors
    /// If the kernel refuses the program, or the process lacks capabilities.
    pub fn plain(options: &Options) -> Result<Self, Error> {
        Self::load(PLAIN, options, None)
    }

    /// Loads the variant for old kernels, which runs everywhere too.
    ///
    /// # Errors
    /// As for [`Self::plain`].
    pub fn basic(options: &Options) -> Result<Self, Error> {
        Self::load(BASIC, options, None)
    }

    /// Whether a variant that takes packets in several buffers may be used, and the kernel loads it.
    #[must_use]
    pub fn takes_several_buffers(options: &Options) -> bool {
        let allowed = options.program != Some(Program::Basic)
            && options
                .pretend
                .is_none_or(|release| release >= Program::Plain.since());
        allowed && Self::plain(options).is_ok()
    }

    /// Loads a variant for one interface. That with kfuncs can only be attached there, in native mode.
    pub(crate) fn for_device(
        program: Program,
        options: &Options,
        ifindex: u32,
    ) -> Result<Self, Error> {
        match program {
            Program::Kfuncs => Self::load(KFUNCS, options, Some(ifindex)),
            Program::Plain => Self::plain(options),
            Program::Basic => Self::basic(options),
        }
    }

    fn load(elf: &[u8], options: &Options, device: Option<u32>) -> Result<Self, Error> {
        const STEP: &str = "load the XDP program";
        let (loaded, log) = captured(|| -> libbpf_rs::Result<Object> {
            let mut open = ObjectBuilder::default().name("bgptap")?.open_memory(elf)?;
            set_config(&mut open, options)?;
            if let Some(ifindex) = device {
                bind_to_device(&mut open, ifindex);
            }
            open.load()
        });
        let object = loaded.map_err(|e| Error::kernel(STEP, with_log(&e, &log)))?;
        Ok(Self { object })
    }

    /// Lets the AF_XDP socket `fd`, bound to `queue`, receive the BGP of that queue.
    ///
    /// The kernel takes the socket out of the map when it is closed.
    ///
    /// # Errors
    /// If the queue is beyond the map, or `fd` no AF_XDP socket with rings.
    pub fn insert_socket(&self, queue: u32, fd: BorrowedFd<'_>) -> Result<(), Error> {
        const STEP: &str = "insert a socket into the XSKMAP";
        if queue >= QUEUES_MAX {
            let why = format!("queue {queue} is beyond the {QUEUES_MAX} queues of the map");
            return Err(Error {
                remedy: "reduce the queues of the interface: ethtool -L IF combined N".into(),
                ..Error::kernel(STEP, why)
            });
        }
        let value = fd.as_raw_fd().to_ne_bytes();
        self.map("xsks")?
            .update(&queue.to_ne_bytes(), &value, MapFlags::ANY)
            .map_err(|e| Error::kernel(STEP, format!("queue {queue}: {e:#}")))
    }

    /// What the program counted since it was loaded, summed over all CPUs.
    ///
    /// # Errors
    /// If the kernel refuses to read the map.
    pub fn counters(&self) -> Result<Counters, Error> {
        const STEP: &str = "read the counters";
        let rows = self
            .map("counts")?
            .lookup_percpu(&0u32.to_ne_bytes(), MapFlags::ANY)
            .map_err(|e| Error::kernel(STEP, format!("{e:#}")))?;
        let mut counters = Counters::default();
        for row in rows.iter().flatten() {
            counters.add_cpu(row);
        }
        Ok(counters)
    }

    /// Runs the program on one packet of at least 14 bytes, as if it came in on queue 0.
    ///
    /// # Errors
    /// If the kernel refuses, as it does for a program that is bound to a device.
    pub fn test_run(&self, packet: &[u8]) -> Result<Verdict, Error> {
        const STEP: &str = "run the XDP program on a packet";
        let mut out = vec![0; packet.len() + crate::META_LEN];
        let program = self.program(STEP)?;
        let output = program
            .test_run(ProgramInput {
                data_in: Some(packet),
                data_out: Some(&mut out),
                ..Default::default()
            })
            .map_err(|e| Error::kernel(STEP, format!("{e:#}")))?;
        Ok(Verdict {
            action: output.return_value,
            packet: output.data.map(|d| d.to_vec()).unwrap_or_default(),
        })
    }

    /// The mean time of the program on one packet, over `times` runs in the kernel.
    ///
    /// # Errors
    /// As for [`Self::test_run`].
    pub fn cost(&self, packet: &[u8], times: u32) -> Result<Duration, Error> {
        cost(&self.object, packet, times)
    }

    /// Calls `with` with the program's file descriptor.
    pub(crate) fn with_fd<T>(
        &self,
        step: &'static str,
        with: impl FnOnce(BorrowedFd<'_>) -> T,
    ) -> Result<T, Error> {
        Ok(with(self.program(step)?.as_fd()))
    }

    fn program(&self, step: &'static str) -> Result<libbpf_rs::ProgramMut<'_>, Error> {
        program(&self.object, step)
    }

    fn map(&self, name: &'static str) -> Result<MapImpl<'_>, Error> {
        self.object
            .maps()
            .find(|m| m.name() == name)
            .ok_or_else(|| Error::kernel("find a map", format!("the object has no {name}")))
    }
}

/// A program that does nothing but read the EtherType: what [`Steering::cost`] is measured by.
#[derive(Debug)]
pub struct Baseline {
    object: Object,
}

impl Baseline {
    /// Loads it.
    ///
    /// # Errors
    /// If the kernel refuses the program, or the process lacks capabilities.
    pub fn load() -> Result<Self, Error> {
        let open = ObjectBuilder::default().open_memory(BASELINE);
        let object = open.and_then(OpenObject::load);
        let failed = |e| Error::kernel("load the baseline program", format!("{e:#}"));
        Ok(Self {
            object: object.map_err(failed)?,
        })
    }

    /// As [`Steering::cost`].
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn cost(&self, packet: &[u8], times: u32) -> Result<Duration, Error> {
        cost(&self.object, packet, times)
    }
}

fn cost(object: &Object, packet: &[u8], times: u32) -> Result<Duration, Error> {
    const STEP: &str = "time the XDP program";
    let output = program(object, STEP)?
        .test_run(ProgramInput {
            data_in: Some(packet),
            repeat: times,
            ..Default::default()
        })
        .map_err(|e| Error::kernel(STEP, format!("{e:#}")))?;
    Ok(output.duration)
}

fn program<'o>(object: &'o Object, step: &'static str) -> Result<libbpf_rs::ProgramMut<'o>, Error> {
    object
        .progs_mut()
        .find(|p| p.name() == PROGRAM)
        .ok_or_else(|| Error::kernel(step, "the object has no such program"))
}

/// The `config` of the program is all of its `.rodata`.
fn set_config(open: &mut OpenObject, options: &Options) -> libbpf_rs::Result<()> {
    open.maps_mut()
        .find(|m| m.name().to_string_lossy().ends_with(".rodata"))
        .ok_or_else(|| libbpf_rs::Error::from_raw_os_error(libc::ENOENT))?
        .set_initial_value(&config(options))
}

fn bind_to_device(open: &mut OpenObject, ifindex: u32) {
    for mut program in open.progs_mut() {
        program.set_ifindex(ifindex);
        program.set_flags(libbpf_sys::BPF_F_XDP_DEV_BOUND_ONLY | libbpf_sys::BPF_F_XDP_HAS_FRAGS);
    }
}

/// The error and, where libbpf had more to say, the end of its log.
fn with_log(error: &libbpf_rs::Error, log: &str) -> String {
    if log.is_empty() {
        format!("{error:#}")
    } else {
        format!("{error:#}: {log}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    /// `BPF_FUNC_…` that a loaded program calls (include/uapi/linux/bpf.h): they are numbered by age.
    fn helpers(steering: &Steering) -> Vec<i32> {
        const CALL: u8 = 0x85;
        let program = steering.program("test").expect("it was loaded");
        let calls = program.insns().iter().filter(|insn| insn.code == CALL);
        // Source register 1 is a call within the program, 2 one of a kfunc.
        calls
            .filter(|insn| insn.src_reg() == 0)
            .map(|insn| insn.imm)
            .collect()
    }

    /// No older kernel is at hand to load it: it must not call what that would not know.
    #[test]
    fn the_basic_program_calls_only_what_linux_5_15_has() {
        const NEWEST_OF_5_15: i32 = 175; // BPF_FUNC_task_pt_regs
        const KTIME_GET_TAI_NS: i32 = 208; // Linux 6.1
        let [basic, plain] =
            [Steering::basic, Steering::plain].map(|load| load(&Options::default()));
        let (basic, plain) = match (basic, plain) {
            (Ok(basic), Ok(plain)) => (helpers(&basic), helpers(&plain)),
            (Err(error), _) | (_, Err(error)) => {
                let required = std::env::var_os("BGPTAP_REQUIRE_ALL").is_some();
                assert!(error.kind == ErrorKind::NoPrivilege && !required, "{error}");
                println!("skipped: loading a program needs root");
                return;
            }
        };
        assert!(plain.contains(&KTIME_GET_TAI_NS), "{plain:?}");
        assert!(basic.len() >= 5, "{basic:?}");
        assert!(
            basic.iter().all(|id| (1..=NEWEST_OF_5_15).contains(id)),
            "{basic:?}"
        );
    }
}
