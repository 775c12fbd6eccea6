//! Which router is asked for which table.

mod answers;

use crate::support::lab::Table;
use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Software {
    Bird,
    /// What FRR keeps per neighbour: prefixes with the attributes that routes must have.
    FrrAdjacent,
    /// All that FRR says of its own table: every attribute, of each neighbour's routes.
    Frr,
    Gobgp,
    /// The list for people: it has path identifiers, JSON has not.
    GobgpList,
    Openbgpd,
}

/// Who of the two is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Said {
    Sent,
    Received,
}

/// One router about one direction.
pub(crate) struct Teller {
    software: Software,
    pub(crate) said: Said,
    sender: &'static str,
    receiver: &'static str,
    afi: u64,
    /// In the router's namespace; to be preceded by what reaches it.
    question: &'static str,
}

const fn sent(
    software: Software,
    sender: &'static str,
    receiver: &'static str,
    afi: u64,
    question: &'static str,
) -> Teller {
    Teller {
        software,
        said: Said::Sent,
        sender,
        receiver,
        afi,
        question,
    }
}

const fn received(
    software: Software,
    sender: &'static str,
    receiver: &'static str,
    afi: u64,
    question: &'static str,
) -> Teller {
    Teller {
        said: Said::Received,
        ..sent(software, sender, receiver, afi, question)
    }
}

const FEEDER4: &str = "192.0.2.10";
const FEEDER6: &str = "2001:db8:179::a";
const BIRD4: &str = "192.0.2.1";
const BIRD6: &str = "2001:db8:179::1";
const FRR4: &str = "192.0.2.2";
const FRR6: &str = "2001:db8:179::2";
const GOBGP4: &str = "192.0.2.3";
const GOBGP6: &str = "2001:db8:179::3";
const OPENBGPD4: &str = "192.0.2.4";
const OPENBGPD6: &str = "2001:db8:179::4";
const EXABGP4: &str = "192.0.2.5";

/// The way of the feeder's table.
const CHAIN: [[&str; 2]; 5] = [
    [FEEDER4, FEEDER6],
    [BIRD4, BIRD6],
    [FRR4, FRR6],
    [GOBGP4, GOBGP6],
    [OPENBGPD4, OPENBGPD6],
];

const FRR_ALL4: &str = "show bgp ipv4 unicast json detail";
const FRR_ALL6: &str = "show bgp ipv6 unicast json detail";

impl Teller {
    /// What BIRD has of ExaBGP.
    pub(crate) const EXABGP: Self = received(
        Software::Bird,
        EXABGP4,
        BIRD4,
        1,
        "import table exabgp.ipv4",
    );

    /// What BIRD has of the feeder.
    pub(crate) const FEEDER: Self = received(
        Software::Bird,
        FEEDER4,
        BIRD4,
        1,
        "import table feeder4.ipv4",
    );

    /// What FRR has of BIRD, with path identifiers.
    pub(crate) const FRR: Self = received(Software::Frr, BIRD4, FRR4, 1, FRR_ALL4);

    /// What GoBGP has of FRR, with path identifiers.
    pub(crate) const GOBGP_LIST: Self = received(
        Software::GobgpList,
        FRR6,
        GOBGP6,
        1,
        "2001:db8:179::2 adj-in -a ipv4",
    );

    /// What OpenBGPD has of GoBGP.
    pub(crate) const OPENBGPD: Self = received(
        Software::Openbgpd,
        GOBGP4,
        OPENBGPD4,
        1,
        "inet detail neighbor 192.0.2.3 in",
    );

