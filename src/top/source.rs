//! Where the figures and events come from: another process, or this one.

use std::fmt;

/// What a running instance tells.
pub trait Source: Send + Sync {
    /// What it is called on the screen.
    fn name(&self) -> String;

    /// The answer of `/status`.
    ///
    /// # Errors
    /// There is no answer, or none of bgptap.
    fn status(&self) -> Result<Vec<u8>, Trouble>;

    /// A page of `/sessions`.
    ///
    /// # Errors
    /// There is no answer, or none of bgptap.
    fn sessions(&self, from: usize, limit: usize) -> Result<Vec<u8>, Trouble>;

    /// Events from now on.
    ///
    /// # Errors
    /// There is no answer, or too many listen already.
    fn events(&self) -> Result<Box<dyn Events>, Trouble>;
}

/// Events as they come.
pub trait Events {
    /// Whole lines, one or several; `None` once no more will come.
    fn next(&mut self) -> Option<Vec<u8>>;
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Nobody answers, or not in time.
    Unreachable(String),
    /// Somebody answers who does not know the question.
    Stranger(String),
    /// It cannot answer now.
    Busy(String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(why) | Self::Stranger(why) | Self::Busy(why) => f.write_str(why),
        }
    }
}
