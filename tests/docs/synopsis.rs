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

/// The verbs in a help, in their order.
fn verbs(help: &str) -> Vec<String> {
    let Some((_, verbs)) = help.split_once("Commands:\n") else {
        return Vec::new();
    };
    let verbs = verbs.split("\n\n").next().unwrap();
    // A line that goes on is deeper.
    let first = verbs.lines().filter(|line| !line.starts_with("   "));
    let names = first.map(|line| line.trim().split(' ').next().unwrap().to_owned());
    names.filter(|it| it != "help").collect()
}

/// The options in a help, each by the names that it has there.
fn options(help: &str) -> Vec<Vec<String>> {
    let (_, options) = help.split_once("Options:\n").unwrap();
    let lines = options.lines().map(str::trim);
    let lines = lines.filter(|it| it.starts_with('-'));
    lines
        .map(|line| {
            let names = line.split([' ', ',', '=']);
            let names = names.take_while(|it| it.is_empty() || it.starts_with('-'));
            let names = names.filter(|it| !it.is_empty());
            names.map(str::to_owned).collect()
        })
        .collect()
}

#[test]
fn every_option_of_a_verb_is_in_a_row_of_it() {
    let every: BTreeSet<String> = options(&help(&["keys"]).unwrap())
        .concat()
        .into_iter()
        .collect();
    // Their rows say where the rest is.
    let elsewhere = ["init", "demo", "emulator", "ssh-agent"];
    let rows = rows(&Page::text("docs/cli"));
    let mut missing = Vec::new();
    for name in verbs(&help(&[]).unwrap()) {
        let help_of = help(&[&name]).unwrap();
        let below = verbs(&help_of);
        let below = below.iter().map(|it| vec![name.as_str(), it.as_str()]);
        for verb in std::iter::once(vec![name.as_str()]).chain(below) {
            if elsewhere.contains(&verb[0]) {
                continue;
            }
            let own = rows.iter().filter(|row| {
                let words: Vec<&str> = row.split([' ', '/']).collect();
                words[0] == verb[0] && verb.iter().all(|it| words.contains(it))
            });
            let told: BTreeSet<&str> = own
                .flat_map(|row| row.split([' ', '[', ']', '/']))
                .collect();
            let all = options(&help(&verb).unwrap()).into_iter();
            let untold = all.filter(|names| {
                !names
                    .iter()
                    .any(|it| every.contains(it) || told.contains(it.as_str()))
            });
            missing.extend(untold.map(|names| format!("{verb:?} {names:?}")));
        }
    }
    assert!(
        every.contains("--json") && missing.is_empty(),
        "{missing:#?}"
    );
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
    let verbs = verbs(&help);
    let name = |row: &String| row.split(' ').next().unwrap().to_owned();
    let rows = rows(&Page::text("docs/cli"));
    let told: BTreeSet<String> = rows.iter().map(name).collect();
    let missing: Vec<_> = verbs.iter().filter(|it| !told.contains(*it)).collect();
    assert!(
        verbs.len() > 25 && missing.is_empty(),
        "{missing:?} of {verbs:?}"
    );
}
