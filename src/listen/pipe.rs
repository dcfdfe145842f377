//! A door of Windows: a named pipe.

use std::io;
use std::path::{Path, PathBuf};

use interprocess::local_socket::tokio::Listener;
use interprocess::local_socket::{
    GenericFilePath, ListenerOptions, Name, PeerCreds, ToFsName as _,
};

use super::handed::HandedError;

/// No service manager of Windows listens for others.
#[derive(Debug)]
pub(super) enum Given {}

/// A path becomes a pipe's name, unless it is one.
pub(super) fn name(path: &Path) -> io::Result<Name<'_>> {
    let text = path.to_string_lossy();
    if text.starts_with(r"\\.\pipe\") {
        return path.to_fs_name::<GenericFilePath>();
    }
    let pipe = format!(r"\\.\pipe\{}", text.replace(['\\', '/', ':'], "-"));
    PathBuf::from(pipe).to_fs_name::<GenericFilePath>()
}

pub(super) fn listener(path: &Path) -> io::Result<Listener> {
    let options = ListenerOptions::new().name(name(path)?);
    options.reclaim_name(false).create_tokio()
}

/// Who may connect is said by the pipe's access list.
#[expect(clippy::unnecessary_wraps, reason = "sockets of Unix turn some away")]
pub(super) const fn admit(_peer: &PeerCreds) -> Result<(), &'static str> {
    Ok(())
}

#[expect(clippy::unnecessary_wraps, reason = "asking a socket of Unix may fail")]
pub(super) const fn answers(_path: &Path) -> io::Result<bool> {
    Ok(false)
}

/// A pipe is gone with the last process that has it open.
#[expect(
    clippy::unnecessary_wraps,
    reason = "sockets of Unix may be something else"
)]
pub(super) const fn remove_stale(_path: &Path) -> io::Result<()> {
    Ok(())
}

pub(super) const fn remove(_path: &Path) {}

#[expect(
    clippy::unnecessary_wraps,
    reason = "folders of Unix have to be looked at"
)]
pub(super) const fn is_private(_folder: &Path) -> io::Result<bool> {
    Ok(true)
}

pub(super) const fn most_connections() -> usize {
    usize::MAX
}

#[expect(clippy::unnecessary_wraps, reason = "a socket of Unix may be none")]
pub(super) const fn handed() -> Result<Vec<(PathBuf, Given)>, HandedError> {
    Ok(Vec::new())
}

pub(super) fn resume(given: Given) -> io::Result<Listener> {
    match given {}
}
