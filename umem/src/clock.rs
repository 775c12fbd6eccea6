//! The offset between the kernel's TAI clock and UTC.

/// `CLOCK_TAI` minus `CLOCK_REALTIME`, in nanoseconds.
///
/// The kernel keeps TAI as realtime plus a whole number of seconds, which is 37 where a time
/// daemon has set it and 0 elsewhere: it has to be read, not assumed.
#[must_use]
pub fn tai_offset_ns() -> i64 {
    let before = now_ns(libc::CLOCK_REALTIME);
    let tai = now_ns(libc::CLOCK_TAI);
    // Between the two calls some microseconds pass; the true offset is a whole number of seconds.
    const SECOND: i64 = 1_000_000_000;
    (tai - before + SECOND / 2).div_euclid(SECOND) * SECOND
}

/// What the kernel knows of its clock (adjtimex(2)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Discipline {
    /// A time daemon keeps it right.
    pub synchronised: bool,
    /// `CLOCK_TAI` minus `CLOCK_REALTIME`, in seconds.
    pub tai_offset_s: i32,
}

/// Asks the kernel whether its clock is kept right.
#[must_use]
pub fn discipline() -> Discipline {
    // SAFETY: a timex is integers only, for which zero is a value.
    let mut timex: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: `timex` is valid for writes; its `modes` are zero, so that nothing is set.
    let state = unsafe { libc::adjtimex(&raw mut timex) };
    Discipline {
        // TIME_ERROR, 5, or a failure.
        synchronised: (0..5).contains(&state) && timex.status & libc::STA_UNSYNC == 0,
        tai_offset_s: timex.tai,
    }
}

fn now_ns(clock: libc::clockid_t) -> i64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a valid timespec that the call fills in; both clocks always exist.
    let status = unsafe { libc::clock_gettime(clock, &mut time) };
    debug_assert_eq!(status, 0, "the clock exists");
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_offset_is_a_plausible_number_of_whole_seconds() {
        let offset = super::tai_offset_ns();
        assert_eq!(offset % 1_000_000_000, 0);
        assert!((0..=60_000_000_000).contains(&offset), "{offset}");
    }

    /// Two ways to ask the kernel for the same number.
    #[test]
    fn the_kernel_tells_the_same_offset_twice() {
        let discipline = super::discipline();
        let offset_ns = i64::from(discipline.tai_offset_s) * 1_000_000_000;
        assert_eq!(offset_ns, super::tai_offset_ns());
    }
}
