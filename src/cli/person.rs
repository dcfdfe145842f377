//! Asks the person at the terminal for what an opening needs: a reason, or a ticket.
//!
//! Where there is a terminal that is ours to read from, the client asks, with the last reason as a
//! proposal; where there is none, the agent does, by askpass or pinentry.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};

use zeroize::Zeroizing;

use super::Failure;
use super::output::Output;
use crate::catalog::Ticket;
use crate::control::proto::{Needed, Said};
use crate::inert::inert;
use crate::refusal::ExitCode;

/// What the person has said so far, and whether there is a terminal to ask more on.
pub(super) struct Person {
    said: Said,
    terminal: Option<File>,
}

impl Person {
    /// A person who has given these options.
    pub(super) fn new(
        reason: Option<String>,
        ticket: Option<&str>,
        output: &Output,
    ) -> Result<Self, Failure> {
        let ticket = ticket.map(|text| Ticket::parse(text).ok_or_else(no_ticket));
        let mut person = Self::silent(output);
        person.said.reason = reason.unwrap_or_default();
        if let Some(ticket) = ticket.transpose()? {
            (person.said.ticket_system, person.said.ticket_number) = (ticket.system, ticket.number);
        }
        Ok(person)
    }

    /// One who has said nothing.
    pub(super) fn silent(output: &Output) -> Self {
        let terminal = (!output.is_json()).then(terminal).flatten();
        Self {
            said: Said {
                client_asks: terminal.is_some(),
                ..Said::default()
            },
            terminal,
        }
    }

    /// Has the agent ask, by askpass or pinentry, if anything is missing.
    #[cfg(unix)]
    pub(super) fn is_not_asked(&mut self) {
        self.terminal = None;
        self.said.client_asks = false;
    }

    /// What was said so far.
    #[cfg(unix)]
    pub(super) fn said(&self) -> Said {
        self.said.clone()
    }

    /// Makes `call`, and again with what the person says where it needs that.
    pub(super) async fn makes<T, F>(
        &mut self,
        output: &Output,
        mut call: impl FnMut(Said) -> F,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        loop {
            let failure = match call(self.said.clone()).await {
                Ok(done) => return Ok(done),
                Err(failure) => failure,
            };
            let (Some(needed), Some(terminal)) = (&failure.0.needed, &self.terminal) else {
                return Err(failure);
            };
            output.progress_ends();
            match needed.what.as_str() {
                // Said already, and still not enough: asking again would go on for ever.
                "reason" if self.said.reason.is_empty() => {
                    let reason = ask(terminal, &reason_question(needed))?;
                    let last = Some(&needed.last).filter(|_| reason.is_empty());
                    self.said.reason = last.cloned().unwrap_or(reason);
                    if self.said.reason.is_empty() {
                        return Err(failure);
                    }
                }
                "ticket" if self.said.ticket_number.is_empty() => {
                    let question = format!("Ticket for {} (SYSTEM:NUMBER): ", needed.window);
                    let ticket = Ticket::parse(&ask(terminal, &question)?).ok_or_else(no_ticket)?;
                    (self.said.ticket_system, self.said.ticket_number) =
                        (ticket.system, ticket.number);
                }
                _ => return Err(failure),
            }
        }
    }
}

fn reason_question(needed: &Needed) -> String {
    let last = match needed.last.as_str() {
        "" => String::new(),
        last => format!(" [{}]", inert(last, ' ')),
    };
    format!("Reason for {}{last}: ", needed.window)
}

/// Asks on the terminal, and takes one line.
pub(super) fn ask(terminal: &File, question: &str) -> Result<String, Failure> {
    let failed = |error: std::io::Error| Failure::failed(format!("the terminal is gone: {error}"));
    let mut writer = terminal;
    writer.write_all(question.as_bytes()).map_err(failed)?;
    let mut line = String::new();
    let read = BufReader::new(terminal).read_line(&mut line);
    if read.map_err(failed)? == 0 {
        // Ctrl-D is no Enter: what that would have taken is not what was said.
        let nothing = "nothing was said: the input has ended";
        return Err(Failure::new("usage", ExitCode::Usage, nothing, ""));
    }
    Ok(inert(line.trim(), ' '))
}

/// Asks on the terminal, which does not show what is typed.
pub(super) fn ask_hidden(terminal: &File, question: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let failed = |error: std::io::Error| Failure::failed(format!("the terminal is gone: {error}"));
    #[cfg(unix)]
    let hidden = super::terminal::Hidden::of(terminal).map_err(failed)?;
    let mut writer = terminal;
    writer.write_all(question.as_bytes()).map_err(failed)?;
    let mut line = Zeroizing::new(Vec::with_capacity(LONGEST_LINE));
    // Byte by byte: a reader with a buffer of its own would keep a copy in it.
    let mut byte = [0];
    let mut reader = terminal;
    while line.len() < LONGEST_LINE && reader.read(&mut byte).map_err(failed)? == 1 {
        match byte {
            [b'\n' | b'\r'] => break,
            #[cfg(unix)]
            [byte] if hidden.is_interrupt(byte) => return Err(Failure::failed("interrupted")),
            [byte] => line.push(byte),
        }
    }
    writer.write_all(b"\n").map_err(failed)?;
    Ok(line)
}

fn no_ticket() -> Failure {
    Failure::new(
        "usage",
        ExitCode::Usage,
        "the ticket is not SYSTEM:NUMBER",
        "for example --ticket ServiceNow:CHG0042",
    )
}

/// The terminal of this process, if it may read from it: a job in the background would be stopped.
#[cfg(unix)]
pub(super) fn terminal() -> Option<File> {
    let mut options = File::options();
    let terminal = options.read(true).write(true).open("/dev/tty").ok()?;
    let reader = rustix::termios::tcgetpgrp(&terminal).ok()?;
    (reader == rustix::process::getpgrp()).then_some(terminal)
}

#[cfg(not(unix))]
pub(super) fn terminal() -> Option<File> {
    None
}

/// As a terminal gives a line.
const LONGEST_LINE: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn the_end_of_the_input_is_no_empty_line() {
        let mut options = File::options();
        let ended = options.read(true).write(true).open("/dev/null").unwrap();
        let failure = ask(&ended, "Reason for linux-root [INC-1]: ").unwrap_err();
        assert_eq!(failure.0.message, "nothing was said: the input has ended");
    }

    #[test]
    fn the_last_reason_is_proposed_on_one_line() {
        let mut needed = Needed {
            what: "reason".to_owned(),
            window: "linux-root".to_owned(),
            last: String::new(),
        };
        assert_eq!(reason_question(&needed), "Reason for linux-root: ");
        needed.last = "INC-1\n\x1b[2J".to_owned();
        assert_eq!(
            reason_question(&needed),
            "Reason for linux-root [INC-1  [2J]: "
        );
    }
}
