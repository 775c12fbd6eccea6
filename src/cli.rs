//! The command line: parsed here, judged in `main`.

mod alone;
mod evidence;
mod feeds;
mod files;
mod filters;
mod text;
mod value;

pub use alone::Alone;
pub use evidence::Evidence;
pub use feeds::{Addresses, Bmp};
#[cfg(feature = "kafka")]
pub use feeds::{Kafka, KafkaFormat};
pub use files::{Files, JsonFormat};
pub use filters::Filters;
pub use text::{Color, Text};

use crate::bgp::MessageType;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::net::SocketAddr;
use std::path::PathBuf;
use value::{address, name, whole};

/// What `--help` and the manual say behind the options.
const AFTER_HELP: &str = "\
Exit status:
  0  everything was done
  1  done in part: a file was damaged, something was lost and --strict given, or doctor found hindrances
  2  wrong use, or the set-up failed; nothing was done

Environment:
  NO_COLOR, CLICOLOR, CLICOLOR_FORCE  when to use colours, see --color of live and read";

/// A passive BGP monitor: what two routers really said to each other.
#[derive(Debug, Parser)]
#[command(name = "bgptap", version, max_term_width = 100, after_long_help = AFTER_HELP)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Capture from mirror ports, by AF_XDP or a packet socket, until interrupted.
    Live(Live),
    /// Decode captures (pcap, pcapng) and MRT archives, plain, .gz or .zst; needs no privileges.
    Read(Read),
    /// Send the frames of a capture file out of an interface, by AF_XDP.
    Replay(Replay),
    /// Tell whether this machine can capture, and what would have to be done; changes nothing.
    Doctor(Doctor),
    /// Check a configuration file, or show what it comes to.
    #[command(subcommand)]
    Config(Config),
    /// Print a script that has a shell complete commands and options.
    Completions {
        /// The shell.
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Write the manual pages, one for each subcommand, into a folder.
    Man {
        /// The folder; it is made if there is none.
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
    /// Watch a running `live --http` in the terminal: sessions, events, latency, losses.
    Top(Top),
}

/// Options of everything that decodes.
#[derive(Args, Debug)]
pub struct Outputs {
    /// Write one JSON object per message and event to FILE ("-": standard output).
    #[arg(long, value_name = "FILE", value_parser = files::pattern())]
    pub json: Option<PathBuf>,
    /// Add the bytes of each message, in hex, to the JSON lines.
    #[arg(long)]
    pub raw: bool,
    /// Write the summary, one JSON object, to FILE when done ("-": standard output).
    #[arg(long, value_name = "FILE")]
    pub summary: Option<PathBuf>,
    /// TCP port of BGP (repeatable).
    #[arg(long = "port", value_name = "N", default_value = "179", value_parser = whole::<u16>(1..=65535))]
    pub ports: Vec<u16>,
    /// Keep sessions between the same addresses and ports apart by their VLAN.
    #[arg(long)]
    pub key_vlan: bool,
    /// What to do about TCP checksums.
    #[arg(long, value_enum, default_value_t = Checksums::Auto)]
    pub checksums: Checksums,
    /// Read only messages of these types (`update,open,…`); others are counted by their headers.
    #[arg(long, value_name = "TYPE,…", value_delimiter = ',')]
    pub messages: Vec<MessageType>,
    /// Wipe the buffers of messages and held payload when they are given back.
    #[arg(long)]
    pub zero_buffers: bool,
    /// Keep no Adj-RIBs: events do not tell what they change.
    #[arg(long)]
    pub no_rib: bool,
    /// The most memory, in MiB, that all Adj-RIBs with their attributes may take.
    #[arg(
        long,
        value_name = "MIB",
        default_value = "1024",
        value_parser = whole::<u32>(1..=1 << 24),
        conflicts_with = "no_rib"
    )]
    pub rib_memory: u32,
    /// Exit with status 1 if anything was lost.
    #[arg(long)]
    pub strict: bool,
    /// Name of this monitor in events [default: the host name].
    #[arg(long, value_name = "NAME", value_parser = name)]
    pub host: Option<String>,
    /// Files that are begun anew.
    #[command(flatten)]
    pub files: Files,
    /// Take from FILE (TOML) what is not given as a flag: see `bgptap config show`.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// BMP stations.
    #[command(flatten)]
    pub bmp: Bmp,
    /// Kafka.
    #[cfg(feature = "kafka")]
    #[command(flatten)]
    pub kafka: Kafka,
    /// Frames around what went wrong.
    #[command(flatten)]
    pub evidence: Evidence,
    /// Which events they get.
    #[command(flatten)]
    pub filters: Filters,
    /// What is printed for people.
    #[command(flatten)]
    pub text: Text,
}

