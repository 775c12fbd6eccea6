//! Compiles `steer.bpf.c` in its three variants, and mirrors `steer.h` in Rust.
//!
//! The headers of libbpf are those that `libbpf-cargo` brings along, so
//! that `libbpf-dev` is not needed and cannot disagree with the loader.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use libbpf_cargo::SkeletonBuilder;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    println!("cargo:rerun-if-changed=steer.h");
    println!("cargo:rerun-if-changed=steer.bpf.c");
    println!("cargo:rerun-if-changed=walk.h");
    println!("cargo:rerun-if-changed=headers.h");
    println!("cargo:rerun-if-env-changed=CLANG");

    fs::write(out.join("abi.rs"), mirror(&fs::read_to_string("steer.h")?)?)?;

    let mut args: Vec<String> = vec![
        // 32-bit instructions, since Linux 5.3: without them a bound that is checked on a
        // shifted copy is lost on the verifier.
        "-mcpu=v3".into(),
        "-Wall".into(),
        "-Wextra".into(),
        "-Werror".into(),
        "-Wno-unused-parameter".into(),
    ];
    if let Some(dir) = multiarch_include() {
        args.push(format!("-I{}", dir.display()));
    }
    println!("cargo:rerun-if-changed=baseline.bpf.c");
    compile("baseline.bpf.c", &out.join("baseline.bpf.o"), &args)?;
    compile("steer.bpf.c", &out.join("plain.bpf.o"), &args)?;
    for (define, object) in [
        ("BGPTAP_BASIC", "basic.bpf.o"),
        ("BGPTAP_KFUNCS", "kfuncs.bpf.o"),
    ] {
        let args = [&args[..], &[format!("-D{define}")]].concat();
        compile("steer.bpf.c", &out.join(object), &args)?;
    }
    Ok(())
}

/// The objects have the same maps and symbols, so one loader serves both and
/// no skeleton is generated.
fn compile(source: &str, object: &Path, args: &[String]) -> Result<()> {
    let mut builder = SkeletonBuilder::new();
    builder.source(source).obj(object).clang_args(args);
    if let Ok(clang) = env::var("CLANG") {
        builder.clang(clang);
    }
    builder
        .build()
        .map_err(|e| format!("{e:#} (needs clang 11 or later with the BPF target)").into())
}

/// Debian keeps `asm/types.h` in a directory named after the host, which clang
/// does not search when it compiles for another target.
fn multiarch_include() -> Option<PathBuf> {
    let arch = match env::var("CARGO_CFG_TARGET_ARCH").ok()?.as_str() {
        "x86" => "i386".to_owned(),
        "riscv64gc" => "riscv64".to_owned(),
        other => other.to_owned(),
    };
    let guess = PathBuf::from(format!("/usr/include/{arch}-linux-gnu"));
    if guess.is_dir() {
        return Some(guess);
    }
    let told = Command::new("cc").arg("-print-multiarch").output().ok()?;
    let triplet = String::from_utf8(told.stdout).ok()?;
    let dir = Path::new("/usr/include").join(triplet.trim());
    (!triplet.trim().is_empty() && dir.is_dir()).then_some(dir)
}

/// The constants of the header, and its counters in their order, as Rust.
fn mirror(header: &str) -> Result<String> {
    let mut rust = String::from("// Generated from steer.h.\n");
    let mut counters = Vec::new();
    for line in header.lines().map(str::trim) {
        if let Some(define) = line.strip_prefix("#define BGPTAP_") {
            let Some((name, value)) = define.split_once(char::is_whitespace) else {
                continue; // the include guard
            };
            let value = value.trim();
            writeln!(rust, "pub(crate) const {name}: u32 = {value};")?;
        } else if let Some(rest) = line.strip_prefix("BGPTAP_COUNTER_") {
            let name = rest.split(',').next().unwrap_or(rest);
            counters.push(name.to_lowercase());
        }
    }
    if counters.is_empty() {
        return Err("steer.h names no counters".into());
    }
    writeln!(
        rust,
        "pub(crate) const COUNTER_NAMES: [&str; {}] = {counters:?};",
        counters.len()
    )?;
    Ok(rust)
}
