//! What is wrong with a configuration: all of it at once, each with its place and its remedy.

use std::fmt;
use std::path::PathBuf;

use super::document::Place;

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file it is in.
    pub file: PathBuf,
    /// The line, from 1; `None` if it is about the file itself.
    pub line: Option<usize>,
    /// What is wrong. Never holds the value of a field that could be secret.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}\n    {}", self.what, self.remedy)
    }
}

/// Why there is no configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// No file exists.
    #[error(
        "there is no configuration: {} does not exist\n    \
         to set it up for your tenant, run `pimento init`, or write that file \
         (docs/configuration.md)",
        .0.display()
    )]
    Absent(PathBuf),
    /// The files have these mistakes.
    #[error("{}", listed(.0))]
    Invalid(Vec<Problem>),
}

fn listed(problems: &[Problem]) -> String {
    let mut text = match problems.len() {
        1 => "the configuration has a mistake".to_owned(),
        n => format!("the configuration has {n} mistakes"),
    };
    for problem in problems {
        text.push_str(&format!("\n{problem}"));
    }
    text
}

/// Mistakes and warnings, as they are found.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<Problem>,
}

impl Findings {
    pub(super) fn wrong(
        &mut self,
        place: Place<'_>,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.problems.push(problem(place, what, remedy));
    }

    pub(super) fn odd(
        &mut self,
        place: Place<'_>,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.warnings.push(problem(place, what, remedy));
    }
}

fn problem(place: Place<'_>, what: impl Into<String>, remedy: impl Into<String>) -> Problem {
    Problem {
        file: place.document.path.clone(),
        line: Some(place.line()),
        what: what.into(),
        remedy: remedy.into(),
    }
}
