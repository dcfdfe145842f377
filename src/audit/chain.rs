//! The chain of a record, read line by line: what damage shows, and where.
//!
//! Enters: lines as they are in the file. Leaves: what they say, or the first that does not follow.
//! What never happens here: a record in memory as a whole. A chain cannot tell that its last lines
//! were cut off: whoever cuts a chain leaves one.

use std::io::{self, BufRead, Read};

use serde_json::Value;

use super::{LONGEST_LINE, hash};

/// A chain that holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Whole {
    /// How many lines it has.
    pub lines: u64,
    /// When the first was written.
    pub from: Option<String>,
    /// When the last was written.
    pub to: Option<String>,
    /// SHA-256 of the last line: what a copy elsewhere is compared with.
    pub head: String,
}

/// Where a chain breaks, and how.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} {problem}")]
pub struct Damage {
    /// Its number in the file, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// It has no line break, so it is the last one.
    #[error("is cut off: its end is missing")]
    Cut,
    /// Its `prev` is not the hash of the line before.
    #[error(
        "does not follow the line before it: one of the two was changed, or a line between them \
         removed"
    )]
    Follows,
    /// It is not a JSON object.
    #[error("is not JSON")]
    Json,
    /// It is longer than any that is written.
    #[error("is longer than any that pimento writes")]
    Long,
    /// Its `seq` is not the next number.
    #[error("has the wrong number")]
    Number,
    /// The file cannot be read on.
    #[error("cannot be read: {0}")]
    Unreadable(String),
}

impl Line {
    /// What it says, whether or not it belongs to the chain.
    #[must_use]
    pub fn read(&self) -> Option<Value> {
        match self {
            Self::Whole(bytes) => serde_json::from_slice(bytes).ok(),
            Self::Cut(_) | Self::Long => None,
        }
    }
}

/// Follows a chain.
#[derive(Debug, Default)]
pub struct Chain {
    whole: Whole,
}

/// One line of a file.
pub enum Line {
    /// With its line break, which is left out here.
    Whole(Vec<u8>),
    /// Without one: the last, and not all of it.
    Cut(Vec<u8>),
    /// Longer than any that is written; its rest is skipped.
    Long,
}

impl Chain {
    /// Takes the next line, and gives what it says.
    ///
    /// # Errors
    /// If it does not follow the last one, which it then replaces, so that one may go on.
    pub fn follow(&mut self, line: &Line) -> Result<Value, Damage> {
        let number = self.whole.lines + 1;
        let wrong = |problem| Damage {
            line: number,
            problem,
        };
        let (bytes, cut) = match line {
            Line::Whole(bytes) => (bytes, false),
            Line::Cut(bytes) => (bytes, true),
            Line::Long => {
                self.whole.lines = number;
                self.whole.head.clear();
                return Err(wrong(Problem::Long));
            }
        };
        if cut {
            return Err(wrong(Problem::Cut));
        }
        let before = std::mem::replace(&mut self.whole.head, hash(bytes));
        self.whole.lines = number;
        let fields: Value = serde_json::from_slice(bytes).map_err(|_| wrong(Problem::Json))?;
        let text = |name: &str| fields.get(name).and_then(Value::as_str);
        if text("prev") != Some(&before) {
            return Err(wrong(Problem::Follows));
        }
        if fields.get("seq").and_then(Value::as_u64) != Some(number) {
            return Err(wrong(Problem::Number));
        }
        self.whole.to = text("time").map(str::to_owned);
        if number == 1 {
            self.whole.from.clone_from(&self.whole.to);
        }
        Ok(fields)
    }

    /// What was followed until now.
    #[must_use]
    pub fn whole(self) -> Whole {
        self.whole
    }
}

