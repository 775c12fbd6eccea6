//! A load generator: frames that the kernel makes from a template, as fast as it can.

mod header {
    //! What `build.rs` read in `load.h`.
    #![allow(dead_code)]
    include!(concat!(env!("OUT_DIR"), "/load.rs"));
}

use aya::maps::Array;
use aya::programs::{TestRun, TestRunAttrs, TestRunOptions, Xdp};
use aya::{Ebpf, EbpfLoader};

use crate::Error;

const OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/load.bpf.o"));
const STEP: &str = "generate load";

/// Frames that are made before they are sent: as many as NAPI takes at a time, so that the ring
/// of a veth, which has room for 256, is emptied before more come.
const BATCH: u32 = 64;

/// What is sent.
#[derive(Clone, Debug)]
pub struct Template<'a> {
    /// A frame with TCP in it, no longer than fits a page with its headroom (3,400 bytes).
    pub frame: &'a [u8],
    /// Where its TCP header begins.
    pub tcp: u32,
    /// Bytes of payload behind the TCP header.
    pub payload: u32,
    /// The frames are dealt out to so many streams, which differ in their source port.
    pub sessions: u32,
}

/// Sends frames by `BPF_PROG_TEST_RUN` with `BPF_F_TEST_XDP_LIVE_FRAMES` (Linux 5.18): without a
/// sender in user space, and without a socket.
///
/// In each stream each frame is the next segment. Checksums are those of the template.
#[derive(Debug)]
pub struct Load {
    ebpf: Ebpf,
    frame: Vec<u8>,
}

impl Load {
    /// Prepares to send out of the interface with the index `ifindex`, which must be in the
    /// network namespace of the calling thread, as for [`Load::send`]. The other end of a veth
    /// must have an XDP program to receive the frames.
    ///
    /// # Errors
    /// The kernel refused the program.
    pub fn new(ifindex: u32, template: &Template<'_>) -> Result<Self, Error> {
        let mut config = [0u8; header::LOAD_LEN as usize];
        for (offset, value) in [
            (header::LOAD_OFF_IFINDEX, ifindex),
            (header::LOAD_OFF_TCP, template.tcp),
            (header::LOAD_OFF_PAYLOAD, template.payload),
            (header::LOAD_OFF_SESSIONS, template.sessions),
        ] {
            let offset = offset as usize;
            if let Some(field) = config.get_mut(offset..offset + 4) {
                field.copy_from_slice(&value.to_ne_bytes());
            }
        }
        let mut ebpf = EbpfLoader::new()
            .override_global("load", config.as_slice(), true)
            .load(OBJECT)
            .map_err(|e| Error::kernel(STEP, e.to_string()))?;
        let program: &mut Xdp = ebpf
            .program_mut("bgptap_load")
            .and_then(|program| program.try_into().ok())
            .ok_or_else(|| Error::kernel(STEP, "the object has no such program"))?;
        program
            .load()
            .map_err(|e| Error::kernel(STEP, e.to_string()))?;
        Ok(Self {
            ebpf,
            frame: template.frame.to_vec(),
        })
    }

    /// Sends the next `frames` frames and returns when they have left. How many arrived is known
    /// where they arrive, and by the counters of the interface.
    ///
    /// # Errors
    /// The kernel refused, or a signal came.
    pub fn send(&self, frames: u32) -> Result<(), Error> {
        let program: &Xdp = self
            .ebpf
            .program("bgptap_load")
            .and_then(|program| program.try_into().ok())
            .ok_or_else(|| Error::kernel(STEP, "the object has no such program"))?;
        let options = TestRunOptions {
            data_in: Some(&self.frame),
            repeat: frames,
            attrs: TestRunAttrs::new().xdp_live_frames(BATCH),
            ..TestRunOptions::default()
        };
        let run = program.test_run(options);
        run.map(|_| ())
            .map_err(|e| Error::kernel(STEP, e.to_string()))
    }

    /// Frames made so far.
    ///
    /// # Errors
    /// If the kernel refuses to read the map.
    pub fn made(&self) -> Result<u64, Error> {
        let map = self.ebpf.map("made");
        let map = map.ok_or_else(|| Error::kernel(STEP, "the object has no such map"))?;
        Array::<_, u64>::try_from(map)
            .and_then(|made| made.get(&0, 0))
            .map_err(|e| Error::kernel(STEP, e.to_string()))
    }
}
