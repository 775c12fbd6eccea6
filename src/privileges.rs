//! What the process gives up once it is set up.
//!
//! Sockets and programs are used by their file descriptors, which need no rights: not to receive, not to
//! read counters (since Linux 5.19), not to take the program off. So all capabilities go; the process
//! and what it might start can never gain any (`PR_SET_NO_NEW_PRIVS`); and Landlock closes the file
//! system, except the folders that outputs are written to, and the network, except sockets that are
//! open. Frames of strangers are decoded only after that.
//!
//! A list of allowed system calls (seccomp) would add little to that, and break with each
//! new version of the C library and of the runtime behind `/metrics`.

use crate::error::SetupError;
use caps::{CapSet, Capability, CapsHashSet};
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, NetPort, Ruleset,
    RulesetAttr, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, path_beneath_rules,
};
use std::fmt;
use std::path::{Path, PathBuf};

/// The newest restrictions that are asked for; older kernels apply what they have.
const LANDLOCK: ABI = ABI::V6;

/// What names are looked up by.
const RESOLVER: [&str; 4] = [
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/resolv.conf",
    "/etc/gai.conf",
];

/// The files that names are looked up by, as far as they are there.
#[must_use]
pub fn resolver() -> Vec<PathBuf> {
    let files = RESOLVER.map(PathBuf::from).into_iter();
    files.filter(|path| path.exists()).collect()
}

/// What is needed for longer than the set-up.
#[derive(Clone, Debug, Default)]
pub struct Keep {
    /// Folders in which files are made, renamed and removed.
    pub folders: Vec<PathBuf>,
    /// Files and folders that are read.
    pub readable: Vec<PathBuf>,
    /// TCP ports that outputs connect to.
    pub ports: Vec<u16>,
    /// Outputs connect to whatever they are told of later: Kafka's brokers.
    pub anywhere: bool,
    /// Capabilities, so far as the process has them.
    pub capabilities: Vec<Capability>,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confined {
    /// The capabilities that are left.
    pub capabilities: Vec<Capability>,
    /// Landlock is at work, at least in part.
    pub landlock: bool,
}

impl fmt::Display for Confined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.capabilities.iter().map(ToString::to_string).collect();
        if names.is_empty() {
            f.write_str("no capabilities are left")?;
        } else {
            write!(f, "of the capabilities {} is left", names.join(" "))?;
        }
        f.write_str(if self.landlock {
            ", files and network are closed but for the outputs"
        } else {
            ", the kernel has no Landlock to close files and network"
        })
    }
}

/// Gives up all rights but those in `keep`.
///
/// Rights belong to threads, and new threads inherit them: this comes before the first one is started.
///
/// # Errors
/// There are other threads already, or the kernel refuses.
pub fn give_up(keep: &Keep) -> Result<Confined, SetupError> {
    let threads = std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count);
    if threads != 1 {
        let why = format!("{threads} threads are running, which would keep them");
        return Err(failed(&why, "report this as a bug"));
    }
    confine_thread(keep)
}

/// As [`give_up`], of this thread and those that it starts.
fn confine_thread(keep: &Keep) -> Result<Confined, SetupError> {
    let kernel =
        |error: &dyn std::error::Error| failed(&error.to_string(), "see the kernel's log: dmesg");
    nix::sys::prctl::set_no_new_privs().map_err(|error| kernel(&error))?;
    // Takes CAP_SETPCAP, which a process with few rights has not; no_new_privs does as much.
    let _ = caps::clear(None, CapSet::Bounding);
    let had = caps::read(None, CapSet::Permitted).map_err(|error| kernel(&error))?;
    let kept: CapsHashSet = keep.capabilities.iter().copied().collect();
    let kept = &had & &kept;
    let nothing = CapsHashSet::new();
    for (set, left) in [
        (CapSet::Ambient, &nothing),
        (CapSet::Inheritable, &nothing),
        (CapSet::Effective, &kept),
        (CapSet::Permitted, &kept),
    ] {
        caps::set(None, set, left).map_err(|error| kernel(&error))?;
    }
    let landlock = restrict(keep).map_err(|error| kernel(&error))?;
    Ok(Confined {
        capabilities: kept.into_iter().collect(),
        landlock,
    })
}

fn restrict(keep: &Keep) -> Result<bool, RulesetError> {
    // libbpf asks how many CPUs there are, and so counters of each, when it first reads those; what the
    // kernel counted of interfaces is among the devices too. The rest is for the names in a backtrace.
    let mut readable = vec![PathBuf::from("/sys/devices"), PathBuf::from("/proc/self")];
    readable.extend(std::env::current_exe());
    readable.extend(keep.readable.clone());
    let port = |port: &u16| Ok(NetPort::new(*port, AccessNet::ConnectTcp));
    // Landlock refuses rules for what the ruleset does not restrict.
    let named = keep.ports.iter().filter(|_| !keep.anywhere);
    let ports: Vec<Result<_, RulesetError>> = named.map(port).collect();
    let status = ruleset(keep.anywhere)?
        .create()?
        .add_rules(path_beneath_rules(
            readable,
            AccessFs::ReadFile | AccessFs::ReadDir,
        ))?
        .add_rules(path_beneath_rules(&keep.folders, writing()))?
        .add_rules(ports)?
        .restrict_self()?;
    Ok(status.ruleset != RulesetStatus::NotEnforced)
}

