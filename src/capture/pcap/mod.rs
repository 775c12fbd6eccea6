//! Capture files as a source of frames.
//!
//! ```text
//! input      a file or stream: pcap or pcapng, recognised by content
//! window     its bytes: a mapping, or chunks that a reader thread (feed) delivers
//! legacy, ng what a record or block says                  → Record
//! here       several inputs as one timeline               → Captured<PcapFrame>
//! ```
//!
//! Frames of plain files are views of the mapping; nothing is copied and nothing
//! allocated for a frame. Compressed files and pipes pass through chunks of
//! 64 KiB of which a few exist at a time, however long the input is.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, Read};
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{Captured, Frame, Interrupted, Polled, Source, Stamp, StampSource};
use crate::error::SetupError;
use input::Input;
use record::{Next, Record};

mod archive;
mod decompress;
mod feed;
mod input;
mod legacy;
mod link;
mod ng;
mod record;
mod ticks;
mod window;

/// Frames that one call of [`Source::poll`] appends at most.
pub const BATCH_FRAMES: usize = 256;

/// The name of standard input, as an argument and in [`Source::interfaces`].
pub const STDIN: &str = "-";

/// A frame of a capture file.
#[derive(Clone, Debug)]
pub struct PcapFrame {
    bytes: Bytes,
    /// It is a view of a chunk of a stream, which stays as long as the frame does.
    in_chunk: bool,
}

impl PcapFrame {
    /// One that no file holds: it was made of what files hold.
    pub(super) fn made(bytes: Bytes) -> Self {
        Self {
            bytes,
            in_chunk: false,
        }
    }
}

impl AsRef<[u8]> for PcapFrame {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Frame for PcapFrame {
    /// Moves the frame of a stream out of its chunk: a few small frames held for
    /// long would otherwise keep far more memory than they need.
    fn mark_held(&mut self) {
        if std::mem::take(&mut self.in_chunk) {
            self.bytes = Bytes::copy_from_slice(&self.bytes);
        }
    }
}

/// Frames of a pcapng interface that were passed over for their link type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Which of [`Source::interfaces`] they are in.
    pub interface: u16,
    /// The number of the link type (<https://www.tcpdump.org/linktypes.html>).
    pub link_type: u16,
    /// Its name, or "unnamed".
    pub name: &'static str,
    /// How many.
    pub frames: u64,
}

/// Capture files, merged into one timeline.
#[derive(Debug)]
pub struct PcapSource {
    names: Vec<String>,
    inputs: Vec<Input>,
    /// The next frame of each input.
    heads: Vec<Option<Record>>,
    /// Inputs with a next frame, the oldest on top; at equal times the first input.
    order: BinaryHeap<Reverse<(u64, usize)>>,
    /// Inputs whose next frame is still to be read. Nothing can be delivered before it is known.
    awaited: Vec<usize>,
    /// A broken input, told after the frames that came before it.
    broken: Option<Interrupted>,
}

impl PcapSource {
    /// Opens capture files; `-` is standard input.
    ///
    /// Waits for the first bytes of pipes.
    ///
    /// # Errors
    /// A file is missing, cannot be read, is no capture or has a link type that bgptap does not read.
    pub fn open<P: AsRef<Path>>(paths: &[P]) -> Result<Self, SetupError> {
        let inputs = paths.iter().map(AsRef::as_ref).map(|path| {
            let input = if path.as_os_str() == STDIN {
                Input::stream(path, io::stdin(), None)
            } else {
                Input::open(path)
            };
            input.map(|input| (path.display().to_string(), input))
        });
        Self::merge(inputs)
    }

    /// Reads a capture from a stream that is already open. `name` stands for it in messages.
    ///
    /// # Errors
    /// The stream cannot be read, is no capture or has a link type that bgptap does not read.
    pub fn from_reader(name: &str, reader: impl Read + Send + 'static) -> Result<Self, SetupError> {
        let input = Input::stream(Path::new(name), reader, None);
        Self::merge(std::iter::once(input.map(|input| (name.to_owned(), input))))
    }

