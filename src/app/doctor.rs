//! `bgptap doctor`

use super::{Ended, live};
use crate::capture::af_packet;
use crate::capture::xdp::{Options, Timestamps, plan};
use crate::cli;
use crate::doctor::{Wanted, Way, examine, mend, report};
use crate::error::SetupError;
use std::io::{self, Write};

pub(super) fn run(options: &cli::Doctor) -> Result<Ended, SetupError> {
    let wanted = wanted(options)?;
    let mut checks = examine(&wanted);
    let mut ran = Vec::new();
    if options.fix {
        ran = mend(&checks, |command| eprintln!("bgptap: running: {command}"));
        for ran in &ran {
            match &ran.error {
                Some(error) => eprintln!("bgptap: {}: {error}", ran.command),
                None => eprintln!("bgptap: this would undo it: {}", ran.undo),
            }
        }
        if ran.is_empty() {
            eprintln!("bgptap: there is nothing to be run");
        } else {
            checks = examine(&wanted);
        }
    }
    let text = if options.json {
        format!("{:#}\n", report::json(&checks, &ran))
    } else {
        report::table(&checks)
    };
    // Whoever reads our output may stop reading.
    let _ = io::stdout().write_all(text.as_bytes());
    if !options.json {
        say_verdict(report::ready(&checks), &wanted);
    }
    Ok(if report::ready(&checks) {
        Ended::Done
    } else {
        Ended::InPart
    })
}

/// What `bgptap live` with the same options would want.
fn wanted(options: &cli::Doctor) -> Result<Wanted, SetupError> {
    live::refuse_twice(&options.interfaces)?;
    if options.backend == cli::Backend::AfPacket {
        return by_packets(options);
    }
    let pretend = options.pretend_linux;
    let mut capture = Options {
        interfaces: options.interfaces.clone(),
        ports: options.ports.clone(),
        ring: options.ring,
        huge_pages: options.huge_pages,
        tap: options
            .tap
            .then(|| live::tap_mode(options.tap_mode, &options.interfaces, pretend)),
        pretend,
        ..Options::default()
    };
    let pool = plan(&mut capture, options.held_frames, live::BATCH_FRAMES);
    Ok(capture.wanted(&pool))
}

fn by_packets(options: &cli::Doctor) -> Result<Wanted, SetupError> {
    if options.tap {
        return Err(live::no_tap_by_packets());
    }
    let capture = af_packet::Options {
        interfaces: options.interfaces.clone(),
        ports: options.ports.clone(),
        fragments: true,
        ring: options.ring,
        timestamps: Timestamps::Xdp,
    };
    Ok(capture.wanted())
}

fn say_verdict(ready: bool, wanted: &Wanted) {
    if !ready {
        eprintln!("bgptap: not ready to capture");
    } else if wanted.interfaces.is_empty() {
        eprintln!(
            "bgptap: this machine is ready to capture; name the interfaces with -i to have them looked at"
        );
    } else {
        let way = match wanted.way {
            Way::Steer => "",
            Way::Tap(_) => "--tap ",
            Way::Packets => "--backend af-packet ",
        };
        let interfaces = wanted.interfaces.join(" -i ");
        eprintln!("bgptap: ready to capture: bgptap live {way}-i {interfaces}");
    }
}
