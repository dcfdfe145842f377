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

mod book;
#[path = "../support/page.rs"]
mod page;
mod reader;
mod register;
mod start;
mod walk;

use page::Page;
use register::{LEFT_OUT, OWN, What};

