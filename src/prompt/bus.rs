//! The desktop's own notifications (Desktop Notifications Specification, org.freedesktop.Notifications):
//! tells something, or asks for a yes by two buttons.
//!
//! On the agent's own session bus alone: one that a requester names could be the requester's, and say
//! yes by itself. What never happens here: a yes by any other process than the service that was
//! asked, or for anything but the button; a question that stays after its asker is gone.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use dbus::Message;
use dbus::arg::Variant;
use dbus::blocking::{Connection, Proxy};
use dbus::channel::Channel;
use dbus::message::MatchRule;

use super::session::Environment;
use super::{Answer, Unusable};
use crate::markup::escaped;

/// A session bus, by its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bus(String);

impl Bus {
    /// The one of this environment.
    pub(super) fn of(own: &Environment) -> Option<Self> {
        if let Some(address) = own.get("DBUS_SESSION_BUS_ADDRESS") {
            return Some(Self(address.to_str()?.to_owned()));
        }
        // Where systemd starts it, for a service that has only this variable.
        let socket = Path::new(own.get("XDG_RUNTIME_DIR")?).join("bus");
        socket
            .exists()
            .then(|| Self(format!("unix:path={}", socket.display())))
    }

    /// Shows a text.
    pub(super) async fn tell(&self, text: &str) -> Result<(), Unusable> {
        let (bus, text) = (self.clone(), text.to_owned());
        let told =
            tokio::task::spawn_blocking(move || Service::reach(&bus)?.show(&text, &[], NORMAL));
        told.await
            .map_err(|error| Unusable(error.to_string()))?
            .map(drop)
    }

    /// Asks for a yes. Dropping this takes the question back.
    pub(super) async fn confirm(&self, text: &str) -> Result<Answer, Unusable> {
        let asked = Asked(Arc::new(AtomicBool::new(true)));
        let (bus, text, open) = (self.clone(), text.to_owned(), Arc::clone(&asked.0));
        let answered = tokio::task::spawn_blocking(move || Service::reach(&bus)?.ask(&text, &open));
        answered
            .await
            .map_err(|error| Unusable(error.to_string()))?
    }
}

/// Whether somebody still waits for the answer.
struct Asked(Arc<AtomicBool>);

impl Drop for Asked {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// The program that shows notifications.
struct Service {
    connection: Connection,
    /// Its own name on the bus, which nobody else can have.
    name: String,
    capabilities: Vec<String>,
}

/// What is heard of the notifications that a service shows.
enum Said {
    Closed {
        number: u32,
        why: u32,
    },
    /// The service is gone, and what it showed with it.
    Gone,
    Pressed {
        number: u32,
        button: String,
    },
}

impl Service {
    fn reach(bus: &Bus) -> Result<Self, Unusable> {
        let mut channel = Channel::open_private(&bus.0).map_err(unusable)?;
        channel.register().map_err(unusable)?;
        let connection = Connection::from(channel);
        // This starts it, where the desktop starts it on demand.
        let proxy = connection.with_proxy(NAME, PATH, PATIENCE);
        let (capabilities,): (Vec<String>,) = proxy
            .method_call(INTERFACE, "GetCapabilities", ())
            .map_err(unusable)?;
        let broker = connection.with_proxy(BROKER, "/org/freedesktop/DBus", PATIENCE);
        let (name,): (String,) = broker
            .method_call(BROKER, "GetNameOwner", (NAME,))
            .map_err(unusable)?;
        Ok(Self {
            connection,
            name,
            capabilities,
        })
    }

    fn proxy(&self) -> Proxy<'_, &Connection> {
        self.connection
            .with_proxy(self.name.as_str(), PATH, PATIENCE)
    }

    fn can(&self, what: &str) -> bool {
        self.capabilities.iter().any(|it| it == what)
    }

