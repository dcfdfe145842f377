//! What can be seen without an agent: the configuration, the sockets, this shell, the swap.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::cli::WITHOUT_AZURE;
use crate::cli::agent::in_this_shell;
use crate::config::{Config, ConfigError, Paths};
use crate::doctor::{Case, Finding};

/// This machine, as the user who asks sees it.
pub(super) struct Machine<'p> {
    paths: &'p Paths,
    /// `SSH_AUTH_SOCK`.
    ssh_agent: Option<OsString>,
    /// Where the kernel tells of itself: `/`.
    root: PathBuf,
}

impl<'p> Machine<'p> {
    pub(super) fn this(paths: &'p Paths) -> Self {
        Self {
            paths,
            ssh_agent: std::env::var_os("SSH_AUTH_SOCK"),
            root: PathBuf::from("/"),
        }
    }

    /// Every check.
    pub(super) fn findings(&self) -> Vec<Finding> {
        let mut findings = self.configuration();
        // Pipes of Windows are in no folder.
        if cfg!(unix) {
            findings.push(self.folder());
        }
        findings.extend(
            [self.paths.agent_socket(), self.paths.control_socket()]
                .iter()
                .filter_map(|it| socket(it)),
        );
        findings.push(self.ssh_agent());
        findings.extend(self.swap());
        findings
    }

    /// Each mistake and each warning by itself.
    fn configuration(&self) -> Vec<Finding> {
        let file = self.paths.config.display();
        let config = match Config::load(self.paths) {
            Ok(config) => config,
            Err(ConfigError::Invalid(problems)) => {
                let failure = |it: crate::config::Problem| place(&it).failure(it.what, it.remedy);
                return problems.into_iter().map(failure).collect();
            }
            Err(absent @ ConfigError::Absent(_)) => {
                let what = absent.to_string();
                let what = what.lines().next().unwrap_or_default().to_owned();
                let remedy = format!("`pimento init` writes one{WITHOUT_AZURE}");
                return vec![Case::of("config", file).failure(what, remedy)];
            }
        };
        let credentials = config.catalog.iter().count();
        let mut findings = vec![Case::of("config", file).ok(format!(
            "{} tenants, {} windows, {} vaults, {credentials} keys and passwords",
            config.tenants.len(),
            config.windows.len(),
            config.vaults.len(),
        ))];
        let warning = |it: &crate::config::Problem| place(it).warning(&it.what, &it.remedy);
        findings.extend(config.warnings().iter().map(warning));
        findings
    }

    /// Whoever can enter the folder of the sockets can put others in their place.
    fn folder(&self) -> Finding {
        let folder = &self.paths.runtime;
        let case = Case::of("sockets", folder.display());
        match private(folder, 0o077) {
            Err(error) if error.kind() == ErrorKind::NotFound => case.skipped(
                "the folder of the sockets is not there yet",
                "`pimento agent` makes it",
            ),
            Err(error) => case.failure(
                format!("the folder of the sockets cannot be looked at: {error}"),
                "make it yours, or choose another with --runtime-dir",
            ),
            Ok(true) => case.ok("nobody but you can enter the folder of the sockets"),
            Ok(false) => case.failure(
                "others can enter the folder of the sockets, or own it",
                format!(
                    "`chmod 700 {0}`, or choose another with --runtime-dir",
                    folder.display()
                ),
            ),
        }
    }

    /// Which agent ssh asks in this shell.
    fn ssh_agent(&self) -> Finding {
        let case = Case::of("ssh-agent", "");
        let ours = self.paths.agent_socket();
        let export = in_this_shell(&ours);
        match &self.ssh_agent {
            None => case.warning(
                "SSH_AUTH_SOCK is not set, so ssh asks no agent here",
                export,
            ),
            Some(socket) if same(Path::new(socket), &ours) => {
                case.ok("ssh asks pimento in this shell")
            }
            Some(other) => case.warning(
                format!("ssh asks another agent in this shell: {}", other.display()),
                format!("{export}; or name it as `upstream` of [agent], so that its keys are kept"),
            ),
        }
    }

    /// Whether what is swapped out can be read off the disk. Keys and passwords are in memory that is
    /// not, as long as the agent's check `memory` is ok; what libraries keep beside them may be.
    fn swap(&self) -> Option<Finding> {
        let text = std::fs::read_to_string(self.root.join("proc/swaps")).ok()?;
        let devices = text
            .lines()
            .skip(1)
            .filter_map(|line| line.split_whitespace().next());
        let open: Vec<&str> = devices.filter(|it| !self.encrypted(it)).collect();
        let case = Case::of("swap", "");
        Some(match open.as_slice() {
            [] => case.ok("there is no swap, or it is encrypted or in memory"),
            open => case.warning(
                format!("swap is not known to be encrypted: {}", open.join(", ")),
                "encrypt it (crypttab(5): `swap … /dev/urandom swap`), or use zram",
            ),
        })
    }

    /// A device of dm-crypt, or compressed memory.
    fn encrypted(&self, device: &str) -> bool {
        let name = device.rsplit('/').next().unwrap_or_default();
        let uuid = self.root.join("sys/class/block").join(name).join("dm/uuid");
        name.starts_with("zram")
            || std::fs::read_to_string(uuid).is_ok_and(|uuid| uuid.starts_with("CRYPT-"))
    }
}

fn place(problem: &crate::config::Problem) -> Case {
    let file = problem.file.display();
    match problem.line {
        Some(line) => Case::of("config", format!("{file}:{line}")),
        None => Case::of("config", file),
    }
}

/// A socket that is there, by who can connect to it.
fn socket(path: &Path) -> Option<Finding> {
    let case = Case::of("sockets", path.display());
    match private(path, 0o077) {
        Err(_) => None,
        Ok(true) => Some(case.ok("nobody but you can connect")),
        Ok(false) => Some(case.failure(
            "others can connect to it, or own it",
            format!(
                "stop what made it, remove it, and start `pimento agent`: `ls -l {}`",
                path.display()
            ),
        )),
    }
}

/// Whether `path` is the user's, and nobody else has any of the rights in `others`.
#[cfg(unix)]
fn private(path: &Path, others: u32) -> std::io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::symlink_metadata(path)?;
    let own = metadata.uid() == rustix::process::geteuid().as_raw();
    Ok(own && metadata.mode() & others == 0)
}

/// Who may open a pipe is not looked up, so nothing is said of it.
#[cfg(not(unix))]
fn private(_path: &Path, _others: u32) -> std::io::Result<bool> {
    Err(ErrorKind::Unsupported.into())
}

fn same(one: &Path, other: &Path) -> bool {
    one == other
        || one
            .canonicalize()
            .ok()
            .zip(other.canonicalize().ok())
            .is_some_and(|(one, other)| one == other)
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
