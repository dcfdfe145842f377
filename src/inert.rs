//! Texts that others chose, for a terminal, a table or a question, where they only tell.
//!
//! Enters: a name, a reason, a command line. Leaves: the same on one line. What never happens here: a
//! text that steers a terminal, or one that is read in another order than it is written. For markup
//! there is [`crate::markup`].

/// Whether `c` steers a terminal, breaks a line or turns the direction of reading (Unicode Standard
/// Annex 9, "Directional Formatting Characters").
#[must_use]
pub fn steers(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
        )
}

/// `text` with `instead` for each character that steers.
#[must_use]
pub fn inert(text: &str, instead: char) -> String {
    replaced(text, instead, steers)
}

/// The same for what is said in several lines, which stay.
#[must_use]
pub fn inert_lines(text: &str, instead: char) -> String {
    replaced(text, instead, |c| steers(c) && !matches!(c, '\n' | '\t'))
}

fn replaced(text: &str, instead: char, which: impl Fn(char) -> bool) -> String {
    let replaced = text.chars().map(|c| if which(c) { instead } else { c });
    replaced.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_cannot_steer_the_terminal_or_turn_its_reading_round() {
        let line = "shared connection to \u{1b}]0;x\u{7}root\u{9b}2J@web\u{202e}1 goes on\r\n";
        assert_eq!(
            inert(line, '?'),
            "shared connection to ?]0;x?root?2J@web?1 goes on??"
        );
        for c in "\u{61c}\u{200e}\u{200f}\u{2028}\u{2029}\u{202a}\u{202b}\u{202c}\u{202d}\u{2066}\u{2067}\u{2068}\u{2069}\t\n".chars() {
            assert_eq!(inert(&format!("a{c}b"), ' '), "a b", "{c:?}");
        }
    }

    #[test]
    fn what_only_tells_stays_as_it_is() {
        for plain in [
            "window “linux-root” ends in 2 min",
            "שלום",
            "日本語",
            "👩\u{200d}💻 …",
        ] {
            assert_eq!(inert(plain, '?'), plain);
        }
    }

    #[test]
    fn what_is_said_in_several_lines_keeps_them_and_steers_nothing() {
        let said = "config.toml: x\u{1b}[2J\u{202e}\n\tremedy";
        assert_eq!(inert_lines(said, '?'), "config.toml: x?[2J?\n\tremedy");
    }
}
