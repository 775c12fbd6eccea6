//! Where wider registers pay, and where they do not: looking for the marker behind a hole, the
//! checksum of IP and TCP, and a pass over NLRI, each as a plain loop against code that chooses
//! its instructions at run time (`memchr`, and `pulp`, which compiles a loop once for each level of the
//! processor). `docs/memory.md` has the table and what was kept.
#![allow(
    missing_docs,
    reason = "criterion's macros generate what would need them"
)]

use bgptap::bgp::header::MARKER;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use memchr::memmem;
use pulp::Arch;
use std::hint::black_box;
use std::time::Duration;

fn group<'c>(
    criterion: &'c mut Criterion,
    name: &str,
    bytes: usize,
) -> BenchmarkGroup<'c, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group
        .throughput(Throughput::Bytes(bytes as u64))
        .sample_size(15)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(600));
    group
}

/// Bytes that look random, always the same; few of them are 0xff, as in UPDATEs.
fn noise(count: usize) -> Vec<u8> {
    let mut state = 1u64;
    let mut byte = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..count).map(|_| byte()).collect()
}

/// Marker resync: the first place with sixteen octets of ones.
fn resync(criterion: &mut Criterion) {
    for size in [64, 1448, 65_536] {
        let mut bytes = noise(size);
        bytes.extend(MARKER);
        let mut group = group(criterion, &format!("marker behind {size} bytes"), size);
        group.bench_function("scalar, byte by byte", |bencher| {
            bencher.iter(|| {
                let bytes = black_box(&bytes);
                bytes.windows(16).position(|window| window == MARKER)
            });
        });
        group.bench_function("scalar, from the end of each window", |bencher| {
            bencher.iter(|| from_the_end(black_box(&bytes)));
        });
        group.bench_function("memmem", |bencher| {
            bencher.iter(|| memmem::find(black_box(&bytes), &MARKER));
        });
        let finder = memmem::Finder::new(&MARKER);
        group.bench_function("memmem, prepared", |bencher| {
            bencher.iter(|| finder.find(black_box(&bytes)));
        });
        group.finish();
    }
}

/// Looks at every sixteenth byte as long as it is none of a marker's.
fn from_the_end(bytes: &[u8]) -> Option<usize> {
    let mut end = MARKER.len() - 1;
    while let Some(window) = bytes.get(end + 1 - MARKER.len()..=end) {
        match window.iter().rposition(|byte| *byte != 0xff) {
            None => return Some(end + 1 - MARKER.len()),
            Some(last) => end += last + 1,
        }
    }
    None
}

/// The sum of RFC 1071 before it is folded, pair by pair.
#[inline]
fn sum(bytes: &[u8]) -> u32 {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let sum: u32 = pairs
        .iter()
        .map(|pair| u32::from(u16::from_be_bytes(*pair)))
        .sum();
    sum + rest.first().map_or(0, |last| u32::from(*last) << 8)
}

/// The same in steps of four octets.
fn sum_by_four(bytes: &[u8]) -> u32 {
    let (words, rest) = bytes.as_chunks::<4>();
    let words = words
        .iter()
        .map(|word| u64::from(u32::from_be_bytes(*word)));
    let words: u64 = words.sum();
    ((words >> 32) + (words >> 16 & 0xffff) + (words & 0xffff)) as u32 + sum(rest)
}

/// The same in steps of eight octets (RFC 1071 §2, "Parallel Summation").
fn sum_by_eight(bytes: &[u8]) -> u32 {
    let (words, rest) = bytes.as_chunks::<8>();
    let (mut low, mut carries) = (0u64, 0u64);
    for word in words {
        let (next, carried) = low.overflowing_add(u64::from_be_bytes(*word));
        low = next;
        carries += u64::from(carried);
    }
    let halves = [
        low >> 48,
        low >> 32 & 0xffff,
        low >> 16 & 0xffff,
        low & 0xffff,
    ];
    (halves.iter().sum::<u64>() + carries) as u32 + sum(rest)
}

fn fold(mut sum: u32) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

