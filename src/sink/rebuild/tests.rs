//! What is made of tables says what filled them, as netgauze-bgp-pkt reads both.

mod speaker;

use super::*;
use netgauze_bgp_pkt::update::BgpUpdateMessage;
use speaker::{Speaker, families};
use std::collections::BTreeSet;

/// Routes and attributes, whatever the order of these and the octets of their lengths.
fn content(update: &BgpUpdateMessage) -> (BTreeSet<String>, String) {
    let attributes = update.path_attributes().iter().map(|attribute| {
        let flags = (
            attribute.optional(),
            attribute.transitive(),
            attribute.partial(),
        );
        format!("{flags:?} {:?}", attribute.value())
    });
    let routes = format!("{:?} {:?}", update.nlri(), update.withdraw_routes());
    (attributes.collect(), routes)
}

/// AS numbers of four octets and of two, and path identifiers.
const WAYS: [(bool, bool); 3] = [(true, false), (false, false), (true, true)];

#[test]
fn a_table_is_told_as_it_was_said() {
    for (as4, add_path) in WAYS {
        let mut speaker = Speaker::new(as4, add_path);
        let (mut said, mut told) = (Vec::new(), Vec::new());
        for (family, next_hop, nlri) in families() {
            let bytes = speaker.say(family, &next_hop, &nlri);
            said.push(content(&speaker.decode(&bytes, family)));
        }
        for rib in speaker.tables() {
            for route in rib.routes() {
                let mut bytes = Vec::new();
                let attributes = speaker.ribs.attributes(route.attributes);
                let keys = [route.key];
                let (family, context) = (rib.family(), rib.context());
                let count = announce(
                    &mut bytes,
                    &speaker.ribs,
                    family,
                    context,
                    &attributes,
                    &keys,
                );
                assert_eq!(count, 1);
                told.push(content(&speaker.decode(&bytes, family)));
            }
        }
        said.sort();
        told.sort();
        assert_eq!(said.len(), families().len());
        assert_eq!(said, told, "{as4}, {add_path}");
        let unknown = |(attributes, _): &(BTreeSet<String>, String)| {
            let mut all = attributes.iter();
            all.any(|one| one.starts_with("(true, true, true) UnknownAttribute"))
        };
        assert!(told.iter().all(unknown), "{told:?}");
    }
}

/// The NLRI are those of the announcement, though of several families each is in an attribute of another type.
#[test]
fn what_was_announced_is_withdrawn() {
    let nlri_of = |text: &str| text.split_once("nlri: ").map(|(_, nlri)| nlri.to_owned());
    for (as4, add_path) in WAYS {
        for (family, next_hop, nlri) in families() {
            let mut speaker = Speaker::new(as4, add_path);
            let said = speaker.say(family, &next_hop, &nlri);
            let update = Update::parse(&said[HEADER_LEN..], speaker.session.context(0));
            let mut bytes = Vec::new();
            let fields = withdrawn_by(&update).map(|field| withdraw(&mut bytes, &field));
            assert_eq!(fields.count(), 1);
            let (said, told) = (
                speaker.decode(&said, family),
                speaker.decode(&bytes, family),
            );
            assert!(told.nlri().is_empty());
            if family == Family::IPV4_UNICAST {
                assert!(told.path_attributes().is_empty());
                let withdrawn = format!("{:?}", told.withdraw_routes());
                let plain = format!("{:?}", said.nlri());
                let (said, _) = content(&said);
                let in_attribute = || said.iter().any(|one| one.contains(&withdrawn));
                assert!(
                    withdrawn != "[]" && (plain == withdrawn || in_attribute()),
                    "{withdrawn}"
                );
                continue;
            }
            let (said, _) = content(&said);
            let (told, _) = content(&told);
            let reach = said.iter().find(|one| one.contains(" MpReach("));
            let unreach = told.iter().find(|one| one.contains(" MpUnreach("));
            let (reach, unreach) = (
                reach.expect("MP_REACH_NLRI"),
                unreach.expect("MP_UNREACH_NLRI"),
            );
            assert_eq!(
                (told.len(), nlri_of(unreach)),
                (1, nlri_of(reach)),
                "{family}"
            );
            assert!(nlri_of(reach).is_some(), "{reach}");
        }
    }
}

/// More routes than a message holds: as many as fit, in each of several, and together all.
#[test]
fn routes_that_share_attributes_fill_messages() {
    let mut speaker = Speaker::new(true, false);
    let count = 3000_u16;
    let mut wanted = BTreeSet::new();
    for number in 0..count {
        let [a, b] = number.to_be_bytes();
        speaker.say(Family::IPV4_UNICAST, &[], &[32, 10, 0, a, b]);
        wanted.insert(format!("10.0.{a}.{b}/32"));
    }
    let [rib] = speaker.tables() else {
        panic!("one table");
    };
    let routes: Vec<_> = rib.routes().collect();
    let keys: Vec<_> = routes.iter().map(|route| route.key).collect();
    let attributes = speaker.ribs.attributes(routes[0].attributes);
    for (extended, max) in [(false, MAX_LEN), (true, MAX_LEN_EXTENDED)] {
        let (max, mut context) = (usize::from(max), *rib.context());
        context.extended = extended;
        let (mut left, mut came, mut lengths) = (&keys[..], BTreeSet::new(), Vec::new());
        while !left.is_empty() {
            let mut bytes = Vec::new();
            let told = announce(
                &mut bytes,
                &speaker.ribs,
                rib.family(),
                &context,
                &attributes,
                left,
            );
            assert!(told > 0);
            left = &left[told..];
            lengths.push(bytes.len());
            let update = speaker.decode(&bytes, rib.family());
            let prefixes = update
                .nlri()
                .iter()
                .map(|nlri| nlri.network().address().to_string());
            came.extend(prefixes);
        }
        assert_eq!(came, wanted);
        // None is shorter than it could be, but for the last.
        let full = &lengths[..lengths.len() - 1];
        assert!(lengths.iter().all(|length| *length <= max), "{lengths:?}");
        assert!(full.iter().all(|length| *length + 5 > max), "{lengths:?}");
        assert_eq!(full.is_empty(), extended, "{lengths:?}");
    }
}