    /// Shows a text with these buttons; gives the number that the service has for it.
    fn show(&self, text: &str, buttons: &[&str], urgency: u8) -> Result<u32, Unusable> {
        let text = match self.can("body-markup") {
            true => escaped(text),
            false => text.to_owned(),
        };
        // The first line is what is seen of it at once.
        let (summary, body) = match buttons {
            [] => ("pimento", text.as_str()),
            _ => ("pimento: allow this?", text.as_str()),
        };
        let hints: HashMap<&str, Variant<u8>> = HashMap::from([("urgency", Variant(urgency))]);
        // A question stays until it is answered or taken back; a notice as long as any other.
        let expires = if buttons.is_empty() { -1 } else { 0 };
        let shown = (
            "pimento",
            0_u32,
            "dialog-password",
            summary,
            body,
            buttons,
            hints,
            expires,
        );
        let notify = self.proxy().method_call(INTERFACE, "Notify", shown);
        notify.map(|(number,)| number).map_err(unusable)
    }

    /// Asks, and waits for an answer as long as `open`.
    fn ask(&self, text: &str, open: &AtomicBool) -> Result<Answer, Unusable> {
        if !self.can("actions") {
            return Err(Unusable(
                "the desktop's notifications have no buttons".to_owned(),
            ));
        }
        let (said, hears) = mpsc::channel();
        self.listen(
            "ActionInvoked",
            said.clone(),
            |(number, button): (u32, String)| Said::Pressed { number, button },
        )?;
        self.listen(
            "NotificationClosed",
            said.clone(),
            |(number, why): (u32, u32)| Said::Closed { number, why },
        )?;
        self.watch_over(said)?;
        let number = self.show(text, &BUTTONS, CRITICAL)?;
        let answer = self.wait(number, &hears, open);
        // Some leave it on the screen when a button is pressed.
        let closed: Result<(), _> =
            self.proxy()
                .method_call(INTERFACE, "CloseNotification", (number,));
        if let Err(error) = closed {
            tracing::debug!(%error, "a question was gone already");
        }
        answer
    }

    /// Waits for what is said of a question, as long as it is `open`.
    fn wait(
        &self,
        number: u32,
        hears: &mpsc::Receiver<Said>,
        open: &AtomicBool,
    ) -> Result<Answer, Unusable> {
        while open.load(Ordering::Acquire) {
            self.connection.process(LOOK_AGAIN).map_err(unusable)?;
            if let Some(answer) = hears.try_iter().find_map(|said| answer(&said, number)) {
                return answer;
            }
        }
        Ok(Answer::None)
    }

    /// Tells when the service is gone: of what was on the screen nothing more is said then.
    fn watch_over(&self, said: mpsc::Sender<Said>) -> Result<(), Unusable> {
        let service = self.name.clone();
        // Only the bus itself speaks in this name.
        let rule = MatchRule::new_signal(BROKER, "NameOwnerChanged").with_sender(BROKER);
        let heard = move |args: (String, String, String), _: &Connection, _: &Message| {
            let (name, before, _) = args;
            if name == NAME && before == service {
                let _nobody_waits = said.send(Said::Gone).is_err();
            }
            true
        };
        let watches = self.connection.add_match(rule, heard);
        watches.map(drop).map_err(unusable)
    }

    /// Passes on one signal of the service; of nobody else.
    fn listen<A>(
        &self,
        signal: &'static str,
        said: mpsc::Sender<Said>,
        read: impl Fn(A) -> Said + Send + 'static,
    ) -> Result<(), Unusable>
    where
        A: dbus::arg::ReadAll + 'static,
    {
        let service = self.name.clone();
        let rule = MatchRule::new_signal(INTERFACE, signal).with_sender(service.clone());
        let heard = move |args: A, _: &Connection, message: &Message| {
            if message.sender().is_some_and(|sender| *sender == *service) {
                let _nobody_waits = said.send(read(args)).is_err();
            }
            true
        };
        self.connection
            .add_match(rule, heard)
            .map(drop)
            .map_err(unusable)
    }
}