/// Everything that Landlock knows, so that what no rule allows is forbidden.
fn ruleset(anywhere: bool) -> Result<Ruleset, RulesetError> {
    let mut network = AccessNet::from_all(LANDLOCK);
    if anywhere {
        network.remove(AccessNet::ConnectTcp);
    }
    Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(LANDLOCK))?
        .handle_access(network)?
        .scope(Scope::from_all(LANDLOCK))
}

/// What writing and rotating files takes; no devices, no links, nothing to be executed.
fn writing() -> BitFlags<AccessFs> {
    AccessFs::ReadFile
        | AccessFs::ReadDir
        | AccessFs::WriteFile
        | AccessFs::Truncate
        | AccessFs::MakeReg
        | AccessFs::MakeDir
        | AccessFs::RemoveFile
}

/// Whether the kernel has Landlock.
#[must_use]
pub fn landlock_available() -> bool {
    Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(ABI::V1))
        .and_then(Ruleset::create)
        .is_ok()
}

/// The folder that a file lies in, if it is a file and not a device or pipe.
#[must_use]
pub fn folder_of(file: &Path) -> Option<PathBuf> {
    let file = file.canonicalize().ok().filter(|file| file.is_file())?;
    file.parent().map(Path::to_owned)
}

fn failed(why: &str, remedy: &str) -> SetupError {
    SetupError::Other {
        what: "giving up privileges".into(),
        why: why.into(),
        remedy: remedy.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, File};
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};
    use std::process::Command;

    fn denied<T>(result: std::io::Result<T>) -> bool {
        result.is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied)
    }

    /// Restrictions are of a thread: this one is made for them, and its end is theirs.
    #[test]
    fn only_the_folders_of_outputs_stay_open() {
        if !landlock_available() {
            let required = std::env::var_os("BGPTAP_REQUIRE_ALL").is_some();
            assert!(!required, "the kernel has no Landlock");
            println!("skipped: the kernel has no Landlock");
            return;
        }
        let name = format!("bgptap-privileges-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let (inside, outside) = (folder.join("in"), folder.join("out"));
        fs::create_dir_all(&inside).expect("a folder");
        fs::create_dir_all(&outside).expect("a folder");
        let mut opened = File::create(outside.join("opened")).expect("a file");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        let wanted = TcpListener::bind("127.0.0.1:0").expect("another port");
        let wanted_address = wanted.local_addr().expect("its address");

        let (within, without) = (inside.clone(), outside.clone());
        let thread = std::thread::spawn(move || {
            let keep = Keep {
                folders: vec![within.clone()],
                ports: vec![wanted_address.port()],
                ..Keep::default()
            };
            let confined = confine_thread(&keep).expect("confined");
            assert!(confined.landlock);
            assert!(confined.capabilities.is_empty());
            for set in [CapSet::Effective, CapSet::Permitted, CapSet::Inheritable] {
                assert!(caps::read(None, set).expect("readable").is_empty());
            }
            // What was open stays open.
            opened.write_all(b"x").expect("written");
            // Files are made, read, and removed as by a rotation; links to elsewhere are not made.
            let file = within.join("a.json");
            fs::write(&file, "x").expect("made");
            assert_eq!(fs::read(&file).expect("read"), b"x");
            fs::rename(&file, within.join("b.json")).expect("renamed");
            fs::remove_file(within.join("b.json")).expect("removed");
            assert!(denied(std::os::unix::fs::symlink("/", within.join("link"))));
            assert!(denied(fs::write(without.join("new"), "x")));
            assert!(denied(fs::read(without.join("opened"))));
            assert!(denied(fs::read("/etc/passwd")));
            assert!(denied(Command::new("/bin/true").status()), "executed");
            // Since Linux 6.7.
            assert!(denied(TcpStream::connect(address)));
            TcpStream::connect(wanted_address).expect("a station's port");
            assert!(denied(TcpListener::bind("127.0.0.1:0")));
        });
        let ended = thread.join();
        fs::remove_dir_all(&folder).expect("removed");
        ended.expect("all of it held");
        TcpStream::connect(address).expect("others are free");
    }

    #[test]
    fn with_other_threads_running_it_refuses() {
        // The harness runs tests on threads of their own.
        let error = give_up(&Keep::default()).expect_err("there are others");
        assert!(error.to_string().contains("threads are running"));
    }

    #[test]
    fn what_is_kept_is_no_more_than_there_was() {
        let keep = Keep {
            capabilities: vec![Capability::CAP_NET_ADMIN],
            ..Keep::default()
        };
        let thread = std::thread::spawn(move || {
            let had = caps::has_cap(None, CapSet::Permitted, Capability::CAP_NET_ADMIN);
            let confined = confine_thread(&keep).expect("confined");
            let left = caps::read(None, CapSet::Effective).expect("readable");
            assert_eq!(left, confined.capabilities.iter().copied().collect());
            assert_eq!(left.len(), usize::from(had.expect("readable")));
            (left.len(), confined.to_string())
        });
        let (left, said) = thread.join().expect("all of it held");
        assert_eq!(said.contains("CAP_NET_ADMIN is left"), left == 1, "{said}");
    }

    #[test]
    fn devices_have_no_folder_to_be_opened() {
        assert_eq!(folder_of(Path::new("/dev/null")), None);
        assert_eq!(folder_of(Path::new("-")), None);
        let this = std::env::current_exe().expect("this program");
        assert_eq!(folder_of(&this), this.parent().map(Path::to_owned));
    }
}
