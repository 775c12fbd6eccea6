//! Compiles the programs, `steer.bpf.c` in its three variants, and mirrors `steer.h` and `tap.h` in Rust.
//!
//! The headers of libbpf are those that `libbpf-cargo` brings along, so
//! that `libbpf-dev` is not needed and cannot disagree with the loader.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use libbpf_cargo::SkeletonBuilder;

/// What the objects are made from.
const SOURCES: [&str; 9] = [
    "headers.h",
    "walk.h",
    "steer.h",
    "steer.bpf.c",
    "baseline.bpf.c",
    "tap.h",
    "tap.bpf.c",
    "load.h",
    "load.bpf.c",
];

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    for source in SOURCES {
        println!("cargo:rerun-if-changed={source}");
    }
    println!("cargo:rerun-if-env-changed=CLANG");

    let steer = fs::read_to_string("steer.h")?;
    let abi = mirror(&steer) + &counters(&steer)?;
    fs::write(out.join("abi.rs"), abi)?;
    fs::write(out.join("tap.rs"), mirror(&fs::read_to_string("tap.h")?))?;
    fs::write(out.join("load.rs"), mirror(&fs::read_to_string("load.h")?))?;

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
    for program in ["baseline", "tap", "load"] {
        let object = out.join(format!("{program}.bpf.o"));
        compile(&format!("{program}.bpf.c"), &object, &args)?;
    }
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

/// The constants of a header, as Rust.
fn mirror(header: &str) -> String {
    let mut rust = String::from("// Generated.\n");
    for line in header.lines().map(str::trim) {
        let define = line.strip_prefix("#define BGPTAP_");
        // Without a value it is the include guard.
        let Some((name, value)) = define.and_then(|d| d.split_once(char::is_whitespace)) else {
            continue;
        };
        let value = value.split("/*").next().unwrap_or(value).trim();
        rust += &format!("pub(crate) const {name}: u32 = {value};\n");
    }
    rust
}

/// The names of `enum bgptap_counter` in their order, as Rust.
fn counters(header: &str) -> Result<String> {
    let names: Vec<String> = header
        .lines()
        .filter_map(|line| line.trim().strip_prefix("BGPTAP_COUNTER_"))
        .map(|rest| rest.split(',').next().unwrap_or(rest).to_lowercase())
        .collect();
    if names.is_empty() {
        return Err("steer.h names no counters".into());
    }
    Ok(format!(
        "pub(crate) const COUNTER_NAMES: [&str; {}] = {names:?};\n",
        names.len()
    ))
}
