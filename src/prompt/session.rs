//! Where a prompt shows up: the display or terminal of the session that asks.
//!
//! The agent runs as a service and knows no display, or one of another login. So the few variables
//! that name display, bus, language and terminal are taken from the requester; nothing else of its
//! environment reaches a prompt, since `PATH` or `LD_PRELOAD` would let a requester answer itself.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use tokio::process::Command;

#[cfg(not(any(target_os = "macos", windows)))]
use crate::outside;
use crate::requester::Requester;

/// Environment variables by name. Has no `Debug`: an environment may hold secrets.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<OsString, OsString>);

impl FromIterator<(OsString, OsString)> for Environment {
    fn from_iter<T: IntoIterator<Item = (OsString, OsString)>>(variables: T) -> Self {
        Self(variables.into_iter().collect())
    }
}

impl Environment {
    /// A variable that is set and not empty.
    pub(super) fn get(&self, name: &str) -> Option<&OsStr> {
        let value = self.0.get(OsStr::new(name)).map(OsString::as_os_str);
        value.filter(|value| !value.is_empty())
    }

    fn has_display(&self) -> bool {
        DISPLAY.iter().any(|name| self.get(name).is_some())
    }

    /// The variables among these of which `wanted` says yes.
    fn only(&self, wanted: impl Fn(&str) -> bool) -> Self {
        let wanted = |name: &OsString| name.to_str().is_some_and(&wanted);
        let kept = self.0.iter().filter(|(name, _)| wanted(name));
        kept.map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }
}

/// A place where a person can be reached.
pub(super) struct Session {
    variables: Environment,
    /// The terminal, if there is one that is ours to use.
    pub(super) terminal: Option<PathBuf>,
    /// Whether the person came in by SSH.
    pub(super) remote: bool,
}

impl Session {
    /// The requester's: each group of variables from the nearest process that has it.
    ///
    /// The variables of a group belong together: the display of one login with the cookie of
    /// another reaches nobody.
    pub(super) async fn of(requester: &Requester) -> Self {
        let chain = environments(requester).await;
        let display = chain.iter().find(|it| it.has_display());
        let session = display.or_else(|| chain.iter().find(|it| has(it, graphical)));
        let texts = chain.iter().find(|it| has(it, textual));
        let mut variables = session.map_or_else(Environment::default, |it| it.only(graphical));
        if let Some(found) = texts {
            variables.0.extend(found.only(textual).0);
        }
        Self {
            variables,
            terminal: requester.terminal.and_then(terminal),
            remote: chain.iter().any(|it| it.get(REMOTE).is_some()),
        }
    }

    /// The agent's own, for a requester that has none.
    pub(super) fn own(environment: &Environment) -> Self {
        Self {
            variables: environment.only(names_a_session),
            terminal: None,
            remote: environment.get(REMOTE).is_some(),
        }
    }

    pub(super) fn has_display(&self) -> bool {
        self.variables.has_display()
    }

    /// Whether the person sits at a desktop; those of macOS and Windows need no variable.
    pub(super) fn has_desktop(&self) -> bool {
        !self.remote && (cfg!(any(target_os = "macos", windows)) || self.has_display())
    }

    /// Whether a notice has somewhere to go.
    pub(super) fn can_show(&self) -> bool {
        self.has_display() || self.variables.get("DBUS_SESSION_BUS_ADDRESS").is_some()
    }

    /// A variable, as text.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).and_then(OsStr::to_str)
    }

    /// `program` in the agent's own environment, but in this session.
    pub(super) fn command(&self, program: &Path, own: &Environment) -> Command {
        let mut command = Command::new(program);
        let inherited = own.only(|name| !names_a_session(name) && !name.starts_with("SSH_"));
        command.env_clear();
        command.envs(inherited.0).envs(&self.variables.0);
        // Wherever the agent was started: that folder may be gone.
        command.current_dir("/");
        command
    }

    /// The same, beside the agent, where something confines it.
    #[cfg(not(any(target_os = "macos", windows)))]
    pub(super) fn command_outside(&self, program: &Path) -> Option<Command> {
        let variables = self.variables.0.iter();
        outside::command(
            program,
            variables.map(|(name, value)| (name.as_ref(), value.as_ref())),
        )
    }
}

