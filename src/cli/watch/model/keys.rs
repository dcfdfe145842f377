//! What a key does.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::super::line::Input;
use super::{About, Action, Approvals, Asking, Mode, Model, Step, Tone, Waiting};
use crate::catalog::Ticket;
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
        match std::mem::replace(&mut self.mode, Mode::Windows) {
            Mode::Windows => self.of_windows(key.code),
            Mode::Help => Step::Nothing,
            Mode::Closing { window } => self.closing(window, key.code),
            Mode::Asking(asking) => self.asking(*asking, key),
            Mode::Approvals(list) => self.of_approvals(list, key.code),
        }
    }

    fn of_windows(&mut self, key: KeyCode) -> Step {
        self.message = None;
        let last = self.status.windows.len().saturating_sub(1);
        match key {
            KeyCode::Char('q') | KeyCode::Esc => return Step::Quit,
            KeyCode::Char('j') | KeyCode::Down => self.selected = (self.selected + 1).min(last),
            KeyCode::Char('k') | KeyCode::Up => self.selected = self.selected.saturating_sub(1),
            KeyCode::Char('g') | KeyCode::Home => self.selected = 0,
            KeyCode::Char('G') | KeyCode::End => self.selected = last,
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
            KeyCode::Char('y' | 'c') => Step::Do(Action::Close { window }),
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
        let last = list
            .waiting
            .as_ref()
            .map_or(0, |it| it.len().saturating_sub(1));
        match key {
            KeyCode::Char('q') | KeyCode::Esc => return Step::Nothing,
            KeyCode::Char('j') | KeyCode::Down => list.selected = (list.selected + 1).min(last),
            KeyCode::Char('k') | KeyCode::Up => list.selected = list.selected.saturating_sub(1),
            KeyCode::Char('r') => return self.approvals(list),
            KeyCode::Char(verdict @ ('a' | 'd')) => {
                let waiting = list.waiting.as_ref();
                if let Some(one) = waiting.and_then(|it| it.get(list.selected)).cloned() {
                    self.mode = verdict_on(one, verdict == 'a', list);
                    return Step::Nothing;
                }
            }
            _ => {}
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
    Mode::Asking(Box::new(Asking {
        question: format!(
            "Why do you {word} it? {} asks to be {}, and gets to see it, as PIM does",
            one.approval.who, one.approval.what
        ),
        input: Input::default(),
        about: About::Verdict {
            approval: one,
            approve,
            back,
        },
    }))
}
