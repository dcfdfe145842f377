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
        let _told = terminal.write_all(format!("\rpimento: {}\r\n", inert(line)).as_bytes());
    }
}

/// A line that may name what others chose, the user of a login among it, and steers no terminal.
#[cfg(unix)]
fn inert(line: &str) -> String {
    let steers =
        |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let replaced = line.chars().map(|c| if steers(c) { '?' } else { c });
    replaced.collect()
}

#[cfg(all(test, unix))]
mod tests {
    use super::inert;

    #[test]
    fn a_user_name_cannot_steer_the_terminal_or_turn_its_text_round() {
        let line = "shared connection to \u{1b}]0;x\u{7}root\u{9b}2J@web\u{202e}1 goes on\r\n";
        assert_eq!(
            inert(line),
            "shared connection to ?]0;x?root?2J@web?1 goes on??"
        );
        let plain = "window “linux-root” ends in 2 min";
        assert_eq!(inert(plain), plain);
    }
}

/// Nothing is known of its terminal here.
#[cfg(not(unix))]
pub fn tell(_: &Requester, _: &str) {}