fn has(environment: &Environment, wanted: impl Fn(&str) -> bool) -> bool {
    !environment.only(wanted).0.is_empty()
}

fn graphical(name: &str) -> bool {
    DISPLAY.contains(&name) || GRAPHICAL.contains(&name)
}

fn textual(name: &str) -> bool {
    matches!(name, "LANG" | "TERM") || name.starts_with("LC_")
}

fn names_a_session(name: &str) -> bool {
    graphical(name) || textual(name)
}

/// What the requester and the processes above it have in their environments, nearest first.
async fn environments(requester: &Requester) -> Vec<Environment> {
    let asker = requester.pid.zip(requester.started);
    let above = requester.ancestors.iter().map(|it| (it.pid, it.started));
    let mut found = Vec::new();
    for (pid, started) in asker.into_iter().chain(above) {
        found.extend(environment(pid, started).await);
    }
    found
}

/// The session's variables of a process; `None` if it has ended or is another user's.
#[cfg(target_os = "linux")]
async fn environment(pid: u32, started: u64) -> Option<Environment> {
    use std::os::unix::ffi::OsStringExt;

    use tokio::io::AsyncReadExt;

    let file = tokio::fs::File::open(format!("/proc/{pid}/environ")).await;
    let mut bytes = Vec::new();
    let mut file = file.ok()?.take(LONGEST_ENVIRONMENT);
    file.read_to_end(&mut bytes).await.ok()?;
    // Afterwards: the opened file stays with the process that it was opened for.
    if crate::requester::started(pid) != Some(started) {
        return None;
    }
    let variable = |entry: &[u8]| {
        let at = entry.iter().position(|byte| *byte == b'=')?;
        let (name, value) = (entry.get(..at)?, entry.get(at + 1..)?);
        // A line break would be a command of its own to pinentry.
        let ours = |name: &str| names_a_session(name) || name == REMOTE;
        let wanted = std::str::from_utf8(name).is_ok_and(ours)
            && value.len() <= LONGEST_VALUE
            && !value.iter().any(u8::is_ascii_control);
        let text = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
        wanted.then(|| (text(name), text(value)))
    };
    Some(
        bytes
            .split(|byte| *byte == 0)
            .filter_map(variable)
            .collect(),
    )
}

#[cfg(not(target_os = "linux"))]
async fn environment(_pid: u32, _started: u64) -> Option<Environment> {
    None
}

/// The file of a terminal, from its device number.
///
/// A number means another terminal in another container, so the file must have that number and
/// belong to the user.
#[cfg(target_os = "linux")]
pub(super) fn terminal(device: u32) -> Option<PathBuf> {
    use std::os::unix::fs::MetadataExt;

    let device = u64::from(device);
    let minor = rustix::fs::minor(device);
    // Documentation/admin-guide/devices.txt of the kernel.
    let path = match (rustix::fs::major(device), minor) {
        (136, _) => format!("/dev/pts/{minor}"),
        (4, 0..64) => format!("/dev/tty{minor}"),
        (4, _) => format!("/dev/ttyS{}", minor - 64),
        _ => return None,
    };
    let file = std::fs::metadata(&path).ok()?;
    let ours = file.rdev() == device && file.uid() == rustix::process::geteuid().as_raw();
    ours.then(|| PathBuf::from(path))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn terminal(_device: u32) -> Option<PathBuf> {
    None
}

/// What sshd gives to everything in its sessions.
const REMOTE: &str = "SSH_CONNECTION";

const DISPLAY: [&str; 2] = ["DISPLAY", "WAYLAND_DISPLAY"];

const GRAPHICAL: [&str; 4] = [
    "DBUS_SESSION_BUS_ADDRESS",
    "XAUTHORITY",
    "XDG_RUNTIME_DIR",
    "XDG_SESSION_ID",
];

/// More than the kernel allows by default for one argument; keeps a giant from filling memory.
#[cfg(target_os = "linux")]
const LONGEST_ENVIRONMENT: u64 = 1 << 20;

/// A path, an address or a locale; pinentry reads lines of 1000 bytes.
#[cfg(target_os = "linux")]
const LONGEST_VALUE: usize = 512;