/// What is done about TCP checksums.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Checksums {
    /// Segments are taken as they are.
    Off,
    /// A segment with a wrong one is passed over where most were right in its direction before.
    Auto,
    /// Only segments with right ones are taken.
    On,
}

impl From<Checksums> for crate::config::Checksums {
    fn from(checksums: Checksums) -> Self {
        match checksums {
            Checksums::Off => Self::Off,
            Checksums::Auto => Self::Auto,
            Checksums::On => Self::On,
        }
    }
}

/// What happens to frames that are not BGP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Foreign {
    /// The host gets them.
    Pass,
    /// They are dropped: for a port that only a mirror feeds.
    Drop,
}

/// What frames are captured by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Backend {
    /// AF_XDP: takes BGP from the interface before the host sees it.
    Xdp,
    /// A packet socket: copies what passes by; for kernels and containers without AF_XDP or BPF.
    AfPacket,
}

/// How the XDP program is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// In the driver, or generic where the driver cannot.
    Auto,
    /// In the driver only.
    Native,
    /// Generic (SKB mode) only.
    Skb,
}

/// Variants of the XDP program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Program {
    /// The best that kernel and driver take.
    Auto,
    /// Asks the driver for the card's time and stripped VLAN tags: Linux 6.3, native mode.
    Kfuncs,
    /// Without: Linux 6.1.
    Plain,
    /// Takes no packets in several buffers either: Linux 5.15.
    Basic,
}

/// Whether the driver writes frames straight into the UMEM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ZeroCopy {
    /// Where it can.
    Auto,
    /// Or not at all.
    Require,
    /// The kernel copies.
    Never,
}

/// How the programs of a tap are attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TapMode {
    /// `tcx` where the kernel has it, else `clsact`.
    Auto,
    /// By links that end with the process (Linux 6.6).
    Tcx,
    /// As filters, which stay if the process is killed; the next tap removes them.
    Clsact,
}

/// Which clock events are stamped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Timestamps {
    /// The kernel's, when the XDP program or the packet socket saw the frame.
    Xdp,
    /// The network card's, where it stamps frames and its clock is set; the kernel's elsewhere.
    Hardware,
}

/// 4 GiB of frames.
const HELD_FRAMES_MAX: u64 = 1 << 20;

/// `bgptap live`
#[derive(Args, Debug)]
pub struct Live {
    /// Interface that a mirror feeds (repeatable).
    #[arg(short, long = "interface", value_name = "IFACE", required = true, value_parser = name)]
    pub interfaces: Vec<String>,
    /// What frames are captured by.
    #[arg(long, value_enum, default_value = "xdp")]
    pub backend: Backend,
    /// Copy the BGP that this host itself sends and receives by the interfaces; its sessions go on.
    #[arg(long)]
    pub tap: bool,
    /// How the programs of the tap are attached.
    #[arg(long, value_enum, default_value = "auto", requires = "tap")]
    pub tap_mode: TapMode,
    /// Serve Prometheus metrics at ADDR.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9179", value_parser = address)]
    pub metrics: SocketAddr,
    /// Tell about sessions and Adj-RIBs over HTTP (`/sessions`, `/rib`, `/status`, `/events`), at ADDR.
    #[arg(long, value_name = "ADDR", num_args = 0..=1, default_missing_value = "127.0.0.1:9180", value_parser = address)]
    pub http: Option<SocketAddr>,
    /// Watch it in this terminal, as `bgptap top` does; who quits ends the capture.
    #[arg(long)]
    pub top: bool,
    /// Frames that are not BGP.
    #[arg(long, value_enum, default_value = "pass")]
    pub foreign: Foreign,
    /// Leave IP fragments alone: they have no ports, so all of TCP and of tunnels are taken.
    #[arg(long)]
    pub no_fragments: bool,
    /// How the XDP program is attached.
    #[arg(long, value_enum, default_value = "auto")]
    pub mode: Mode,
    /// Which variant of the XDP program is used.
    #[arg(long, value_enum, default_value = "auto")]
    pub program: Program,
    /// Do as an older kernel would, for instance 5.15: what is younger fails.
    #[arg(long, value_name = "RELEASE", hide = true, value_parser = release)]
    pub pretend_linux: Option<(u16, u16)>,
    /// Whether the driver writes frames straight into the memory that they are read from.
    #[arg(long, value_enum, default_value = "auto")]
    pub zero_copy: ZeroCopy,
    /// Which clock events are stamped by.
    #[arg(long, value_enum, default_value = "xdp")]
    pub timestamps: Timestamps,
    /// Have waiting for frames drive the driver instead of interrupts; falls back to interrupts.
    #[arg(long)]
    pub busy_poll: bool,
    /// Entries of each receive ring, rounded up to a power of two; the fill ring has twice as many.
    /// With `--backend af-packet`: pages of each ring.
    #[arg(long, value_name = "N", default_value = "8192", value_parser = whole::<u32>(1..=1 << 20))]
    pub ring: u32,
    /// Frames that all streams together may hold out of order.
    #[arg(long, value_name = "N", default_value = "2048", value_parser = whole::<u32>(0..=HELD_FRAMES_MAX))]
    pub held_frames: u32,
    /// Ask for huge pages (they must be reserved); falls back to ordinary ones.
    #[arg(long)]
    pub huge_pages: bool,
    /// Capture even if this host itself speaks BGP over the interface, or its card merges segments.
    #[arg(long)]
    pub force: bool,
    /// Stop after this many seconds.
    #[arg(long, value_name = "SECONDS", value_parser = whole::<u64>(1..=u64::from(u32::MAX)))]
    pub duration: Option<u64>,
    /// Where the results go.
    #[command(flatten)]
    pub outputs: Outputs,
}

