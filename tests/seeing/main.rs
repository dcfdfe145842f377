//! What a person sees: status, the live view, dry runs, refusals, and the record.
#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]
#![cfg(feature = "emulator")]

mod audit;
mod check;
mod live;
mod status;
#[path = "../support/mod.rs"]
mod support;
mod tmux;

use std::process::Output;

use serde_json::Value;
use support::World;

/// Runs the command line on a thread of its own: the agent is in this process.
async fn pimento(world: &World, args: &[&str]) -> Output {
    let mut command = world.pimento(args);
    tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Ends with that code.
#[track_caller]
fn ends(output: &Output, code: i32) {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
}
