//! tshark's reading.
