//! A program in a pseudo-terminal, and what its screen shows.
#![allow(unreachable_pub, reason = "a module of each program that names it")]
#![allow(dead_code, reason = "each uses a part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcgetattr, tcsetwinsize};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::num::NonZero;
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

/// How long something may take to appear.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A terminal with a program in it.
pub struct Pty {
    child: Child,
    master: File,
    /// The program's end, kept open so that what it wrote last can be read when it has ended.
    slave: File,
    screen: Arc<Mutex<vt100::Parser>>,
    reader: Option<JoinHandle<()>>,
}

impl Pty {
    /// Starts a program in a terminal of its own, with so many rows and columns.
    pub fn start(command: &[&str], rows: u16, cols: u16) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let slave = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(OpenptFlags::NOCTTY.bits().cast_signed())
            .open(name.to_str().unwrap())
            .unwrap();
        tcsetwinsize(&slave, size(rows, cols)).unwrap();
        let end = || slave.try_clone().unwrap();
        // setsid(1) makes it the controlling terminal.
        let child = Command::new("setsid")
            .args(["--ctty", "--wait"])
            .args(command)
            .env("TERM", "xterm-256color")
            .env_remove("NO_COLOR")
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .unwrap();
        let screen = Arc::new(Mutex::new(vt100::Parser::new(some(rows), some(cols), 0)));
        let master = File::from(master);
        let (mut from, to) = (master.try_clone().unwrap(), Arc::clone(&screen));
        let reader = std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(length @ 1..) = from.read(&mut bytes) {
                to.lock().unwrap().process(&bytes[..length]);
            }
        });
        Self {
            child,
            master,
            slave,
            screen,
            reader: Some(reader),
        }
    }

    /// Types keys, as a terminal sends them.
    pub fn keys(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).unwrap();
    }

    /// Gives the terminal another size; the kernel tells the program.
    pub fn resize(&mut self, rows: u16, cols: u16) {
        self.screen.lock().unwrap().set_size(some(rows), some(cols));
        tcsetwinsize(&self.slave, size(rows, cols)).unwrap();
    }

    /// What the screen shows, by a function that looks at it.
    pub fn look<T>(&self, at: impl FnOnce(&vt100::Screen) -> T) -> T {
        at(self.screen.lock().unwrap().screen())
    }

    /// The text on the screen.
    pub fn text(&self) -> String {
        self.look(vt100::Screen::contents)
    }

    /// Waits until something is so; what was shown instead is told if it never is.
    pub fn until(&self, what: &str, is: impl Fn(&vt100::Screen) -> bool) {
        let begin = Instant::now();
        while !self.look(&is) {
            assert!(begin.elapsed() < PATIENCE, "no {what} on\n{}", self.text());
            sleep(Duration::from_millis(50));
        }
    }

    /// Waits until the screen has a text.
    pub fn shows(&self, text: &str) {
        self.until(text, |screen| screen.contents().contains(text));
    }

    /// Waits for the program's end. What it wrote last may not be on the screen yet.
    pub fn ended(&mut self) -> ExitStatus {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(begin.elapsed() < PATIENCE, "it goes on:\n{}", self.text());
            sleep(Duration::from_millis(20));
        }
    }

    /// The process in the terminal.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether lines are edited and keys echoed, as a shell wants it.
    pub fn is_cooked(&self) -> bool {
        use rustix::termios::LocalModes;
        let modes = tcgetattr(&self.slave).unwrap().local_modes;
        modes.contains(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG)
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        // The reader ends with the last end of the terminal, which is dropped after this.
        drop(self.reader.take());
    }
}

/// No terminal is without rows or columns.
fn some(number: u16) -> NonZero<u16> {
    NonZero::new(number).unwrap()
}

fn size(rows: u16, cols: u16) -> Winsize {
    Winsize {
        ws_row: rows,
        ws_col: cols,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}
