//! How many bytes all tables together may take.

/// Bytes taken and allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Taken by tables.
    pub tables: u64,
    /// Taken by attributes.
    pub attributes: u64,
    /// The most that both may come to.
    pub max: u64,
    /// Tables that were ever made.
    made: u64,
}

impl Budget {
    /// Nothing taken of `max` bytes.
    #[must_use]
    pub const fn new(max: u64) -> Self {
        Self {
            tables: 0,
            attributes: 0,
            max,
            made: 0,
        }
    }

    /// Whether `more` bytes fit.
    #[must_use]
    pub const fn fits(&self, more: u64) -> bool {
        let taken = self.tables.saturating_add(self.attributes);
        taken.saturating_add(more) <= self.max
    }

    /// A table is made; its number, which no other one has.
    pub(super) const fn number(&mut self) -> u64 {
        self.made = self.made.wrapping_add(1);
        self.made
    }

    pub(super) fn resized(&mut self, before: u64, after: u64) {
        self.tables = self.tables.saturating_sub(before).saturating_add(after);
    }
}
