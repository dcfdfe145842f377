//! Where the files and sockets are.
//!
//! Enters: the environment and what the command line names. Leaves: paths; nothing is made here.
//! What never happens here: a socket's folder that another user could have prepared.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// What the command line names instead of the usual places.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// The user's configuration file; `config.d` is beside it.
    pub config: Option<PathBuf>,
    /// The folder of the sockets.
    pub runtime: Option<PathBuf>,
    /// The folder of the audit record.
    pub state: Option<PathBuf>,
}

/// Where everything is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// The user's configuration file.
    pub config: PathBuf,
    /// The administrator's configuration file; no option changes it, or a user could escape it.
    pub managed: PathBuf,
    /// The folder of the sockets; on Windows, which has pipes, what their names begin with.
    pub runtime: PathBuf,
    /// The folder of what outlives a run.
    pub state: PathBuf,
    /// The folder of what can be fetched again.
    pub cache: PathBuf,
    /// The user's home folder.
    pub home: Option<PathBuf>,
    /// What a cluster says of the identity of its workload.
    pub workload: Workload,
}

/// What the environment says of a workload's identity: the variables that Microsoft's clients read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Workload {
    /// `AZURE_AUTHORITY_HOST`.
    pub authority: Option<String>,
    /// `AZURE_CLIENT_ID`.
    pub client_id: Option<String>,
    /// `AZURE_TENANT_ID`.
    pub tenant_id: Option<String>,
    /// `AZURE_FEDERATED_TOKEN_FILE`.
    pub token_file: Option<PathBuf>,
}

impl Workload {
    fn from_variables(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let text = |name| {
            variable(name)?
                .into_string()
                .ok()
                .filter(|it| !it.is_empty())
        };
        Self {
            authority: text("AZURE_AUTHORITY_HOST").map(|host| match host.contains("://") {
                true => host,
                false => format!("https://{host}"),
            }),
            client_id: text("AZURE_CLIENT_ID"),
            tenant_id: text("AZURE_TENANT_ID"),
            token_file: variable("AZURE_FEDERATED_TOKEN_FILE").map(PathBuf::from),
        }
    }
}

/// Why a place cannot be told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathsError {
    /// No home folder.
    #[error("HOME is not set, so there is no place for {0}; set HOME, or name it with an option")]
    NoHome(&'static str),
    /// The fallback for sockets belongs to somebody else, or can be entered by others.
    #[error(
        "{} is not a folder that only you can enter, so no socket can be put there; \
         set XDG_RUNTIME_DIR to one that is (systemd gives you /run/user/UID at login)",
        .0.display()
    )]
    NotPrivate(PathBuf),
    /// On Windows all users share one list of pipes, so their names say whose they are.
    #[error("Windows does not say who runs this process, so its pipes cannot be named")]
    NoUser,
}

impl Paths {
    /// The places that the environment and `overrides` name.
    ///
    /// # Errors
    /// If there is no home folder, or no private folder for the sockets.
    pub fn from_environment(overrides: Overrides) -> Result<Self, PathsError> {
        Self::in_environment(|name| std::env::var_os(name), overrides)
    }

    /// The same for a process of this user that has those variables.
    ///
    /// # Errors
    /// As [`Self::from_environment`].
    pub fn in_environment(
        variable: impl Fn(&str) -> Option<OsString>,
        overrides: Overrides,
    ) -> Result<Self, PathsError> {
        let system = match overrides.state {
            Some(_) => None,
            None => of_system(Path::new(SYSTEM_STATE)),
        };
        let mut paths = Self::from_variables(variable, overrides)?;
        if let Some(state) = system {
            paths.cache = state.join("cache");
            paths.state = state;
        }
        Ok(paths)
    }

    /// The same with another environment, and nothing of this machine's.
    ///
    /// # Errors
    /// If there is no home folder, or no private folder for the sockets.
    pub fn from_variables(
        variable: impl Fn(&str) -> Option<OsString>,
        overrides: Overrides,
    ) -> Result<Self, PathsError> {
        // The XDG specification: relative paths are to be ignored.
        let absolute = |name| {
            let path = PathBuf::from(variable(name)?);
            path.is_absolute().then_some(path)
        };
        let home = absolute("HOME").or_else(|| absolute("USERPROFILE"));
        let below = |name, usual: &str, what| {
            absolute(name)
                .or_else(|| Some(home.as_ref()?.join(usual)))
                .map(|folder| folder.join("pimento"))
                .ok_or(PathsError::NoHome(what))
        };
        let config = match overrides.config {
            Some(file) => file,
            None => below("XDG_CONFIG_HOME", ".config", "the configuration")?.join("config.toml"),
        };
        let state = match overrides.state {
            Some(folder) => folder,
            None => below("XDG_STATE_HOME", ".local/state", "the audit record")?,
        };
        let runtime = match (overrides.runtime, absolute("XDG_RUNTIME_DIR")) {
            (Some(folder), _) => chosen(folder)?,
            (None, Some(folder)) => chosen(folder.join("pimento"))?,
            (None, None) => usual(&state)?,
        };
        Ok(Self {
            config,
            managed: managed(),
            runtime,
            cache: absolute("XDG_CACHE_HOME")
                .or_else(|| Some(home.as_ref()?.join(".cache")))
                .map_or_else(|| state.join("cache"), |folder| folder.join("pimento")),
            state,
            home,
            workload: Workload::from_variables(&variable),
        })
    }

