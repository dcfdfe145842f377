//! A door of Unix: a socket in the file system.

use std::io;
use std::os::fd::{OwnedFd, RawFd};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use interprocess::local_socket::tokio::Listener;
use interprocess::local_socket::{
    GenericFilePath, ListenerOptions, Name, PeerCreds, ToFsName as _,
};
use interprocess::os::unix::local_socket::ListenerOptionsExt as _;
use interprocess::os::unix::uds_local_socket;
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::io::Errno;
use rustix::net::sockopt::socket_type;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, connect, socket};
use rustix::process::{Resource, geteuid, getrlimit};
use service_binding::{Binding, Listener as Bound};

use super::handed::HandedError;

/// Which socket was made: its device and its number there.
pub(super) type Made = (u64, u64);

/// A socket that a service manager listens on for us.
pub(super) type Given = UnixListener;

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

/// The socket that has just been made at `path`.
pub(super) fn made(path: &Path) -> Option<Made> {
    let found = std::fs::symlink_metadata(path).ok()?;
    Some((found.dev(), found.ino()))
}

/// Removes our own socket. One that somebody has put in its place meanwhile, as a service manager does
/// whose unit is started beside us, is theirs.
pub(super) fn remove(path: &Path, ours: &Made) {
    if made(path).as_ref() != Some(ours) {
        tracing::debug!(path = %path.display(), "another socket is in the place of ours");
    } else if let Err(error) = std::fs::remove_file(path) {
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

/// A fifth of the open files that this process may have: there are two doors, the process of a client is
/// held on to as well, and something is left for everything else.
pub(super) fn most_connections() -> usize {
    let limit = getrlimit(Resource::Nofile).current;
    limit.map_or(usize::MAX, |limit| {
        usize::try_from(limit / 5).unwrap_or(usize::MAX)
    })
}

/// What a service manager hands over, each with its path.
pub(super) fn handed() -> Result<Vec<(PathBuf, Given)>, HandedError> {
    let handed = descriptors()?.into_iter();
    handed
        .map(|(descriptor, name)| listening(descriptor).ok_or(HandedError::NoSocket(name)))
        .collect()
}

/// Goes on listening where the service manager has begun.
pub(super) fn resume(given: Given) -> io::Result<Listener> {
    let listener = uds_local_socket::tokio::Listener::try_from(OwnedFd::from(given))?;
    Ok(Listener::UdSocket(listener))
}

/// The descriptors, and what the manager calls each.
#[cfg(target_os = "linux")]
fn descriptors() -> io::Result<Vec<(RawFd, String)>> {
    // Closed in whatever the agent starts, from here on.
    Ok(sd_notify::listen_fds_with_names()?.collect())
}

#[cfg(target_os = "macos")]
fn descriptors() -> io::Result<Vec<(RawFd, String)>> {
    let mut descriptors = Vec::new();
    for name in ["agent", "control"] {
        // An error is that of a process which launchd did not start.
        if let Ok(Binding::FileDescriptor(descriptor)) = format!("fd://{name}").parse() {
            descriptors.push((descriptor, name.to_owned()));
        }
    }
    Ok(descriptors)
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn descriptors() -> io::Result<Vec<(RawFd, String)>> {
    Ok(Vec::new())
}

/// A listening stream socket in the file system, and its path.
fn listening(descriptor: RawFd) -> Option<(PathBuf, Given)> {
    let Ok(Bound::Unix(socket)) = Bound::try_from(Binding::FileDescriptor(descriptor)) else {
        return None;
    };
    let listens = socket_type(&socket).ok()? == SocketType::STREAM && accepts(&socket);
    let path = socket.local_addr().ok()?.as_pathname()?.to_owned();
    listens.then_some((path, socket))
}

#[cfg(target_os = "linux")]
fn accepts(socket: &UnixListener) -> bool {
    rustix::net::sockopt::socket_acceptconn(socket).unwrap_or(false)
}

/// launchd hands over nothing else, and the system does not say.
#[cfg(not(target_os = "linux"))]
const fn accepts(_socket: &UnixListener) -> bool {
    true
}