/// What is said to question `number`, if it is about that one. Only the button is a yes; a notification
/// that is pushed aside is a no.
fn answer(said: &Said, number: u32) -> Option<Result<Answer, Unusable>> {
    let gone = |why: &str| Err(Unusable(format!("the desktop's notifications: {why}")));
    match said {
        Said::Pressed { number: of, .. } | Said::Closed { number: of, .. } if *of != number => None,
        Said::Pressed { button, .. } if button == ALLOW => Some(Ok(Answer::Yes)),
        Said::Pressed { .. } => Some(Ok(Answer::No)),
        Said::Closed { why: DISMISSED, .. } => Some(Ok(Answer::No)),
        // Perhaps before anybody has seen it: desktops show a few of a program, and drop the others.
        Said::Closed { .. } => Some(gone("the question was taken off the screen unanswered")),
        Said::Gone => Some(gone("the service that showed the question has ended")),
    }
}

fn unusable(error: dbus::Error) -> Unusable {
    Unusable(format!("the desktop's notifications: {error}"))
}

const NAME: &str = "org.freedesktop.Notifications";
/// The bus itself.
const BROKER: &str = "org.freedesktop.DBus";
const PATH: &str = "/org/freedesktop/Notifications";
const INTERFACE: &str = "org.freedesktop.Notifications";

const ALLOW: &str = "allow";
/// What a button is called, and what it says. None is called `default`, which a click on the text
/// would stand for.
const BUTTONS: [&str; 4] = ["deny", "Deny", ALLOW, "Allow"];

const NORMAL: u8 = 1;
/// Stays on the screen.
const CRITICAL: u8 = 2;

/// Closed by the user (the specification's reasons of NotificationClosed).
const DISMISSED: u32 = 2;

/// How long a service may take for an answer; it may have to start.
const PATIENCE: Duration = Duration::from_secs(5);

/// How soon a question is taken back.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        let variables = variables.iter();
        variables
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect()
    }

    #[test]
    fn the_bus_is_the_one_that_is_named_else_that_of_the_runtime_folder() {
        let named = [
            ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/x"),
            ("XDG_RUNTIME_DIR", "/y"),
        ];
        assert_eq!(
            Bus::of(&environment(&named)),
            Some(Bus("unix:path=/x".to_owned()))
        );
        assert_eq!(
            Bus::of(&environment(&[("XDG_RUNTIME_DIR", "/nonexistent")])),
            None
        );
        assert_eq!(Bus::of(&environment(&[])), None);
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("bus"), "").unwrap();
        let runtime = folder.path().to_str().unwrap();
        let bus = Bus::of(&environment(&[("XDG_RUNTIME_DIR", runtime)]));
        assert_eq!(bus, Some(Bus(format!("unix:path={runtime}/bus"))));
    }

    #[test]
    fn what_a_requester_is_called_cannot_be_markup() {
        assert_eq!(escaped("a <b>&</b>"), "a &lt;b&gt;&amp;&lt;/b&gt;");
    }

    /// What is made of it as the answer to question 7.
    fn taken(said: &Said) -> Option<Result<Answer, Unusable>> {
        answer(said, 7)
    }

    #[test]
    fn nothing_but_the_button_is_a_yes() {
        let pressed = |button: &str| {
            taken(&Said::Pressed {
                number: 7,
                button: button.to_owned(),
            })
        };
        assert!(matches!(pressed("allow"), Some(Ok(Answer::Yes))));
        for button in ["deny", "default", "", "Allow"] {
            assert!(matches!(pressed(button), Some(Ok(Answer::No))), "{button}");
        }
        let other = Said::Pressed {
            number: 8,
            button: "allow".to_owned(),
        };
        assert!(taken(&other).is_none());
    }

    #[test]
    fn what_a_person_pushes_aside_is_a_no_and_what_a_service_drops_is_no_answer() {
        let closed = |number, why| taken(&Said::Closed { number, why });
        assert!(matches!(closed(7, DISMISSED), Some(Ok(Answer::No))));
        for why in [1, 3, 4] {
            assert!(matches!(closed(7, why), Some(Err(_))), "{why}");
            assert!(closed(8, why).is_none(), "{why}");
        }
        assert!(matches!(taken(&Said::Gone), Some(Err(_))));
    }
}
