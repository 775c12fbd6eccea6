//! `read` with tables, as its users run it.

use crate::support::Scratch;
use crate::support::read::read;
use crate::support::synth::Synth;
use serde_json::Value;

/// What does not fit into the memory that was allowed is refused, and each output says so.
#[test]
fn what_does_not_fit_is_told_by_every_output() {
    const ROUTES: u32 = 60_000;
    let scratch = Scratch::new("rib_limit");
    let (file, out) = (scratch.path("many.pcap"), scratch.path("rib.json"));
    let shape = Synth {
        frames: ROUTES,
        sessions: 1,
        gap_ns: 1000,
    };
    let mut pcap = std::io::BufWriter::new(std::fs::File::create(&file).unwrap());
    shape.write(&mut pcap).unwrap();
    drop(pcap);
    let more = ["--rib-memory", "1", "--rib-out", out.to_str().unwrap()];
    let run = read(&file, &more);

    let text = std::fs::read_to_string(&out).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    let (tables, routes): (Vec<Value>, Vec<Value>) =
        lines.partition(|line: &Value| line["type"] == "TABLE");
    assert_eq!(tables.len(), 1);
    assert_eq!(tables[0]["status"], "partial");
    assert!(tables[0]["since"].is_u64(), "{}", tables[0]);
    assert_eq!(tables[0]["routes"], routes.len());
    assert!(routes.len() > 10_000, "{}", routes.len());
    let count = |name: &str| run.summary["rib"][name].as_u64().unwrap();
    assert_eq!(count("new"), routes.len() as u64);
    assert_eq!(count("new") + count("refused"), u64::from(ROUTES));
    let refused = |event: &&Value| event["rib"]["refused"] == 1;
    let told = run.events.iter().filter(refused).count() as u64;
    assert_eq!(told, count("refused"));
}
