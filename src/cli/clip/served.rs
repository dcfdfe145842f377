//! The clipboards that whoever copies serves: Wayland's, or else X11's.

use super::{Over, wayland, x11};

pub(super) const ONE_PASTE: &str = "one paste or ";

/// The clipboard of this session.
pub(super) enum Clipboard {
    Wayland,
    X11(Box<x11::Owner>),
}

impl Clipboard {
    /// Wayland's where its compositor lets programs without a window in, else that of X11, which
    /// the others keep in step.
    pub(super) fn open() -> Result<Self, String> {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let wayland = set("WAYLAND_DISPLAY").then(wayland::reachable);
        if let Some(Ok(())) = wayland {
            return Ok(Self::Wayland);
        }
        if set("DISPLAY") {
            return x11::Owner::connect().map(Box::new).map(Self::X11);
        }
        Err(match wayland {
            Some(Err(why)) => why,
            _ => "neither WAYLAND_DISPLAY nor DISPLAY is set".to_owned(),
        })
    }

    /// Serves one paste.
    pub(super) async fn offer(&mut self, secret: &[u8]) -> Result<Over, String> {
        match self {
            Self::Wayland => wayland::offer(secret).await,
            Self::X11(owner) => owner.offer(secret).await,
        }
    }

    /// Gives the clipboard up, if it is still ours.
    pub(super) fn clear(self) {
        match self {
            // It goes with this process.
            Self::Wayland => {}
            Self::X11(owner) => owner.give_up(),
        }
    }
}
