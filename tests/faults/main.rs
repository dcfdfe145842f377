//! What goes wrong between here and the cloud, and what becomes of it.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used
)]

#[path = "../support/mod.rs"]
mod support;

#[path = "../contracts/source.rs"]
mod source;

mod approvals;
mod besides;
mod errors;
mod extend;
mod matrix;
mod outage;
mod stage;
mod trips;
mod verdicts;
