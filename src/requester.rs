//! Who asks: the process at the other end of a connection.
//!
//! Which process that is is fixed at accept; what it is is looked up once, when it first matters, so
//! that every rule, record and message speaks of the same process, and a client that only lists
//! keys does not wait for it. It is attribution, not a boundary: a process of the same user can
//! start any program it likes and let that one ask.

use std::path::PathBuf;
use std::sync::OnceLock;

use serde_json::{Value, json};

pub use asker::{Asker, Program};

#[cfg(windows)]
use snapshot as process;
#[cfg(windows)]
pub(crate) use snapshot::{owner, this_user};

mod asker;
#[cfg(windows)]
mod snapshot;
pub mod ssh_client;
mod unit;

/// The process that asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requester {
    /// Its process id at the time it connected.
    pub pid: Option<u32>,
    /// When it started, in clock ticks since boot: tells two processes with one id apart.
    pub started: Option<u64>,
    /// Its executable; unreadable for set-uid programs such as sudo.
    pub executable: Option<PathBuf>,
    /// Its command line, cut to a readable length.
    pub command: Vec<String>,
    /// The terminal it runs on, as a device number of `stat(5)`; `None` if it has none.
    pub terminal: Option<u32>,
    /// The processes above it, nearest first.
    pub ancestors: Vec<Ancestor>,
}

/// Whoever is at the other end of a connection, looked up when it first matters.
#[derive(Debug)]
pub struct Caller {
    pid: Option<u32>,
    /// Stays with the process: tells whether its id is still its own.
    #[cfg(target_os = "linux")]
    process: Option<rustix::fd::OwnedFd>,
    known: OnceLock<Requester>,
}

impl Caller {
    /// The process that has the id `pid` now.
    #[must_use]
    pub fn of(pid: Option<u32>) -> Self {
        let caller = Self {
            pid,
            #[cfg(target_os = "linux")]
            process: pid.and_then(process::hold),
            known: OnceLock::new(),
        };
        if !caller.is_held() {
            // Later its id may be somebody else's.
            caller.requester();
        }
        caller
    }

    /// Its process id at the time it connected.
    #[must_use]
    pub const fn pid(&self) -> Option<u32> {
        self.pid
    }

    /// What it is, if it has not ended before it mattered.
    pub fn requester(&self) -> &Requester {
        self.known.get_or_init(|| {
            let found = Requester::of(self.pid);
            if self.has_ended() {
                return Requester {
                    pid: self.pid,
                    ..Requester::default()
                };
            }
            found
        })
    }

    /// Whether the kernel counts it to this unit of systemd.
    #[must_use]
    pub fn is_of(&self, unit: &str) -> bool {
        let holds = self.pid.is_some_and(|pid| unit::holds(unit, pid));
        // Had it ended, the answer could be about another process with its id.
        holds && self.is_held() && !self.has_ended()
    }

    #[cfg(target_os = "linux")]
    const fn is_held(&self) -> bool {
        self.process.is_some()
    }

    #[cfg(not(target_os = "linux"))]
    const fn is_held(&self) -> bool {
        false
    }

    #[cfg(target_os = "linux")]
    fn has_ended(&self) -> bool {
        self.process.as_ref().is_some_and(process::has_ended)
    }

    #[cfg(not(target_os = "linux"))]
    const fn has_ended(&self) -> bool {
        false
    }
}

impl From<Requester> for Caller {
    fn from(requester: Requester) -> Self {
        Self {
            pid: requester.pid,
            #[cfg(target_os = "linux")]
            process: None,
            known: OnceLock::from(requester),
        }
    }
}

/// A process above the requester.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ancestor {
    /// Its process id.
    pub pid: u32,
    /// When it started.
    pub started: u64,
    /// Its name, as the kernel keeps it.
    pub name: String,
}

