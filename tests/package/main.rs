//! The package, installed by dpkg on a machine that can be thrown away.
//!
//! It is built here from the programs of this build, which have the emulator in them; with
//! `PIMENTO_DEB=FILE` another is tried, such as the one that is released.
#![cfg(target_os = "linux")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used
)]

#[path = "../support/page.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "the tests of pages read more of them"
)]
mod page;
#[path = "../support/mod.rs"]
mod support;

mod changing;
mod confined;
mod installed;
mod machine;
mod setup;
mod units;
