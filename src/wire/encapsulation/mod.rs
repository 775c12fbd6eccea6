//! What frames and datagrams are carried in, one file each.
//!
//! `read` reads the header at the cursor and says what is inside.

pub(super) mod erspan;
pub(super) mod geneve;
pub(super) mod gre;
pub(super) mod ip_in_ip;
pub(super) mod mpls;
pub(super) mod pppoe;
pub(super) mod udp;
pub(super) mod vxlan;

use super::Skip;
use super::walk::{Cursor, Layer, by_ether_type, by_ppp_protocol, by_udp_port};
