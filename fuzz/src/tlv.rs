//! TLVs in TLVs as a program: what the target `tlvs` changes are types and contents, and lengths
//! follow, so that most of what it makes is as deep as what real implementations send.
//!
//! An operation is an octet. Its lower two bits say what it does:
//!
//! | bits | operation |
//! | --- | --- |
//! | 0 | as many octets as the upper six bits say follow as they are |
//! | 1 | a TLV begins: bit 2, its type has two octets; bit 3, so has its length; bit 4, an octet that falsifies the length follows; then the type |
//! | 2 | the innermost TLV ends |
//! | 3 | the last TLV that ended comes again |

/// No more than that is made of a program.
pub const BYTES_MAX: usize = 4000;
const DEPTH_MAX: usize = 8;
const LITERAL_MAX: usize = 63;

/// A TLV whose value is being written.
struct Level {
    /// Where its type stands.
    start: usize,
    /// Where its length stands, and in how many octets.
    length: (usize, usize),
    lie: i8,
}

/// What a program makes.
pub fn compose(mut program: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut open: Vec<Level> = Vec::new();
    let mut last = 0..0;
    while let Some((&operation, rest)) = program.split_first() {
        program = rest;
        if out.len() > BYTES_MAX {
            break;
        }
        match operation & 3 {
            0 => {
                let count = usize::from(operation >> 2).min(program.len());
                out.extend(take(&mut program, count));
            }
            1 if open.len() < DEPTH_MAX => {
                let lie = match operation & 16 {
                    0 => 0,
                    _ => take(&mut program, 1).first().map_or(0, |lie| *lie as i8),
                };
                let start = out.len();
                out.extend(take(&mut program, width(operation, 4)));
                let length = (out.len(), width(operation, 8));
                out.resize(out.len() + length.1, 0);
                open.push(Level { start, length, lie });
            }
            1 => {}
            2 => {
                if let Some(level) = open.pop() {
                    last = level.start..out.len();
                    level.end(&mut out);
                }
            }
            _ => out.extend_from_within(last.clone()),
        }
    }
    while let Some(level) = open.pop() {
        level.end(&mut out);
    }
    out.truncate(BYTES_MAX);
    out
}

fn width(operation: u8, bit: u8) -> usize {
    if operation & bit == 0 { 1 } else { 2 }
}

fn take<'a>(program: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (head, rest) = program.split_at(count.min(program.len()));
    *program = rest;
    head
}

impl Level {
    fn end(&self, out: &mut [u8]) {
        let (at, width) = self.length;
        let length = (out.len() - at - width).saturating_add_signed(self.lie.into());
        let octets = (length as u16).to_be_bytes();
        out[at..at + width].copy_from_slice(&octets[2 - width..]);
    }
}

/// How types and lengths of a list stand: two widths, or by the type.
#[derive(Clone, Copy)]
enum Layout {
    Widths(usize, usize),
    /// RFC 9012 §3: a sub-TLV of a tunnel has a length of two octets from type 128 on.
    Tunnel,
    /// RFC 4271 §4.3: flags and type code; a flag says how wide the length is.
    Attributes,
}

const LAYOUTS: [Layout; 6] = [
    Layout::Widths(2, 2),
    Layout::Widths(1, 2),
    Layout::Tunnel,
    Layout::Widths(1, 1),
    Layout::Widths(2, 1),
    Layout::Attributes,
];

impl Layout {
    fn widths(self, first: u8) -> (usize, usize) {
        match self {
            Self::Widths(kind, length) => (kind, length),
            Self::Tunnel => (1, if first < 128 { 1 } else { 2 }),
            Self::Attributes => (2, if first & 0x10 == 0 { 1 } else { 2 }),
        }
    }

    /// The TLVs that the octets are made of, to the last one: octets of the type, width of the
    /// length, value.
    fn split(self, mut octets: &[u8]) -> Option<Vec<(&[u8], usize, &[u8])>> {
        let mut list = Vec::new();
        while let Some(first) = octets.first() {
            let (kind, width) = self.widths(*first);
            let (head, rest) = octets.split_at_checked(kind + width)?;
            let (kind, length) = head.split_at(kind);
            let length = length
                .iter()
                .fold(0, |sum, octet| sum << 8 | usize::from(*octet));
            let (value, behind) = rest.split_at_checked(length)?;
            list.push((kind, width, value));
            octets = behind;
        }
        let real =
            |(kind, _, value): &(&[u8], usize, &[u8])| kind.iter().chain(*value).any(|o| *o > 0);
        (!list.is_empty() && list.iter().all(real)).then_some(list)
    }
}

/// A program that makes these octets, with a TLV for whatever looks like one.
pub fn decompose(octets: &[u8]) -> Vec<u8> {
    let mut program = Vec::new();
    content(octets, 0, &mut program);
    program
}

/// Whether a program of [`decompose`] makes a TLV that holds something.
pub fn has_tlvs(program: &[u8]) -> bool {
    // It begins with one, or with the octets in front of one.
    let behind = match program.first() {
        Some(first) if first & 3 == 0 => program.get(1 + usize::from(first >> 2)),
        first => first,
    };
    behind.is_some_and(|operation| operation & 3 == 1)
}

/// Up to so many octets may stand in front of a list.
const HEAD_MAX: usize = 40;

fn content(octets: &[u8], depth: usize, program: &mut Vec<u8>) {
    let heads = 0..=HEAD_MAX.min(octets.len());
    let lists = heads.flat_map(|head| LAYOUTS.map(|layout| (head, layout)));
    let mut found = lists.filter_map(|(head, layout)| Some((head, layout.split(&octets[head..])?)));
    match found.next() {
        Some((head, list)) if depth < DEPTH_MAX => {
            literal(&octets[..head], program);
            for (kind, width, value) in list {
                program.push(1 | u8::from(kind.len() == 2) << 2 | u8::from(width == 2) << 3);
                program.extend(kind);
                content(value, depth + 1, program);
                program.push(2);
            }
        }
        _ => literal(octets, program),
    }
}

fn literal(octets: &[u8], program: &mut Vec<u8>) {
    for part in octets.chunks(LITERAL_MAX) {
        program.push((part.len() as u8) << 2);
        program.extend(part);
    }
}
