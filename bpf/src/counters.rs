//! What the program counts, summed over the CPUs.

use crate::abi;

const COUNT: usize = abi::COUNTERS.len();

/// Frames by the way they went.
///
/// `seen` = `redirected` + the rest, except `meta_failed`, which counts steered frames a second time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters([u64; COUNT]);

impl Counters {
    /// Adds up the values of all CPUs: each `COUNT` numbers of eight bytes.
    pub(crate) fn sum(per_cpu: &[Vec<u8>]) -> Self {
        let mut sum = [0u64; COUNT];
        for cpu in per_cpu {
            for (total, bytes) in sum.iter_mut().zip(cpu.chunks_exact(8)) {
                *total += bytes.try_into().map_or(0, u64::from_ne_bytes);
            }
        }
        Self(sum)
    }

    /// A counter by its name in steer.h; 0 for a name that is not there.
    #[must_use]
    pub fn get(&self, name: &str) -> u64 {
        self.iter()
            .find(|(known, _)| *known == name)
            .map_or(0, |(_, count)| count)
    }

    /// Frames that reached the program.
    #[must_use]
    pub fn seen(&self) -> u64 {
        self.get("seen")
    }

    /// Frames that were handed to a socket.
    #[must_use]
    pub fn redirected(&self) -> u64 {
        self.get("redirected")
    }

    /// Frames that were not handed to a socket, by reason.
    pub fn other(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.iter()
            .filter(|(name, _)| !matches!(*name, "seen" | "redirected" | "meta_failed"))
    }

    /// All counters.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        abi::COUNTERS.into_iter().zip(self.0)
    }
}
