//! What an administrator sets up, and what a user is set up with.
#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used
)]

#[cfg(feature = "emulator")]
mod doctor;
#[cfg(feature = "emulator")]
mod doctor_keys;
mod dry_run;
mod export;
#[cfg(feature = "emulator")]
mod import;
mod include;
#[cfg(feature = "emulator")]
mod init;
#[cfg(all(feature = "emulator", target_os = "linux"))]
mod service;
#[expect(
    dead_code,
    unreachable_pub,
    reason = "it is of the tests of the contracts, and has more than is needed here"
)]
#[path = "../contracts/source.rs"]
mod source;
#[cfg(feature = "emulator")]
mod stale;
#[cfg(feature = "emulator")]
#[path = "../support/mod.rs"]
mod support;
#[cfg(feature = "emulator")]
mod sync;
#[cfg(feature = "emulator")]
mod vault_settings;
