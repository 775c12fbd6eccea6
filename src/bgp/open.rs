//! OPEN (RFC 4271 §4.2), its optional parameters in both encodings (RFC 9072).

use core::net::Ipv4Addr;

use super::capability::Capability;
use super::error::{Disposition, Error, ErrorCode, Errors, Fault};
use super::header::HEADER_LEN;
use super::reader::Reader;

/// Stands for a four-octet AS number in two-octet fields (RFC 6793 §2).
pub const AS_TRANS: u16 = 23456;

/// A borrowed OPEN.
#[derive(Clone, Copy, Debug)]
pub struct Open<'a> {
    body: &'a [u8],
    /// Protocol version, 4.
    pub version: u8,
    /// My Autonomous System, [`AS_TRANS`] if the number needs four octets.
    pub my_as: u16,
    /// Proposed hold time in seconds.
    pub hold_time: u16,
    /// BGP identifier.
    pub bgp_id: Ipv4Addr,
    parameters: Parameters<'a>,
    errors: Errors,
}

impl<'a> Open<'a> {
    /// Reads what follows the header.
    ///
    /// # Errors
    /// The fixed part is cut short. Anything else is in [`Open::errors`].
    pub fn parse(body: &'a [u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(body);
        Self::read(&mut reader, body).ok_or_else(|| {
            fault(0, ErrorCode::BadMessageLength, "OPEN cut short").place(
                HEADER_LEN,
                None,
                Disposition::SessionReset,
            )
        })
    }

    fn read(reader: &mut Reader<'a>, body: &'a [u8]) -> Option<Self> {
        let version = reader.u8()?;
        let my_as = reader.u16()?;
        let hold_time = reader.u16()?;
        let bgp_id = Ipv4Addr::from_bits(reader.u32()?);
        let (parameters, problem) = Parameters::read(reader, body.len())?;
        let mut open = Self {
            body,
            version,
            my_as,
            hold_time,
            bgp_id,
            parameters,
            errors: Errors::new(),
        };
        for fault in problem.into_iter().chain(open.faults()) {
            let error = fault.place(HEADER_LEN, None, Disposition::SessionReset);
            open.errors.push(error);
        }
        Some(open)
    }

    fn faults(&self) -> impl Iterator<Item = Fault> + use<> {
        let check = |wrong: bool, at, code, text| wrong.then(|| fault(at, code, text));
        [
            check(
                self.version != 4,
                0,
                ErrorCode::UnsupportedVersion,
                "version is not 4",
            ),
            check(
                self.my_as == 0 || self.asn() == 0,
                1,
                ErrorCode::BadPeerAs,
                "AS number 0",
            ),
            check(
                matches!(self.hold_time, 1 | 2),
                3,
                ErrorCode::UnacceptableHoldTime,
                "hold time of one or two seconds",
            ),
            check(
                self.bgp_id.is_unspecified(),
                5,
                ErrorCode::BadBgpIdentifier,
                "BGP identifier 0",
            ),
            self.unreadable_parameter(),
        ]
        .into_iter()
        .flatten()
    }

    /// A parameter, or a capability in one, that does not fit.
    fn unreadable_parameter(&self) -> Option<Fault> {
        let end = self.body.len();
        let text = "optional parameter or capability does not fit";
        let mut parameters = self.parameters;
        loop {
            let at = end.saturating_sub(parameters.reader.len());
            let (kind, value) = match parameters.step() {
                Step::End => return None,
                Step::Cut => return Some(fault(at, ErrorCode::MalformedOpen, text)),
                Step::Item(kind, value) => (kind, value),
            };
            let mut capabilities = Reader::new(value);
            while kind == Parameters::CAPABILITIES && !capabilities.is_empty() {
                if take_capability(&mut capabilities).is_none() {
                    return Some(fault(at, ErrorCode::MalformedOpen, text));
                }
            }
        }
    }

    /// The sender's AS number: from the capability if there, else `my_as`.
    #[must_use]
    pub fn asn(&self) -> u32 {
        self.capabilities()
            .find_map(|capability| match capability {
                Capability::FourOctetAs(asn) => Some(asn),
                _ => None,
            })
            .unwrap_or(u32::from(self.my_as))
    }

    /// Optional parameters as type and value, up to one that does not fit.
    #[must_use]
    pub fn parameters(&self) -> Parameters<'a> {
        self.parameters
    }

    /// All capabilities of all parameters, in wire order.
    #[must_use]
    pub fn capabilities(&self) -> Capabilities<'a> {
        Capabilities {
            parameters: self.parameters,
            current: Reader::new(&[]),
        }
    }

    /// What is wrong with it.
    #[must_use]
    pub fn errors(&self) -> &Errors {
        &self.errors
    }

    /// The bytes behind the header.
    #[must_use]
    pub const fn body(&self) -> &'a [u8] {
        self.body
    }
}

const fn fault(at: usize, code: ErrorCode, text: &'static str) -> Fault {
    Fault::new(at, code, text)
}

/// Iterator over optional parameters: type and value.
#[derive(Clone, Copy, Debug)]
pub struct Parameters<'a> {
    reader: Reader<'a>,
    /// Two-octet lengths (RFC 9072 §2).
    extended: bool,
}

enum Step<'a> {
    Item(u8, &'a [u8]),
    End,
    Cut,
}

impl<'a> Parameters<'a> {
    /// The parameter type that holds capabilities (RFC 5492 §4).
    pub const CAPABILITIES: u8 = 2;