    /// Who is asked what: of each direction the sender and the receiver, where they keep such a table. ExaBGP keeps none.
    #[rustfmt::skip] // a table
    pub(crate) const ALL: [Self; 44] = [
        Self::EXABGP,
        received(Software::Bird, EXABGP4, BIRD4, 2, "import table exabgp.ipv6"),
        sent(Software::Bird, BIRD4, EXABGP4, 1, "export table exabgp.ipv4"),

        sent(Software::Bird, FEEDER4, BIRD4, 1, "export table bird4.ipv4"),
        sent(Software::Bird, FEEDER6, BIRD6, 2, "export table bird6.ipv6"),
        Self::FEEDER,
        received(Software::Bird, FEEDER6, BIRD6, 2, "import table feeder6.ipv6"),
        sent(Software::Bird, BIRD4, FEEDER4, 1, "export table feeder4.ipv4"),
        sent(Software::Bird, BIRD6, FEEDER6, 2, "export table feeder6.ipv6"),
        received(Software::Bird, BIRD4, FEEDER4, 1, "protocol bird4"),
        received(Software::Bird, BIRD6, FEEDER6, 2, "protocol bird6"),

        sent(Software::Bird, BIRD4, FRR4, 1, "export table frr4.ipv4"),
        sent(Software::Bird, BIRD6, FRR6, 2, "export table frr6.ipv6"),
        Self::FRR,
        received(Software::Frr, BIRD6, FRR6, 2, FRR_ALL6),
        received(Software::FrrAdjacent, BIRD4, FRR4, 1, "show bgp ipv4 unicast neighbors 192.0.2.1 received-routes json"),
        received(Software::FrrAdjacent, BIRD6, FRR6, 2, "show bgp ipv6 unicast neighbors 2001:db8:179::1 received-routes json"),
        sent(Software::Frr, FRR4, BIRD4, 1, FRR_ALL4),
        sent(Software::Frr, FRR6, BIRD6, 2, FRR_ALL6),
        sent(Software::FrrAdjacent, FRR4, BIRD4, 1, "show bgp ipv4 unicast neighbors 192.0.2.1 advertised-routes json"),
        sent(Software::FrrAdjacent, FRR6, BIRD6, 2, "show bgp ipv6 unicast neighbors 2001:db8:179::1 advertised-routes json"),
        received(Software::Bird, FRR4, BIRD4, 1, "import table frr4.ipv4"),
        received(Software::Bird, FRR6, BIRD6, 2, "import table frr6.ipv6"),

        sent(Software::Frr, FRR6, GOBGP6, 1, FRR_ALL4),
        sent(Software::Frr, FRR6, GOBGP6, 2, FRR_ALL6),
        sent(Software::FrrAdjacent, FRR6, GOBGP6, 1, "show bgp ipv4 unicast neighbors 2001:db8:179::3 advertised-routes json"),
        sent(Software::FrrAdjacent, FRR6, GOBGP6, 2, "show bgp ipv6 unicast neighbors 2001:db8:179::3 advertised-routes json"),
        Self::GOBGP_LIST,
        received(Software::Gobgp, FRR6, GOBGP6, 1, "2001:db8:179::2 adj-in -a ipv4 -j"),
        received(Software::Gobgp, FRR6, GOBGP6, 2, "2001:db8:179::2 adj-in -a ipv6 -j"),
        sent(Software::Gobgp, GOBGP6, FRR6, 1, "2001:db8:179::2 adj-out -a ipv4 -j"),
        sent(Software::Gobgp, GOBGP6, FRR6, 2, "2001:db8:179::2 adj-out -a ipv6 -j"),
        received(Software::Frr, GOBGP6, FRR6, 1, FRR_ALL4),
        received(Software::Frr, GOBGP6, FRR6, 2, FRR_ALL6),
        received(Software::FrrAdjacent, GOBGP6, FRR6, 1, "show bgp ipv4 unicast neighbors 2001:db8:179::3 received-routes json"),
        received(Software::FrrAdjacent, GOBGP6, FRR6, 2, "show bgp ipv6 unicast neighbors 2001:db8:179::3 received-routes json"),

        sent(Software::Gobgp, GOBGP4, OPENBGPD4, 1, "192.0.2.4 adj-out -a ipv4 -j"),
        sent(Software::Gobgp, GOBGP6, OPENBGPD6, 2, "2001:db8:179::4 adj-out -a ipv6 -j"),
        Self::OPENBGPD,
        received(Software::Openbgpd, GOBGP6, OPENBGPD6, 2, "inet6 detail neighbor 2001:db8:179::3 in"),
        sent(Software::Openbgpd, OPENBGPD4, GOBGP4, 1, "inet detail neighbor 192.0.2.3 out"),
        sent(Software::Openbgpd, OPENBGPD6, GOBGP6, 2, "inet6 detail neighbor 2001:db8:179::3 out"),
        received(Software::Gobgp, OPENBGPD4, GOBGP4, 1, "192.0.2.4 adj-in -a ipv4 -j"),
        received(Software::Gobgp, OPENBGPD6, GOBGP6, 2, "2001:db8:179::4 adj-in -a ipv6 -j"),
    ];

    /// The end that is asked.
    fn own_address(&self) -> &'static str {
        match self.said {
            Said::Sent => self.sender,
            Said::Received => self.receiver,
        }
    }

    fn neighbour(&self) -> &'static str {
        match self.said {
            Said::Sent => self.receiver,
            Said::Received => self.sender,
        }
    }

    /// The router's name in the lab and its AS number.
    fn router(&self) -> (&'static str, &'static str) {
        match self.own_address() {
            FEEDER4 | FEEDER6 => ("feeder", "65010"),
            BIRD4 | BIRD6 => ("bird", "65001"),
            FRR4 | FRR6 => ("frr", "65002"),
            GOBGP4 | GOBGP6 => ("gobgp", "4200000003"),
            _ => ("openbgpd", "65004"),
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.router().0
    }

    pub(crate) fn table(&self) -> Table {
        let address = |text: &str| text.parse().unwrap();
        (address(self.sender), address(self.receiver), self.afi)
    }

    /// The least that there is in its table, if the feeder has so many prefixes of IPv4 and IPv6. Along the chain each
    /// router tells the next all of them; the other way round it tells what it adds, and whatever comes back.
    pub(crate) fn least(&self, prefixes: [u32; 2]) -> usize {
        let place = |address| {
            CHAIN
                .iter()
                .position(|addresses| addresses.contains(&address))
        };
        let next = place(self.sender).map(|sender| sender + 1);
        if next.is_some() && next == place(self.receiver) {
            prefixes[usize::from(self.afi == 2)] as usize
        } else {
            1
        }
    }

    /// The AS whose routes it does not keep: BIRD forgets at once what has its own AS in the path (RFC 4271 §9.1.2),
    /// and FRR but for what it keeps per neighbour.
    pub(crate) fn forgets_as(&self) -> Option<&'static str> {
        let forgets = matches!(self.software, Software::Bird | Software::Frr);
        (forgets && self.said == Said::Received).then_some(self.router().1)
    }

    /// The attributes of every route that the router tells.
    pub(crate) fn tells(&self) -> &'static [&'static str] {
        match (self.software, self.said) {
            (Software::GobgpList, _) => &["path_id", "path", "next_hop"],
            (Software::Frr, Said::Sent) => &["origin", "path"],
            _ => &["origin", "path", "next_hop"],
        }
    }
}

impl fmt::Display for Teller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            software,
            said,
            sender,
            receiver,
            afi,
            ..
        } = self;
        let name = self.name();
        write!(
            f,
            "{name} ({software:?}, {said:?}) on {sender} to {receiver}, AFI {afi}"
        )
    }
}
