//! Locked memory for bgptap.
