//! What a key does.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::super::line::Input;
use super::{About, Action, Approvals, Asking, Mode, Model, Step, Tone, Waiting};
use crate::catalog::Ticket;
use crate::cli::show::span;
use crate::control::proto::Said;
use crate::control::proto::window::State;

impl Model {
    /// Has the list of what waits asked for anew, if it is shown.
    pub(in crate::cli::watch) fn looks_again(&mut self) -> Step {
        match std::mem::replace(&mut self.mode, Mode::Windows) {
            Mode::Approvals(list) => self.approvals(list),
            other => {
                self.mode = other;
                Step::Nothing
            }
        }
    }

    /// What a key does.
    pub(in crate::cli::watch) fn press(&mut self, key: KeyEvent) -> Step {
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            match key.code {
                KeyCode::Char('c') => return Step::Quit,
                KeyCode::Char('z') => return Step::Suspend,
                _ => {}
            }
        }
        // Elsewhere they are meant for something else: Alt-y for whatever moves windows about is no yes.
        let others = KeyModifiers::CONTROL | KeyModifiers::ALT;
        if key.modifiers.intersects(others) && !matches!(self.mode, Mode::Asking(_)) {
            return Step::Nothing;
        }
        match std::mem::replace(&mut self.mode, Mode::Windows) {
            Mode::Windows => self.of_windows(key.code),
            Mode::Help => Step::Nothing,
            Mode::Closing { window } => self.closing(window, key.code),
            Mode::Asking(asking) => self.asking(*asking, key),
            Mode::Approvals(list) => self.of_approvals(list, key.code),
        }
    }

    /// What is pasted: a part of a line that is typed, and no key anywhere else.
    pub(in crate::cli::watch) fn paste(&mut self, text: &str) {
        if let Mode::Asking(asking) = &mut self.mode {
            asking.input.paste(text);
        }
    }

    fn of_windows(&mut self, key: KeyCode) -> Step {
        self.message = None;
        if self.selected.press(key, self.status.windows.len()) {
            return Step::Nothing;
        }
        match key {
            KeyCode::Char('q') | KeyCode::Esc => return Step::Quit,
            KeyCode::Char('?' | 'h') => self.mode = Mode::Help,
            KeyCode::Char('o') | KeyCode::Enter => return self.open(),
            KeyCode::Char('c') => self.close(),
            KeyCode::Char('L') => {
                let locked = !self.status.locked;
                return Step::Do(Action::Lock { locked });
            }
            KeyCode::Char('a') => return self.approvals(Approvals::default()),
            _ => {}
        }
        Step::Nothing
    }

    fn open(&mut self) -> Step {
        let Some(window) = self.window() else {
            return Step::Nothing;
        };
        let (name, state) = (window.name.clone(), window.state());
        if state == State::Open {
            self.say(format!("{name} is open already"), Tone::Good);
            return Step::Nothing;
        }
        let said = Said {
            client_asks: true,
            ..Said::default()
        };
        Step::Do(Action::Open { window: name, said })
    }

    fn close(&mut self) {
        let Some(window) = self.window() else { return };
        let name = window.name.clone();
        match window.state() {
            State::Open | State::Opening => self.mode = Mode::Closing { window: name },
            State::Closed | State::Unspecified => {
                self.say(format!("{name} is closed already"), Tone::Good);
            }
        }
    }

    fn closing(&mut self, window: String, key: KeyCode) -> Step {
        match key {
            KeyCode::Char('y') => Step::Do(Action::Close { window }),
            _ => {
                self.say(format!("{window} stays as it is"), Tone::Good);
                Step::Nothing
            }
        }
    }

    fn approvals(&mut self, list: Approvals) -> Step {
        let tenants = self.status.tenants.iter();
        let signed_in = tenants.filter(|tenant| !tenant.user_name.is_empty());
        let tenants: Vec<String> = signed_in.map(|tenant| tenant.name.clone()).collect();
        if tenants.is_empty() {
            let text = "nobody is signed in: `pimento login` first".to_owned();
            self.say(text, Tone::Bad);
            return Step::Nothing;
        }
        self.mode = Mode::Approvals(list);
        Step::Do(Action::Approvals { tenants })
    }

    fn of_approvals(&mut self, mut list: Approvals, key: KeyCode) -> Step {
        let count = list.known().len();
        match key {
            KeyCode::Char('q') | KeyCode::Esc => return Step::Nothing,
            KeyCode::Char('r') => return self.approvals(list),
            KeyCode::Char(verdict @ ('a' | 'd')) => {
                if let Some(one) = list.meant().cloned() {
                    self.mode = verdict_on(one, verdict == 'a', list);
                    return Step::Nothing;
                }
            }
            key => {
                let _selects = list.selected.press(key, count);
            }
        }
        self.mode = Mode::Approvals(list);
        Step::Nothing
    }

    fn asking(&mut self, mut asking: Asking, key: KeyEvent) -> Step {
        match key.code {
            KeyCode::Esc => {
                if let About::Verdict { back, .. } = asking.about {
                    self.mode = Mode::Approvals(back);
                    return Step::Nothing;
                }
                self.say("nothing was opened".to_owned(), Tone::Good);
            }
            KeyCode::Enter => {
                let text = asking.input.text().trim().to_owned();
                return self.answered(asking, text);
            }
            _ => {
                asking.input.press(key);
                self.mode = Mode::Asking(Box::new(asking));
            }
        }
        Step::Nothing
    }

    /// What a typed line does.
    fn answered(&mut self, asking: Asking, text: String) -> Step {
        let again = |model: &mut Self, asking: Asking, why: &str| {
            model.say(why.to_owned(), Tone::Bad);
            model.mode = Mode::Asking(Box::new(asking));
            Step::Nothing
        };
        match asking.about {
            _ if text.is_empty() => again(self, asking, "write something, or Esc to leave it"),
            About::Reason { window, mut said } => {
                said.reason = text;
                Step::Do(Action::Open { window, said })
            }
            About::Ticket { window, mut said } => match Ticket::parse(&text) {
                Some(ticket) => {
                    (said.ticket_system, said.ticket_number) = (ticket.system, ticket.number);
                    Step::Do(Action::Open { window, said })
                }
                None => {
                    let about = About::Ticket { window, said };
                    let why = "write SYSTEM:NUMBER, such as ServiceNow:CHG0042";
                    again(self, Asking { about, ..asking }, why)
                }
            },
            About::Verdict {
                approval,
                approve,
                back,
            } => {
                self.mode = Mode::Approvals(back);
                Step::Do(Action::Decide {
                    tenant: approval.tenant,
                    id: approval.approval.id,
                    approve,
                    reason: text,
                })
            }
        }
    }
}

fn verdict_on(one: Waiting, approve: bool, back: Approvals) -> Mode {
    let word = if approve { "approve" } else { "deny" };
    let asked = &one.approval;
    let lasting = match asked.seconds {
        0 => String::new(),
        seconds => format!(" for {}", span(seconds)),
    };
    let ticket = match asked.ticket.as_str() {
        "" => String::new(),
        ticket => format!(" Ticket: {ticket}."),
    };
    // What they wrote comes last: it can be long, and is cut where there is no room for it.
    let question = format!(
        "Why do you {word} it? {} asks to be {}{lasting}, and gets to see it, as PIM does.{ticket} \
         Their reason: {}",
        asked.who, asked.what, asked.reason
    );
    Mode::Asking(Box::new(Asking {
        question,
        input: Input::default(),
        about: About::Verdict {
            approval: one,
            approve,
            back,
        },
    }))
}
