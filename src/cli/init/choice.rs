//! Asks the person at the terminal to choose.

use std::fs::File;

use crate::cli::Failure;
use crate::cli::output::Output;
use crate::cli::person::{ask, terminal};
use crate::refusal::ExitCode;

/// Whoever is at the terminal, if anybody is.
pub(super) struct Person {
    terminal: Option<File>,
}

impl Person {
    pub(super) fn new(output: &Output) -> Self {
        Self {
            terminal: (!output.is_json()).then(terminal).flatten(),
        }
    }

    /// Asks for one line; where nobody sits, `what` is missing, and `advice` says how to give it.
    pub(super) fn line(&self, question: &str, what: &str, advice: &str) -> Result<String, Failure> {
        let missing = || {
            let message = format!("{what} is not said, and there is no terminal to ask on");
            Failure::new("usage", ExitCode::Usage, message, advice)
        };
        let terminal = self.terminal.as_ref().ok_or_else(missing)?;
        match ask(terminal, question)? {
            answer if answer.is_empty() => Err(Failure::new(
                "usage",
                ExitCode::Usage,
                format!("{what} is not said"),
                advice,
            )),
            answer => Ok(answer),
        }
    }

    /// Asks which of `lines` are wanted, all unless some are named.
    pub(super) fn choose(
        &self,
        what: &str,
        lines: &[String],
        advice: &str,
    ) -> Result<Vec<usize>, Failure> {
        let Some(terminal) = &self.terminal else {
            let message = format!(
                "which {what} is not said, and there is no terminal to ask on; there are:\n{}",
                lines.join("\n")
            );
            return Err(Failure::new("usage", ExitCode::Usage, message, advice));
        };
        let list = lines.iter().enumerate();
        let list: Vec<String> = list
            .map(|(at, line)| format!("{:>3}  {line}\n", at + 1))
            .collect();
        let mut question = format!(
            "{}Which {what}? (such as 1 3-5; none for none) [all] ",
            list.concat()
        );
        loop {
            match parse(&ask(terminal, &question)?, lines.len()) {
                Some(chosen) => return Ok(chosen),
                None => question = format!("Numbers from 1 to {}, please: ", lines.len()),
            }
        }
    }
}

/// The places that an answer names, each once and in order; `None` if it is no answer.
fn parse(answer: &str, count: usize) -> Option<Vec<usize>> {
    match answer.trim() {
        "" | "all" => return Some((0..count).collect()),
        "none" => return Some(Vec::new()),
        _ => {}
    }
    let mut chosen = Vec::new();
    for part in answer.split([' ', ',']).filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        if first == 0 || last < first || last > count {
            return None;
        }
        chosen.extend(first - 1..last);
    }
    chosen.sort_unstable();
    chosen.dedup();
    (!chosen.is_empty()).then_some(chosen)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_and_ranges_choose_and_nothing_said_is_all() {
        assert_eq!(parse("", 3), Some(vec![0, 1, 2]));
        assert_eq!(parse("all", 2), Some(vec![0, 1]));
        assert_eq!(parse("none", 2), Some(Vec::new()));
        assert_eq!(parse("3, 1", 3), Some(vec![0, 2]));
        assert_eq!(parse("1-2 2", 3), Some(vec![0, 1]));
    }

    #[test]
    fn what_is_not_there_cannot_be_chosen() {
        for answer in ["0", "4", "2-1", "1-9", "x", "-", "1-", ","] {
            assert_eq!(parse(answer, 3), None, "{answer:?}");
        }
    }

    proptest! {
        #[test]
        fn no_answer_leads_out_of_the_list(answer in ".{0,20}", count in 0_usize..9) {
            if let Some(chosen) = parse(&answer, count) {
                prop_assert!(chosen.iter().all(|at| *at < count));
            }
        }
    }
}
