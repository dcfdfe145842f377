#![allow(
    missing_docs,
    unreachable_pub,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]
#![cfg(target_os = "linux")]
//! The recipes of `docs/recipes`, run as they stand there, with the programs they are about: only
//! names and paths are replaced, and every block of every page is used.

#[path = "../support/mod.rs"]
mod support;

mod ansible;
mod backup;
mod docker;
mod git;
mod kitchen;
#[path = "../support/page.rs"]
mod page;
mod systemd;

use page::Page;

#[test]
fn every_page_is_one_that_a_test_runs() {
    let mut pages = Page::all("docs/recipes");
    pages.sort();
    // What run.md says is tested row by row in tests/run_files.rs.
    let run = [
        "README", "ansible", "backup", "docker", "git", "run", "systemd",
    ];
    assert_eq!(pages, run);
}
