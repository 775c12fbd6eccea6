//! Memory that may be locked, and huge pages.

use super::{Check, Remedy, Wanted, rights};
use caps::Capability;
use nix::sys::resource::{Resource, getrlimit};

const MIB: u64 = 1 << 20;

/// The kernel charges a UMEM to the limit of locked memory (net/xdp/xdp_umem.c, `xdp_umem_account_pages`),
/// and refuses it beyond that, whether it is locked or not.
pub(super) fn memlock(needed: u64) -> Check {
    let unlimited = rights::may(Capability::CAP_IPC_LOCK);
    let limit = getrlimit(Resource::RLIMIT_MEMLOCK).map_or(u64::MAX, |(soft, _)| soft);
    judge_memlock(needed, limit, unlimited)
}

fn judge_memlock(needed: u64, limit: u64, unlimited: bool) -> Check {
    const NAME: &str = "locked memory";
    let mib = |bytes: u64| bytes.div_ceil(MIB);
    if unlimited || limit == u64::MAX {
        return Check::ok(NAME, format!("{} MiB needed, no limit", mib(needed)));
    }
    if needed <= limit {
        let found = format!("{} MiB needed, {} MiB allowed", mib(needed), limit / MIB);
        return Check::ok(NAME, found);
    }
    let found = format!(
        "the frames take {} MiB, and this process may lock {} KiB",
        mib(needed),
        limit / 1024
    );
    let remedy = format!(
        "grant CAP_IPC_LOCK; or ulimit -l {} in the shell that starts it (LimitMEMLOCK={}M in its unit); or a smaller --ring with fewer --held-frames",
        mib(needed) * 1024,
        mib(needed)
    );
    Check::fail(NAME, found, Remedy::Advice(remedy))
}

/// Huge pages of the default size (Documentation/admin-guide/mm/hugetlbpage.rst).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct HugePages {
    bytes: u64,
    total: u64,
    free: u64,
}

/// Whether the pool can have huge pages, if it was asked for any.
pub(super) fn huge_pages(wanted: &Wanted) -> Check {
    judge_huge_pages(read_huge_pages(), wanted)
}

/// What to say of a pool of so many bytes that got no huge pages.
pub(crate) fn no_huge_pages(pool_bytes: u64) -> String {
    let pages = read_huge_pages();
    super::report::sentence(&too_few(pages, pool_bytes))
}

fn judge_huge_pages(pages: HugePages, wanted: &Wanted) -> Check {
    if wanted.huge_pages && pages.free < wanted.pool_bytes.div_ceil(pages.bytes.max(1)) {
        return too_few(pages, wanted.pool_bytes);
    }
    let asked = if wanted.huge_pages {
        "enough"
    } else {
        "not asked for (--huge-pages)"
    };
    let found = format!("{} of {} free, {asked}", pages.free, pages.total);
    Check::ok("huge pages", found)
}

fn too_few(pages: HugePages, pool_bytes: u64) -> Check {
    let needed = pool_bytes.div_ceil(pages.bytes.max(1));
    let found = format!(
        "{needed} huge pages are needed and {} are free, so ordinary ones serve",
        pages.free
    );
    let used = pages.total.saturating_sub(pages.free);
    let command = |pages| format!("sysctl vm.nr_hugepages={pages}");
    let remedy = Remedy::command(&command(used + needed), command(pages.total));
    Check::warn("huge pages", found, remedy)
}

fn read_huge_pages() -> HugePages {
    parse_meminfo(&std::fs::read_to_string("/proc/meminfo").unwrap_or_default())
}

fn parse_meminfo(text: &str) -> HugePages {
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|line| line.split_whitespace().next());
        number.and_then(|number| number.parse().ok()).unwrap_or(0)
    };
    HugePages {
        bytes: value("Hugepagesize:") * 1024,
        total: value("HugePages_Total:"),
        free: value("HugePages_Free:"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::State;

    #[test]
    fn a_limit_below_the_pool_refuses_and_says_how_much_it_takes() {
        let check = judge_memlock(120 * MIB, 8 * MIB, false);
        assert_eq!(check.state, State::Fail);
        assert!(check.found.contains("120 MiB"), "{}", check.found);
        let remedy = check.remedy.expect("a remedy").to_string();
        assert!(remedy.contains("ulimit -l 122880"), "{remedy}");
        for (limit, unlimited) in [(8 * MIB, true), (120 * MIB, false), (u64::MAX, false)] {
            let check = judge_memlock(120 * MIB, limit, unlimited);
            assert_eq!(check.state, State::Ok, "{limit} {unlimited}");
        }
    }

    #[test]
    fn huge_pages_are_missed_only_if_asked_for() {
        let meminfo =
            "HugePages_Total:      10\nHugePages_Free:        4\nHugepagesize:       2048 kB\n";
        let pages = parse_meminfo(meminfo);
        let wanted = |huge_pages, pool_bytes| Wanted {
            huge_pages,
            pool_bytes,
            ..Wanted::default()
        };
        let state = |wanted| judge_huge_pages(pages, &wanted).state;
        assert_eq!(state(wanted(false, 100 * MIB)), State::Ok);
        assert_eq!(state(wanted(true, 8 * MIB)), State::Ok);
        let check = judge_huge_pages(pages, &wanted(true, 9 * MIB));
        assert_eq!(check.state, State::Warn);
        // Six are in use by others, five more are needed.
        let remedy = check.remedy.expect("a remedy").to_string();
        assert_eq!(remedy, "sysctl vm.nr_hugepages=11");
    }
}
