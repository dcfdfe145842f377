//! docs/cli.md: that its rows are the verbs and options that there are.

use std::collections::BTreeSet;
use std::process::Command;

use crate::page::{Page, spans};
use crate::support::home::{Home, text};

/// The help of a verb, or of `pimento` itself.
fn help(verb: &[&str]) -> Option<String> {
    let mut pimento = Command::new(env!("CARGO_BIN_EXE_pimento"));
    let output = pimento.args(verb).arg("--help").output().unwrap();
    output.status.success().then(|| text(&output.stdout))
}

/// The first cells of the table of verbs, and what they consist of.
fn rows(page: &str) -> Vec<String> {
    let table = page.split("\n## ").next().unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    let cells = rows.map(|row| {
        row.replace("\\|", "/")
            .split('|')
            .nth(1)
            .unwrap()
            .to_owned()
    });
    cells.flat_map(|cell| spans(&cell)).collect()
}

/// A verb, with the verb below it if there is one.
fn verb(row: &str) -> Vec<&str> {
    let words: Vec<&str> = row.split([' ', '/']).take(2).collect();
    match words.as_slice() {
        [verb, below] if help(&[verb]).is_some_and(|it| it.contains(&format!("\n  {below} "))) => {
            words
        }
        [verb, ..] => vec![verb],
        [] => Vec::new(),
    }
}

#[test]
fn the_rows_of_the_command_line_have_verbs_and_options_that_there_are() {
    let rows = rows(&Page::text("docs/cli"));
    assert!(rows.len() > 40, "{rows:?}");
    for row in &rows {
        let verb = verb(row);
        let help = help(&verb).unwrap_or_else(|| panic!("{row}: {verb:?}"));
        let words = row.split(|it: char| !it.is_ascii_alphanumeric() && it != '-');
        for option in words.filter(|it| it.starts_with('-') && it.len() > 1 && *it != "--") {
            let known = |it: &str| {
                help.split([' ', ',', '\n', '[', ']', '=', '`'])
                    .any(|word| word == it)
            };
            assert!(known(option), "{row}: {option} is none of {verb:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whose_reader_has_gone_ends_as_by_a_broken_pipe() {
    let home = Home::new().await;
    let _agent = home.agent();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut keys = home.pimento(&["keys"]);
    let ended = keys.stdout(writer).output().unwrap();
    let code = ended.status.code().unwrap();
    assert_eq!((code, text(&ended.stderr).as_str()), (141, ""));
    let page = Page::text("docs/cli");
    assert!(page.contains(&format!("\n| {code} | whoever read the result has gone")));
}

#[test]
fn every_verb_has_a_row() {
    let help = help(&[]).unwrap();
    let (_, verbs) = help.split_once("Commands:\n").unwrap();
    let (verbs, _) = verbs.split_once("\n\n").unwrap();
    let name = |line: &str| line.trim().split(' ').next().unwrap().to_owned();
    // A line that goes on is deeper.
    let first = verbs.lines().filter(|line| !line.starts_with("   "));
    let verbs: BTreeSet<String> = first.map(name).collect();
    let rows = rows(&Page::text("docs/cli"));
    let told: BTreeSet<String> = rows.iter().map(|row| name(row)).collect();
    let missing: Vec<_> = verbs.difference(&told).filter(|it| *it != "help").collect();
    assert!(
        verbs.len() > 25 && missing.is_empty(),
        "{missing:?} of {verbs:?}"
    );
}
