//! What is wrong in TLVs.

use super::{Tlvs, Value};
use crate::bgp::error::{Disposition, ErrorCode, Fault};

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// A TLV does not fit what holds it, so that nothing behind it can be read.
    Framing,
    /// A value is not what its type asks for.
    Value,
}

/// Something wrong and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flaw {
    pub(crate) wrong: Wrong,
    /// Octets before the TLV.
    pub(crate) at: usize,
    /// Type of the TLV or, if it is nested, of the outermost one that holds it; none where there
    /// are too few octets for one.
    pub(crate) top: Option<u16>,
}

impl Flaw {
    /// As a fault of an attribute.
    pub(crate) const fn fault(self, text: &'static str) -> Fault {
        let code = match self.wrong {
            Wrong::Framing => ErrorCode::MalformedAttributeList,
            Wrong::Value => ErrorCode::OptionalAttribute,
        };
        Fault::new(self.at, code, text)
    }
}

impl<'a> Tlvs<'a> {
    /// Reports what is wrong with these TLVs and with those inside them.
    pub(crate) fn check(mut self, report: &mut dyn FnMut(Flaw)) {
        let whole = self.unread.len();
        let mut at = 0;
        while let Some(tlv) = self.next() {
            let top = Some(tlv.kind);
            let valid = tlv.visit(&mut |_, value| {
                if let Value::Tlvs(inner) = value {
                    // What is nested always ends where its TLV does.
                    let inner_at = whole - self.unread.len() - inner.unread.len();
                    inner.check(&mut |flaw| {
                        report(Flaw {
                            at: inner_at + flaw.at,
                            top,
                            ..flaw
                        });
                    });
                }
            });
            if !valid {
                let wrong = Wrong::Value;
                report(Flaw { wrong, at, top });
            }
            at = whole - self.unread.len();
        }
        if !self.unread.is_empty() {
            report(Flaw {
                wrong: Wrong::Framing,
                at,
                top: self.next_kind(),
            });
        }
    }

    /// The flaw of the gravest disposition, the first of several, as a fault.
    pub(crate) fn gravest(
        self,
        text: &'static str,
        disposition: impl Fn(Flaw) -> Disposition,
    ) -> Option<Fault> {
        let mut gravest = None;
        self.check(&mut |flaw| {
            let new = disposition(flaw);
            if gravest.is_none_or(|(_, old)| old < new) {
                gravest = Some((flaw, new));
            }
        });
        gravest.map(|(flaw, disposition)| flaw.fault(text).with(disposition))
    }

    /// The first flaw, the first one of framing if there is one.
    pub(crate) fn worst(self) -> Option<Flaw> {
        let mut worst = None::<Flaw>;
        self.check(&mut |flaw| {
            let graver = worst
                .is_none_or(|worst| worst.wrong == Wrong::Value && flaw.wrong == Wrong::Framing);
            if graver {
                worst = Some(flaw);
            }
        });
        worst
    }
}
