//! The program that started an askpass helper: sudo, ssh, or none that pimento knows.
//!
//! A process of the same user can start sudo and ssh itself, and can take on their names; what it
//! cannot take on is root's rights. So sudo is known by them, and ssh by its name only.

use std::path::Path;

use super::Requester;

/// A program that asks for passwords by prompts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// OpenSSH's client.
    Ssh,
    /// sudo or sudo-rs.
    Sudo,
}

/// The process above a helper that it was started by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asker {
    /// Its process id.
    pub pid: u32,
    /// When it started, in clock ticks since boot.
    pub started: u64,
    /// Its command line, cut to a readable length.
    pub command: Vec<String>,
    /// Which program it is; `None` if it is neither, or only says that it is.
    pub program: Option<Program>,
}

impl Asker {
    /// The process `pid`, if it is above `helper`.
    #[must_use]
    pub fn above(helper: &Requester, pid: u32) -> Option<Self> {
        let above = helper.ancestors.iter().find(|above| above.pid == pid)?;
        let process = Requester::of(Some(pid));
        if process.started != Some(above.started) {
            return None;
        }
        Some(Self {
            pid,
            started: above.started,
            program: program(pid, &above.name, process.executable.as_deref()),
            command: process.command,
        })
    }
}

/// Which program a process is, by its name and its executable, which only root can read of sudo.
fn program(pid: u32, name: &str, executable: Option<&Path>) -> Option<Program> {
    match name {
        "ssh" => {
            let file = executable?.file_name()?;
            (file == "ssh").then_some(Program::Ssh)
        }
        "sudo" | "sudo-rs" => {
            let privileged = match executable {
                // One that its user could have started as anything else is readable.
                None => has_roots_rights(pid),
                Some(file) => is_set_uid_root(file),
            };
            privileged.then_some(Program::Sudo)
        }
        _ => None,
    }
}

#[cfg(target_os = "linux")]
fn has_roots_rights(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    effective_uid(&status) == Some(0)
}

#[cfg(not(target_os = "linux"))]
fn has_roots_rights(_pid: u32) -> bool {
    false
}

/// Of the real, effective, saved and file system ids in `status` of `proc(5)`.
#[cfg(target_os = "linux")]
fn effective_uid(status: &str) -> Option<u32> {
    let ids = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    ids.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(unix)]
fn is_set_uid_root(file: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;

    std::fs::metadata(file).is_ok_and(|file| file.uid() == 0 && file.mode() & 0o4000 != 0)
}

#[cfg(not(unix))]
fn is_set_uid_root(_file: &Path) -> bool {
    false
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;
    use crate::requester::Ancestor;

    #[test]
    fn the_effective_id_is_the_second() {
        let status = "Name:\tsudo\nUid:\t1001\t0\t0\t0\nGid:\t1001\t1001\t1001\t1001\n";
        assert_eq!(effective_uid(status), Some(0));
        assert_eq!(effective_uid("Uid:\t0\t1001\t0\t0"), Some(1001));
        assert_eq!(effective_uid("Name:\tsudo"), None);
    }

    #[test]
    fn a_program_that_only_calls_itself_sudo_or_ssh_is_neither() {
        let me = std::process::id();
        let shell = Path::new("/bin/sh");
        assert_eq!(program(me, "sudo", Some(shell)), None);
        assert_eq!(program(me, "ssh", Some(shell)), None);
        assert_eq!(program(me, "ssh", None), None);
        assert_eq!(program(me, "sh", Some(Path::new("/usr/bin/ssh"))), None);
        let ssh = Some(Path::new("/opt/openssh/bin/ssh"));
        assert_eq!(program(me, "ssh", ssh), Some(Program::Ssh));
    }

    #[test]
    fn only_a_process_above_the_helper_is_its_asker() {
        let mut helper = Requester::default();
        let me = std::process::id();
        assert_eq!(Asker::above(&helper, me), None);
        let started = crate::requester::started(me).unwrap();
        let ancestor = |started| Ancestor {
            pid: me,
            started,
            name: "test".to_owned(),
        };
        helper.ancestors = vec![ancestor(started)];
        assert_eq!(Asker::above(&helper, me).unwrap().program, None);
        helper.ancestors = vec![ancestor(started + 1)];
        assert_eq!(Asker::above(&helper, me), None);
    }
}
