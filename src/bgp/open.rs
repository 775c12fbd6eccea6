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
        let mut errors = Errors::new();
        let mut report = |fault: Fault| {
            errors.push(fault.place(HEADER_LEN, None, Disposition::SessionReset));
        };
        problem.into_iter().for_each(&mut report);
        open.check_fields(&mut report);
        open.check_parameters(&mut report);
        open.errors = errors;
        Some(open)
    }

    fn check_fields(&self, report: &mut impl FnMut(Fault)) {
        let mut check = |wrong, at, code, text| {
            if wrong {
                report(fault(at, code, text));
            }
        };
        let version = "version is not 4";
        check(self.version != 4, 0, ErrorCode::UnsupportedVersion, version);
        let no_as = self.my_as == 0 || self.asn() == 0;
        check(no_as, 1, ErrorCode::BadPeerAs, "AS number 0");
        let short = "hold time of one or two seconds";
        let too_short = matches!(self.hold_time, 1 | 2);
        check(too_short, 3, ErrorCode::UnacceptableHoldTime, short);
        let no_id = self.bgp_id.is_unspecified();
        check(no_id, 5, ErrorCode::BadBgpIdentifier, "BGP identifier 0");
    }

    /// What does not fit, and capabilities whose values cannot be read.
    fn check_parameters(&self, report: &mut impl FnMut(Fault)) {
        let does_not_fit = "optional parameter or capability does not fit";
        let mut parameters = self.parameters;
        let mut role = None;
        loop {
            let at = parameters.offset();
            let (kind, value) = match parameters.step() {
                Step::End => return,
                Step::Cut => return report(fault(at, ErrorCode::MalformedOpen, does_not_fit)),
                Step::Item(kind, value) => (kind, value),
            };
            if kind != Parameters::CAPABILITIES {
                // RFC 4271 §6.2. The only other one, authentication, is deprecated (RFC 5492 §8),
                // and 255 has a meaning in front of all others alone (RFC 9072 §3).
                let text = "optional parameter that is not known";
                report(fault(at, ErrorCode::UnsupportedParameter, text));
                continue;
            }
            let end = parameters.offset();
            let mut capabilities = Reader::new(value);
            while !capabilities.is_empty() {
                let at = end - capabilities.len();
                let Some((code, value)) = take_capability(&mut capabilities) else {
                    report(fault(at, ErrorCode::MalformedOpen, does_not_fit));
                    break;
                };
                check_capability(Capability::parse(code, value), at, &mut role, report);
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

/// `role` is the one that an earlier capability named.
fn check_capability(
    capability: Capability<'_>,
    at: usize,
    role: &mut Option<u8>,
    report: &mut impl FnMut(Fault),
) {
    match capability {
        // RFC 5492 leaves it open; to a receiver it is a capability that it does not know.
        Capability::Malformed { .. } => {
            let text = "capability whose value cannot be read";
            report(fault(at, ErrorCode::MalformedOpen, text).with(Disposition::Ignore));
        }
        // RFC 9234 §4.2: several are allowed if they say the same.
        Capability::Role(value) if role.replace(value).is_some_and(|other| other != value) => {
            report(fault(at, ErrorCode::RoleMismatch, "roles that differ"));
        }
        _ => {}
    }
}

/// Iterator over optional parameters: type and value.
#[derive(Clone, Copy, Debug)]
pub struct Parameters<'a> {
    reader: Reader<'a>,
    /// Where they end in the body.
    end: usize,
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
        let parameters = Self {
            reader: Reader::new(bytes),
            end: total.saturating_sub(reader.len()),
            extended,
        };
        Some((parameters, problem))
    }

    /// Where the next one begins in the body.
    fn offset(&self) -> usize {
        self.end - self.reader.len()
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
        let short = body(&[12, 2, 2, 2, 0, 2, 6, 65, 4, 0, 1, 0, 1]);
        let long = body(&[255, 255, 0, 14, 2, 0, 2, 2, 0, 2, 0, 6, 65, 4, 0, 1, 0, 1]);
        for bytes in [short, long] {
            let open = Open::parse(&bytes).expect("fixed part");
            assert_eq!(open.errors().as_slice(), []);
            assert_eq!(open.asn(), 65537);
            let capabilities: Vec<_> = open.capabilities().collect();
            assert_eq!(
                capabilities,
                [Capability::RouteRefresh, Capability::FourOctetAs(65537)]
            );
            assert_eq!(open.parameters().count(), 2);
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

    /// RFC 9234 §4.2: the same role twice is one role; another one is a Role Mismatch.
    #[test]
    fn roles_must_not_contradict_each_other() {
        let same = body(&[8, 2, 6, 9, 1, 3, 9, 1, 3]);
        let open = Open::parse(&same).expect("fixed part");
        assert_eq!(open.errors().total(), 0);
        let other = body(&[10, 2, 3, 9, 1, 3, 2, 3, 9, 1, 4]);
        let open = Open::parse(&other).expect("fixed part");
        let errors = open.errors().as_slice();
        assert_eq!(errors.len(), 1);
        assert_eq!(
            (errors[0].code, errors[0].offset),
            (ErrorCode::RoleMismatch, 19 + 17)
        );
    }

    /// RFC 4271 §6.2; RFC 9072 §3: 255 is the mark of long parameters in front of them alone.
    #[test]
    fn parameters_that_are_not_known_are_refused() {
        let errors = |parameters: &[u8]| {
            let bytes = body(parameters);
            let open = Open::parse(&bytes).expect("fixed part");
            let errors = open.errors().as_slice().iter();
            let list: Vec<_> = errors.map(|e| (e.code, e.offset, e.disposition)).collect();
            (list, open.capabilities().count())
        };
        let refused = |offset| {
            let code = ErrorCode::UnsupportedParameter;
            (vec![(code, offset, Disposition::SessionReset)], 1)
        };
        assert_eq!(errors(&[7, 1, 1, 0, 2, 2, 2, 0]), refused(19 + 10));
        assert_eq!(errors(&[6, 2, 2, 2, 0, 255, 0]), refused(19 + 14));
        assert_eq!(
            errors(&[255, 255, 0, 8, 2, 0, 2, 2, 0, 255, 0, 0]),
            refused(19 + 18)
        );
        assert_eq!(errors(&[4, 2, 2, 2, 0]), (vec![], 1));
    }

    /// RFC 9072 §2: whatever nonzero length stands before the mark.
    #[test]
    fn the_length_before_the_mark_of_long_parameters_is_ignored() {
        let bytes = body(&[1, 255, 0, 5, 2, 0, 2, 2, 0]);
        let open = Open::parse(&bytes).expect("fixed part");
        assert_eq!(open.errors().total(), 0);
        assert_eq!(
            open.capabilities().collect::<Vec<_>>(),
            [Capability::RouteRefresh]
        );
    }
}