fn checksum(criterion: &mut Criterion) {
    let arch = Arch::new();
    for size in [40, 146, 512, 1460] {
        let bytes = noise(size);
        let expected = fold(sum(&bytes));
        assert_eq!(fold(sum_by_four(&bytes)), expected);
        assert_eq!(fold(sum_by_eight(&bytes)), expected);
        let mut group = group(criterion, &format!("checksum of {size} bytes"), size);
        group.bench_function("scalar, by two", |bencher| {
            bencher.iter(|| fold(sum(black_box(&bytes))));
        });
        group.bench_function("scalar, by four", |bencher| {
            bencher.iter(|| fold(sum_by_four(black_box(&bytes))));
        });
        group.bench_function("scalar, by eight", |bencher| {
            bencher.iter(|| fold(sum_by_eight(black_box(&bytes))));
        });
        group.bench_function("pulp", |bencher| {
            bencher.iter(|| arch.dispatch(|| fold(sum(black_box(&bytes)))));
        });
        group.finish();
    }
}

/// IPv4 prefixes, of which so many of a hundred are /24 and the others as in the Internet's table.
fn prefixes(of_a_hundred: u8) -> Vec<u8> {
    const OTHERS: [u8; 10] = [23, 23, 22, 22, 21, 20, 19, 18, 17, 16];
    let random = noise(4 * 609);
    let mut field = Vec::new();
    for bytes in random.chunks_exact(4) {
        let len = if bytes[0] % 100 < of_a_hundred {
            24
        } else {
            OTHERS[usize::from(bytes[3]) % OTHERS.len()]
        };
        field.push(len);
        field.extend_from_slice(&bytes[..usize::from(len).div_ceil(8)]);
    }
    field
}

/// How many prefixes there are; `None` if one is too long or cut off.
fn count(mut field: &[u8]) -> Option<usize> {
    let mut count = 0;
    while let [len, rest @ ..] = field {
        if *len > 32 {
            return None;
        }
        field = rest.get(usize::from(*len).div_ceil(8)..)?;
        count += 1;
    }
    Some(count)
}

/// The same with a guess at the common lengths, as the decoder does.
fn count_guessing(mut field: &[u8]) -> Option<usize> {
    let mut count = 0;
    while let [len, rest @ ..] = field {
        field = match (len, rest) {
            (17..=24, [_, _, _, rest @ ..]) => rest,
            (0..=32, rest) => rest.get(usize::from(*len).div_ceil(8)..)?,
            _ => return None,
        };
        count += 1;
    }
    Some(count)
}

/// The same, eight prefixes at a time where eight in a row have three octets.
#[inline]
fn count_by_eight(mut field: &[u8]) -> Option<usize> {
    let mut count = 0;
    loop {
        while let Some((eight, rest)) = field.split_first_chunk::<32>() {
            let (words, _) = eight.as_chunks::<4>();
            let outside = |word: &[u8; 4]| u8::from(word[0].wrapping_sub(17) > 7);
            if words.iter().map(outside).fold(0, |all, one| all | one) != 0 {
                break;
            }
            field = rest;
            count += 8;
        }
        let [len, rest @ ..] = field else {
            return Some(count);
        };
        if *len > 32 {
            return None;
        }
        field = rest.get(usize::from(*len).div_ceil(8)..)?;
        count += 1;
    }
}

fn nlri(criterion: &mut Criterion) {
    let arch = Arch::new();
    for (name, of_a_hundred) in [("as in the Internet's table", 60), ("/24 only", 100)] {
        let field = prefixes(of_a_hundred);
        assert_eq!(count(&field), Some(609));
        assert_eq!(count_guessing(&field), Some(609));
        assert_eq!(count_by_eight(&field), Some(609));
        let mut group = group(criterion, &format!("609 prefixes, {name}"), field.len());
        group.bench_function("scalar", |bencher| {
            bencher.iter(|| count(black_box(&field)));
        });
        group.bench_function("scalar, guessing", |bencher| {
            bencher.iter(|| count_guessing(black_box(&field)));
        });
        group.bench_function("pulp, by eight", |bencher| {
            bencher.iter(|| arch.dispatch(|| count_by_eight(black_box(&field))));
        });
        group.bench_function("scalar, by eight", |bencher| {
            bencher.iter(|| count_by_eight(black_box(&field)));
        });
        group.finish();
    }
}

criterion_group!(benches, resync, checksum, nlri);
criterion_main!(benches);
