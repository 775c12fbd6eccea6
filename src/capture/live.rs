//! What a capture from interfaces can do beyond reading frames.

use super::{CaptureMode, InterfaceCounts, Source};
use crate::error::SetupError;

/// A source that the kernel feeds.
pub trait Live: Source {
    /// How each interface is captured, as the kernel says.
    fn modes(&self) -> Vec<CaptureMode>;

    /// What is not as it was asked for, but does not hinder.
    fn warnings(&self) -> &[String];

    /// Has nothing more captured; what came until then is found by polling on until nothing comes.
    ///
    /// # Errors
    /// The kernel refused, as it does when the interface is gone.
    fn stop(&mut self) -> Result<(), SetupError>;

    /// What each interface saw and passed on, in the order of [`Source::interfaces`].
    fn counts(&self) -> Vec<InterfaceCounts>;
}