    /// Reads the length octets, and says if they contradict the message's length.
    fn read(reader: &mut Reader<'a>, total: usize) -> Option<(Self, Option<Fault>)> {
        let at = total.saturating_sub(reader.len());
        let short = reader.u8()?;
        // RFC 9072 §2: a parameter type of 255 is the mark; the length octet
        // before it should be 255 but any nonzero value is to be accepted.
        let extended = short != 0 && reader.rest().first() == Some(&255);
        let length = if extended {
            reader.u8()?;
            usize::from(reader.u16()?)
        } else {
            usize::from(short)
        };
        let text = "length of the optional parameters contradicts that of the message";
        let problem = (length != reader.len()).then(|| fault(at, ErrorCode::MalformedOpen, text));
        let bytes = reader.take(length.min(reader.len()))?;
        let reader = Reader::new(bytes);
        Some((Self { reader, extended }, problem))
    }

    fn step(&mut self) -> Step<'a> {
        if self.reader.is_empty() {
            return Step::End;
        }
        if let Some((kind, value)) = self.take() {
            return Step::Item(kind, value);
        }
        self.reader.clear();
        Step::Cut
    }

    fn take(&mut self) -> Option<(u8, &'a [u8])> {
        let kind = self.reader.u8()?;
        let length = if self.extended {
            usize::from(self.reader.u16()?)
        } else {
            usize::from(self.reader.u8()?)
        };
        Some((kind, self.reader.take(length)?))
    }
}

impl<'a> Iterator for Parameters<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        match self.step() {
            Step::Item(kind, value) => Some((kind, value)),
            Step::End | Step::Cut => None,
        }
    }
}

/// Iterator over the capabilities of an OPEN.
#[derive(Clone, Copy, Debug)]
pub struct Capabilities<'a> {
    parameters: Parameters<'a>,
    current: Reader<'a>,
}

impl<'a> Iterator for Capabilities<'a> {
    type Item = Capability<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((code, value)) = take_capability(&mut self.current) {
                return Some(Capability::parse(code, value));
            }
            // What follows a capability that does not fit is none.
            self.current.clear();
            let (kind, value) = self.parameters.next()?;
            if kind == Parameters::CAPABILITIES {
                self.current = Reader::new(value);
            }
        }
    }
}

fn take_capability<'a>(reader: &mut Reader<'a>) -> Option<(u8, &'a [u8])> {
    let code = reader.u8()?;
    let length = usize::from(reader.u8()?);
    Some((code, reader.take(length)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(parameters: &[u8]) -> Vec<u8> {
        let mut bytes = vec![4, 0xfd, 0xe8, 0, 180, 192, 0, 2, 1];
        bytes.extend_from_slice(parameters);
        bytes
    }

    #[test]
    fn both_encodings_of_parameters_give_the_same_capabilities() {
        let short = body(&[10, 2, 2, 2, 0, 2, 4, 65, 4, 0, 1]);
        let open = Open::parse(&short).expect("fixed part");
        assert_eq!(open.errors().total(), 1, "the capability of 65 is cut");
        let short = body(&[14, 2, 2, 2, 0, 2, 6, 65, 4, 0, 1, 0, 1, 0xff, 0]);
        let long = body(&[
            255, 255, 0, 17, 2, 0, 2, 2, 0, 2, 0, 6, 65, 4, 0, 1, 0, 1, 0xff, 0, 0,
        ]);
        for bytes in [short, long] {
            let open = Open::parse(&bytes).expect("fixed part");
            assert_eq!(open.errors().as_slice(), []);
            assert_eq!(open.asn(), 65537);
            let capabilities: Vec<_> = open.capabilities().collect();
            assert_eq!(
                capabilities,
                [Capability::RouteRefresh, Capability::FourOctetAs(65537)]
            );
            assert_eq!(open.parameters().count(), 3);
        }
    }

    #[test]
    fn each_field_is_checked() {
        let mut bytes = body(&[0]);
        bytes[0] = 3;
        bytes[1..3].fill(0);
        bytes[3..5].copy_from_slice(&[0, 2]);
        bytes[5..9].fill(0);
        let open = Open::parse(&bytes).expect("fixed part");
        let codes: Vec<_> = open.errors().as_slice().iter().map(|e| e.code).collect();
        assert_eq!(
            codes,
            [
                ErrorCode::UnsupportedVersion,
                ErrorCode::BadPeerAs,
                ErrorCode::UnacceptableHoldTime,
                ErrorCode::BadBgpIdentifier
            ]
        );
    }

    #[test]
    fn nothing_is_read_behind_a_capability_that_does_not_fit() {
        let bytes = body(&[10, 2, 8, 64, 0, 0, 0, 65, 4, 0, 0]);
        let open = Open::parse(&bytes).expect("fixed part");
        let codes: Vec<_> = open.capabilities().map(|c| c.code()).collect();
        assert_eq!(codes, [64, 0]);
    }

    #[test]
    fn a_parameter_length_beyond_the_message_is_reported() {
        let bytes = body(&[4, 2, 2, 2, 0, 9]);
        let open = Open::parse(&bytes).expect("fixed part");
        assert_eq!(open.errors().as_slice()[0].code, ErrorCode::MalformedOpen);
        assert_eq!(open.capabilities().count(), 1);
        assert!(Open::parse(&bytes[..9]).is_err());
    }
}
