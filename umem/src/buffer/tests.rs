//! The properties of the pool.

use super::*;

fn pool(zero: bool) -> BufferPool {
    let classes = [Class { size: 64, count: 2 }, Class { size: 16, count: 2 }];
    BufferPool::new(&classes, zero).expect("a little memory")
}

fn take(pool: &BufferPool, len: usize) -> Buffer {
    pool.acquire(len).expect("the heap has no bound")
}

#[test]
fn the_heap_serves_no_more_than_it_may() {
    let classes = [Class { size: 16, count: 1 }];
    let pool = BufferPool::with_heap_max(&classes, false, 50).expect("a little memory");
    let held: Vec<_> = (0..6).map_while(|_| pool.acquire(16)).collect();
    assert_eq!(held.len(), 4, "one of the pool, three of the heap");
    assert_eq!((pool.heap_bytes(), pool.refused()), (48, 1));
    assert!(pool.acquire(17).is_none());
    drop(held);
    assert_eq!(pool.heap_bytes(), 0);
    assert!(pool.acquire(50).is_some());
}

#[test]
fn the_smallest_sufficient_class_serves_every_length() {
    let pool = pool(false);
    for len in 0..=64 {
        let buffer = take(&pool, len);
        assert_eq!(buffer.len(), len);
        assert!(!buffer.is_fallback());
        let used: Vec<_> = pool.stats().map(|class| class.in_use).collect();
        assert_eq!(
            used,
            if len <= 16 { [1, 0] } else { [0, 1] },
            "length {len}"
        );
    }
    assert!(take(&pool, 65).is_fallback());
}

#[test]
fn it_never_grows_and_counts_what_the_heap_serves() {
    let pool = pool(false);
    let held: Vec<_> = (0..5).map(|_| take(&pool, 10)).collect();
    assert_eq!(held.iter().filter(|buffer| buffer.is_fallback()).count(), 3);
    assert_eq!(pool.stats().next().map(|class| class.fallbacks), Some(3));
    drop(held);
    assert!(pool.stats().all(|class| class.in_use == 0));
}

#[test]
fn a_panic_gives_the_buffer_back() {
    let pool = pool(false);
    let theirs = pool.clone();
    let result = std::thread::spawn(move || {
        let _buffer = take(&theirs, 10);
        // As a panic, but without its message.
        std::panic::resume_unwind(Box::new(()));
    })
    .join();
    assert!(result.is_err());
    assert!(pool.stats().all(|class| class.in_use == 0));
}

/// Every slot, looked at as a whole, after buffers of every length of its class were written full.
#[test]
fn zeroing_leaves_no_byte_behind() {
    let pool = pool(true);
    for len in 0..=64 {
        for _ in 0..2 {
            take(&pool, len).fill(0xaa);
        }
        for size in [16, 64] {
            let slots: Vec<_> = (0..2).map(|_| take(&pool, size)).collect();
            for slot in &slots {
                assert!(!slot.is_fallback());
                for (at, byte) in slot.iter().enumerate() {
                    assert_eq!(*byte, 0, "length {len}, byte {at} of {size}");
                }
            }
        }
    }
}

/// Without it a buffer is as its last owner left it: the test above proves something.
#[test]
fn without_zeroing_contents_stay() {
    let classes = [Class { size: 16, count: 1 }];
    let pool = BufferPool::new(&classes, false).expect("a little memory");
    take(&pool, 16).fill(0xaa);
    assert!(take(&pool, 16).iter().all(|byte| *byte == 0xaa));
}

#[test]
fn a_panic_amid_many_buffers_leaks_none() {
    let pool = pool(true);
    for round in 0..50 {
        let theirs = pool.clone();
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
            let held: Vec<_> = (0..6).map(|i| take(&theirs, i * 20)).collect();
            assert!(!held.is_empty(), "a pool of this size");
            // As a panic, but without its message: fifty of them would hide what others have to say.
            std::panic::resume_unwind(Box::new(held.len()));
        }));
        let held = result.map_err(|load| load.downcast_ref::<usize>().copied());
        assert_eq!(held, Err::<(), _>(Some(6)), "round {round}");
        assert!(pool.stats().all(|class| class.in_use == 0));
        assert_eq!(pool.heap_bytes(), 0);
    }
}

#[test]
fn what_no_class_is_long_enough_for_is_counted_apart() {
    let classes = [Class { size: 16, count: 1 }];
    let pool = BufferPool::with_heap_max(&classes, false, 40).expect("a little memory");
    let held = [take(&pool, 16), take(&pool, 16), take(&pool, 17)];
    let figures = |pool: &BufferPool| {
        let class = pool.stats().next().expect("there is a class");
        (class.fallbacks, class.refused, pool.too_long())
    };
    assert_eq!(figures(&pool), (1, 0, 1));
    assert!(pool.acquire(8).is_none());
    assert_eq!(figures(&pool), (1, 1, 1));
    drop(held);
}

