//! Sockets that a service manager has opened and hands over at start: systemd's (`sd_listen_fds(3)`)
//! and launchd's (`launch_activate_socket(3)`).
//!
//! Enters: descriptors. Leaves: listeners, by the path that each is bound to, so that it does not
//! matter how a unit names them. What never happens here: a socket that is served without being asked
//! for by its path, or one that a program started by the agent inherits.

use std::io;
use std::path::{Path, PathBuf};

use interprocess::local_socket::tokio::Listener;

use super::system;
use crate::file::same_place;

/// What a service manager has handed over, and nobody has taken yet.
#[derive(Debug, Default)]
pub struct Handed {
    sockets: Vec<(PathBuf, system::Given)>,
}

/// Why a descriptor that was handed over cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HandedError {
    /// It is something else.
    #[error(
        "descriptor {0} of the service manager is no listening stream socket in the file system; \
         `ListenStream=` of the socket unit has to be a path"
    )]
    NoSocket(String),
    /// Nobody asks for it.
    #[error(
        "the service manager listens on {0}, which is no socket of pimento's; `ListenStream=` of the \
         socket unit has to be {1}"
    )]
    Unknown(PathBuf, String),
    /// The system said no.
    #[error("what the service manager hands over cannot be taken: {0}")]
    Io(#[from] io::Error),
}

impl Handed {
    /// Takes over what is meant for this process; nothing, where no service manager hands anything
    /// over. To be called once, at start.
    ///
    /// # Errors
    /// If one is no socket that can be listened on.
    pub fn take() -> Result<Self, HandedError> {
        let sockets = system::handed()?;
        Ok(Self { sockets })
    }

    /// The socket that is bound to `path`.
    ///
    /// # Errors
    /// If the runtime does not take it.
    pub(super) fn listener(&mut self, path: &Path) -> io::Result<Option<Listener>> {
        let Some(at) = self
            .sockets
            .iter()
            .position(|(bound, _)| same_place(bound, path))
        else {
            return Ok(None);
        };
        let (_, socket) = self.sockets.swap_remove(at);
        system::resume(socket).map(Some)
    }

    /// Whether all of it was asked for: `paths` are what pimento listens on.
    ///
    /// # Errors
    /// If a socket is left, which nobody would ever serve.
    pub fn finish(self, paths: &[&Path]) -> Result<(), HandedError> {
        let Some((left, _)) = self.sockets.into_iter().next() else {
            return Ok(());
        };
        let ours: Vec<String> = paths.iter().map(|it| it.display().to_string()).collect();
        Err(HandedError::Unknown(left, ours.join(" or ")))
    }
}
