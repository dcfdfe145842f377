//! Signals: the one that tells a command of an end, and those that are passed on to it.

use super::super::Failure;
#[cfg(unix)]
use super::super::ignored::Ignored;

/// What tells a command that its passwords end; `None`: nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Notice(pub(super) Option<(Signal, &'static str)>);

#[cfg(unix)]
pub(super) type Signal = rustix::process::Signal;

/// There is only the end of a process where there are no signals.
#[cfg(not(unix))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    Kill,
}

impl Notice {
    /// Reads a signal's name, with or without `SIG`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let word = text.strip_prefix("SIG").unwrap_or(text);
        if word == "none" {
            return Ok(Self(None));
        }
        let found = NAMES.iter().find(|(_, name)| *name == word);
        found
            .map(|known| Self(Some(*known)))
            .ok_or_else(|| "it is none of HUP, INT, KILL, QUIT, TERM, USR1, USR2, none".to_owned())
    }
}

#[cfg(unix)]
const NAMES: [(Signal, &str); 7] = [
    (Signal::HUP, "HUP"),
    (Signal::INT, "INT"),
    (Signal::KILL, "KILL"),
    (Signal::QUIT, "QUIT"),
    (Signal::TERM, "TERM"),
    (Signal::USR1, "USR1"),
    (Signal::USR2, "USR2"),
];

#[cfg(not(unix))]
const NAMES: [(Signal, &str); 2] = [(Signal::Kill, "KILL"), (Signal::Kill, "TERM")];

/// The signals that would end this process, and that the command is to get.
#[cfg(unix)]
pub(super) struct Signals(Vec<(Signal, tokio::signal::unix::Signal)>);

#[cfg(unix)]
impl Signals {
    /// Takes them from now on. What this process ignores, as after `nohup`, stays ignored: the
    /// command would not have it so otherwise.
    pub(super) fn listen() -> Result<Self, Failure> {
        use tokio::signal::unix::{SignalKind, signal};
        let ignored = Ignored::by("self");
        let signals = [
            Signal::HUP,
            Signal::INT,
            Signal::QUIT,
            Signal::TERM,
            Signal::USR1,
            Signal::USR2,
            Signal::WINCH,
        ];
        let taken = signals.into_iter().filter(|which| !ignored.has(*which));
        let listen = |which: Signal| Ok((which, signal(SignalKind::from_raw(which.as_raw()))?));
        let listening = taken.map(listen).collect::<std::io::Result<_>>();
        listening
            .map(Self)
            .map_err(|error| Failure::failed(format!("signals cannot be taken: {error}")))
    }

    /// The next one.
    pub(super) async fn next(&mut self) -> Signal {
        std::future::poll_fn(|context| {
            for (which, signal) in &mut self.0 {
                if signal.poll_recv(context).is_ready() {
                    return std::task::Poll::Ready(*which);
                }
            }
            std::task::Poll::Pending
        })
        .await
    }
}

/// Whether the command gets `signal` from the terminal itself, as it does for Ctrl-C: a second one
/// would be taken for a second press.
#[cfg(unix)]
pub(super) fn is_the_terminals(signal: Signal) -> bool {
    matches!(signal, Signal::INT | Signal::QUIT) && in_front()
}

/// Whether this process and the command are in front of a terminal.
#[cfg(unix)]
fn in_front() -> bool {
    let terminal = std::fs::File::open("/dev/tty");
    let front = terminal.map(|terminal| rustix::termios::tcgetpgrp(&terminal));
    matches!(front, Ok(Ok(group)) if group == rustix::process::getpgrp())
}

/// Whether `signal` asks a program to end.
#[cfg(unix)]
pub(super) fn ends(signal: Signal) -> bool {
    signal != Signal::WINCH
}

/// Where there are no signals, Ctrl-C reaches the command itself.
#[cfg(not(unix))]
pub(super) struct Signals;

#[cfg(not(unix))]
impl Signals {
    pub(super) fn listen() -> Result<Self, Failure> {
        Ok(Self)
    }

    pub(super) async fn next(&mut self) -> Signal {
        loop {
            let _the_commands_own = tokio::signal::ctrl_c().await;
        }
    }
}

#[cfg(not(unix))]
pub(super) fn ends(_: Signal) -> bool {
    true
}

#[cfg(not(unix))]
pub(super) fn is_the_terminals(_: Signal) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_has_a_name_or_is_none() {
        assert_eq!(Notice::parse("none"), Ok(Notice(None)));
        for text in ["TERM", "SIGTERM"] {
            assert_eq!(Notice::parse(text).unwrap().0.unwrap().1, "TERM");
        }
        for text in ["", "15", "term", "STOP", "SIGnone?", "WINCH"] {
            assert!(Notice::parse(text).is_err(), "{text}");
        }
    }
}
