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
        lock_as_much_as_allowed();
    }
    // Also closes /proc/PID/mem and ptrace to other processes of the same user.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(())
}

/// Raises the limit of locked memory as far as it goes; keys beyond it are told of in `status`.
#[cfg(unix)]
fn lock_as_much_as_allowed() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let maximum = getrlimit(Resource::Memlock).maximum;
    let _as_it_was_else = setrlimit(Resource::Memlock, Rlimit { current: maximum, maximum });
}

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
