//! The socket filter: what cannot be BGP stays in the kernel.
//!
//! Classic BPF has no loops and looks at one packet a few fields at a time, so it cannot walk as
//! `wire` does. It lets pass all that `wire` finds BGP in, and more: every tunnel that it does not
//! look into. `wire` selects among those.

use bgptap_umem::packet::Instruction;

/// Encodings of `linux/filter.h`: class, size and mode of a load, and so on.
const LOAD_BYTE: u16 = 0x50;
const LOAD_HALF: u16 = 0x48;
const LOAD_X: u16 = 0x01;
const ADD: u16 = 0x04;
const ADD_X: u16 = 0x0c;
const AND: u16 = 0x54;
const SHIFT_LEFT: u16 = 0x64;
const TO_X: u16 = 0x07;
const FROM_X: u16 = 0x87;
const JUMP: u16 = 0x05;
const IF_EQUAL: u16 = 0x15;
const IF_ANY_BIT: u16 = 0x45;
const RETURN: u16 = 0x06;

/// What is returned is how much of the packet is kept: all of it.
const PASS: u32 = u32::MAX;
const DROP: u32 = 0;

/// Tags that are looked behind; the kernel has taken the outermost out already. What has more passes.
const TAGS_MAX: usize = 2;
/// More ports than anybody has: all of TCP passes then.
const PORTS_MAX: usize = 256;

/// How the frames of an interface begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum First {
    /// With MAC addresses.
    Ethernet,
    /// With IP, as those of a tunnel do.
    Ip,
}

/// The program for an interface. Without `fragments` it drops the fragments of IP datagrams.
#[must_use]
pub fn program(first: First, ports: &[u16], fragments: bool) -> Vec<Instruction> {
    let mut code = Assembler::default();
    match first {
        First::Ethernet => ethernet(&mut code),
        First::Ip => {
            // X is where IP begins.
            code.push(LOAD_X, 0);
            code.push(LOAD_BYTE, 0);
            code.push(AND, 0xf0);
            code.if_equal(0x40, Then::Go(Label::V4));
            code.if_equal(0x60, Then::Go(Label::V6));
            code.push(RETURN, DROP);
        }
    }
    code.mark(Label::V4);
    v4(&mut code, fragments);
    code.mark(Label::V6);
    v6(&mut code, fragments);
    code.mark(Label::Udp);
    // As `wire::by_udp_port`.
    code.push(LOAD_HALF, 2);
    for port in [4789, 8472, 4790, 6081, 6635] {
        code.if_equal(port, Then::Return(PASS));
    }
    code.push(RETURN, DROP);
    code.mark(Label::Tcp);
    if ports.len() <= PORTS_MAX {
        for field in [0, 2] {
            code.push(LOAD_HALF, field);
            for port in ports {
                code.if_equal((*port).into(), Then::Return(PASS));
            }
        }
        code.push(RETURN, DROP);
    } else {
        code.push(RETURN, PASS);
    }
    code.link()
}

/// As `wire::by_ether_type`, behind the tags that are still there.
fn ethernet(code: &mut Assembler) {
    const ETHER_TYPE: u32 = 12;
    code.push(LOAD_X, 0);
    for tags in 0..=TAGS_MAX {
        code.push(LOAD_HALF, ETHER_TYPE);
        code.if_equal(0x0800, Then::Go(Label::TaggedV4));
        code.if_equal(0x86dd, Then::Go(Label::TaggedV6));
        for other in [0x8847, 0x8848, 0x8864, 0x6558] {
            code.if_equal(other, Then::Return(PASS));
        }
        let then = if tags < TAGS_MAX {
            Then::Go(Label::BehindTag(tags))
        } else {
            Then::Return(PASS)
        };
        for tag in [0x8100, 0x88a8, 0x9100] {
            code.if_equal(tag, then);
        }
        code.push(RETURN, DROP);
        if tags < TAGS_MAX {
            code.mark(Label::BehindTag(tags));
            code.move_on(4);
        }
    }
    for (label, next) in [(Label::TaggedV4, Label::V4), (Label::TaggedV6, Label::V6)] {
        code.mark(label);
        code.move_on(14);
        code.go(next);
    }
}

