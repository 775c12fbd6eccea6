//! What the decoders of all families have in common.

use super::Form;
use crate::bgp::error::{Disposition, Fault};
use crate::bgp::reader::Reader;
use core::marker::PhantomData;
use serde::Serialize;

/// How the NLRI of a family are delimited and read.
pub trait Codec {
    /// One NLRI. Its JSON form is a string if it is a prefix and nothing else, else an object.
    type Item<'a>: Serialize;

    /// Takes one NLRI off the front of `input`, which is not empty.
    ///
    /// # Errors
    /// It cannot be read; then nothing behind it can (RFC 7606 §5.3). The
    /// position in the fault counts from the start of the NLRI.
    fn take<'a>(input: &mut Reader<'a>, form: Form) -> Result<Self::Item<'a>, Fault>;

    /// Gives `f` all NLRI, up to one that cannot be read. Implementations may know a faster way.
    #[inline]
    fn fold<'a, B>(
        input: Reader<'a>,
        form: Form,
        init: B,
        f: impl FnMut(B, Self::Item<'a>) -> B,
    ) -> B {
        fold_each(input, init, f, |input| Self::take(input, form))
    }

    /// Reads the whole field and reports what is wrong with it, at most one
    /// fault of each kind. Implementations may know a faster way.
    fn check(field: &[u8], form: Form, report: &mut dyn FnMut(Fault)) {
        let mut input = Reader::new(field);
        while !input.is_empty() {
            let at = field.len() - input.len();
            if let Err(fault) = Self::take(&mut input, form) {
                return report(fault.shifted(at));
            }
        }
    }
}

/// Gives `f` what `take` takes off the front of `input`, up to its end or the first fault.
#[inline]
pub(crate) fn fold_each<'a, B, T>(
    mut input: Reader<'a>,
    init: B,
    mut f: impl FnMut(B, T) -> B,
    take: impl Fn(&mut Reader<'a>) -> Result<T, Fault>,
) -> B {
    let mut folded = init;
    while !input.is_empty()
        && let Ok(item) = take(&mut input)
    {
        folded = f(folded, item);
    }
    folded
}

/// Reads a field NLRI by NLRI; `step` takes one and says what is wrong inside it, if anything.
///
/// A fault inside an NLRI ends nothing; it is reported if it is graver than those before it,
/// so that a long field of like faults makes one report.
pub(crate) fn check_each(
    field: &[u8],
    report: &mut dyn FnMut(Fault),
    mut step: impl FnMut(&mut Reader<'_>) -> Result<Option<Fault>, Fault>,
) {
    let mut input = Reader::new(field);
    let mut gravest = None;
    while !input.is_empty() {
        let at = field.len() - input.len();
        match step(&mut input) {
            Ok(None) => {}
            Ok(Some(fault)) => {
                // Without a disposition of its own it has that of the attribute, a reset.
                let disposition = fault.disposition.unwrap_or(Disposition::SessionReset);
                if gravest < Some(disposition) {
                    gravest = Some(disposition);
                    report(fault.shifted(at));
                }
            }
            Err(fault) => return report(fault.shifted(at)),
        }
    }
}

/// The same for NLRI that begin with a type and a length, `head` octets together; `inspect` says what is wrong
/// behind them.
pub(crate) fn check_typed<C: Codec>(
    field: &[u8],
    form: Form,
    head: usize,
    report: &mut dyn FnMut(Fault),
    inspect: impl Fn(C::Item<'_>) -> Option<Fault>,
) {
    let head = head + if form.add_path { 4 } else { 0 };
    check_each(field, report, |input| {
        let fault = inspect(C::take(input, form)?);
        Ok(fault.map(|fault| fault.shifted(head)))
    });
}

/// Iterator over the NLRI of one family, up to one that cannot be read.
#[derive(Clone, Copy, Debug)]
pub struct Each<'a, C> {
    input: Reader<'a>,
    form: Form,
    ended: bool,
    codec: PhantomData<C>,
}

impl<'a, C: Codec> Each<'a, C> {
    pub(super) const fn new(field: &'a [u8], form: Form) -> Self {
        Self {
            input: Reader::new(field),
            form,
            ended: false,
            codec: PhantomData,
        }
    }

    /// The octets not read yet; after the end, those that cannot be read.
    #[must_use]
    pub const fn unread(&self) -> &'a [u8] {
        self.input.rest()
    }
}

impl<'a, C: Codec> Iterator for Each<'a, C> {
    type Item = C::Item<'a>;

    #[inline]
    fn next(&mut self) -> Option<C::Item<'a>> {
        if self.ended || self.input.is_empty() {
            return None;
        }
        let mut input = self.input;
        let Ok(item) = C::take(&mut input, self.form) else {
            self.ended = true;
            return None;
        };
        self.input = input;
        Some(item)
    }

    #[inline]
    fn fold<B, F: FnMut(B, C::Item<'a>) -> B>(self, init: B, f: F) -> B {
        if self.ended {
            return init;
        }
        C::fold(self.input, self.form, init, f)
    }
}

impl<C: Codec> core::iter::FusedIterator for Each<'_, C> {}