/// The next line of `file`; `None` at its end. However long it is, little of it is held.
///
/// # Errors
/// If it cannot be read.
pub fn next_line(file: &mut impl BufRead) -> io::Result<Option<Line>> {
    let mut line = Vec::new();
    let read = Read::by_ref(file)
        .take(LONGEST_LINE)
        .read_until(b'\n', &mut line)?;
    if read == 0 {
        return Ok(None);
    }
    if line.pop_if(|last| *last == b'\n').is_some() {
        return Ok(Some(Line::Whole(line)));
    }
    if (read as u64) < LONGEST_LINE {
        return Ok(Some(Line::Cut(line)));
    }
    // The rest, piece by piece.
    loop {
        line.clear();
        let read = Read::by_ref(file)
            .take(LONGEST_LINE)
            .read_until(b'\n', &mut line)?;
        if read == 0 || line.last() == Some(&b'\n') {
            return Ok(Some(Line::Long));
        }
    }
}

/// Checks the chain of a record: every line whole, numbered, and hashed by its successor.
///
/// # Errors
/// The first line that does not fit, and why.
pub fn verify(mut file: impl BufRead) -> Result<Whole, Damage> {
    let mut chain = Chain::default();
    loop {
        let number = chain.whole.lines + 1;
        let line = next_line(&mut file).map_err(|error| Damage {
            line: number,
            problem: Problem::Unreadable(error.to_string()),
        })?;
        match line {
            Some(line) => drop(chain.follow(&line)?),
            None => return Ok(chain.whole()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record of that many lines.
    fn record(lines: u64) -> String {
        let (mut text, mut prev) = (String::new(), String::new());
        for seq in 1..=lines {
            let line =
                format!("{{\"event\":\"e\",\"prev\":{prev:?},\"seq\":{seq},\"time\":\"t{seq}\"}}");
            prev = hash(line.as_bytes());
            text.push_str(&line);
            text.push('\n');
        }
        text
    }

    fn damage(text: &str) -> (u64, Problem) {
        let damage = verify(text.as_bytes()).unwrap_err();
        (damage.line, damage.problem)
    }

    #[test]
    fn a_whole_chain_tells_its_length_times_and_head() {
        let text = record(3);
        let whole = verify(text.as_bytes()).unwrap();
        assert_eq!(whole.lines, 3);
        assert_eq!(
            (whole.from.as_deref(), whole.to.as_deref()),
            (Some("t1"), Some("t3"))
        );
        assert_eq!(whole.head, hash(text.lines().last().unwrap().as_bytes()));
        assert_eq!(verify(&b""[..]).unwrap(), Whole::default());
    }

    #[test]
    fn what_was_changed_removed_or_renumbered_is_found_where_it_shows() {
        let text = record(4);
        let without: String = text
            .lines()
            .enumerate()
            .filter(|(at, _)| *at != 1)
            .fold(String::new(), |text, (_, line)| text + line + "\n");
        assert_eq!(damage(&without), (2, Problem::Follows));
        assert_eq!(damage(&text.replace("t2", "t9")), (3, Problem::Follows));
        assert_eq!(
            damage(&text.replace("\"seq\":1", "\"seq\":7")),
            (1, Problem::Number)
        );
        assert_eq!(damage(&text.replacen('{', "[", 1)), (1, Problem::Json));
    }

    #[test]
    fn a_last_line_that_is_cut_is_told_as_such_and_a_cut_between_lines_cannot_be() {
        let text = record(3);
        let cut = text.trim_end();
        assert_eq!(damage(cut), (3, Problem::Cut));
        assert_eq!(damage(&text[..text.len() - 10]), (3, Problem::Cut));
        let two = text
            .lines()
            .take(2)
            .fold(String::new(), |text, line| text + line + "\n");
        assert_eq!(verify(two.as_bytes()).unwrap().lines, 2);
    }

    #[test]
    fn an_endless_line_is_refused_without_being_held() {
        let endless = Read::take(io::repeat(b'a'), 64 * 1024 * 1024);
        let mut file = io::BufReader::new(endless);
        assert!(matches!(next_line(&mut file).unwrap(), Some(Line::Long)));
        let text = format!("{}\n{}", "a".repeat(100_000), record(1));
        assert_eq!(damage(&text), (1, Problem::Long));
    }
}