impl Requester {
    /// The process `pid`, as far as the system tells.
    #[must_use]
    pub fn of(pid: Option<u32>) -> Self {
        let Some(pid) = pid else {
            return Self::default();
        };
        process::read(pid).unwrap_or(Self {
            pid: Some(pid),
            ..Self::default()
        })
    }

    /// The name of the program, for justifications and messages.
    #[must_use]
    pub fn program(&self) -> String {
        let file = self.executable.as_deref().and_then(|path| path.file_name());
        let name = file.map(|name| name.to_string_lossy().into_owned());
        let name = name.or_else(|| self.command.first().cloned());
        name.unwrap_or_else(|| "unknown program".to_owned())
    }

    /// One line for people: program, process id, and the programs above it.
    #[must_use]
    pub fn describe(&self) -> String {
        let mut line = self.program();
        if let Some(pid) = self.pid {
            line.push_str(&format!(" (process {pid})"));
        }
        let mut above: Vec<&str> = self.ancestors.iter().map(|it| it.name.as_str()).collect();
        // A shell in a shell says nothing more.
        above.dedup();
        for name in above.into_iter().take(2) {
            line.push_str(&format!(" from {name}"));
        }
        line
    }

    /// The same for the audit record.
    #[must_use]
    pub fn record(&self) -> Value {
        let above: Vec<&str> = self
            .ancestors
            .iter()
            .map(|above| above.name.as_str())
            .collect();
        json!({
            "pid": self.pid,
            "started": self.started,
            "program": self.program(),
            "executable": self.executable.as_ref().map(|path| path.to_string_lossy()),
            "command": self.command.join(" "),
            "terminal": self.terminal,
            "above": above,
        })
    }
}

/// When the process that has this id now started, in clock ticks since boot.
#[cfg(target_os = "linux")]
pub(crate) fn started(pid: u32) -> Option<u64> {
    process::started(pid)
}

/// Not known here, as nothing else of a process is.
#[cfg(not(target_os = "linux"))]
pub(crate) const fn started(_pid: u32) -> Option<u64> {
    None
}

/// Processes as `proc(5)` shows them.
#[cfg(target_os = "linux")]
mod process {
    use std::fs;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::fd::OwnedFd;
    use rustix::process::{Pid, PidfdFlags, pidfd_open};

    use super::{Ancestor, Requester};

    pub(super) fn read(pid: u32) -> Option<Requester> {
        let stat = Stat::of(pid)?;
        let requester = Requester {
            pid: Some(pid),
            started: Some(stat.started),
            executable: fs::read_link(format!("/proc/{pid}/exe")).ok(),
            command: command(pid),
            terminal: (stat.terminal != 0).then_some(stat.terminal),
            ancestors: ancestors(stat.parent),
        };
        // If the process ended meanwhile, its id may stand for another one by now.
        let again = Stat::of(pid)?;
        (again.started == stat.started).then_some(requester)
    }

    pub(super) fn started(pid: u32) -> Option<u64> {
        Stat::of(pid).map(|stat| stat.started)
    }

    /// Holds on to a process, so that it can be told from a later one with its id.
    pub(super) fn hold(pid: u32) -> Option<OwnedFd> {
        let pid = Pid::from_raw(i32::try_from(pid).ok()?)?;
        pidfd_open(pid, PidfdFlags::empty()).ok()
    }

    /// Whether it has ended: its descriptor is readable then.
    pub(super) fn has_ended(process: &OwnedFd) -> bool {
        let mut watched = [PollFd::new(process, PollFlags::IN)];
        !matches!(poll(&mut watched, Some(&Timespec::default())), Ok(0))
    }

    /// The command line of the nearest process above this one that is called `name`, or runs a
    /// program of that name.
    pub(super) fn nearest_above(name: &str) -> Option<Vec<Vec<u8>>> {
        let above = ancestors(Stat::of(std::process::id())?.parent);
        let named = |above: &&Ancestor| {
            let executable = fs::read_link(format!("/proc/{}/exe", above.pid));
            above.name == name || executable.is_ok_and(|file| file.ends_with(name))
        };
        let found = above.iter().find(named)?;
        let bytes = fs::read(format!("/proc/{}/cmdline", found.pid)).ok()?;
        let words = bytes.strip_suffix(&[0]).unwrap_or(&bytes);
        Some(words.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect())
    }

