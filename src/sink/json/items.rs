//! The elements of an array and the fields of an object that [`super::text`] writes.

use super::text;
use serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant,
};
use serde_json::{Error, Result};

/// An array or an object that has been begun.
pub(super) struct Items<'a> {
    out: &'a mut Vec<u8>,
    /// Something comes before what is next.
    comma: bool,
    close: &'static [u8],
}

impl<'a> Items<'a> {
    /// What follows `open`, until `close` ends it.
    #[inline]
    pub(super) fn begin(out: &'a mut Vec<u8>, open: u8, close: &'static [u8]) -> Self {
        out.push(open);
        let comma = false;
        Self { out, comma, close }
    }

    #[inline]
    fn separate(&mut self) {
        if self.comma {
            self.out.push(b',');
        }
        self.comma = true;
    }

    #[inline]
    fn element<T: Serialize + ?Sized>(&mut self, element: &T) -> Result<()> {
        self.separate();
        text::value(self.out, element)
    }

    #[inline]
    fn field<T: Serialize + ?Sized>(&mut self, name: &'static str, content: &T) -> Result<()> {
        self.separate();
        text::name(self.out, name);
        text::value(self.out, content)
    }

    #[inline]
    fn finish(self) {
        self.out.extend_from_slice(self.close);
    }
}

macro_rules! arrays {
    ($($kind:ident::$method:ident),*) => {
        $(impl $kind for Items<'_> {
            type Ok = ();
            type Error = Error;

            #[inline]
            fn $method<T: Serialize + ?Sized>(&mut self, element: &T) -> Result<()> {
                self.element(element)
            }

            #[inline]
            fn end(self) -> Result<()> {
                self.finish();
                Ok(())
            }
        })*
    };
}

macro_rules! objects {
    ($($kind:ident),*) => {
        $(impl $kind for Items<'_> {
            type Ok = ();
            type Error = Error;

            #[inline]
            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                content: &T,
            ) -> Result<()> {
                self.field(name, content)
            }

            #[inline]
            fn end(self) -> Result<()> {
                self.finish();
                Ok(())
            }
        })*
    };
}

arrays!(
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field
);

objects!(SerializeStruct, SerializeStructVariant);

impl SerializeMap for Items<'_> {
    type Ok = ();
    type Error = Error;

    #[inline]
    fn serialize_key<T: Serialize + ?Sized>(&mut self, name: &T) -> Result<()> {
        self.separate();
        text::key(self.out, name)
    }

    #[inline]
    fn serialize_value<T: Serialize + ?Sized>(&mut self, content: &T) -> Result<()> {
        text::value(self.out, content)
    }

    #[inline]
    fn end(self) -> Result<()> {
        self.finish();
        Ok(())
    }
}
