//! Roles that this program takes as a process of its own, to be measured as one: what peers' programs do with
//! the libraries that they are made of, and the bare receiver.

use bgpkit_parser::BgpkitParser;
use std::error::Error;
use std::fs::File;
use std::io::{BufReader, Write};

/// The argument that asks for a role.
pub(crate) const ROLE: &str = "--as";

/// Takes the role of that name.
pub(crate) fn act(role: &str, arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let file = || arguments.first().ok_or("a role needs a file");
    match role {
        "bgpkit-count" => count(file()?),
        "bgpkit-records" => records(file()?),
        "bgpkit-json" => json(file()?),
        "drain" => super::drain::run(arguments),
        other => Err(format!("no role {other}").into()),
    }
}

fn parser(file: &str) -> Result<BgpkitParser<BufReader<File>>, Box<dyn Error>> {
    Ok(BgpkitParser::from_reader(BufReader::new(File::open(file)?)))
}

/// As `bgpkit-parser --elems-count`.
fn count(file: &str) -> Result<(), Box<dyn Error>> {
    println!("total elems: {}", parser(file)?.into_elem_iter().count());
    Ok(())
}

/// As `bgpkit-parser --records-count`.
fn records(file: &str) -> Result<(), Box<dyn Error>> {
    println!(
        "total records: {}",
        parser(file)?.into_record_iter().count()
    );
    Ok(())
}

/// As `bgpkit-parser --json`.
fn json(file: &str) -> Result<(), Box<dyn Error>> {
    let mut out = std::io::stdout();
    for elem in parser(file)?.into_elem_iter() {
        let value = serde_json::to_value(&elem)?;
        writeln!(out, "{value}")?;
    }
    Ok(())
}
