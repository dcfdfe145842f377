//! What the live view knows, and what a key does to it. Pure: no terminal, no agent, no clock.

use super::cursor::Cursor;
use super::line::Input;
use crate::clock::Moment;
use crate::control::proto::{Approval, Said, StatusReply, Window};

mod keys;

/// What the view knows.
pub(super) struct Model {
    pub(super) status: StatusReply,
    /// When that came.
    pub(super) came: Moment,
    pub(super) now: Moment,
    /// Why there is no agent; what is shown is how things were.
    pub(super) lost: Option<String>,
    /// Which window is meant.
    pub(super) selected: Cursor,
    pub(super) mode: Mode,
    pub(super) message: Option<Message>,
}

/// What the keys mean now.
pub(super) enum Mode {
    /// They act on the windows.
    Windows,
    /// The keys are explained.
    Help,
    /// A window is about to be closed.
    Closing { window: String },
    /// A line is typed.
    Asking(Box<Asking>),
    /// What others ask for.
    Approvals(Approvals),
}

/// A line that is typed, and what it is for.
pub(super) struct Asking {
    pub(super) question: String,
    pub(super) input: Input,
    pub(super) about: About,
}

/// What a typed line is for.
pub(super) enum About {
    Reason {
        window: String,
        said: Said,
    },
    Ticket {
        window: String,
        said: Said,
    },
    Verdict {
        approval: Waiting,
        approve: bool,
        back: Approvals,
    },
}

/// What others ask for.
#[derive(Clone, Default)]
pub(super) struct Approvals {
    /// `None` until it is known.
    pub(super) waiting: Option<Vec<Waiting>>,
    pub(super) selected: Cursor,
}

impl Approvals {
    /// Takes what waits by now.
    fn update(&mut self, waiting: Vec<Waiting>) {
        let same = |one: &Waiting, other: &Waiting| one.approval.id == other.approval.id;
        let before = self.waiting.as_deref().unwrap_or_default();
        self.selected.follow(before, &waiting, same);
        self.waiting = Some(waiting);
    }

    /// What is known to wait.
    pub(super) fn known(&self) -> &[Waiting] {
        self.waiting.as_deref().unwrap_or_default()
    }

    /// The one that is selected.
    pub(super) fn meant(&self) -> Option<&Waiting> {
        self.known().get(self.selected.at())
    }
}

/// A request of somebody else.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Waiting {
    pub(super) tenant: String,
    pub(super) approval: Approval,
}

/// What is to be known of the last key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) text: String,
    pub(super) tone: Tone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Good,
    Busy,
    Bad,
}

/// What is to be done after a key.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    Nothing,
    Quit,
    /// As Ctrl-Z does everywhere else.
    Suspend,
    Do(Action),
}

/// What the agent is asked to do.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Action {
    Open {
        window: String,
        said: Said,
    },
    Close {
        window: String,
    },
    Lock {
        locked: bool,
    },
    Approvals {
        tenants: Vec<String>,
    },
    Decide {
        tenant: String,
        id: String,
        approve: bool,
        reason: String,
    },
}

/// What came of it.
pub(super) enum Told {
    Busy(String),
    /// A request was decided; the list of those that wait is another one by now.
    Decided(String),
    Done(String),
    Failed {
        message: String,
        advice: String,
    },
    Needs {
        window: String,
        said: Said,
        what: String,
        last: String,
    },
    /// What waits, and why the list of some tenants is not known.
    Approvals(Vec<Waiting>, Vec<String>),
}

impl Model {
    pub(super) fn new(status: StatusReply, now: Moment) -> Self {
        Self {
            status,
            came: now,
            now,
            lost: None,
            selected: Cursor::default(),
            mode: Mode::Windows,
            message: None,
        }
    }

    /// Takes how things are.
    pub(super) fn update(&mut self, status: StatusReply, now: Moment) {
        let same = |one: &Window, other: &Window| one.name == other.name;
        self.selected
            .follow(&self.status.windows, &status.windows, same);
        self.status = status;
        (self.came, self.now, self.lost) = (now, now, None);
    }

    /// The window that is selected.
    pub(super) fn window(&self) -> Option<&Window> {
        self.status.windows.get(self.selected.at())
    }

    /// How many seconds of `window` are left by now.
    pub(super) fn left(&self, window: &Window) -> u64 {
        let over = self.came.until(self.now).as_secs();
        window.seconds_left.saturating_sub(over)
    }

    /// Takes what came of an action.
    pub(super) fn told(&mut self, told: Told) {
        match told {
            Told::Busy(text) => self.say(text, Tone::Busy),
            Told::Decided(text) | Told::Done(text) => self.say(text, Tone::Good),
            Told::Failed { message, advice } => {
                let text = match advice.as_str() {
                    "" => message,
                    advice => format!("{message}; {advice}"),
                };
                if matches!(&self.mode, Mode::Approvals(list) if list.waiting.is_none()) {
                    self.mode = Mode::Windows;
                }
                self.say(text, Tone::Bad);
            }
            Told::Approvals(waiting, unknown) => {
                if let Mode::Approvals(list) = &mut self.mode {
                    list.update(waiting);
                }
                if !unknown.is_empty() {
                    self.say(unknown.join(". "), Tone::Bad);
                }
            }
            Told::Needs {
                window,
                said,
                what,
                last,
            } => match self.mode {
                Mode::Windows => self.ask_for(window, said, &what, last),
                // What is typed by now is meant for something else.
                _ => self.say(
                    format!("{window} needs a {what}: `o` asks for it"),
                    Tone::Bad,
                ),
            },
        }
    }

    fn ask_for(&mut self, window: String, said: Said, what: &str, last: String) {
        let (question, about) = match what {
            "ticket" => (
                format!("Ticket for {window} (SYSTEM:NUMBER)"),
                About::Ticket { window, said },
            ),
            _ => (
                format!("Reason for {window}"),
                About::Reason { window, said },
            ),
        };
        self.message = None;
        self.mode = Mode::Asking(Box::new(Asking {
            question,
            input: Input::proposing(&last),
            about,
        }));
    }

    pub(super) fn say(&mut self, text: String, tone: Tone) {
        self.message = Some(Message { text, tone });
    }
}

#[cfg(test)]
mod tests;
