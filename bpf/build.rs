//! Compiles the steering program, plain and with kfuncs, and generates the Rust side of steer.h.

use libbpf_cargo::SkeletonBuilder;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

const SOURCE: &str = "steer.bpf.c";
const HEADER: &str = "steer.h";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={SOURCE}");
    println!("cargo:rerun-if-changed={HEADER}");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("abi.rs"), generate(&fs::read_to_string(HEADER)?)?)?;
    compile(&out.join("steer_plain.o"), &[])?;
    compile(&out.join("steer_kfuncs.o"), &["-DBGPTAP_KFUNCS"])
}

fn compile(object: &Path, defines: &[&str]) -> Result<(), Box<dyn Error>> {
    // <linux/bpf.h> includes <asm/types.h>, which Debian and Ubuntu keep per architecture.
    let arch = env::var("CARGO_CFG_TARGET_ARCH")?;
    let mut args = vec![
        format!("-I/usr/include/{arch}-linux-gnu"),
        "-Wall".into(),
        "-Werror".into(),
    ];
    args.extend(defines.iter().map(ToString::to_string));
    SkeletonBuilder::new()
        .source(SOURCE)
        .obj(object)
        .clang_args(args)
        .build()
        .map_err(|error| format!("compiling {SOURCE}: {error:#}\n  try: apt-get install clang libelf-dev linux-libc-dev").into())
}

/// Constants from the `#define`s, names from the list of counters.
fn generate(header: &str) -> Result<String, Box<dyn Error>> {
    let mut rust = String::from("// Generated from steer.h.\n");
    for line in header.lines() {
        let mut words = line.split_whitespace();
        if let (Some("#define"), Some(name), Some(value), None) =
            (words.next(), words.next(), words.next(), words.next())
            && let Some(name) = name.strip_prefix("BGPTAP_")
            && !name.contains('(')
        {
            rust += &format!("pub(crate) const {name}: u32 = {value};\n");
        }
    }
    let names: Vec<&str> = header
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("X(")?.split(')').next())
        .collect();
    if names.first() != Some(&"seen") {
        return Err("steer.h: the list of counters was not found".into());
    }
    rust += &format!(
        "pub(crate) const COUNTERS: [&str; {}] = {names:?};\n",
        names.len()
    );
    Ok(rust)
}
