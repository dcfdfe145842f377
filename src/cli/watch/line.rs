//! One line that a person types.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::inert::steers;

/// What was typed until now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Input {
    text: Vec<char>,
    /// Where the next character goes.
    at: usize,
}

impl Input {
    /// One that begins with a proposal, which can be taken or changed.
    pub(super) fn proposing(text: &str) -> Self {
        let mut input = Self::default();
        text.chars().for_each(|c| input.take(c));
        input
    }

    /// Takes what was pasted: as one line, and without what steers.
    pub(super) fn paste(&mut self, text: &str) {
        for c in text.trim_end().chars() {
            self.take(if c.is_whitespace() { ' ' } else { c });
        }
    }

    fn take(&mut self, c: char) {
        if self.text.len() < LONGEST && !steers(c) {
            self.text.insert(self.at.min(self.text.len()), c);
            self.at += 1;
        }
    }

    pub(super) fn text(&self) -> String {
        self.text.iter().collect()
    }

    /// What stands before the cursor, and behind it.
    pub(super) fn parts(&self) -> (String, String) {
        let (before, behind) = self.text.split_at(self.at.min(self.text.len()));
        (before.iter().collect(), behind.iter().collect())
    }

    /// What a key does; the usual ones of a shell.
    pub(super) fn press(&mut self, key: KeyEvent) {
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            match key.code {
                KeyCode::Char('a') => self.at = 0,
                KeyCode::Char('e') => self.at = self.text.len(),
                KeyCode::Char('k') => self.text.truncate(self.at),
                KeyCode::Char('u') => {
                    self.text.drain(..self.at.min(self.text.len()));
                    self.at = 0;
                }
                KeyCode::Char('w') => self.drop_word(),
                _ => {}
            }
            return;
        }
        match key.code {
            KeyCode::Char(c) => self.take(c),
            KeyCode::Backspace if self.at > 0 => {
                self.at -= 1;
                self.text.remove(self.at);
            }
            KeyCode::Delete if self.at < self.text.len() => {
                self.text.remove(self.at);
            }
            KeyCode::Left => self.at = self.at.saturating_sub(1),
            KeyCode::Right => self.at = (self.at + 1).min(self.text.len()),
            KeyCode::Home => self.at = 0,
            KeyCode::End => self.at = self.text.len(),
            _ => {}
        }
    }

    fn drop_word(&mut self) {
        let before = self.text.get(..self.at).unwrap_or_default();
        let end = before
            .iter()
            .rposition(|c| !c.is_whitespace())
            .map_or(0, |at| at + 1);
        let word = before.get(..end).unwrap_or_default();
        let start = word
            .iter()
            .rposition(|c| c.is_whitespace())
            .map_or(0, |at| at + 1);
        self.text.drain(start..self.at);
        self.at = start;
    }
}

/// PIM keeps no more of a justification.
const LONGEST: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(input: &mut Input, keys: &[KeyCode]) {
        for key in keys {
            input.press(KeyEvent::new(*key, KeyModifiers::NONE));
        }
    }

    fn control(input: &mut Input, key: char) {
        input.press(KeyEvent::new(KeyCode::Char(key), KeyModifiers::CONTROL));
    }

    #[test]
    fn a_proposal_can_be_taken_changed_and_thrown_away() {
        let mut input = Input::proposing("INC-1 a\nb");
        assert_eq!(input.text(), "INC-1 ab");
        control(&mut input, 'w');
        assert_eq!(input.text(), "INC-1 ");
        typed(
            &mut input,
            &[KeyCode::Char('ö'), KeyCode::Left, KeyCode::Char('x')],
        );
        assert_eq!(input.parts(), ("INC-1 x".to_owned(), "ö".to_owned()));
        control(&mut input, 'u');
        assert_eq!(input.text(), "ö");
        typed(
            &mut input,
            &[KeyCode::Delete, KeyCode::Delete, KeyCode::Backspace],
        );
        assert_eq!(input, Input::default());
    }

    #[test]
    fn what_is_pasted_is_one_line_that_steers_nothing() {
        let mut input = Input::proposing("INC-1 ");
        input.paste("the disk\r\nis\u{1b}[2J\u{202e} full\r");
        assert_eq!(input.text(), "INC-1 the disk  is[2J full");
        input.paste(&"a".repeat(LONGEST));
        assert_eq!(input.text().len(), LONGEST);
    }

    #[test]
    fn no_line_is_endless() {
        let mut input = Input::default();
        typed(&mut input, &[KeyCode::Char('a'); LONGEST + 9]);
        assert_eq!(input.text().len(), LONGEST);
    }
}
