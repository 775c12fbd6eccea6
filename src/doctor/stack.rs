//! What is stacked on an interface: VLANs, bridges, bonds, macvlans and so on, in any nesting.
//!
//! A frame that arrives at the lowest belongs to one of those above as often as to itself, and XDP
//! takes it before any of them.

use super::netlink::Link;

/// The interface `name` and all that is stacked on it, itself first. Nothing if it is not among `links`.
pub(super) fn over<'l>(name: &str, links: &'l [Link]) -> Vec<&'l Link> {
    let mut found: Vec<&Link> = links.iter().filter(|link| link.name == name).collect();
    let mut next = 0;
    while let Some(lower) = found.get(next).copied() {
        next += 1;
        let is_above =
            |link: &&Link| link.below == Some(lower.index) || lower.master == Some(link.index);
        for upper in links.iter().filter(is_above) {
            // A bridge over several VLANs of one interface is above each of them.
            if !found.contains(&upper) {
                found.push(upper);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(index: u32, name: &str, below: Option<u32>, master: Option<u32>) -> Link {
        Link {
            index,
            name: name.into(),
            below,
            master,
        }
    }

    /// Two ports in a bond, with a VLAN, whose bridge has a VLAN of its own; and others.
    fn links() -> Vec<Link> {
        vec![
            link(1, "lo", None, None),
            link(2, "eth0", None, Some(4)),
            link(3, "eth1", None, Some(4)),
            link(4, "bond0", None, None),
            link(5, "bond0.10", Some(4), Some(6)),
            link(6, "br0", None, None),
            link(7, "br0.20", Some(6), None),
            link(8, "macvlan0", Some(3), None),
            link(9, "eth2", None, Some(6)),
            link(10, "eth3", None, None),
        ]
    }

    #[test]
    fn all_that_lies_above_is_found_and_nothing_beside_or_below() {
        let links = links();
        let names = |name| -> Vec<&str> {
            let found = over(name, &links);
            found.iter().map(|link| link.name.as_str()).collect()
        };
        assert_eq!(
            names("eth0"),
            ["eth0", "bond0", "bond0.10", "br0", "br0.20"]
        );
        assert_eq!(
            names("eth1"),
            ["eth1", "bond0", "macvlan0", "bond0.10", "br0", "br0.20"]
        );
        assert_eq!(names("eth2"), ["eth2", "br0", "br0.20"]);
        assert_eq!(names("bond0.10"), ["bond0.10", "br0", "br0.20"]);
        for alone in ["eth3", "br0.20", "lo"] {
            assert_eq!(names(alone), [alone]);
        }
        assert!(names("no-such-if").is_empty());
    }

    #[test]
    fn an_interface_above_two_ways_is_one_and_a_circle_ends() {
        let links = [
            link(1, "eth0", None, None),
            link(2, "eth0.1", Some(1), Some(4)),
            link(3, "eth0.2", Some(1), Some(4)),
            link(4, "br0", None, None),
        ];
        assert_eq!(over("eth0", &links).len(), 4);
        let circle = [link(1, "a", Some(2), None), link(2, "b", Some(1), None)];
        assert_eq!(over("a", &circle).len(), 2);
    }
}
