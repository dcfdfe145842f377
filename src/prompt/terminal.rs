//! Tells somebody who waits without any other sign of it, on the terminal they wait at.

#[cfg(unix)]
use crate::inert::inert;
use crate::requester::Requester;

/// Writes a line on the terminal of `requester`, if it has one that is the user's own. Gives whether it is
/// there.
///
/// Never waits: a terminal that is stopped (Ctrl-S) is left without it.
#[cfg(unix)]
pub fn tell(requester: &Requester, line: &str) -> bool {
    use std::io::Write;

    use rustix::fs::{Mode, OFlags, open};

    let Some(path) = requester.terminal.and_then(super::session::terminal) else {
        return false;
    };
    let flags = OFlags::WRONLY | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let Ok(terminal) = open(path, flags, Mode::empty()) else {
        return false;
    };
    let mut terminal = std::fs::File::from(terminal);
    // It may name what others chose, the user of a login among it.
    let line = inert(line, '?');
    // From the left margin, whatever the program there has drawn.
    let told = terminal.write_all(format!("\rpimento: {line}\r\n").as_bytes());
    told.is_ok()
}

/// Nothing is known of its terminal here.
#[cfg(not(unix))]
pub const fn tell(_: &Requester, _: &str) -> bool {
    false
}
