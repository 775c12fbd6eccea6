//! The TCP ports that BGP is looked for on.

/// A small set of TCP ports, looked up once per frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ports(Box<[u16]>);

impl Ports {
    /// The set of `ports`; order and repetition do not matter.
    #[must_use]
    pub fn new(ports: &[u16]) -> Self {
        let mut ports = ports.to_vec();
        ports.sort_unstable();
        ports.dedup();
        Self(ports.into_boxed_slice())
    }

    /// Whether `port` is one of them. There are a handful at most, so a scan is quickest.
    #[must_use]
    pub fn contains(&self, port: u16) -> bool {
        self.0.contains(&port)
    }
}

impl Default for Ports {
    /// The port that IANA assigned to BGP (RFC 4271 §1.1).
    fn default() -> Self {
        Self::new(&[179])
    }
}
