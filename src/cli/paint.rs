//! Color, where it is wanted: on a terminal, without `NO_COLOR`.
//!
//! The sixteen colors of the terminal's own palette, so that light and dark ones are both readable.
//! What never happens here: something that color alone tells.

use std::io::IsTerminal;

/// Whether text gets color.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Paint {
    Color,
    Plain,
}

impl Paint {
    /// For what goes to stdout.
    pub(super) fn of_stdout() -> Self {
        match std::io::stdout().is_terminal() && wanted() {
            true => Self::Color,
            false => Self::Plain,
        }
    }

    /// None.
    #[cfg(test)]
    pub(super) const fn plain() -> Self {
        Self::Plain
    }

    /// What stands above others.
    pub(super) fn heading(self, text: &str) -> String {
        self.with("1", text)
    }

    /// What is as it should be.
    pub(super) fn good(self, text: &str) -> String {
        self.with("32", text)
    }

    /// What is on its way, or to be known.
    pub(super) fn warning(self, text: &str) -> String {
        self.with("33", text)
    }

    /// What was refused.
    pub(super) fn bad(self, text: &str) -> String {
        self.with("31", text)
    }

    /// What is there for whoever looks for it.
    pub(super) fn faint(self, text: &str) -> String {
        self.with("2", text)
    }

    fn with(self, code: &str, text: &str) -> String {
        match self {
            Self::Color => format!("\x1b[{code}m{text}\x1b[0m"),
            Self::Plain => text.to_owned(),
        }
    }
}

/// Whether the person wants color (<https://no-color.org>), and the terminal has any.
pub(super) fn wanted() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    !refused && !dumb
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn color_goes_around_the_text_and_is_left_out_whole() {
        assert_eq!(Paint::Color.bad("no"), "\x1b[31mno\x1b[0m");
        assert_eq!(Paint::Plain.bad("no"), "no");
        assert_eq!(Paint::Plain.heading("Windows"), "Windows");
    }
}
