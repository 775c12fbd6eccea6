//! The bench `decode`: messages, decoders and turns.

#[path = "../decode/bgpkit.rs"]
pub(crate) mod bgpkit;
#[path = "../decode/decoders.rs"]
pub(crate) mod decoders;
#[path = "../decode/netgauze.rs"]
pub(crate) mod netgauze;
#[path = "../decode/ours.rs"]
pub(crate) mod ours;
#[path = "../decode/routecore.rs"]
pub(crate) mod routecore;
#[path = "../decode/seen.rs"]
pub(crate) mod seen;
#[path = "../decode/turns.rs"]
pub(crate) mod turns;
#[path = "../decode/workload.rs"]
pub(crate) mod workload;
