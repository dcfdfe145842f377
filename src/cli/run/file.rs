//! Files that are on no disk: sealed memory that has a path.
//!
//! Each belongs to this process, and its path says so: `/proc/PID/fd/N`. A path such as
//! `/proc/self/fd/N` would mean something else to a program that closes what it inherits, as ssh,
//! sudo and Python do before they start anything. And what belongs to this process goes when the
//! window ends, however many programs know the path.

use std::collections::BTreeSet;
#[cfg(target_os = "linux")]
use std::os::fd::{AsRawFd, OwnedFd};

use zeroize::Zeroizing;

use super::super::Failure;
use super::secrets::Secrets;
use super::value::{Assignment, Value};

/// The files of one command.
#[derive(Default)]
pub(super) struct Files(Vec<SecretFile>);

struct SecretFile {
    name: String,
    path: String,
    windows: BTreeSet<String>,
    #[cfg(target_os = "linux")]
    _memory: OwnedFd,
}

impl Files {
    /// Makes a file for each of `assignments`.
    pub(super) fn make(assignments: &[Assignment], secrets: &Secrets) -> Result<Self, Failure> {
        if !assignments.is_empty() {
            reachable()?;
        }
        let make = |it: &Assignment| {
            let mut content = secrets.filled(&it.value)?;
            if matches!(it.value, Value::Text(_)) && content.last() != Some(&b'\n') {
                content.push(b'\n');
            }
            SecretFile::new(&it.name, secrets.windows(&it.value), &content)
        };
        let files = assignments.iter().map(make);
        files.collect::<Result<_, _>>().map(Self)
    }

    /// Their names and paths.
    pub(super) fn paths(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|file| (&*file.name, &*file.path))
    }

    /// Takes away the files that came through `window`; tells whether there were any.
    pub(super) fn end(&mut self, window: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|file| !file.windows.contains(window));
        self.0.len() < before
    }
}

#[cfg(target_os = "linux")]
impl SecretFile {
    fn new(
        name: &str,
        windows: BTreeSet<String>,
        content: &Zeroizing<Vec<u8>>,
    ) -> Result<Self, Failure> {
        let failed = |error| Failure::failed(format!("the file {name} cannot be made: {error}"));
        let memory = sealed(content).map_err(failed)?;
        let path = format!("/proc/{}/fd/{}", std::process::id(), memory.as_raw_fd());
        // Where /proc is that of other processes, the path is none.
        std::fs::metadata(&path).map_err(failed)?;
        Ok(Self {
            name: name.to_owned(),
            path,
            windows,
            _memory: memory,
        })
    }
}

/// Memory that holds `content`, for the owner alone and for reading only.
#[cfg(target_os = "linux")]
fn sealed(content: &[u8]) -> std::io::Result<OwnedFd> {
    use std::io::Write;

    use rustix::fs::{MemfdFlags, Mode, SealFlags, fchmod, fcntl_add_seals, memfd_create};
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    // Linux before 6.3 does not know NOEXEC_SEAL.
    let memory = memfd_create("pimento", flags | MemfdFlags::NOEXEC_SEAL)
        .or_else(|_| memfd_create("pimento", flags))?;
    fchmod(&memory, Mode::RUSR | Mode::WUSR)?;
    let mut file = std::fs::File::from(memory);
    file.write_all(content)?;
    let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
    fcntl_add_seals(&file, seals)?;
    Ok(file.into())
}

#[cfg(not(target_os = "linux"))]
impl SecretFile {
    fn new(name: &str, _: BTreeSet<String>, _: &Zeroizing<Vec<u8>>) -> Result<Self, Failure> {
        let message = format!("the file {name} cannot be made: only Linux has files on no disk");
        let advice = "give the command the password by --env, or on its standard input";
        let code = crate::refusal::ExitCode::Failed;
        Err(Failure::new("unsupported", code, message, advice))
    }
}

/// Denies other processes of the user a look into this one, and it and the command cores: nothing
/// is revealed before that.
pub(super) fn harden() -> Result<(), Failure> {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let maximum = getrlimit(Resource::Core).maximum;
        let none = Rlimit {
            current: Some(0),
            maximum,
        };
        setrlimit(Resource::Core, none).map_err(exposed)?;
    }
    #[cfg(target_os = "linux")]
    dumpable(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(())
}

/// Lets the user's processes reach the files of this one: `/proc/PID/fd` is root's otherwise.
///
/// That lets them look into it as well. They can then read the command's own memory no less, and
/// the files are made for them to read.
fn reachable() -> Result<(), Failure> {
    #[cfg(target_os = "linux")]
    dumpable(rustix::process::DumpableBehavior::Dumpable)?;
    Ok(())
}

#[cfg(target_os = "linux")]
fn dumpable(whether: rustix::process::DumpableBehavior) -> Result<(), Failure> {
    rustix::process::set_dumpable_behavior(whether).map_err(exposed)
}

#[cfg(unix)]
fn exposed(error: rustix::io::Errno) -> Failure {
    Failure::failed(format!("the process cannot be hardened: {error}"))
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests;
