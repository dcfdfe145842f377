//! A door of Windows: a named pipe.
//!
//! All users and sessions of a machine share one list of pipes, and anybody can make one under any
//! name that is free. So the kernel is told three things of each pipe: that it must be the first of its
//! name, who may open it, and that no other machine may. What it admits is looked at once more, and
//! whoever cannot be told to be the user is turned away. A client lets the agent know who it is and
//! nothing else: whoever made the pipe cannot act in its name.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::windows::fs::OpenOptionsExt as _;
use std::os::windows::io::OwnedHandle;
use std::path::{Path, PathBuf};
use std::time::Duration;

use interprocess::local_socket::tokio::{Listener, Stream};
use interprocess::local_socket::traits::StreamCommon as _;
use interprocess::local_socket::{
    GenericFilePath, ListenerOptions, Name, PeerCreds, ToFsName as _,
};
use interprocess::os::windows::local_socket::ListenerOptionsExt as _;
use interprocess::os::windows::named_pipe::local_socket::tokio::Stream as PipeStream;
use interprocess::os::windows::security_descriptor::SecurityDescriptor;
use widestring::U16CString;

use super::handed::HandedError;
use crate::requester::{owner, this_user};

/// What a service manager would hand over; none of Windows listens for others.
pub(super) type Given = OwnedHandle;

/// Makes the first instance of a pipe, which fails if there is one; the pipe takes nobody from
/// other machines.
pub(super) fn listener(path: &Path) -> io::Result<Listener> {
    let options = ListenerOptions::new().name(name(path)?);
    let made = options
        .security_descriptor(descriptor()?)
        .reclaim_name(false)
        .create_tokio();
    made.map_err(|error| match error.kind() {
        // What Windows says of a second first instance.
        io::ErrorKind::PermissionDenied => io::Error::new(
            io::ErrorKind::AlreadyExists,
            "another program has made this pipe",
        ),
        _ => error,
    })
}

/// Connects to the pipe `path`, once it has a free instance.
///
/// # Errors
/// If there is no such pipe, or none becomes free.
pub async fn connect(path: &Path) -> io::Result<Stream> {
    name(path)?;
    let free = async {
        loop {
            match open(path, FILE_FLAG_OVERLAPPED) {
                Err(error) if is_busy(&error) => tokio::time::sleep(UNTIL_FREE).await,
                opened => return opened,
            }
        }
    };
    let pipe = tokio::time::timeout(LONGEST_WAIT, free).await??;
    let stream = PipeStream::try_from(OwnedHandle::from(pipe));
    let stream = stream.map_err(|error| io::Error::other(error.to_string()))?;
    Ok(stream.into())
}

/// Lets go of `stream` unless the user's own process listens at its other end. Anybody can make a
/// pipe under our name while there is no agent, and would be told what is meant for it.
///
/// # Errors
/// If somebody else listens there, or it cannot be told who does.
pub fn own(stream: Stream) -> io::Result<Stream> {
    let peer = stream.peer_creds()?;
    match admit(&peer) {
        Ok(()) => Ok(stream),
        Err(why) => Err(io::Error::new(io::ErrorKind::PermissionDenied, why)),
    }
}

/// Turns away whoever is not the owner. The pipe's access list has done so already.
pub(super) fn admit(peer: &PeerCreds) -> Result<(), &'static str> {
    let user = this_user().ok_or("the system does not say whose this agent is")?;
    let owner = peer.pid().and_then(owner);
    match owner.ok_or("the system does not say who it is")? {
        owner if owner == user => Ok(()),
        _ => Err("it belongs to another user"),
    }
}

/// Whether somebody listens at `path`.
pub(super) fn answers(path: &Path) -> io::Result<bool> {
    match open(path, 0) {
        Ok(_) => Ok(true),
        // All its instances are taken, or its access list leaves us out.
        Err(error) if is_busy(&error) => Ok(true),
        Err(error) => match error.kind() {
            io::ErrorKind::PermissionDenied => Ok(true),
            io::ErrorKind::NotFound => Ok(false),
            _ => Err(error),
        },
    }
}

/// The folder of the locks: the user's own for temporary files.
pub(super) fn folder(_path: &Path) -> PathBuf {
    std::env::temp_dir().join("pimento")
}

/// A pipe is gone with the last process that has it open.
#[expect(
    clippy::unnecessary_wraps,
    reason = "sockets of Unix may be something else"
)]
pub(super) const fn remove_stale(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// A pipe goes with whoever listens.
pub(super) type Made = ();

pub(super) const fn made(_path: &Path) -> Option<Made> {
    None
}

pub(super) const fn remove(_path: &Path, (): &Made) {}

/// Only locks are in it; who may connect is said by the pipe.
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

pub(super) fn resume(_given: Given) -> io::Result<Listener> {
    Err(io::ErrorKind::Unsupported.into())
}

fn name(path: &Path) -> io::Result<Name<'_>> {
    if !path.as_os_str().to_string_lossy().starts_with(PIPES) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            r"on Windows an agent listens on a pipe; name one as \\.\pipe\NAME",
        ));
    }
    path.to_fs_name::<GenericFilePath>()
}

fn open(path: &Path, flags: u32) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(flags)
        // Otherwise whoever has made the pipe could act in our name.
        .security_qos_flags(SECURITY_IDENTIFICATION)
        .open(path)
}

fn is_busy(error: &io::Error) -> bool {
    error.raw_os_error() == Some(ERROR_PIPE_BUSY)
}

fn descriptor() -> io::Result<SecurityDescriptor> {
    let user = this_user().ok_or_else(|| {
        io::Error::other("Windows does not say whose this process is, so nobody can be let in")
    })?;
    let text = U16CString::from_str(access(user)).map_err(io::Error::other)?;
    SecurityDescriptor::deserialize(&text)
}

/// Who may open a pipe: the user, unless over the network, and nobody else.
///
/// The list is protected, so nothing is inherited into it. It has no entry for SYSTEM or for
/// administrators: none of their programs asks a user's agent, and what they can do to its process
/// they can do without the pipe. The owner is said as well, since an agent that runs as administrator
/// would leave it to all administrators, and an owner may change the list.
fn access(user: &str) -> String {
    format!("O:{user}D:P(D;;FA;;;NU)(A;;FA;;;{user})")
}

const PIPES: &str = r"\\.\pipe\";
/// An agent makes a new instance as soon as one is taken.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
const UNTIL_FREE: Duration = Duration::from_millis(10);
/// Numbers of the Windows API.
const ERROR_PIPE_BUSY: i32 = 231;
const FILE_FLAG_OVERLAPPED: u32 = 0x4000_0000;
const SECURITY_IDENTIFICATION: u32 = 0x0001_0000;

#[cfg(test)]
mod tests;
