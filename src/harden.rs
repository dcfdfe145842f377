//! What the process denies itself and others before it holds anything.
//!
//! Runs once, first thing in the agent. Nothing here can be turned off by configuration.

use std::io;
use std::path::Path;

/// No core dumps, no attaching or reading by other processes of the user, files for the owner only.
///
/// # Errors
/// If the system refuses one of them; the agent must not start then.
pub fn harden() -> io::Result<()> {
    #[cfg(unix)]
    {
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
        let none = rustix::process::Rlimit {
            current: Some(0),
            maximum: Some(0),
        };
        rustix::process::setrlimit(rustix::process::Resource::Core, none)?;
    }
    // Also closes /proc/PID/mem and ptrace to other processes of the same user.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(())
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
