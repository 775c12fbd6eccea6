//! Tests that need something this machine may lack: root, the corpus, a tool.

use std::env;

/// Says why a test (or a part of it) does not run; the caller returns then.
///
/// Where `BGPTAP_REQUIRE_ALL` is set to something, nothing may be missing: the
/// test fails instead, so that a green run proves that everything ran.
/// `scripts/test` sets it on machines that have all, and counts the lines that
/// this prints elsewhere.
///
/// # Panics
/// If `BGPTAP_REQUIRE_ALL` is set.
pub fn skip(why: &str) {
    let required = env::var_os("BGPTAP_REQUIRE_ALL").is_some_and(|value| !value.is_empty());
    assert!(!required, "not to be skipped here: {why}");
    println!("skipped: {why}");
}