/// `bgptap read`
#[derive(Args, Debug)]
pub struct Read {
    /// Capture files and MRT archives, merged by time ("-": standard input).
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// TCP port of BMP: what routers tell a station in the captures is read as input too (repeatable).
    #[arg(long = "bmp-port", value_name = "N", value_parser = whole::<u16>(1..=65535))]
    pub bmp_ports: Vec<u16>,
    /// Write the routes that all sides have told each other by the end, one JSON object each, to
    /// FILE ("-": standard output).
    #[arg(long, value_name = "FILE", conflicts_with = "no_rib")]
    pub rib_out: Option<PathBuf>,
    /// Serve Prometheus metrics at ADDR while reading.
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub metrics: Option<SocketAddr>,
    /// Where the results go.
    #[command(flatten)]
    pub outputs: Outputs,
}

/// `bgptap replay`
#[derive(Args, Debug)]
pub struct Replay {
    /// Capture file.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Interface to send from.
    #[arg(short, long = "interface", value_name = "IFACE", value_parser = name)]
    pub interface: String,
    /// `original`, a factor (2 is twice as fast) or `max`.
    #[arg(
        long,
        value_name = "SPEED",
        default_value = "original",
        allow_negative_numbers = true
    )]
    pub speed: String,
    /// Send at a fixed rate of so many frames per second instead.
    #[arg(long, value_name = "FPS", conflicts_with = "speed", value_parser = whole::<u64>(1..=1_000_000_000))]
    pub rate: Option<u64>,
    /// Send the file N times; each further time as new sessions (other addresses).
    #[arg(long = "loop", value_name = "N", default_value = "1", value_parser = whole::<u32>(1..=u32::MAX.into()))]
    pub loops: u32,
}

/// `bgptap doctor`
#[derive(Args, Debug)]
pub struct Doctor {
    /// Interface that a mirror feeds, or that is to be tapped (repeatable).
    #[arg(short, long = "interface", value_name = "IFACE", value_parser = name)]
    pub interfaces: Vec<String>,
    /// What frames are to be captured by, as for `live`.
    #[arg(long, value_enum, default_value = "xdp")]
    pub backend: Backend,
    /// The interfaces are to be tapped, as for `live`.
    #[arg(long)]
    pub tap: bool,
    /// How the programs of the tap are to be attached, as for `live`.
    #[arg(long, value_enum, default_value = "auto", requires = "tap")]
    pub tap_mode: TapMode,
    /// Judge as if the kernel were an older one.
    #[arg(long, value_name = "RELEASE", hide = true, value_parser = release)]
    pub pretend_linux: Option<(u16, u16)>,
    /// Print one JSON object instead of a table.
    #[arg(long)]
    pub json: bool,
    /// Run the commands that mend what was found, and say each and what undoes it; they last until the
    /// next boot.
    #[arg(long)]
    pub fix: bool,
    /// TCP port of BGP (repeatable).
    #[arg(long = "port", value_name = "N", default_value = "179", value_parser = whole::<u16>(1..=65535))]
    pub ports: Vec<u16>,
    /// Entries of each receive ring, as for `live`.
    #[arg(long, value_name = "N", default_value = "8192", value_parser = whole::<u32>(1..=1 << 20))]
    pub ring: u32,
    /// Frames that all streams together may hold out of order, as for `live`.
    #[arg(long, value_name = "N", default_value = "2048", value_parser = whole::<u32>(0..=HELD_FRAMES_MAX))]
    pub held_frames: u32,
    /// Huge pages are wanted, as for `live`.
    #[arg(long)]
    pub huge_pages: bool,
}

