//! The fields of one JSON object, written one after the other.

use super::text;
use serde::ser::{Serialize, SerializeMap};

/// An object that is being written. Beside values it takes fields that were written before.
pub(super) struct Fields<'a> {
    out: &'a mut Vec<u8>,
    /// A field comes before the next one.
    comma: bool,
}

impl<'a> Fields<'a> {
    /// Fields without braces, to be kept.
    pub(super) fn bare(out: &'a mut Vec<u8>) -> Self {
        Self { out, comma: false }
    }

    /// Begins an object.
    pub(super) fn open(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self::bare(out)
    }

    /// Begins an object as the value of a key that was just written.
    pub(super) fn object(&mut self) -> Fields<'_> {
        Fields::open(self.out)
    }

    /// A list of objects as the value of a key that was just written; `write` fills each.
    pub(super) fn list<T>(
        &mut self,
        items: impl IntoIterator<Item = T>,
        mut write: impl FnMut(&mut Fields<'_>, T) -> serde_json::Result<()>,
    ) -> serde_json::Result<()> {
        self.out.push(b'[');
        for (at, item) in items.into_iter().enumerate() {
            if at > 0 {
                self.out.push(b',');
            }
            let mut fields = self.object();
            write(&mut fields, item)?;
            fields.close();
        }
        self.out.push(b']');
        Ok(())
    }

    /// Ends the object.
    pub(super) fn close(self) {
        self.out.push(b'}');
    }

    /// Fields that [`Fields::bare`] wrote.
    pub(super) fn splice(&mut self, fields: &[u8]) {
        if !fields.is_empty() {
            self.separate();
            self.out.extend_from_slice(fields);
        }
    }

    /// The key of a field, whose value comes next.
    #[inline(always)]
    pub(super) fn name(&mut self, name: &'static str) {
        self.separate();
        text::name(self.out, name);
    }

    /// A field with its value.
    #[inline(always)]
    pub(super) fn field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> serde_json::Result<()> {
        self.name(name);
        text::value(self.out, value)
    }

    /// A field whose value `write` appends.
    #[inline(always)]
    pub(super) fn with(
        &mut self,
        name: &'static str,
        write: impl FnOnce(&mut Vec<u8>) -> serde_json::Result<()>,
    ) -> serde_json::Result<()> {
        self.name(name);
        write(self.out)
    }

    /// A field whose value is a string; `write` appends what is in it.
    #[inline]
    pub(super) fn quoted(
        &mut self,
        name: &'static str,
        write: impl FnOnce(&mut Vec<u8>) -> serde_json::Result<()>,
    ) -> serde_json::Result<()> {
        self.with(name, |out| {
            out.push(b'"');
            write(out)?;
            out.push(b'"');
            Ok(())
        })
    }

    #[inline]
    fn separate(&mut self) {
        if self.comma {
            self.out.push(b',');
        }
        self.comma = true;
    }
}

impl SerializeMap for Fields<'_> {
    type Ok = ();
    type Error = serde_json::Error;

    #[inline]
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Self::Error> {
        self.separate();
        text::key(self.out, key)
    }

    #[inline]
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Self::Error> {
        text::value(self.out, value)
    }

    fn end(self) -> Result<(), Self::Error> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_both_kinds_are_one_object() {
        let mut kept = Vec::new();
        let mut bare = Fields::bare(&mut kept);
        bare.serialize_entry("b", &[1, 2]).expect("memory");
        bare.serialize_entry("c", "\"").expect("memory");
        let mut out = Vec::new();
        let mut fields = Fields::open(&mut out);
        fields.splice(&kept);
        fields.splice(&[]);
        fields.serialize_entry("a", &1).expect("memory");
        fields.splice(&kept);
        fields.close();
        assert_eq!(out, br#"{"b":[1,2],"c":"\"","a":1,"b":[1,2],"c":"\""}"#);
    }
}
