//! A door of Unix: a socket in the file system.

use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use interprocess::local_socket::tokio::Listener;
use interprocess::local_socket::{
    GenericFilePath, ListenerOptions, Name, PeerCreds, ToFsName as _,
};
use interprocess::os::unix::local_socket::ListenerOptionsExt as _;
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, connect, socket};
use rustix::process::{Resource, geteuid, getrlimit};

pub(super) fn name(path: &Path) -> io::Result<Name<'_>> {
    path.to_fs_name::<GenericFilePath>()
}

pub(super) fn listener(path: &Path) -> io::Result<Listener> {
    let options = ListenerOptions::new().name(name(path)?).reclaim_name(false);
    options.mode(0o600).create_tokio()
}

/// Turns away whoever is neither the owner nor root.
pub(super) fn admit(peer: &PeerCreds) -> Result<(), &'static str> {
    let uid = peer.euid().ok_or("the system does not say who it is")?;
    // Root can read our memory anyway, and sshd's HostKeyAgent connects as root.
    if uid != 0 && uid != geteuid().as_raw() {
        return Err("it belongs to another user");
    }
    Ok(())
}

/// Whether somebody listens at `path`.
///
/// Asks without waiting: a listener that is stuck has a full queue, and is there all the same.
/// What cannot be told is an error, so that nothing is removed on a guess.
pub(super) fn answers(path: &Path) -> io::Result<bool> {
    let client = socket(AddressFamily::UNIX, SocketType::STREAM, None)?;
    fcntl_setfl(&client, OFlags::NONBLOCK)?;
    match connect(&client, &SocketAddrUnix::new(path)?) {
        Ok(()) | Err(Errno::AGAIN) => Ok(true),
        Err(Errno::CONNREFUSED | Errno::NOENT) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Removes a socket that nobody answers on; anything else is not ours to remove.
pub(super) fn remove_stale(path: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => std::fs::remove_file(path),
        Ok(_) => Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "it is not a socket",
        )),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Removes our own socket.
pub(super) fn remove(path: &Path) {
    if let Err(error) = std::fs::remove_file(path) {
        tracing::debug!(%error, "the socket was gone already");
    }
}

/// The folder of a socket and its lock.
pub(super) fn folder(path: &Path) -> PathBuf {
    path.parent().unwrap_or_else(|| Path::new(".")).to_owned()
}

pub(super) fn is_private(folder: &Path) -> io::Result<bool> {
    let found = std::fs::metadata(folder)?;
    let ours = found.uid() == geteuid().as_raw();
    Ok(ours && found.mode() & 0o077 == 0)
}

/// A third of the open files that this process may have: there are two doors, and the process of
/// a client is held on to as well.
pub(super) fn most_connections() -> usize {
    let limit = getrlimit(Resource::Nofile).current;
    limit.map_or(usize::MAX, |limit| {
        usize::try_from(limit / 3).unwrap_or(usize::MAX)
    })
}