/// `bgptap config`
#[derive(Debug, Subcommand)]
pub enum Config {
    /// Tell whether FILE can be used.
    Check {
        /// A configuration file.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Print everything that can be configured, with what FILE says of it, as a file that means the same.
    Show {
        /// A configuration file.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

/// `bgptap top`
#[derive(Args, Debug)]
pub struct Top {
    /// Where `live --http` listens; without a port 9180.
    #[arg(value_name = "ADDR:PORT", default_value = "127.0.0.1:9180")]
    pub address: String,
    /// Seconds between two looks at the figures.
    #[arg(short = 'd', long, value_name = "SECONDS", default_value = "1", value_parser = interval)]
    pub interval: f64,
}

/// From a tenth of a second to an hour.
fn interval(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok();
    seconds
        .filter(|seconds| (0.1..=3600.0).contains(seconds))
        .ok_or_else(|| "a number from 0.1 to 3600 is needed".into())
}

/// `6.1`
fn release(text: &str) -> Result<(u16, u16), String> {
    let (major, minor) = text.split_once('.').ok_or("a release is two numbers")?;
    let number = |text: &str| text.parse().map_err(|_| format!("{text} is no number"));
    Ok((number(major)?, number(minor)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    /// "invalid digit found in string" helps nobody: what is possible is said.
    #[test]
    fn every_number_has_its_range() {
        let mut numbers = 0;
        for command in Cli::command().get_subcommands() {
            let units = ["N", "MIB", "SECONDS", "FPS"];
            let options = command.get_arguments().filter(|arg| {
                let unit = arg.get_value_names().and_then(<[_]>::first);
                unit.is_some_and(|unit| units.contains(&unit.as_str()))
            });
            for option in options {
                let (name, long) = (command.get_name(), option.get_long().expect("an option"));
                for wrong in ["many", "-1", "99999999999999999999"] {
                    let line = [
                        "bgptap".into(),
                        name.to_owned(),
                        format!("--{long}={wrong}"),
                    ];
                    let error = Cli::try_parse_from(line).expect_err(long).to_string();
                    assert!(error.contains("a number from "), "{error}");
                    assert!(error.contains(long), "{error}");
                }
                numbers += 1;
            }
        }
        assert!(numbers >= 20, "{numbers} options");
    }

    #[test]
    fn the_contract_parses() {
        for line in [
            "bgptap live -i a --backend af-packet --ring 1024",
            "bgptap live -i a --program basic --pretend-linux 5.15",
            "bgptap live -i a -i b --json - --raw --port 179 --port 1179",
            "bgptap live --tap -i eth0 --tap-mode clsact",
            "bgptap live -i a --http",
            "bgptap live -i a --http 127.0.0.1:8080 --no-rib",
            "bgptap read x.pcap y.pcap.gz - --summary - --strict",
            "bgptap read x.pcap --messages update,route-refresh --zero-buffers",
            "bgptap read x.pcap --rib-out - --rib-memory 64",
            "bgptap read x.pcap --no-rib",
            "bgptap read x.pcap --bmp-port 1790 --bmp-port 11019",
            "bgptap live -i a --bmp localhost:11019 --router 192.0.2.1,2001:db8::1 --router 192.0.2.3",
            "bgptap read x.pcap --mrt %Y%m%d.%H%M.gz --mrt-rotate 15m --mrt-rotate-size 100M",
            "bgptap live -i a --mrt-rib rib.%Y%m%d.%H%M.gz --mrt-rib-interval 8h",
            "bgptap live -i a --json x.gz --json-format elem --json-rotate 1d --json-rotate-size 1G",
            "bgptap config check x.toml",
            "bgptap config show x.toml",
            "bgptap live -i a --config x.toml --only-changes",
            "bgptap read x.pcap -v --color always --peer-name 192.0.2.1=rtr1 --peer-name 192.0.2.2=rtr2",
            "bgptap live -i a --text - --verbose",
            "bgptap replay x.pcap -i v0 --speed 2.5 --loop 3",
            "bgptap completions bash",
            "bgptap man /tmp",
            "bgptap live -i a --top",
            "bgptap top",
            "bgptap top [::1]:9180 --interval 0.5",
            "bgptap doctor",
            "bgptap doctor -i a -i b --json --fix",
            "bgptap doctor -i a --tap --tap-mode clsact",
            "bgptap doctor -i a --backend af-packet",
        ] {
            Cli::try_parse_from(line.split(' ')).expect(line);
        }
        assert!(
            Cli::try_parse_from(["bgptap", "live"]).is_err(),
            "an interface is needed"
        );
        assert!(Cli::try_parse_from(["bgptap", "top", "-d", "0"]).is_err());
        let too_many = ["bgptap", "live", "-i", "a", "--held-frames", "4294967295"];
        let error = Cli::try_parse_from(too_many).expect_err("more than there can be");
        assert!(error.to_string().contains("1048576"), "{error}");
    }
}