/// RFC 791 §3.1. The version is that of the header itself, whatever announced it, so what announces
/// the other one is left to `wire`.
fn v4(code: &mut Assembler, fragments: bool) {
    code.push(LOAD_BYTE, 0);
    code.push(AND, 0xf0);
    code.if_equal(0x60, Then::Return(PASS));
    // Flags and offset: "more fragments" and the offset are what makes a fragment.
    code.push(LOAD_HALF, 6);
    if fragments {
        code.if_any_bit(0x1fff, Then::Go(Label::Piece));
    } else {
        code.if_any_bit(0x3fff, Then::Return(DROP));
    }
    code.push(LOAD_BYTE, 9);
    for (protocol, label) in [(6, Label::TcpV4), (17, Label::UdpV4)] {
        code.if_equal(protocol, Then::Go(label));
    }
    leads_on(code);
    for (label, next) in [(Label::TcpV4, Label::Tcp), (Label::UdpV4, Label::Udp)] {
        code.mark(label);
        // X moves on by the length of the header, in words of 4 bytes.
        code.push(LOAD_BYTE, 0);
        code.push(AND, 0x0f);
        code.push(SHIFT_LEFT, 2);
        code.push(ADD_X, 0);
        code.push(TO_X, 0);
        code.go(next);
    }
    // A later fragment has no ports. Those of UDP are not put together.
    code.mark(Label::Piece);
    code.push(LOAD_BYTE, 9);
    code.if_equal(6, Then::Return(PASS));
    leads_on(code);
}

/// RFC 8200 §3.
fn v6(code: &mut Assembler, fragments: bool) {
    code.push(LOAD_BYTE, 0);
    code.push(AND, 0xf0);
    code.if_equal(0x40, Then::Return(PASS));
    code.push(LOAD_BYTE, 6);
    for (protocol, label) in [(6, Label::TcpV6), (17, Label::UdpV6)] {
        code.if_equal(protocol, Then::Go(label));
    }
    if !fragments {
        code.if_equal(44, Then::Return(DROP));
    }
    leads_on(code);
    for (label, next) in [(Label::TcpV6, Label::Tcp), (Label::UdpV6, Label::Udp)] {
        code.mark(label);
        code.move_on(40);
        code.go(next);
    }
}

/// As `wire::by_protocol`: all that may lead to TCP passes, nothing else.
fn leads_on(code: &mut Assembler) {
    for protocol in [4, 41, 47, 0, 43, 60, 135, 139, 140, 44, 51] {
        code.if_equal(protocol, Then::Return(PASS));
    }
    code.push(RETURN, DROP);
}

/// A place that is jumped to, always further on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Label {
    BehindTag(usize),
    TaggedV4,
    TaggedV6,
    V4,
    V6,
    TcpV4,
    UdpV4,
    TcpV6,
    UdpV6,
    Piece,
    Udp,
    Tcp,
}

/// What follows if a test holds; otherwise it goes on behind the test.
#[derive(Clone, Copy)]
enum Then {
    Return(u32),
    Go(Label),
}

/// Conditional jumps reach 255 instructions, so each only passes over the one instruction behind it, which
/// reaches everywhere.
#[derive(Default)]
struct Assembler {
    code: Vec<Instruction>,
    jumps: Vec<(usize, Label)>,
    labels: Vec<(Label, usize)>,
}

impl Assembler {
    fn push(&mut self, code: u16, k: u32) {
        self.code.push(Instruction {
            code,
            jt: 0,
            jf: 0,
            k,
        });
    }

    fn if_equal(&mut self, value: u32, then: Then) {
        self.test(IF_EQUAL, value, then);
    }

    fn if_any_bit(&mut self, mask: u32, then: Then) {
        self.test(IF_ANY_BIT, mask, then);
    }

    fn test(&mut self, code: u16, k: u32, then: Then) {
        self.code.push(Instruction {
            code,
            jt: 0,
            jf: 1,
            k,
        });
        match then {
            Then::Return(value) => self.push(RETURN, value),
            Then::Go(label) => self.go(label),
        }
    }

    fn go(&mut self, label: Label) {
        self.jumps.push((self.code.len(), label));
        self.push(JUMP, 0);
    }

    /// Adds to X.
    fn move_on(&mut self, bytes: u32) {
        self.push(FROM_X, 0);
        self.push(ADD, bytes);
        self.push(TO_X, 0);
    }

    fn mark(&mut self, label: Label) {
        self.labels.push((label, self.code.len()));
    }

    /// Puts the distances into the jumps.
    fn link(mut self) -> Vec<Instruction> {
        for (at, label) in self.jumps {
            let place = self.labels.iter().find(|(known, _)| *known == label);
            let place = place.map_or(self.code.len(), |(_, place)| *place);
            if let Some(jump) = self.code.get_mut(at) {
                jump.k = u32::try_from(place.saturating_sub(at + 1)).unwrap_or(u32::MAX);
            }
        }
        self.code
    }
}
