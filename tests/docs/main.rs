#![allow(
    missing_docs,
    unreachable_pub,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]
#![cfg(target_os = "linux")]
//! The documentation: that it is whole, and that what it tells to type does what it says. Each block
//! of each page is taken from the page and run, or is on the register of what is not
//! (`register.rs`). What is between backticks is in `inline.rs`. The pages of `docs/recipes` are run
//! by `tests/recipes`.

#[path = "../support/mod.rs"]
mod support;

mod azure;
mod book;
mod custody;
mod inline;
mod operating;
#[expect(dead_code, reason = "it has more for the recipes")]
#[path = "../support/page.rs"]
mod page;
mod passwords;
mod reader;
mod register;
mod start;
mod synopsis;
mod systems;
mod walk;

use std::fs;
use std::path::Path;

use book::texts;
use page::Page;
use register::{LEFT_OUT, OWN, What};
use walk::Walk;

/// The pages that somebody walks through.
const WALKED: [&str; 20] = [
    "ARCHITECTURE",
    "README",
    "docs/audit",
    "docs/azure-conformance",
    "docs/azure-setup",
    "docs/configuration",
    "docs/custody",
    "docs/doctor",
    "docs/emulator",
    "docs/fleet",
    "docs/init",
    "docs/macos",
    "docs/operating",
    "docs/passwords",
    "docs/quick-start",
    "docs/releasing",
    "docs/sign-in",
    "docs/troubleshooting",
    "docs/windows",
    "docs/wsl",
];

#[test]
fn every_page_with_a_block_is_walked_through_by_a_test() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/docs");
    let sources = fs::read_dir(folder).unwrap().map(|it| it.unwrap().path());
    let sources: String = sources.map(|it| fs::read_to_string(it).unwrap()).collect();
    for page in WALKED {
        let walk = format!("let page = Walk::of({page:?});");
        assert!(sources.contains(&walk), "nobody walks through {page}.md");
    }
}

#[test]
fn a_page_that_nobody_walks_through_has_no_block() {
    let mut passed_by = Vec::new();
    for (page, text) in texts() {
        let page = page.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap();
        let page = page.to_str().unwrap().trim_end_matches(".md").to_owned();
        let walked = WALKED.contains(&page.as_str()) || page.starts_with("docs/recipes/");
        if !walked
            && text
                .lines()
                .any(|line| line.trim_start().starts_with("```"))
        {
            passed_by.push(page);
        }
    }
    assert_eq!(passed_by, [""; 0]);
}

#[test]
fn what_is_left_out_is_still_there() {
    for (page, what, why) in &LEFT_OUT {
        let page = Page::at(page);
        let there = match what {
            What::Block(name) => page.names().contains(name),
            What::Line(line) => page
                .names()
                .iter()
                .any(|it| page.block(it, &[]).lines().any(|it| it == *line)),
        };
        assert!(there, "{}.md: {what:?}, {why:?}", page.name);
    }
}

#[test]
fn what_a_reader_replaces_is_in_a_page() {
    for (from, _) in OWN {
        assert!(
            texts().iter().any(|(_, text)| text.contains(from)),
            "{from}"
        );
    }
}

/// Pages of which nothing can be run here.
#[test]
fn pages_of_other_systems_have_nothing_else() {
    let page = Walk::of("ARCHITECTURE");
    drop(page);
    let page = Walk::of("docs/azure-conformance");
    drop(page);
    let page = Walk::of("docs/macos");
    drop(page);
    let page = Walk::of("docs/windows");
    drop(page);
}
