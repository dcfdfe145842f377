//! A terminal with a person at it.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// A program that runs on a terminal of its own.
pub struct Terminal {
    person: File,
    shown: String,
    pub child: Child,
}

impl Terminal {
    /// Runs `command` with a new terminal as its controlling one; its stdout stays as it is set.
    pub fn run(command: &Command) -> Self {
        let person: OwnedFd = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&person).unwrap();
        unlockpt(&person).unwrap();
        let name = ptsname(&person, Vec::new()).unwrap();
        let open = || {
            let mut options = File::options();
            options.read(true).write(true).open(name.to_str().unwrap())
        };
        let mut session = Command::new("setsid");
        session
            .args(["--ctty", "--wait"])
            // Whoever runs the tests may ignore signals, which a child inherits.
            .args(["env", "--default-signal"])
            .arg(command.get_program());
        session.args(command.get_args()).env_clear();
        for (name, value) in command.get_envs() {
            session.env(name, value.unwrap_or_default());
        }
        session.stdin(open().unwrap()).stderr(open().unwrap());
        session.stdout(open().unwrap());
        Self {
            child: session.spawn().unwrap(),
            person: person.into(),
            shown: String::new(),
        }
    }

    /// Reads until `text` is shown, and tells all that was shown since the last time.
    pub fn shows(&mut self, text: &str) -> String {
        let mut buffer = [0; 4096];
        loop {
            if let Some(at) = self.shown.find(text) {
                let rest = self.shown.split_off(at + text.len());
                return std::mem::replace(&mut self.shown, rest);
            }
            let count = self.person.read(&mut buffer).unwrap_or(0);
            assert!(count > 0, "never shown: {text:?}, but: {:?}", self.shown);
            self.shown
                .push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
    }

    pub fn types(&mut self, keys: &str) {
        self.person.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits for the end; whether it ended well, and what was shown until then.
    pub fn ends(mut self) -> (bool, String) {
        let mut buffer = [0; 4096];
        // Reading fails once nobody holds the other end.
        while let Ok(count @ 1..) = self.person.read(&mut buffer) {
            self.shown
                .push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
        (self.child.wait().unwrap().success(), self.shown)
    }
}
