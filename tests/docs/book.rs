//! The documentation: that it is whole, that its links lead somewhere, and that the command line knows
//! every command in it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every page below `docs`, by its path there.
fn pages() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![root().join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "md") {
                let page = path.strip_prefix(root().join("docs")).unwrap();
                found.insert(page.to_str().unwrap().to_owned());
            }
        }
    }
    found
}

/// The pages, and those at the root.
pub(crate) fn texts() -> Vec<(PathBuf, String)> {
    let docs = pages()
        .into_iter()
        .map(|page| root().join("docs").join(page));
    let others = [
        "README.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "ARCHITECTURE.md",
    ];
    let all = docs.chain(others.map(|name| root().join(name)));
    all.map(|path| (path.clone(), fs::read_to_string(path).unwrap()))
        .collect()
}

/// The targets of links, `[text](target)`.
fn links(text: &str) -> Vec<&str> {
    let targets = text.split("](").skip(1);
    targets.filter_map(|rest| rest.split(')').next()).collect()
}

#[test]
fn the_summary_has_every_page_once() {
    let summary = fs::read_to_string(root().join("docs/SUMMARY.md")).unwrap();
    let listed = links(&summary);
    let mut expected = pages();
    expected.remove("SUMMARY.md");
    assert_eq!(listed.len(), expected.len());
    let listed: BTreeSet<String> = listed.into_iter().map(str::to_owned).collect();
    assert_eq!(listed, expected);
}

#[test]
fn every_folder_of_pages_is_in_each_package() {
    let pages = pages();
    let folders: BTreeSet<&str> = pages
        .iter()
        .filter_map(|it| Some(it.split_once('/')?.0))
        .collect();
    assert_eq!(folders, BTreeSet::from(["decisions", "recipes"]));
    let read = |file: &str| fs::read_to_string(root().join(file)).unwrap();
    let (deb, rpm) = (read("Cargo.toml"), read("packaging/rpm/pimento.spec"));
    let brew = read("packaging/homebrew/pimento.rb");
    for folder in folders {
        let pages = format!("docs/{folder}/*.md");
        assert!(deb.contains(&format!("source = \"{pages}\"")), "{folder}");
        assert!(rpm.contains(&format!("%{{checkout}}/{pages}")), "{folder}");
        assert!(brew.contains(&format!("\"docs/{folder}\"")), "{folder}");
    }
}

/// As GitHub and mdBook make it of a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter_map(|it| match it {
        ' ' | '-' => Some('-'),
        '_' => Some('_'),
        it if it.is_alphanumeric() => Some(it.to_ascii_lowercase()),
        _ => None,
    });
    kept.collect()
}

#[test]
fn every_link_leads_to_a_file_and_a_heading_that_are_there() {
    let mut broken = Vec::new();
    for (page, text) in texts() {
        for link in links(&text).into_iter().filter(|it| !it.contains("://")) {
            let (file, place) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => page.clone(),
                file => page.parent().unwrap().join(file),
            };
            let there = match (target.exists(), place) {
                (false, _) => false,
                (true, "") => true,
                (true, place) => fs::read_to_string(&target)
                    .unwrap()
                    .lines()
                    .filter(|line| line.starts_with('#'))
                    .any(|line| anchor(line.trim_start_matches('#')) == place),
            };
            if !there {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert_eq!(broken, [""; 0]);
}

/// The commands of pimento's in a page: in blocks for a shell, and between backticks.
fn commands(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut fence: Option<String> = None;
    let mut prose = String::new();
    let joined = text.replace("\\\n", " ");
    for line in joined.lines() {
        match (line.trim_start().strip_prefix("```"), &fence) {
            (Some(language), None) => fence = Some(language.to_owned()),
            (Some(_), Some(_)) => fence = None,
            (None, None) => {
                prose.push_str(line);
                prose.push('\n');
            }
            (None, Some(language)) if language.starts_with("sh") => {
                found.extend(line.split(&['|', ';', '&'][..]).map(str::to_owned));
            }
            (None, Some(_)) => {}
        }
    }
    found.extend(
        prose
            .split('`')
            .skip(1)
            .step_by(2)
            .map(|it| it.replace('\n', " ")),
    );
    let found = found.into_iter().map(|it| it.trim().to_owned());
    found.filter(|it| it.starts_with("pimento ")).collect()
}

/// The arguments of a command, as far as a shell would hand them over.
fn arguments(command: &str) -> Option<Vec<String>> {
    // What is not told stands for a value where it is quoted.
    let words = shlex::split(&command.replace("\"…\"", "text"))?;
    let ends = |word: &String| word.starts_with(['|', '>', '&', ';']) || word == "2>&1";
    let words = words.into_iter().skip(1).take_while(|word| !ends(word));
    // What may be left out is no argument, nor is what only says that there are more.
    let said: Vec<String> = words
        .filter(|it| *it != "…" && !it.starts_with('[') && !it.ends_with(']'))
        .collect();
    Some(said)
}

#[test]
fn the_command_line_knows_every_command_of_the_documentation() {
    let mut unknown = Vec::new();
    let mut tried = BTreeSet::new();
    for (page, text) in texts() {
        for command in commands(&text) {
            let Some(arguments) = arguments(&command) else {
                unknown.push(format!("{}: {command}: quotes", page.display()));
                continue;
            };
            // What follows is another program's.
            let own: Vec<String> = arguments.into_iter().take_while(|it| it != "--").collect();
            if own[..] == ["VERB", "--help"] {
                continue;
            }
            if !tried.insert(own.clone()) {
                continue;
            }
            // Help is given where all that stands before it is understood.
            let mut pimento = Command::new(env!("CARGO_BIN_EXE_pimento"));
            let output = pimento.args(&own).arg("--help").output().unwrap();
            if !output.status.success() {
                let why = String::from_utf8_lossy(&output.stderr);
                let why = why.lines().next().unwrap_or_default().to_owned();
                unknown.push(format!("{}: {command}: {why}", page.display()));
            }
        }
    }
    assert!(tried.len() > 60, "{}", tried.len());
    assert_eq!(unknown, [""; 0]);
}

#[test]
fn commands_are_found_in_blocks_and_between_backticks_and_nowhere_else() {
    let text = "a `pimento why` b\n```sh\npimento open x \\\n  --reason y | cat\nls\n```\n\
                ```toml\npimento no\n```\n`other`\n";
    assert_eq!(
        commands(text),
        ["pimento open x    --reason y", "pimento why"]
    );
}
