//! NOTIFICATION (RFC 4271 §4.5).

mod detail;

use super::context::Context;
use super::error::{Disposition, Error, ErrorCode, Fault};
use super::header::{HEADER_LEN, check_extended};
use super::names;
use super::text::{Escaped, Hex, Show};
use serde::ser::{Serialize, SerializeMap, Serializer};

pub use detail::{Detail, OfferedCapabilities};

/// A borrowed NOTIFICATION.
#[derive(Clone, Copy, Debug)]
pub struct Notification<'a> {
    body: &'a [u8],
    /// Error code.
    pub code: u8,
    /// Error subcode.
    pub subcode: u8,
    /// What the sender adds, depending on code and subcode.
    pub data: &'a [u8],
    context: Context,
    /// It came in the data of another one.
    enclosed: bool,
    error: Option<Error>,
}

impl<'a> Notification<'a> {
    /// Reads what follows the header. `context` is that of the session: attributes in the data are
    /// read with its AS numbers.
    ///
    /// # Errors
    /// There are not even a code and a subcode.
    pub fn parse(body: &'a [u8], context: &Context) -> Result<Self, Error> {
        let &[code, subcode, ref data @ ..] = body else {
            let text = "NOTIFICATION cut short";
            return Err(Fault::new(0, ErrorCode::BadMessageLength, text).place(
                HEADER_LEN,
                None,
                Disposition::SessionReset,
            ));
        };
        Ok(Self {
            body,
            code,
            subcode,
            data,
            context: *context,
            enclosed: false,
            error: check_extended(body, context),
        })
    }

    /// Name of the code.
    #[must_use]
    pub const fn name(&self) -> Option<&'static str> {
        names::error(self.code)
    }

    /// Name of the subcode.
    #[must_use]
    pub const fn subcode_name(&self) -> Option<&'static str> {
        names::error_subcode(self.code, self.subcode)
    }

    /// The one that a hard reset encloses (RFC 8538 §3): why the session really ends.
    #[must_use]
    pub fn enclosed(&self) -> Option<Self> {
        let is_hard_reset = self.code == 6 && self.subcode == 9 && !self.enclosed;
        let inner = Self::parse(self.data, &self.context).ok()?;
        is_hard_reset.then_some(Self {
            enclosed: true,
            ..inner
        })
    }

    /// What an operator wrote about a shutdown or reset (RFC 9003 §2), as it came: it may hold
    /// control characters. `None` if there is none or it is not such a text.
    #[must_use]
    pub fn shutdown_text(&self) -> Option<&'a str> {
        let communication = self.shutdown_communication()?.ok()?;
        Some(communication).filter(|text| !text.is_empty())
    }

    /// The shutdown communication, or what is wrong with it.
    fn shutdown_communication(&self) -> Option<Result<&'a str, &'static str>> {
        if let Some(inner) = self.enclosed() {
            return inner.shutdown_communication();
        }
        if self.code != 6 || !matches!(self.subcode, 2 | 4) {
            return None;
        }
        let (&length, rest) = self.data.split_first()?;
        let Some(text) = rest.get(..usize::from(length)) else {
            return Some(Err("length beyond the data"));
        };
        Some(core::str::from_utf8(text).map_err(|_| "not UTF-8"))
    }

    /// What the data says, where the RFC of the error gives it a meaning.
    #[must_use]
    pub fn detail(&self) -> Option<Detail<'a>> {
        Detail::new(self)
    }

    /// What is wrong with it: it is longer than its receiver takes (RFC 8654 §5).
    #[must_use]
    pub const fn errors(&self) -> &[Error] {
        self.error.as_slice()
    }

    /// The bytes behind the header.
    #[must_use]
    pub const fn body(&self) -> &'a [u8] {
        self.body
    }
}

impl Serialize for Notification<'_> {
    /// `{"code", "subcode", "name", "subcode_name", "data", "text", "detail"}`, what is known of it.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("code", &self.code)?;
        map.serialize_entry("subcode", &self.subcode)?;
        if let Some(name) = self.name() {
            map.serialize_entry("name", name)?;
        }
        if let Some(name) = self.subcode_name() {
            map.serialize_entry("subcode_name", name)?;
        }
        map.serialize_entry("data", &Hex(self.data))?;
        match self.shutdown_communication() {
            Some(Ok(text)) if !text.is_empty() => {
                map.serialize_entry("text", &Show(Escaped(text)))?;
            }
            // RFC 9003 §2: the operator is to hear of it; the octets are in `data`.
            Some(Err(what)) => map.serialize_entry("text_malformed", what)?,
            _ => {}
        }
        if let Some(detail) = self.detail() {
            map.serialize_entry("detail", &detail)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests;
