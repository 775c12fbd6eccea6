//! The steering programs of bgptap.
