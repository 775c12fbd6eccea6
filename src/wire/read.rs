//! Reads from wire data that cannot run past its end.

use super::Skip;

/// The `N` bytes at `at`.
pub(super) fn array<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], Skip> {
    bytes
        .get(at..)
        .and_then(|rest| rest.first_chunk())
        .copied()
        .ok_or(Skip::Truncated)
}

/// The byte at `at`.
pub(super) fn byte(bytes: &[u8], at: usize) -> Result<u8, Skip> {
    bytes.get(at).copied().ok_or(Skip::Truncated)
}

/// The 16-bit number at `at`, in network byte order.
pub(super) fn u16_at(bytes: &[u8], at: usize) -> Result<u16, Skip> {
    array(bytes, at).map(u16::from_be_bytes)
}

/// The 32-bit number at `at`, in network byte order.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> Result<u32, Skip> {
    array(bytes, at).map(u32::from_be_bytes)
}
