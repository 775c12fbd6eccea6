//! One session, by segments that are handed to a worker: how it begins, and what it says then.

use super::files::{Capture, Talk};
use std::io;

/// A session, and the segments that it begins with.
pub(crate) fn begun() -> io::Result<(Talk, Vec<u8>)> {
    let mut capture = Capture::create(Vec::new())?;
    let mut talk = Talk::new(0);
    talk.begin(&mut capture)?;
    Ok((talk, capture.finish()?))
}

/// An UPDATE with that body (RFC 4271 §4.1).
fn update(body: &[u8]) -> Vec<u8> {
    let mut message = vec![0xff; 16];
    message.extend((19 + body.len() as u16).to_be_bytes());
    message.push(2);
    message.extend_from_slice(body);
    message
}

/// The segments that say UPDATEs with these bodies, and no part of others.
pub(crate) fn said<'a>(
    talk: &mut Talk,
    bodies: impl IntoIterator<Item = &'a Vec<u8>>,
) -> io::Result<Vec<u8>> {
    let mut capture = Capture::create(Vec::new())?;
    for body in bodies {
        talk.say_one(&mut capture, &update(body))?;
    }
    talk.flush(&mut capture, 1)?;
    capture.finish()
}
