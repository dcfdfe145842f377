//! A door: one local socket (on Windows a named pipe), for its owner alone.
//!
//! Enters: connections. Leaves: a [`Connection`] with the [`Caller`] at its other end, taken
//! once, at accept. This module knows no protocol. What never happens here: a socket that others
//! can open, two agents on one socket, or an accept loop that ends because of a client.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use interprocess::local_socket::tokio::{Listener, Stream};
use interprocess::local_socket::traits::tokio::Listener as _;
#[cfg(unix)]
use interprocess::local_socket::traits::tokio::Stream as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::harden;
use crate::requester::Caller;

#[cfg(windows)]
use pipe as system;
#[cfg(unix)]
use socket as system;

pub use handed::{Handed, HandedError};

mod handed;
#[cfg(windows)]
mod pipe;
#[cfg(unix)]
mod socket;

/// A socket that is being listened on.
#[derive(Debug)]
pub struct Door {
    listener: Listener,
    path: PathBuf,
    room: Arc<Semaphore>,
    most: usize,
    /// What was made here, and is taken away again: a socket that a service manager has made is left for
    /// its next start.
    made: Option<system::Made>,
    /// Held as long as we listen; the kernel lets go of it however this process ends.
    _lock: Option<File>,
}

/// One client.
#[derive(Debug)]
pub struct Connection {
    /// The bytes.
    pub stream: Stream,
    /// Who is at the other end.
    pub caller: Caller,
    /// The client's place among those served at once; given back when this is dropped.
    pub place: OwnedSemaphorePermit,
}

/// Why a socket cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// Somebody is there already.
    #[error(
        "another agent is already listening on {0}; stop it first, or choose another folder with PIMENTO_RUNTIME_DIR"
    )]
    Busy(PathBuf),
    /// The folder could be changed by others.
    #[error(
        "the folder {0} belongs to somebody else or can be entered by others; make it yours alone: `chmod 700 {0}`"
    )]
    Folder(PathBuf),
    /// The system said no.
    #[error("cannot listen on {path}: {error}")]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

impl Door {
    /// Listens on `path`; makes its folder if need be, and clears away a socket that a killed
    /// agent left behind.
    ///
    /// # Errors
    /// If another agent listens there, which is left unharmed, or the folder is not private.
    pub fn bind(path: &Path) -> Result<Self, DoorError> {
        Self::open(path, &mut Handed::default())
    }

    /// The same; if a service manager listens there for us, what it has handed over is used.
    ///
    /// # Errors
    /// As [`Self::bind`].
    pub fn open(path: &Path, handed: &mut Handed) -> Result<Self, DoorError> {
        let failed = |error| DoorError::Io {
            path: path.to_owned(),
            error,
        };
        let folder = system::folder(path);
        harden::private_folder(&folder).map_err(failed)?;
        if !system::is_private(&folder).map_err(failed)? {
            return Err(DoorError::Folder(folder));
        }
        // Between "nobody answers" and "remove it" another starter could have bound the path, so
        // both happen under a lock. A live agent of ours holds it; others are asked by connecting.
        let lock = folder.join(path.file_name().unwrap_or_default());
        let lock = lock_file(&lock).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(DoorError::Busy(path.to_owned())),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        match handed.listener(path).map_err(failed)? {
            Some(listener) => Ok(Self::new(listener, path, Some(lock))),
            None => Self::take(path, Some(lock)),
        }
    }

    /// Listens on `path`, in a folder that the user has chosen: others may be able to enter it, and
    /// are turned away by the mode of the socket and when they connect.
    ///
    /// # Errors
    /// If another agent listens there, which is left unharmed, or the folder cannot be written.
    pub fn bind_anywhere(path: &Path) -> Result<Self, DoorError> {
        Self::take(path, None)
    }

    fn take(path: &Path, lock: Option<File>) -> Result<Self, DoorError> {
        let failed = |error| DoorError::Io {
            path: path.to_owned(),
            error,
        };
        if system::answers(path).map_err(failed)? {
            return Err(DoorError::Busy(path.to_owned()));
        }
        system::remove_stale(path).map_err(failed)?;
        let listener = system::listener(path).map_err(failed)?;
        let mut door = Self::new(listener, path, lock);
        door.made = system::made(path);
        Ok(door)
    }

    fn new(listener: Listener, path: &Path, lock: Option<File>) -> Self {
        let most = system::most_connections().clamp(FEWEST_CONNECTIONS, MOST_CONNECTIONS);
        Self {
            listener,
            path: path.to_owned(),
            // Some more than are served: those that leave for others need a moment.
            room: Arc::new(Semaphore::new(most + LEAVING)),
            most,
            made: None,
            _lock: lock,
        }
    }

    /// How many clients may be served at once. A door of an agent has a fifth of what the limit of
    /// open files allows: there are two doors, and the process of each client is held on to as well.
    #[must_use]
    pub const fn room(&self) -> usize {
        self.most
    }

    /// Where this door is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The next client that may be served. Others are hung up on; errors are waited out.
    pub async fn accept(&self) -> Connection {
        let mut pause = SHORTEST_PAUSE;
        loop {
            let place = Arc::clone(&self.room).acquire_owned().await;
            match (place, self.listener.accept().await) {
                (Ok(place), Ok(stream)) => match admit(&stream) {
                    Ok(caller) => {
                        return Connection {
                            stream,
                            caller,
                            place,
                        };
                    }
                    Err(why) => tracing::warn!(why, "a client was turned away"),
                },
                (_, Err(error)) => {
                    // Out of descriptors, most likely: accepting again at once would only spin.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                // The semaphore is never closed.
                (Err(_), Ok(_)) => {}
            }
        }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        if let Some(made) = &self.made {
            system::remove(&self.path, made);
        }
    }
}

#[cfg(windows)]
pub use pipe::{connect, own};

/// Connects to the door at `path`.
///
/// # Errors
/// If nobody listens there.
#[cfg(unix)]
pub async fn connect(path: &Path) -> io::Result<Stream> {
    Stream::connect(system::name(path)?).await
}

/// A socket stands in a folder of its own, where only the user can have put it.
///
/// # Errors
/// None.
#[cfg(unix)]
pub const fn own(stream: Stream) -> io::Result<Stream> {
    Ok(stream)
}

/// Takes who asks, and turns away whoever is neither the owner nor root.
fn admit(stream: &Stream) -> Result<Caller, &'static str> {
    use interprocess::local_socket::traits::StreamCommon as _;
    let peer = stream
        .peer_creds()
        .map_err(|_| "the system does not say who it is")?;
    system::admit(&peer)?;
    Ok(Caller::of(
        peer.pid().and_then(|pid| u32::try_from(pid).ok()),
    ))
}

fn lock_file(path: &Path) -> io::Result<File> {
    let mut lock = path.as_os_str().to_owned();
    lock.push(".lock");
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(lock)
}

const FEWEST_CONNECTIONS: usize = 64;
const MOST_CONNECTIONS: usize = 4096;
/// How many may be on their way out at once.
const LEAVING: usize = 32;
const SHORTEST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

#[cfg(test)]
#[cfg(unix)]
mod tests;
