//! Tells somebody who waits without any other sign of it, on the terminal they wait at.

use crate::requester::Requester;

/// Writes a line on the terminal of `requester`, if it has one that is the user's own.
///
/// Never waits: a terminal that is stopped (Ctrl-S) is left without it.
#[cfg(unix)]
pub fn tell(requester: &Requester, line: &str) {
    use std::io::Write;

    use rustix::fs::{Mode, OFlags, open};

    let Some(path) = requester.terminal.and_then(super::session::terminal) else {
        return;
    };
    let flags = OFlags::WRONLY | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    if let Ok(terminal) = open(path, flags, Mode::empty()) {
        let mut terminal = std::fs::File::from(terminal);
        // From the left margin, whatever the program there has drawn.
        let _told = terminal.write_all(format!("\rpimento: {line}\r\n").as_bytes());
    }
}

/// Nothing is known of its terminal here.
#[cfg(not(unix))]
pub fn tell(_: &Requester, _: &str) {}