    fn merge(
        opened: impl Iterator<Item = Result<(String, Input), SetupError>>,
    ) -> Result<Self, SetupError> {
        let (names, inputs): (Vec<_>, Vec<_>) =
            opened.collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
        let repeated_stdin = names.iter().filter(|name| *name == STDIN).count() > 1;
        if repeated_stdin || inputs.len() > usize::from(u16::MAX) {
            return Err(SetupError::Other {
                what: "reading the captures together".to_owned(),
                why: if repeated_stdin {
                    "standard input is named more than once".to_owned()
                } else {
                    format!("there are {} of them", inputs.len())
                },
                remedy: "name each once, or merge them with mergecap first".to_owned(),
            });
        }
        Ok(Self {
            heads: inputs.iter().map(|_| None).collect(),
            order: BinaryHeap::with_capacity(inputs.len()),
            awaited: (0..inputs.len()).rev().collect(),
            broken: None,
            names,
            inputs,
        })
    }

    /// Bytes read of all inputs and, unless a pipe is among them, bytes in all.
    ///
    /// They are bytes of the files as they lie on disk, compressed or not.
    #[must_use]
    pub fn progress(&self) -> (u64, Option<u64>) {
        self.inputs
            .iter()
            .map(Input::progress)
            .fold((0, Some(0)), |(done, total), (d, t)| {
                (done + d, total.zip(t).map(|(a, b)| a + b))
            })
    }

    /// Frames that were passed over so far, since bgptap does not read their link type.
    pub fn unreadable(&self) -> impl Iterator<Item = Unreadable> + '_ {
        self.inputs.iter().zip(0..).flat_map(|(input, interface)| {
            input.unreadable().iter().map(move |entry| Unreadable {
                interface,
                link_type: entry.link,
                name: link::name(u32::from(entry.link)),
                frames: entry.frames,
            })
        })
    }

    /// Reads the next frame of every input that lacks one; false if one has nothing yet.
    fn fetch(&mut self, deadline: Option<Instant>) -> Result<bool, Interrupted> {
        while let Some(&index) = self.awaited.last() {
            match self.inputs[index].next(deadline) {
                Ok(Next::Frame(record)) => {
                    self.order.push(Reverse((record.ns, index)));
                    self.heads[index] = Some(record);
                }
                Ok(Next::Pending) => return Ok(false),
                Ok(Next::End) => {}
                Err(damage) => {
                    self.awaited.pop();
                    return Err(Interrupted {
                        source_name: self.names[index].clone(),
                        why: damage.to_string(),
                    });
                }
            }
            self.awaited.pop();
        }
        Ok(true)
    }

    /// The oldest of the next frames.
    fn take_oldest(&mut self) -> Option<Captured<PcapFrame>> {
        let Reverse((ns, index)) = self.order.pop()?;
        self.awaited.push(index);
        let record = self.heads[index].take()?;
        Some(Captured {
            frame: PcapFrame {
                bytes: record.bytes,
                in_chunk: self.inputs[index].is_streamed(),
            },
            stamp: Stamp {
                ns,
                source: StampSource::File,
            },
            link: record.link,
            wire_len: record.wire_len,
            interface: u16::try_from(index).unwrap_or(u16::MAX),
            vlan: None,
            continues: false,
        })
    }
}

impl Source for PcapSource {
    type Frame = PcapFrame;

    fn poll(
        &mut self,
        batch: &mut Vec<Captured<PcapFrame>>,
        wait: Duration,
    ) -> Result<Polled, Interrupted> {
        if let Some(broken) = self.broken.take() {
            return Err(broken);
        }
        let now = Instant::now();
        // A wait beyond the clock's range is one without end.
        let mut deadline = now.checked_add(wait);
        let mut polled = Polled::End;
        for _ in 0..BATCH_FRAMES {
            match self.fetch(deadline) {
                Ok(true) => {}
                Ok(false) if polled == Polled::End => return Ok(Polled::Idle),
                Ok(false) => break,
                Err(broken) if polled == Polled::End => return Err(broken),
                Err(broken) => {
                    self.broken = Some(broken);
                    break;
                }
            }
            let Some(frame) = self.take_oldest() else {
                break;
            };
            batch.push(frame);
            polled = Polled::Frames;
            // Frames at hand are not kept waiting for others.
            deadline = Some(now);
        }
        Ok(polled)
    }

    fn interfaces(&self) -> &[String] {
        &self.names
    }
}
