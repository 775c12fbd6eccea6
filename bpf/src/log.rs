//! What libbpf has to say goes into errors, not to stderr.

use std::cell::RefCell;
use std::sync::Once;

use libbpf_rs::{PrintLevel, set_print};

/// Lines kept: the verifier's last words tell why, thousands may precede them.
const LINES_MAX: usize = 8;

thread_local! {
    /// The lines of this thread while it captures.
    static LINES: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

/// Runs `work` and returns what libbpf logged on this thread meanwhile, its last lines.
///
/// From the first call on, libbpf prints nothing in this process.
pub(crate) fn captured<T>(work: impl FnOnce() -> T) -> (T, String) {
    static REDIRECT: Once = Once::new();
    REDIRECT.call_once(|| {
        set_print(Some((PrintLevel::Warn, keep)));
    });
    LINES.set(Some(Vec::new()));
    let result = work();
    let lines = LINES.take().unwrap_or_default();
    let kept = lines.len().saturating_sub(LINES_MAX);
    (result, lines[kept..].join("; "))
}

#[allow(clippy::needless_pass_by_value)] // libbpf-rs sets the signature
fn keep(_: PrintLevel, message: String) {
    LINES.with_borrow_mut(|lines| {
        if let Some(lines) = lines {
            let new = message.lines().map(str::trim).filter(|l| !l.is_empty());
            lines.extend(new.map(str::to_owned));
        }
    });
}
