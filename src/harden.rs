//! What the process denies itself and others before it holds anything.
//!
//! Runs once, first thing in the agent. Nothing here can be turned off by configuration.

use std::io;
use std::path::Path;

use crate::secret::locked;

/// No core dumps, no attaching or reading by other processes of the user, files for the owner only,
/// secrets in memory of their own.
///
/// # Errors
/// If the system refuses one of them; the agent must not start then.
pub fn harden() -> io::Result<()> {
    if !locked::install() {
        return Err(io::Error::other("AWS-LC does not take its memory from us"));
    }
    #[cfg(unix)]
    {
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
        let none = rustix::process::Rlimit {
            current: Some(0),
            maximum: Some(0),
        };
        rustix::process::setrlimit(rustix::process::Resource::Core, none)?;
        raise(rustix::process::Resource::Memlock, u64::MAX);
        raise(rustix::process::Resource::Nofile, ENOUGH_FILES);
    }
    // Also closes /proc/PID/mem and ptrace to other processes of the same user.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(())
}

/// Whether [`harden`] holds in this process: no core dump, and no other process of the user's reads it.
#[must_use]
pub fn holds() -> bool {
    #[cfg(unix)]
    if rustix::process::getrlimit(rustix::process::Resource::Core).current != Some(0) {
        return false;
    }
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if rustix::process::dumpable_behavior() != Ok(rustix::process::DumpableBehavior::NotDumpable) {
        return false;
    }
    true
}

/// Raises a limit to `enough`, or as far as it goes: locked memory for keys (`status` tells of
/// keys beyond it), open files for connections.
#[cfg(unix)]
fn raise(resource: rustix::process::Resource, enough: u64) {
    use rustix::process::{Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(resource);
    let wanted = maximum.map_or(enough, |maximum| maximum.min(enough));
    if current.is_some_and(|current| current < wanted) {
        let current = Some(wanted).filter(|wanted| *wanted != u64::MAX);
        let _as_it_was_else = setrlimit(resource, Rlimit { current, maximum });
    }
}

#[cfg(unix)]
const ENOUGH_FILES: u64 = 16 * 1024;

/// Makes `folder`, for its owner alone; one that is there keeps its mode.
///
/// # Errors
/// If it cannot be made.
pub fn private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}
