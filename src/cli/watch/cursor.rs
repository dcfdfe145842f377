//! Which one of a list is meant.

use ratatui::crossterm::event::KeyCode;

/// A place in a list that changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cursor(usize);

impl Cursor {
    pub(super) const fn at(self) -> usize {
        self.0
    }

    /// What a key does in a list of `count`. Gives whether it was one that selects.
    pub(super) fn press(&mut self, key: KeyCode, count: usize) -> bool {
        let last = count.saturating_sub(1);
        self.0 = match key {
            KeyCode::Char('j') | KeyCode::Down => (self.0 + 1).min(last),
            KeyCode::Char('k') | KeyCode::Up => self.0.saturating_sub(1),
            KeyCode::Char('g') | KeyCode::Home => 0,
            KeyCode::Char('G') | KeyCode::End => last,
            _ => return false,
        };
        true
    }

    /// Stays with the same one, wherever it is by now, or a key that was meant for it would do something
    /// to another.
    pub(super) fn follow<T>(&mut self, before: &[T], after: &[T], same: impl Fn(&T, &T) -> bool) {
        let meant = before.get(self.0);
        let found = meant.and_then(|meant| after.iter().position(|it| same(meant, it)));
        self.0 = found.unwrap_or(self.0).min(after.len().saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stay_inside_the_list() {
        let mut cursor = Cursor::default();
        for (key, at) in [('k', 0), ('j', 1), ('j', 2), ('j', 2), ('g', 0), ('G', 2)] {
            assert!(cursor.press(KeyCode::Char(key), 3));
            assert_eq!(cursor.at(), at, "{key}");
        }
        assert!(!cursor.press(KeyCode::Char('o'), 3));
        assert!(cursor.press(KeyCode::End, 0));
        assert_eq!(cursor.at(), 0);
    }

    #[test]
    fn it_follows_what_is_meant_and_stays_where_that_is_gone() {
        let mut cursor = Cursor(1);
        let same = |one: &char, other: &char| one == other;
        cursor.follow(&['a', 'b', 'c'], &['b', 'c'], same);
        assert_eq!(cursor.at(), 0);
        cursor.follow(&['b', 'c'], &['x', 'y', 'b'], same);
        assert_eq!(cursor.at(), 2);
        cursor.follow(&['x', 'y', 'b'], &['x', 'y'], same);
        assert_eq!(cursor.at(), 1);
        cursor.follow(&['x', 'y'], &[], same);
        assert_eq!(cursor.at(), 0);
    }
}
