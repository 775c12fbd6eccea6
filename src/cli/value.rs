//! Values of options, and what is said of those that are none.

use std::net::SocketAddr;
use std::ops::RangeInclusive;

/// A whole number in a range.
pub(super) fn whole<T: TryFrom<u64> + 'static>(
    range: RangeInclusive<u64>,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static {
    move |text| {
        let number = text.parse().ok().filter(|number| range.contains(number));
        let number = number.and_then(|number: u64| T::try_from(number).ok());
        number.ok_or_else(|| {
            format!(
                "a number from {} to {} is needed",
                range.start(),
                range.end()
            )
        })
    }
}

/// An address and a port to listen at.
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        "an IP address and a port are needed, as in 127.0.0.1:9179 or [::1]:9179".into()
    })
}

/// A name that is not empty.
pub(super) fn name(text: &str) -> Result<String, String> {
    match text {
        "" => Err("it is empty; where it comes from a variable, is that set?".into()),
        name => Ok(name.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_held_to_their_range() {
        let port = whole::<u16>(1..=65535);
        assert_eq!((port("1"), port("65535")), (Ok(1), Ok(65535)));
        for text in ["0", "65536", "-1", "x", "", "99999999999999999999"] {
            assert_eq!(port(text), Err("a number from 1 to 65535 is needed".into()));
        }
        assert!(whole::<u8>(0..=1000)("256").is_err(), "beyond the type");
    }

    #[test]
    fn an_address_needs_its_port() {
        assert_eq!(address("[::1]:80").map(|address| address.port()), Ok(80));
        for text in ["9179", "localhost:9179", "127.0.0.1", "::1:"] {
            assert!(address(text).is_err_and(|why| why.contains("127.0.0.1:9179")));
        }
    }
}
