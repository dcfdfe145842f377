//! Processes as Windows shows them.
//!
//! Enters: a process id. Leaves: whose it is, which program, and what is above it. What never
//! happens here: an answer about a process that could not be looked at.

use std::path::PathBuf;
use std::sync::OnceLock;

use sysinfo::{Pid, Process, ProcessRefreshKind, ProcessesToUpdate, System, UpdateKind};

use super::{Ancestor, Requester};

/// Who runs the process `pid`, as a security identifier (`S-1-5-21-…`); `None` if that cannot be
/// told, as of a process that has ended or may not be looked at.
#[must_use]
pub(crate) fn owner(pid: u32) -> Option<String> {
    let pid = Pid::from_u32(pid);
    let system = look(
        Look::One(pid),
        ProcessRefreshKind::nothing().with_user(ONCE),
    );
    let owner = system.process(pid)?.user_id()?.to_string();
    (!owner.is_empty()).then_some(owner)
}

/// Who runs this process.
#[must_use]
pub(crate) fn this_user() -> Option<&'static str> {
    static USER: OnceLock<Option<String>> = OnceLock::new();
    USER.get_or_init(|| owner(std::process::id())).as_deref()
}

pub(super) fn read(pid: u32) -> Option<Requester> {
    let pid = Pid::from_u32(pid);
    let mut system = look(Look::All, ProcessRefreshKind::nothing());
    let more = ProcessRefreshKind::nothing().with_exe(ONCE).with_cmd(ONCE);
    // The handle that the first look opened is held meanwhile, so it is still the same process.
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), false, more);
    let process = system.process(pid)?;
    Some(Requester {
        pid: Some(pid.as_u32()),
        // Whole seconds are what can be had, and two processes with one id may start within one.
        started: None,
        executable: executable(process),
        command: command(process),
        terminal: None,
        ancestors: ancestors(&system, process),
    })
}

/// What ssh was started for cannot be told here.
pub(super) const fn nearest_above(_name: &str) -> Option<Vec<Vec<u8>>> {
    None
}

enum Look {
    All,
    One(Pid),
}

fn look(at: Look, kind: ProcessRefreshKind) -> System {
    let mut system = System::new();
    let one;
    let which = match at {
        Look::All => ProcessesToUpdate::All,
        Look::One(pid) => {
            one = [pid];
            ProcessesToUpdate::Some(&one)
        }
    };
    system.refresh_processes_specifics(which, false, kind);
    system
}

/// A process that may not be looked at has an empty path.
fn executable(process: &Process) -> Option<PathBuf> {
    let path = process.exe()?;
    path.is_absolute().then(|| path.to_owned())
}

fn command(process: &Process) -> Vec<String> {
    let mut left = LONGEST_COMMAND;
    let words = process.cmd().iter().map(|word| word.to_string_lossy());
    let fits = |word: &std::borrow::Cow<'_, str>| {
        let fits = word.len() < left;
        left = left.saturating_sub(word.len() + 1);
        fits
    };
    words.take_while(fits).map(|it| it.into_owned()).collect()
}

/// Windows keeps the number of a parent that has ended, which may be another process's by now: one
/// that began after its child is not its parent.
fn ancestors(system: &System, process: &Process) -> Vec<Ancestor> {
    let mut ancestors: Vec<Ancestor> = Vec::new();
    let mut child = process;
    while ancestors.len() < FARTHEST_ANCESTOR {
        let above = child.parent().and_then(|pid| system.process(pid));
        let Some(above) = above.filter(|it| it.start_time() <= child.start_time()) else {
            break;
        };
        let pid = above.pid().as_u32();
        if ancestors.iter().any(|known| known.pid == pid) {
            break;
        }
        ancestors.push(Ancestor {
            pid,
            started: above.start_time(),
            name: above.name().to_string_lossy().into_owned(),
        });
        child = above;
    }
    ancestors
}

const ONCE: UpdateKind = UpdateKind::OnlyIfNotSet;
/// As on Linux: enough to see `git` behind `ssh`, and the shell behind `git`.
const FARTHEST_ANCESTOR: usize = 6;
const LONGEST_COMMAND: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_recognised() {
        let me = Requester::of(Some(std::process::id()));
        assert!(me.program().starts_with("pimento"), "{}", me.program());
        assert!(me.executable.is_some(), "{me:?}");
        assert!(!me.command.is_empty(), "{me:?}");
    }

    #[test]
    fn this_process_has_an_owner_and_one_that_is_not_there_has_none() {
        let user = this_user().unwrap();
        assert!(user.starts_with("S-1-"), "{user}");
        assert_eq!(owner(std::process::id()).as_deref(), Some(user));
        assert_eq!(owner(u32::MAX), None);
    }

    #[test]
    fn a_process_that_is_not_there_is_named_by_its_number_only() {
        let gone = Requester::of(Some(u32::MAX));
        assert_eq!((gone.started, &gone.executable), (None, &None));
        assert!(gone.describe().starts_with("unknown program (process "));
    }

    #[test]
    fn the_process_that_started_another_is_above_it() {
        let mut child = std::process::Command::new("cmd.exe")
            .args(["/c", "pause"])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let found = Requester::of(Some(child.id()));
        child.kill().unwrap();
        child.wait().unwrap();
        let above = found.ancestors.first().map(|above| above.pid);
        assert_eq!(above, Some(std::process::id()), "{found:?}");
    }
}
