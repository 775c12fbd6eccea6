//! The summary's file.

use crate::sink::deadline::Deadline;
use crate::sink::totals::Summary;
use std::io::{self, Write};
use std::time::Duration;

/// How long the end of a live capture waits for it.
const WITHIN: Duration = Duration::from_secs(5);

/// Writes the summary. `reads`: of files, which have time.
///
/// # Errors
/// It could not be written, or not in time.
pub(super) fn write(
    target: Box<dyn Write + Send>,
    summary: &Summary,
    reads: bool,
) -> io::Result<()> {
    let until = match reads {
        true => Deadline::NEVER,
        false => Deadline::after(WITHIN),
    };
    let mut text = serde_json::to_vec(summary)?;
    text.push(b'\n');
    write_until(target, text, until)
}

/// Writes by a thread: the disk may hang as others do.
fn write_until(
    mut target: Box<dyn Write + Send>,
    text: Vec<u8>,
    until: Deadline,
) -> io::Result<()> {
    let thread = std::thread::Builder::new().name("summary".into());
    let thread = thread.spawn(move || {
        target.write_all(&text)?;
        target.flush()
    })?;
    match until.join(thread) {
        Some(Ok(written)) => written,
        Some(Err(_)) => Err(io::Error::other("the thread that writes it panicked")),
        None => Err(io::ErrorKind::TimedOut.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::deadline::Hangs;
    use std::sync::mpsc;

    #[test]
    fn a_disk_that_hangs_does_not_hold_the_end_up() {
        let (open, gate) = mpsc::channel();
        let until = Deadline::after(Duration::from_millis(20));
        let written = write_until(Box::new(Hangs(gate)), b"{}".to_vec(), until);
        let error = written.expect_err("it hangs");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(open);
        let target = Box::new(io::sink());
        let written = write_until(target, b"{}".to_vec(), Deadline::NEVER);
        written.expect("it takes all");
    }
}