/// A million buffers of random lengths, held for random times, by several threads. Each owner marks
/// all bytes as its own and finds them so when it lets go; never more are out than there are, and in
/// the end all are back.
#[test]
fn a_million_random_owners_share_nothing_and_lose_nothing() {
    const THREADS: u64 = 4;
    let each = if cfg!(miri) { 200 } else { 250_000 };
    // A few more than are warm, so that the queues are at work, too.
    let count = WARM as usize + 2;
    let classes = [64, 16].map(|size| Class { size, count });
    let pool = BufferPool::new(&classes, false).expect("a little memory");
    let out = Arc::new(AtomicU64::new(0));
    let work = |id: u64| {
        let (pool, out) = (pool.clone(), Arc::clone(&out));
        move || {
            let mut seed = 0x9e37_79b9_7f4a_7c15 ^ id;
            let mut random = move || {
                // xorshift64: enough to mix lengths and times.
                seed ^= seed << 13;
                seed ^= seed >> 7;
                seed ^= seed << 17;
                seed as usize
            };
            let mark = 0x10 + id as u8;
            let mut held: Vec<Buffer> = Vec::new();
            let mut served = [0u64; 2];
            for _ in 0..each {
                let mut buffer = take(&pool, random() % 65);
                if !buffer.is_fallback() {
                    assert!(out.fetch_add(1, Relaxed) < 36, "more than there are");
                }
                served[usize::from(buffer.is_fallback())] += 1;
                buffer.fill(mark);
                held.push(buffer);
                while held.len() > random() % 40 {
                    let buffer = held.swap_remove(random() % held.len());
                    assert!(buffer.iter().all(|byte| *byte == mark), "bled across");
                    out.fetch_sub(u64::from(!buffer.is_fallback()), Relaxed);
                }
            }
            let left = held.iter().filter(|buffer| !buffer.is_fallback());
            out.fetch_sub(left.count() as u64, Relaxed);
            served
        }
    };
    let threads: Vec<_> = (0..THREADS)
        .map(|id| std::thread::spawn(work(id)))
        .collect();
    let mut served = [0; 2];
    for thread in threads {
        let theirs = thread.join().expect("no buffer was shared");
        served = [served[0] + theirs[0], served[1] + theirs[1]];
    }
    assert_eq!(served[0] + served[1], THREADS * each);
    let stats: Vec<_> = pool.stats().collect();
    assert_eq!(stats.iter().map(|c| c.fallbacks).sum::<u64>(), served[1]);
    assert!(served[1] > 0, "the bound was never reached");
    assert!(stats.iter().all(|class| class.in_use == 0));
    // All slots are there, and each only once.
    let all: Vec<_> = [16, 64]
        .iter()
        .flat_map(|size| (0..count).map(|_| take(&pool, *size)))
        .collect();
    assert!(all.iter().all(|buffer| !buffer.is_fallback()));
    let mut places: Vec<_> = all.iter().map(|buffer| buffer.as_ptr()).collect();
    places.sort_unstable();
    places.dedup();
    assert_eq!(places.len(), 36);
    assert!(take(&pool, 64).is_fallback());
}

/// The memory stays as long as a buffer of whatever kind is in it, and no longer.
#[test]
fn buffers_may_outlive_their_pool() {
    let count = WARM as usize + 1;
    let pool = BufferPool::new(&[Class { size: 16, count }], true).expect("a little memory");
    let memory = Arc::downgrade(&pool.0);
    let mut held: Vec<_> = (0..count + 2).map(|_| take(&pool, 10)).collect();
    assert_eq!(held.iter().filter(|b| b.is_fallback()).count(), 2);
    // Some are back when the pool goes, of the queue too.
    held.drain(3..5);
    held.remove(WARM as usize - 2);
    let other = pool.clone();
    drop(pool);
    held.push(take(&other, 16));
    drop(other);
    for buffer in &mut held {
        buffer.fill(0xaa);
    }
    while let Some(buffer) = held.pop() {
        assert!(memory.strong_count() > 0);
        assert!(buffer.iter().all(|byte| *byte == 0xaa));
    }
    assert_eq!(memory.strong_count(), 0, "references are left");
}

/// The last handle goes while other threads give buffers back.
#[test]
fn a_pool_that_goes_meanwhile_leaves_nothing_behind() {
    const THREADS: usize = 3;
    for round in 0..if cfg!(miri) { 5 } else { 300 } {
        let classes = [Class {
            size: 16,
            count: 20,
        }];
        let pool = BufferPool::new(&classes, false).expect("a little memory");
        let memory = Arc::downgrade(&pool.0);
        let ready = std::sync::Barrier::new(THREADS + 1);
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                let held: Vec<_> = (0..7).map(|_| take(&pool, 16)).collect();
                let ready = &ready;
                scope.spawn(move || {
                    ready.wait();
                    drop(held);
                });
            }
            ready.wait();
            drop(pool);
        });
        assert_eq!(memory.strong_count(), 0, "round {round}");
    }
}

/// What the kernel counts as locked; other tests of this process may add to it, and give back what they added.
#[cfg(not(miri))]
#[test]
fn the_memory_is_locked_if_the_pool_says_so() {
    let classes = [Class {
        size: 4096,
        count: 64,
    }];
    let pool = BufferPool::new(&classes, false).expect("a little memory");
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmLck:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kib: u64 = kib
        .and_then(|kib| kib.trim().parse().ok())
        .expect("a number");
    if pool.locked() {
        assert!(kib << 10 >= pool.capacity_bytes(), "{kib} KiB are locked");
    } else {
        eprintln!("skipped: 256 KiB cannot be locked here");
    }
}
