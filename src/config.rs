//! Limits and budgets, in one place.
//!
//! The command line is parsed in `cli`; what reaches the rest of the program is
//! one immutable [`Limits`].

use crate::bgp::{MessageSet, MessageType};
use crate::wire::FragmentLimits;
use std::time::Duration;

/// What is done about TCP checksums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Checksums {
    /// Nothing: segments are taken as they are.
    Off,
    /// A segment with a wrong one is passed over where most were right in its direction before; one
    /// that a card was to complete is taken.
    #[default]
    Auto,
    /// Only segments with right ones are taken.
    On,
}

/// Bounds on memory and time that the worker keeps, whatever arrives.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Frames that all streams together may hold out of order.
    pub held_frames_max: u32,
    /// Frames that one session (both directions) may hold out of order.
    pub held_frames_per_session_max: u32,
    /// Payload bytes that one direction may hold out of order.
    pub held_bytes_per_stream_max: u32,
    /// How long after the receiver has acknowledged past a hole a late copy of
    /// the missing bytes may still arrive (mirrors may show the ACK first).
    pub gap_grace: Duration,
    /// How long a hole that no ACK confirms is waited for (one direction only is seen,
    /// or the receiver still waits for the bytes).
    pub one_sided_wait: Duration,
    /// How long an UPDATE may wait for the other side's OPEN that must have come before it.
    pub open_wait: Duration,
    /// Sessions without a frame for this long are closed and their memory freed.
    pub idle_timeout: Duration,
    /// Connections in all. Beyond so many, those that never spoke BGP make room for others, then
    /// those of which nothing has come for [`Self::stale_after`].
    pub sessions_max: u32,
    /// Connections of which only SYNs were seen; newer ones push out older ones.
    pub handshakes_max: u32,
    /// A session that was silent for so long may make room for another.
    pub stale_after: Duration,
    /// Memory for payload is locked, and so taken at once: a capture must not wait for a page.
    pub lock_memory: bool,
    /// Memory for payload that waits behind a hole when frames run low, bytes.
    pub spill_bytes: u32,
    /// Bytes that searches for a header, and messages that wait for an OPEN, may take in all.
    pub kept_bytes_max: u32,
    /// Bytes that the heap may lend for straddling messages when the pool is empty.
    pub carry_heap_max: u32,
    /// Fragments of IP datagrams that wait for others.
    pub fragments: FragmentLimits,
    /// The VLAN tells sessions between the same addresses and ports apart.
    pub key_vlan: bool,
    /// TCP checksums.
    pub checksums: Checksums,
    /// Messages that are asked for; of others the header is counted, and the body skipped unless
    /// [`Self::messages_read`] has it.
    pub messages: MessageSet,
    /// Buffers are wiped when they are given back.
    pub zero_buffers: bool,
    /// Adj-RIBs are kept.
    pub rib: bool,
    /// Bytes that all Adj-RIBs with their attributes may take.
    pub rib_bytes_max: u64,
}

impl Limits {
    /// Whether tables are kept: without UPDATEs there is nothing to keep.
    #[must_use]
    pub fn keeps_ribs(&self) -> bool {
        self.rib && self.messages.contains(MessageType::Update)
    }

    /// What is read: what is asked for, and what tables cannot do without. A NOTIFICATION decides whether routes
    /// outlive the session (RFC 4724, RFC 8538), and a ROUTE-REFRESH may begin or end a refresh (RFC 7313).
    #[must_use]
    pub fn messages_read(&self) -> MessageSet {
        if self.keeps_ribs() {
            let asked = self.messages.with(MessageType::Notification);
            asked.with(MessageType::RouteRefresh)
        } else {
            self.messages
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            held_frames_max: 2048,
            held_frames_per_session_max: 2048,
            held_bytes_per_stream_max: 4 << 20,
            gap_grace: Duration::from_millis(200),
            one_sided_wait: Duration::from_secs(10),
            open_wait: Duration::from_millis(50),
            idle_timeout: Duration::from_secs(3600),
            sessions_max: 65_536,
            handshakes_max: 8192,
            stale_after: Duration::from_secs(600),
            lock_memory: true,
            spill_bytes: 8 << 20,
            kept_bytes_max: 64 << 20,
            carry_heap_max: 64 << 20,
            fragments: FragmentLimits::default(),
            key_vlan: false,
            checksums: Checksums::default(),
            messages: MessageSet::ALL,
            zero_buffers: false,
            rib: true,
            rib_bytes_max: 1 << 30,
        }
    }
}
