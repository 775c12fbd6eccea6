//! NOTIFICATION (RFC 4271 §4.5).

use super::error::{Disposition, Error, ErrorCode, Fault};
use super::header::HEADER_LEN;
use super::names;

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
}

impl<'a> Notification<'a> {
    /// Reads what follows the header.
    ///
    /// # Errors
    /// There are not even a code and a subcode.
    pub fn parse(body: &'a [u8]) -> Result<Self, Error> {
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

    /// What an operator wrote about a shutdown or reset (RFC 9003 §2): UTF-8 of
    /// the announced length. `None` if there is none or it is not such a text.
    #[must_use]
    pub fn shutdown_text(&self) -> Option<&'a str> {
        // RFC 8538 §3: Cease/Hard Reset encloses the code and subcode of the reason.
        let (subcode, data) = match (self.code, self.subcode, self.data) {
            (6, 9, &[6, subcode, ref data @ ..]) => (subcode, data),
            (6, subcode, data) => (subcode, data),
            _ => return None,
        };
        if !matches!(subcode, 2 | 4) {
            return None;
        }
        let (&length, rest) = data.split_first()?;
        let text = rest.get(..usize::from(length))?;
        core::str::from_utf8(text).ok().filter(|t| !t.is_empty())
    }

    /// The bytes behind the header.
    #[must_use]
    pub const fn body(&self) -> &'a [u8] {
        self.body
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shutdown_text_is_bounded_by_its_length_octet() {
        let parse = |body| Notification::parse(body).expect("long enough");
        assert_eq!(parse(b"\x06\x02\x05hello").shutdown_text(), Some("hello"));
        assert_eq!(parse(b"\x06\x02\x04hello").shutdown_text(), Some("hell"));
        assert_eq!(parse(b"\x06\x02\x06hello").shutdown_text(), None);
        assert_eq!(parse(b"\x06\x02\x02\xff\xfe").shutdown_text(), None);
        assert_eq!(parse(b"\x06\x09\x06\x04\x02hi").shutdown_text(), Some("hi"));
        assert_eq!(parse(b"\x06\x03\x02hi").shutdown_text(), None);
        assert!(Notification::parse(b"\x06").is_err());
    }

    #[test]
    fn names_of_code_and_subcode() {
        let notification = Notification::parse(&[6, 9]).expect("long enough");
        assert_eq!(notification.name(), Some("Cease"));
        assert_eq!(notification.subcode_name(), Some("Hard Reset"));
    }
}
