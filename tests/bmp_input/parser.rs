//! Whatever the bytes are: no panic, and no view beyond its message.

use super::made::{up, update};
use bgptap::capture::bmp::framing::{Framed, find_start};
use bgptap::capture::bmp::message::{Message, Reason};
use proptest::prelude::*;

/// Real messages in which some octets are others, and random ones.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let down = |reason: u8| {
        let mut down = update(1);
        down[5] = 2;
        // The reason, and the BGP message behind it as a NOTIFICATION.
        down.insert(48, reason);
        down[49 + 18] = 3;
        down
    };
    let real = prop_oneof![
        Just(up()),
        (0u8..9).prop_map(update),
        (0u8..9).prop_map(down),
        prop::collection::vec(any::<u8>(), 0..200),
    ];
    let changes = prop::collection::vec((any::<usize>(), any::<u8>()), 0..6);
    (real, changes, any::<usize>()).prop_map(|(mut bytes, changes, length)| {
        for (at, octet) in changes {
            let length = bytes.len().max(1);
            if let Some(place) = bytes.get_mut(at % length) {
                *place = octet;
            }
        }
        if length % 3 == 0 {
            bytes.truncate(length % (bytes.len() + 1));
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5000))]

    #[test]
    fn nothing_is_read_beyond_a_message(bytes in bytes()) {
        let inside = |view: &[u8]| {
            let (from, to) = (bytes.as_ptr_range(), view.as_ptr_range());
            from.start <= to.start && to.end <= from.end && view.len() >= 19
        };
        match Message::parse(&bytes) {
            Ok(Message::Monitoring { update, .. }) => prop_assert!(inside(update)),
            Ok(Message::Up(up)) => prop_assert!(inside(up.sent) && inside(up.received)),
            Ok(Message::Down { reason: Reason::Sent(view) | Reason::Received(view), .. }) => {
                prop_assert!(inside(view));
            }
            _ => (),
        }
        if let Framed::Whole(length) = Framed::of(&bytes) {
            prop_assert!((6..=bytes.len()).contains(&length));
        }
        if let Some(at) = find_start(&bytes) {
            prop_assert!(at < bytes.len());
            prop_assert_ne!(Framed::of(&bytes[at..]), Framed::Not);
        }
    }
}
