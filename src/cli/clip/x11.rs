//! X11's clipboard: a selection, which its owner serves to whoever asks (ICCCM, section 2).
//!
//! A paste is the text asked for and delivered. Which formats there are, which nearly every program
//! asks first, and whether a history may keep it are no pastes.

use std::fmt::Display;
use std::os::fd::{AsFd, OwnedFd};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use x11rb::connection::Connection;
use x11rb::errors::ReplyError;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    Atom, AtomEnum, ConnectionExt as _, CreateWindowAux, EventMask, PropMode,
    SELECTION_NOTIFY_EVENT, SelectionNotifyEvent, SelectionRequestEvent, Timestamp, Window,
    WindowClass,
};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;
use x11rb::{COPY_DEPTH_FROM_PARENT, COPY_FROM_PARENT, NONE};

use super::Over;

/// A window that nobody sees, which can own the clipboard.
pub(super) struct Owner {
    connection: RustConnection,
    window: Window,
    atoms: Atoms,
    /// Since when it does, by the server's time.
    since: Option<Timestamp>,
}

impl Owner {
    /// Connects to the server that `DISPLAY` names.
    pub(super) fn connect() -> Result<Self, String> {
        let (connection, screen) = RustConnection::connect(None).map_err(text)?;
        let root = connection
            .setup()
            .roots
            .get(screen)
            .map(|screen| screen.root);
        let root = root.ok_or_else(|| "the X server has no screen".to_owned())?;
        let window = connection.generate_id().map_err(text)?;
        let settings = CreateWindowAux::new().event_mask(EventMask::PROPERTY_CHANGE);
        connection
            .create_window(
                COPY_DEPTH_FROM_PARENT,
                window,
                root,
                0,
                0,
                1,
                1,
                0,
                WindowClass::INPUT_ONLY,
                COPY_FROM_PARENT,
                &settings,
            )
            .map_err(text)?;
        let atoms = Atoms::new(&connection).map_err(text)?;
        let atoms = atoms.reply().map_err(text)?;
        Ok(Self {
            connection,
            window,
            atoms,
            since: None,
        })
    }

    /// Takes the clipboard, and serves it until `secret` is pasted or somebody else takes it.
    pub(super) async fn offer(&mut self, secret: &[u8]) -> Result<Over, String> {
        let socket = self.socket().map_err(text)?;
        // Tells the server's time, which ownership is counted from.
        self.connection
            .change_property8(
                PropMode::APPEND,
                self.window,
                self.atoms.PIMENTO,
                AtomEnum::STRING,
                &[],
            )
            .map_err(text)?;
        self.connection.flush().map_err(text)?;
        loop {
            while let Some(event) = self.connection.poll_for_event().map_err(text)? {
                match event {
                    Event::PropertyNotify(event) if self.since.is_none() => {
                        self.take(event.time)?
                    }
                    Event::SelectionClear(_) => return Ok(Over::Replaced),
                    Event::SelectionRequest(request) if self.answer(&request, secret)? => {
                        return Ok(Over::Pasted);
                    }
                    _ => {}
                }
            }
            socket.readable().await.map_err(text)?.clear_ready();
        }
    }

    fn socket(&self) -> std::io::Result<AsyncFd<OwnedFd>> {
        let socket = self.connection.stream().as_fd().try_clone_to_owned()?;
        // The safe constructor is deprecated for types that do not keep their descriptor; OwnedFd does.
        #[expect(deprecated, reason = "its successor is an unsafe function")]
        AsyncFd::with_interest(socket, Interest::READABLE)
    }

    fn take(&mut self, now: Timestamp) -> Result<(), String> {
        let clipboard = self.atoms.CLIPBOARD;
        self.connection
            .set_selection_owner(self.window, clipboard, now)
            .map_err(text)?;
        let owner = self
            .connection
            .get_selection_owner(clipboard)
            .map_err(text)?;
        if owner.reply().map_err(text)?.owner != self.window {
            return Err("another program keeps it".to_owned());
        }
        self.since = Some(now);
        Ok(())
    }

    /// Answers a request for one format; tells whether the text has gone out.
    fn answer(&self, request: &SelectionRequestEvent, secret: &[u8]) -> Result<bool, String> {
        let atoms = &self.atoms;
        let texts = [atoms.UTF8_STRING, atoms.TEXT_UTF8, AtomEnum::STRING.into()];
        // STRING is Latin-1.
        let texts = texts
            .get(..if secret.is_ascii() { 3 } else { 2 })
            .unwrap_or_default();
        let target = request.target;
        let is_text = texts.contains(&target);
        let delivered = if is_text {
            self.deliver(request, target, secret)
        } else if target == atoms.HINT {
            self.deliver(request, target, b"secret")
        } else if target == atoms.TARGETS {
            let known = [atoms.TARGETS, atoms.TIMESTAMP, atoms.HINT];
            self.deliver_numbers(request, AtomEnum::ATOM, &[&known, texts].concat())
        } else if target == atoms.TIMESTAMP {
            let since = self.since.unwrap_or_default();
            self.deliver_numbers(request, AtomEnum::INTEGER, &[since])
        } else {
            self.notify(request, NONE)?;
            return Ok(false);
        };
        match delivered {
            Ok(()) => self.notify(request, property(request)).map(|()| is_text),
            // Whoever asked has gone.
            Err(ReplyError::X11Error(_)) => Ok(false),
            Err(error) => Err(text(error)),
        }
    }

    fn deliver(
        &self,
        request: &SelectionRequestEvent,
        form: Atom,
        bytes: &[u8],
    ) -> Result<(), ReplyError> {
        let (requestor, property) = (request.requestor, property(request));
        self.connection
            .change_property8(PropMode::REPLACE, requestor, property, form, bytes)?
            .check()
    }

    fn deliver_numbers(
        &self,
        request: &SelectionRequestEvent,
        form: AtomEnum,
        numbers: &[u32],
    ) -> Result<(), ReplyError> {
        let (requestor, property) = (request.requestor, property(request));
        self.connection
            .change_property32(PropMode::REPLACE, requestor, property, form, numbers)?
            .check()
    }

    fn notify(&self, request: &SelectionRequestEvent, property: Atom) -> Result<(), String> {
        let event = SelectionNotifyEvent {
            response_type: SELECTION_NOTIFY_EVENT,
            sequence: 0,
            time: request.time,
            requestor: request.requestor,
            selection: request.selection,
            target: request.target,
            property,
        };
        self.connection
            .send_event(false, request.requestor, EventMask::NO_EVENT, event)
            .map_err(text)?;
        self.connection.flush().map_err(text)
    }

    /// Leaves the clipboard empty. Counted from when it was taken, so that the server passes over it
    /// if somebody else has it by now.
    pub(super) fn give_up(self) {
        let Some(since) = self.since else { return };
        let given = self
            .connection
            .set_selection_owner(NONE, self.atoms.CLIPBOARD, since);
        // The end of the connection gives it up as well.
        if given.is_ok() && self.connection.sync().is_err() {}
    }
}

/// Where the answer goes; the oldest programs name no place of their own.
const fn property(request: &SelectionRequestEvent) -> Atom {
    if request.property == NONE {
        request.target
    } else {
        request.property
    }
}

fn text(error: impl Display) -> String {
    error.to_string()
}

x11rb::atom_manager! {
    Atoms: AtomsCookie {
        CLIPBOARD,
        PIMENTO,
        TARGETS,
        TIMESTAMP,
        UTF8_STRING,
        TEXT_UTF8: b"text/plain;charset=utf-8",
        HINT: b"x-kde-passwordManagerHint",
    }
}
