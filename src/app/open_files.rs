//! How many files and connections may be open at a time.

use crate::sink::bmp::ROUTERS_MAX;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// What is asked for, if the hard limit has so many: a number that lets many stations be told of all routers.
const WANTED: u64 = 65_536;
/// What is open beside connections to stations: rings, files, who listens.
const OTHERS: u64 = 512;

/// Raises the soft limit, as far as the hard one goes; what there is to be said if it may be too low for so many BMP
/// stations.
pub(super) fn raise(stations: usize) -> Option<String> {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return None;
    };
    let wanted = WANTED.min(hard).max(soft);
    // Where that is not allowed it stays as it is.
    let raised = soft == wanted || setrlimit(Resource::RLIMIT_NOFILE, wanted, hard).is_ok();
    warning(if raised { wanted } else { soft }, stations)
}

/// What is to be said about a limit.
fn warning(limit: u64, stations: usize) -> Option<String> {
    let routers = ROUTERS_MAX as u64;
    let needed = (routers * stations as u64).saturating_add(OTHERS);
    (stations > 0 && limit < needed).then(|| {
        format!(
            "{limit} open files allow connections for {} routers, not {routers}, to each of {stations} BMP stations: \
             raise the hard limit (`ulimit -Hn {needed}`, or LimitNOFILE= of the service)",
            limit.saturating_sub(OTHERS) / stations as u64
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without stations there is nothing to need many files for.
    #[test]
    fn a_limit_that_is_too_low_is_told() {
        assert_eq!(warning(64, 0), None);
        assert_eq!(warning(1024 + OTHERS, 1), None);
        let told = warning(1024, 1).expect("too few");
        assert!(told.contains("for 512 routers, not 1024"), "{told}");
        assert!(told.contains("ulimit -Hn 1536"), "{told}");
        assert!(warning(1024 + OTHERS, 2).is_some());
    }

    /// What the kernel says afterwards.
    #[test]
    fn the_soft_limit_is_raised() {
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
        let low = soft.min(256);
        setrlimit(Resource::RLIMIT_NOFILE, low, hard).expect("lowering is allowed");
        raise(1);
        let (after, same) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
        assert_eq!((after, same), (WANTED.min(hard).max(low), hard));
    }
}