    /// The SSH agent's socket.
    #[must_use]
    pub fn agent_socket(&self) -> PathBuf {
        door(&self.runtime, "agent")
    }

    /// The control API's socket.
    #[must_use]
    pub fn control_socket(&self) -> PathBuf {
        door(&self.runtime, "control")
    }

    /// Whether there is a file of configuration, whatever is in it; reads none.
    #[must_use]
    pub fn have_configuration(&self) -> bool {
        let drop_ins = self.config.with_file_name("config.d");
        self.config.exists() || self.managed.exists() || drop_ins.exists()
    }

    /// The socket for services of systemd.
    #[must_use]
    pub fn credentials_socket(&self) -> PathBuf {
        door(&self.runtime, "credentials")
    }

    /// The folder of the audit record, unless the configuration names another.
    #[must_use]
    pub fn audit(&self) -> PathBuf {
        self.state.join("audit")
    }
}

/// Below it, by the user's number, is what the system's own systemd has made for an agent that it
/// confines (`StateDirectory=` of `pimento@.service`), to which the home folder is not writable.
const SYSTEM_STATE: &str = "/var/lib/pimento";

/// This user's folder below `states`, which wins over the home folder for every verb: the record is one.
#[cfg(target_os = "linux")]
fn of_system(states: &Path) -> Option<PathBuf> {
    use std::os::unix::fs::MetadataExt;
    let uid = rustix::process::geteuid().as_raw();
    let folder = states.join(uid.to_string());
    let found = std::fs::symlink_metadata(&folder).ok()?;
    (found.is_dir() && found.uid() == uid).then_some(folder)
}

/// Nothing of the kind elsewhere.
#[cfg(not(target_os = "linux"))]
const fn of_system(_states: &Path) -> Option<PathBuf> {
    None
}

#[cfg(unix)]
fn managed() -> PathBuf {
    PathBuf::from("/etc/pimento/managed.toml")
}

/// Not in `ProgramData`, where every user may make the folder first.
#[cfg(windows)]
fn managed() -> PathBuf {
    PathBuf::from(PROGRAM_FILES).join(r"pimento\managed.toml")
}

/// Where the sockets are if nothing says it.
#[cfg(all(unix, not(target_os = "macos")))]
fn usual(_state: &Path) -> Result<PathBuf, PathsError> {
    fallback(&std::env::temp_dir())
}

/// macOS has no folder for sockets, and clears its folder for temporary files while a user is logged
/// in. launchd listens there as well, and has to be told the path once and for all.
#[cfg(target_os = "macos")]
#[expect(
    clippy::unnecessary_wraps,
    reason = "elsewhere it may be somebody else's"
)]
fn usual(state: &Path) -> Result<PathBuf, PathsError> {
    Ok(state.join("run"))
}

/// What the pipes of the user's agent begin with. One agent serves all sessions of a user.
#[cfg(windows)]
fn usual(_state: &Path) -> Result<PathBuf, PathsError> {
    let user = crate::requester::this_user().ok_or(PathsError::NoUser)?;
    Ok(PathBuf::from(format!("{PIPES}pimento-{user}")))
}

/// A folder of ours in the folder for temporary files, which everybody can write to: somebody
/// else may have made it first, to be handed our socket. Whoever binds checks it once more.
#[cfg(all(unix, not(target_os = "macos")))]
fn fallback(temporary: &Path) -> Result<PathBuf, PathsError> {
    use std::os::unix::fs::MetadataExt;
    let uid = rustix::process::geteuid().as_raw();
    let folder = temporary.join(format!("pimento-{uid}"));
    match std::fs::symlink_metadata(&folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(folder),
        Ok(found) if found.is_dir() && found.uid() == uid && found.mode() & 0o077 == 0 => {
            Ok(folder)
        }
        _ => Err(PathsError::NotPrivate(folder)),
    }
}

/// A folder that the user has chosen for the sockets.
#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "Windows has to know the user")]
const fn chosen(folder: PathBuf) -> Result<PathBuf, PathsError> {
    Ok(folder)
}

#[cfg(unix)]
fn door(runtime: &Path, name: &str) -> PathBuf {
    runtime.join(format!("{name}.sock"))
}

/// Pipes have no folders, so one that the user has chosen becomes a part of their names.
#[cfg(windows)]
fn chosen(folder: PathBuf) -> Result<PathBuf, PathsError> {
    use sha2::{Digest as _, Sha256};
    // With backslashes, whichever were given.
    let whole = std::path::absolute(&folder).unwrap_or(folder);
    if whole.to_string_lossy().starts_with(PIPES) {
        return Ok(whole);
    }
    // Two spellings of one folder have two hashes, which costs an agent of its own and no more.
    let hash = Sha256::digest(whole.as_os_str().as_encoded_bytes());
    let mut pipes = usual(&whole)?.into_os_string();
    pipes.push("-");
    for byte in hash.iter().take(8) {
        pipes.push(format!("{byte:02x}"));
    }
    Ok(pipes.into())
}

#[cfg(windows)]
fn door(runtime: &Path, name: &str) -> PathBuf {
    let mut pipe = runtime.as_os_str().to_owned();
    pipe.push("-");
    pipe.push(name);
    pipe.into()
}

/// Which only administrators can write to. Fixed, since an environment is its user's to change.
#[cfg(windows)]
pub(super) const PROGRAM_FILES: &str = r"C:\Program Files";
#[cfg(windows)]
const PIPES: &str = r"\\.\pipe\";

#[cfg(test)]
mod tests;
