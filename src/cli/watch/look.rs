//! How things look: colors of the terminal's own palette, and signs that it can show.
//!
//! No background of our own and none of the 256 colors: whether a terminal is light or dark, its
//! sixteen colors were chosen for it. What never happens here: something that color alone tells.

use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};

use crate::cli::show::beginning;

/// Colors and signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    color: bool,
    pub(super) signs: Signs,
}

/// What is drawn with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Signs {
    /// In front of what is selected.
    pub(super) here: &'static str,
    /// Of a bar: what is left, and what is over.
    pub(super) full: &'static str,
    pub(super) empty: &'static str,
    /// Of the line behind a heading.
    pub(super) rule: &'static str,
    /// At the end of what was cut.
    pub(super) more: &'static str,
}

impl Look {
    /// As the terminal and the person have it.
    pub(super) fn of_terminal() -> Self {
        Self::new(super::super::paint::wanted(), utf8())
    }

    pub(super) const fn new(color: bool, utf8: bool) -> Self {
        let signs = match utf8 {
            true => Signs {
                here: "▸",
                full: "█",
                empty: "░",
                rule: "─",
                more: "…",
            },
            false => Signs {
                here: ">",
                full: "#",
                empty: ".",
                rule: "-",
                more: "~",
            },
        };
        Self { color, signs }
    }

    pub(super) fn good(self) -> Style {
        self.colored(Color::Green)
    }

    pub(super) fn warning(self) -> Style {
        self.colored(Color::Yellow)
    }

    pub(super) fn bad(self) -> Style {
        self.colored(Color::Red)
    }

    /// Keys that can be pressed, and names.
    pub(super) fn name(self) -> Style {
        self.colored(Color::Cyan).add_modifier(Modifier::BOLD)
    }

    pub(super) const fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    pub(super) const fn faint(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    fn colored(self, color: Color) -> Style {
        match self.color {
            true => Style::new().fg(color),
            false => Style::new(),
        }
    }

    /// `text` in at most `width` cells; what was cut is marked.
    pub(super) fn fit(self, text: &str, width: usize) -> String {
        if Span::raw(text).width() <= width {
            return text.to_owned();
        }
        let mut cut = beginning(text, width.saturating_sub(1)).to_owned();
        if width > 0 {
            cut.push_str(self.signs.more);
        }
        cut
    }

    /// `text` in at most `most` lines of that width, as [`wrapped`] has them; what was cut is marked.
    pub(super) fn lines(self, text: &str, width: usize, most: usize) -> Vec<String> {
        let mut lines = wrapped(text, width);
        if lines.len() > most {
            lines.truncate(most);
            if let Some(last) = lines.last_mut() {
                *last = self.fit(&format!("{last} {}", self.signs.more), width);
            }
        }
        lines
    }

    /// The same as [`Self::fit`], and filled up to that width.
    pub(super) fn cell(self, text: &str, width: usize) -> String {
        let mut cell = self.fit(text, width);
        let used = Span::raw(cell.as_str()).width();
        cell.push_str(&" ".repeat(width.saturating_sub(used)));
        cell
    }

    /// How much of `whole` is left, as a bar of `width` cells.
    pub(super) fn bar(self, left: u64, whole: u64, width: usize) -> String {
        let cells = width as u64;
        // Up, so that what is open is never shown as over.
        let full = left.min(whole).saturating_mul(cells).div_ceil(whole.max(1));
        let full = usize::try_from(full).unwrap_or(width).min(width);
        let empty = width - full;
        format!(
            "{}{}",
            self.signs.full.repeat(full),
            self.signs.empty.repeat(empty)
        )
    }

    /// A heading with a line behind it, as wide as `width`.
    pub(super) fn heading(self, text: &str, width: usize) -> Line<'static> {
        let text = self.fit(text, width);
        let rest = width.saturating_sub(Span::raw(text.as_str()).width() + 1);
        Line::from(vec![
            Span::styled(text, self.strong()),
            Span::raw(" "),
            Span::styled(self.signs.rule.repeat(rest), self.faint()),
        ])
    }
}

/// `text` as lines of at most `width` cells, broken between words where there are any.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        for (part, piece) in pieces(word, width).into_iter().enumerate() {
            let line = lines.last().map_or("", String::as_str);
            let used = Span::raw(line).width();
            let fits = used == 0 || used + 1 + Span::raw(piece.as_str()).width() <= width;
            match lines.last_mut().filter(|_| fits && part == 0) {
                Some(line) if line.is_empty() => line.push_str(&piece),
                Some(line) => {
                    line.push(' ');
                    line.push_str(&piece);
                }
                None => lines.push(piece),
            }
        }
    }
    lines
}

/// A word that is too long for a line, as several.
fn pieces(word: &str, width: usize) -> Vec<String> {
    let mut pieces = vec![String::new()];
    for c in word.chars() {
        let full = pieces
            .last()
            .is_some_and(|piece| Span::raw(format!("{piece}{c}")).width() > width);
        if full {
            pieces.push(String::new());
        }
        if let Some(piece) = pieces.last_mut() {
            piece.push(c);
        }
    }
    pieces
}

/// Whether the terminal shows more than ASCII, as its locale says (locale(7)).
fn utf8() -> bool {
    let names = ["LC_ALL", "LC_CTYPE", "LANG"];
    let set = names.iter().filter_map(std::env::var_os);
    let first = set.into_iter().find(|value| !value.is_empty());
    match first {
        Some(locale) => {
            let locale = locale.to_string_lossy().to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        }
        // Where there are no locales, terminals show Unicode.
        None => cfg!(not(unix)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOK: Look = Look::new(true, true);

    #[test]
    fn text_is_cut_to_its_cells_and_marked() {
        assert_eq!(LOOK.fit("linux-root", 10), "linux-root");
        assert_eq!(LOOK.fit("linux-root", 6), "linux…");
        assert_eq!(LOOK.fit("日本語", 5), "日本…");
        assert_eq!(LOOK.fit("日本語", 4), "日…");
        assert_eq!(LOOK.cell("a", 3), "a  ");
        assert_eq!(LOOK.fit("abc", 0), "");
    }

    #[test]
    fn a_bar_is_full_at_the_beginning_and_never_empty_before_the_end() {
        assert_eq!(LOOK.bar(60, 60, 4), "████");
        assert_eq!(LOOK.bar(31, 60, 4), "███░");
        assert_eq!(LOOK.bar(1, 60, 4), "█░░░");
        assert_eq!(LOOK.bar(0, 60, 4), "░░░░");
        assert_eq!(LOOK.bar(9, 0, 2), "░░");
        assert_eq!(Look::new(false, false).bar(1, 2, 4), "##..");
    }

    #[test]
    fn words_are_wrapped_and_those_that_are_too_long_are_broken() {
        assert_eq!(wrapped("add it to the file", 9), ["add it to", "the file"]);
        assert_eq!(
            wrapped("SHA256:abcdef now", 7),
            ["SHA256:", "abcdef", "now"].map(str::to_owned)
        );
        assert_eq!(wrapped("", 5), [""]);
    }

    #[test]
    fn without_color_there_is_none() {
        let look = Look::new(false, true);
        for style in [
            look.good(),
            look.warning(),
            look.bad(),
            look.name(),
            look.faint(),
        ] {
            assert_eq!(style.fg, None);
            assert_eq!(style.bg, None);
        }
        assert_eq!(Look::new(true, true).bad().fg, Some(Color::Red));
    }
}
