//! BMP feeds as the command line asks for them.

use super::Ended;
use crate::cli;
use crate::error::SetupError;
use crate::filter::Selection;
use crate::sink::bmp::{Bmp, Carrier, Routers, Station, Wanted};
use crate::sink::deadline::Deadline;
use crate::sink::writer::WhenFull;
use std::io;
use std::io::ErrorKind;
use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

/// A station as it was named, and its addresses: names are looked up once, before rights are given up.
pub(super) struct Found {
    pub(super) name: String,
    pub(super) addresses: Vec<SocketAddr>,
}

/// Looks a station up.
pub(super) fn find(name: &str) -> Result<Found, SetupError> {
    let fail = |why: String| SetupError::Other {
        what: format!("--bmp {name}"),
        why,
        remedy: "give the station as HOST:PORT, with a name that can be looked up or an address"
            .into(),
    };
    let addresses: Vec<_> = name
        .to_socket_addrs()
        .map_err(|error| match error.kind() {
            // It is not of that form; nothing was looked up.
            ErrorKind::InvalidInput => fail("its port is missing, or is none".into()),
            _ => fail(error.to_string()),
        })?
        .collect();
    if addresses.is_empty() {
        return Err(fail("the name has no address".into()));
    }
    Ok(Found {
        name: name.to_owned(),
        addresses,
    })
}

/// Starts what speaks to a station.
pub(super) fn speak_to(
    options: &cli::Outputs,
    station: &Found,
    when_full: WhenFull,
) -> Result<Box<dyn Carrier>, SetupError> {
    let queue = usize::from(options.bmp.bmp_queue) << 20;
    let started = Station::start(&station.addresses, when_full, queue);
    let station = started.map_err(|error: io::Error| SetupError::Other {
        what: "--bmp".into(),
        why: error.to_string(),
        remedy: "allow the process more threads and open files".into(),
    })?;
    Ok(Box::new(station))
}

/// What the listeners are told, whoever they are.
pub(super) fn feeds(options: &cli::Outputs, wanted: Vec<Wanted>, host: &str) -> Bmp {
    let options = &options.bmp;
    let routers = options.routers.iter().map(|router| router.0.clone());
    let routers = Routers::new(routers.collect());
    let statistics = Duration::from_secs(options.bmp_statistics);
    Bmp::new(wanted, routers, host, statistics)
}

/// Which routes stations are told of.
pub(super) fn selection(options: &cli::Outputs) -> Selection {
    let own = options.bmp.bmp_filter.as_ref();
    options.filters.of_events(own)
}

/// Hangs up, and says what was not told. `reads`: a file was told, of which nothing is to be lost.
pub(super) fn close(bmp: &mut Bmp, until: Deadline, options: &cli::Outputs, reads: bool) -> Ended {
    let mut ended = Ended::Done;
    let unheard: Vec<_> = bmp.broken().map(str::to_owned).collect();
    bmp.close(until);
    for station in unheard {
        eprintln!(
            "bgptap: the BMP station {station} cannot be reached, and a file has nothing to wait for otherwise\n  \
             try: start the station first, and see whether it listens there: nc -vz {}",
            station.replace(':', " ")
        );
        ended = Ended::InPart;
    }
    for (output, fate, why) in bmp.fates() {
        if fate.lost() > 0 {
            #[cfg(feature = "kafka")]
            let remedy = (output == "kafka" && fate.undelivered > 0)
                .then(|| format!(": {}", super::kafka::remedy(options, why)));
            #[cfg(not(feature = "kafka"))]
            let remedy = why;
            eprintln!(
                "bgptap: {output}: {} messages told, {} dropped as the queue was full, {} not delivered{}",
                fate.sent,
                fate.queue_full,
                fate.undelivered,
                remedy.unwrap_or_default()
            );
            if fate.late > 0 {
                let late = fate.late;
                eprintln!(
                    "bgptap: {output}: {late} messages dropped at the end: they were not taken in time"
                );
                ended = Ended::InPart;
            }
            // A station is told the tables instead. What a broker did not take is gone.
            let gone = reads && output == "kafka" && fate.undelivered > 0;
            if options.strict || gone {
                ended = Ended::InPart;
            }
        }
    }
    ended
}