    fn ancestors(mut pid: u32) -> Vec<Ancestor> {
        let mut ancestors = Vec::new();
        while pid > 1 && ancestors.len() < FARTHEST_ANCESTOR {
            let Some(stat) = Stat::of(pid) else { break };
            ancestors.push(Ancestor {
                pid,
                started: stat.started,
                name: stat.name,
            });
            pid = stat.parent;
        }
        ancestors
    }

    fn command(pid: u32) -> Vec<String> {
        let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let cut = bytes.get(..LONGEST_COMMAND).unwrap_or(&bytes);
        let words = cut.split(|byte| *byte == 0).filter(|word| !word.is_empty());
        words
            .map(|word| String::from_utf8_lossy(word).into_owned())
            .collect()
    }

    struct Stat {
        name: String,
        parent: u32,
        terminal: u32,
        started: u64,
    }

    impl Stat {
        fn of(pid: u32) -> Option<Self> {
            // The kernel cuts a name at 15 bytes, in the middle of a character too.
            let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
            Self::parse(&String::from_utf8_lossy(&stat))
        }

        /// The name stands in brackets and may hold brackets and spaces itself.
        fn parse(stat: &str) -> Option<Self> {
            let (head, rest) = stat.rsplit_once(')')?;
            let (_, name) = head.split_once('(')?;
            let fields: Vec<&str> = rest.split_whitespace().collect();
            let field = |number: usize| fields.get(number - 3);
            Some(Self {
                name: name.to_owned(),
                parent: field(4)?.parse().ok()?,
                terminal: field(7)?
                    .parse::<i64>()
                    .ok()
                    .and_then(|tty| u32::try_from(tty).ok())?,
                started: field(22)?.parse().ok()?,
            })
        }
    }

    /// Enough to see `git` behind `ssh`, and the shell or agent behind `git`.
    const FARTHEST_ANCESTOR: usize = 6;
    const LONGEST_COMMAND: usize = 1024;

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_name_with_brackets_and_spaces_does_not_shift_the_fields() {
            let stat = "7 (a) b (c) S 1 7 7 34816 7 4194304 1 0 0 0 0 0 0 0 20 0 1 0 999 1 1";
            let stat = Stat::parse(stat).unwrap();
            assert_eq!((stat.name.as_str(), stat.parent), ("a) b (c", 1));
            assert_eq!((stat.terminal, stat.started), (34816, 999));
        }

        #[test]
        fn a_name_that_is_cut_in_the_middle_of_a_character_is_one_all_the_same() {
            let folder = tempfile::tempdir().unwrap();
            // The kernel keeps 15 bytes, and each of these letters has two.
            let program = folder.path().join("развёртывание");
            std::os::unix::fs::symlink("/bin/sleep", &program).unwrap();
            let mut child = std::process::Command::new(&program)
                .arg("100")
                .spawn()
                .unwrap();
            let found = Stat::of(child.id());
            child.kill().unwrap();
            child.wait().unwrap();
            assert!(found.unwrap().name.starts_with("развёрт"));
        }

        #[test]
        fn nonsense_is_no_process() {
            assert!(Stat::parse("").is_none());
            assert!(Stat::parse("1 (x) S").is_none());
            assert!(read(0).is_none());
        }
    }
}

/// Elsewhere the process id is all that is known so far.
#[cfg(not(any(target_os = "linux", windows)))]
mod process {
    use super::Requester;

    pub(super) fn read(_pid: u32) -> Option<Requester> {
        None
    }

    pub(super) fn nearest_above(_name: &str) -> Option<Vec<Vec<u8>>> {
        None
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests;
