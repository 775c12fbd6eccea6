//! What the kernel's clocks are apart.

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

/// `CLOCK_REALTIME` minus `CLOCK_MONOTONIC`.
///
/// Both are slewed alike, so it changes only when somebody sets the time. It cannot be read exactly: what
/// was read first stays until a later reading contradicts it, so that times do not jitter.
#[derive(Clone, Copy, Debug, Default)]
pub struct MonotonicOffset(Option<i64>);

impl MonotonicOffset {
    /// The offset now, in nanoseconds.
    pub fn read_ns(&mut self) -> i64 {
        let before = now_ns(libc::CLOCK_MONOTONIC);
        let realtime = now_ns(libc::CLOCK_REALTIME);
        let after = now_ns(libc::CLOCK_MONOTONIC);
        self.update(before, realtime, after)
    }

    /// The offset lies between `realtime - after` and `realtime - before`.
    fn update(&mut self, before: i64, realtime: i64, after: i64) -> i64 {
        let bounds = realtime - after..=realtime - before;
        let known = self.0.filter(|known| bounds.contains(known));
        let offset = known.unwrap_or(realtime - i64::midpoint(before, after));
        self.0 = Some(offset);
        offset
    }
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
    // SAFETY: `time` is a valid timespec that the call fills in; the clocks always exist.
    let status = unsafe { libc::clock_gettime(clock, &mut time) };
    debug_assert_eq!(status, 0, "the clock exists");
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_offset_is_a_plausible_number_of_whole_seconds() {
        let offset = tai_offset_ns();
        assert_eq!(offset % 1_000_000_000, 0);
        assert!((0..=60_000_000_000).contains(&offset), "{offset}");
    }

    #[test]
    fn the_time_since_boot_leads_to_the_time_of_day() {
        let mut offset = MonotonicOffset::default();
        let before = now_ns(libc::CLOCK_REALTIME);
        let converted = now_ns(libc::CLOCK_MONOTONIC) + offset.read_ns();
        let after = now_ns(libc::CLOCK_REALTIME);
        assert!((before - 1_000_000..=after + 1_000_000).contains(&converted));
    }

    #[test]
    fn an_offset_stays_until_it_is_contradicted() {
        let mut offset = MonotonicOffset::default();
        // Read in 10 ns, then in 1000 ns, then in 4 ns: none says that the first was wrong.
        assert_eq!(offset.update(100, 1105, 110), 1000);
        assert_eq!(offset.update(200, 1900, 1200), 1000);
        assert_eq!(offset.update(300, 1302, 304), 1000);
        // Somebody set the clock by a second.
        assert_eq!(offset.update(400, 1_000_001_402, 404), 1_000_001_000);
    }

    /// Two ways to ask the kernel for the same number.
    #[test]
    fn the_kernel_tells_the_same_offset_twice() {
        let discipline = discipline();
        let offset_ns = i64::from(discipline.tai_offset_s) * 1_000_000_000;
        assert_eq!(offset_ns, tai_offset_ns());
    }
}
