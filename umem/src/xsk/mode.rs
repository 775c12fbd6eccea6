//! How a socket is bound: the best mode that the kernel grants, and why it was not a better one.

use std::fmt;
use std::io;
use xsk_rs::config::BindFlags;

/// Whether the driver may write straight into the UMEM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZeroCopy {
    /// If it can.
    Auto,
    /// Or fail.
    Require,
    /// Never: the kernel copies.
    Never,
}

/// A way to bind a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode {
    /// The driver writes straight into the UMEM.
    pub zero_copy: bool,
    /// Frames may span several buffers; without, longer ones are dropped.
    pub multi_buffer: bool,
}

impl Mode {
    const fn new(zero_copy: bool, multi_buffer: bool) -> Self {
        Self {
            zero_copy,
            multi_buffer,
        }
    }

    pub(super) fn flags(self) -> BindFlags {
        let mut flags = BindFlags::XDP_USE_NEED_WAKEUP;
        flags |= if self.zero_copy {
            BindFlags::XDP_ZEROCOPY
        } else {
            BindFlags::XDP_COPY
        };
        if self.multi_buffer {
            flags |= BindFlags::XDP_USE_SG;
        }
        flags
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.zero_copy { "zero-copy" } else { "copy" })?;
        if self.multi_buffer {
            f.write_str(" with frames in several buffers")?;
        }
        Ok(())
    }
}

/// A mode that would have been better, and what the kernel said to it.
#[derive(Debug, thiserror::Error)]
#[error("{mode}: {cause}")]
pub struct Refusal {
    /// What was asked for.
    pub mode: Mode,
    /// Why it cannot be.
    pub cause: io::Error,
}

/// What modes may be tried.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    /// Whether the driver may write straight into the UMEM.
    pub zero_copy: ZeroCopy,
    /// Ask for frames in several buffers.
    pub multi_buffer: bool,
    /// Frames may come that one buffer has no room for.
    pub long_frames: bool,
}

impl Wish {
    /// The best mode first. Frames that arrive come before frames that are not copied: many drivers
    /// have zero-copy for one buffer only, and drop what is longer.
    pub(super) fn modes(self) -> impl Iterator<Item = Mode> {
        const BY_SPEED: [Mode; 4] = [
            Mode::new(true, true),
            Mode::new(true, false),
            Mode::new(false, true),
            Mode::new(false, false),
        ];
        const BY_LENGTH: [Mode; 4] = [BY_SPEED[0], BY_SPEED[2], BY_SPEED[1], BY_SPEED[3]];
        let all = if self.long_frames {
            BY_LENGTH
        } else {
            BY_SPEED
        };
        all.into_iter().filter(move |mode| {
            let allowed = match self.zero_copy {
                ZeroCopy::Auto => true,
                ZeroCopy::Require => mode.zero_copy,
                ZeroCopy::Never => !mode.zero_copy,
            };
            allowed && (self.multi_buffer || !mode.multi_buffer)
        })
    }
}

/// What `bind` made of the first mode that it took, which mode that is, and what it said to those before.
///
/// # Errors
/// It took none: what it said to the last. That the queue is taken is so in every mode.
pub(super) fn negotiate<T>(
    modes: impl Iterator<Item = Mode>,
    mut bind: impl FnMut(Mode) -> io::Result<T>,
) -> io::Result<(T, Mode, Vec<Refusal>)> {
    let mut refused: Vec<Refusal> = Vec::new();
    for mode in modes {
        match bind(mode) {
            Ok(bound) => return Ok((bound, mode, refused)),
            Err(cause) if cause.raw_os_error() == Some(libc::EBUSY) => return Err(cause),
            Err(cause) => refused.push(Refusal { mode, cause }),
        }
    }
    let last = refused.pop().map(|refusal| refusal.cause);
    Err(last.unwrap_or_else(|| io::Error::from_raw_os_error(libc::EINVAL)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const JUMBO: Wish = Wish {
        zero_copy: ZeroCopy::Auto,
        multi_buffer: true,
        long_frames: true,
    };
    const SHORT: Wish = Wish {
        long_frames: false,
        ..JUMBO
    };

    /// What a driver says that has zero-copy, but not for frames in several buffers.
    fn single_buffer_driver(mode: Mode) -> io::Result<()> {
        if mode == Mode::new(true, true) {
            return Err(io::Error::from_raw_os_error(libc::EOPNOTSUPP));
        }
        Ok(())
    }

    #[test]
    fn jumbo_frames_take_several_buffers_rather_than_no_copy() {
        let bound = |wish: Wish| {
            let (_, mode, refused) =
                negotiate(wish.modes(), single_buffer_driver).expect("it has modes for all");
            let reasons: Vec<String> = refused.iter().map(ToString::to_string).collect();
            (mode, reasons)
        };
        let (mode, reasons) = bound(JUMBO);
        assert_eq!(mode, Mode::new(false, true));
        assert_eq!(reasons.len(), 1);
        assert!(
            reasons[0].starts_with("zero-copy with frames in several buffers: Operation not"),
            "{reasons:?}"
        );
        assert_eq!(bound(SHORT).0, Mode::new(true, false));
        let required = Wish {
            zero_copy: ZeroCopy::Require,
            ..JUMBO
        };
        assert_eq!(bound(required).0, Mode::new(true, false), "by hand");
        let never = Wish {
            zero_copy: ZeroCopy::Never,
            ..SHORT
        };
        assert_eq!(bound(never), (Mode::new(false, true), Vec::new()));
    }

    #[test]
    fn what_an_older_kernel_lacks_is_not_asked_for() {
        let old = Wish {
            multi_buffer: false,
            ..JUMBO
        };
        let modes: Vec<Mode> = old.modes().collect();
        assert_eq!(modes, [Mode::new(true, false), Mode::new(false, false)]);
    }

    #[test]
    fn every_refusal_is_kept_and_the_last_is_the_error() {
        let mut errors = [libc::EOPNOTSUPP, libc::EINVAL].into_iter();
        let bind = |_| match errors.next() {
            Some(error) => Err(io::Error::from_raw_os_error(error)),
            None => Ok(()),
        };
        let (_, mode, refused) = negotiate(SHORT.modes(), bind).expect("the third is taken");
        assert_eq!(mode, Mode::new(false, true));
        let causes: Vec<_> = refused.iter().map(|r| r.cause.raw_os_error()).collect();
        assert_eq!(causes, [Some(libc::EOPNOTSUPP), Some(libc::EINVAL)]);
        let refuse = |_| Err::<(), _>(io::Error::from_raw_os_error(libc::ENOMEM));
        let error = negotiate(SHORT.modes(), refuse).expect_err("none is taken");
        assert_eq!(error.raw_os_error(), Some(libc::ENOMEM));
    }

    /// Each mode waits for the queue: four times two seconds would be too long.
    #[test]
    fn a_queue_that_is_taken_is_tried_in_one_mode() {
        let mut tried = 0;
        let bind = |_| {
            tried += 1;
            Err::<(), _>(io::Error::from_raw_os_error(libc::EBUSY))
        };
        let error = negotiate(JUMBO.modes(), bind).expect_err("it is taken");
        assert_eq!(error.raw_os_error(), Some(libc::EBUSY));
        assert_eq!(tried, 1);
    }
}
