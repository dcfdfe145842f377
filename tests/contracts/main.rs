#![allow(
    missing_docs,
    unreachable_pub,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used
)]
//! Holds the emulator to contracts that nobody in this project wrote: Microsoft's API
//! descriptions, documented examples, recorded conversations and captured errors.
//!
//! What enters: the contract folder (`$PIMENTO_CONTRACTS`, default `../shared/contracts`).
//! What leaves: a pass, or the operation, the member and the rule that was broken.
//! What never happens here: a judgement by the project's own reading of the service.

#[cfg(feature = "emulator")]
#[path = "../support/application.rs"]
mod application;
#[cfg(feature = "emulator")]
mod arm;
#[cfg(feature = "emulator")]
mod classifier;
#[cfg(feature = "emulator")]
mod client;
#[cfg(feature = "emulator")]
mod conversations;
#[cfg(feature = "emulator")]
mod entra;
#[cfg(feature = "emulator")]
mod errors;
mod members;
mod openapi;
mod openapi_tests;
#[cfg(feature = "emulator")]
mod recordings;
mod shape;
mod source;
#[cfg(feature = "emulator")]
mod subject;
#[cfg(feature = "emulator")]
mod switch;
mod template;
#[cfg(feature = "emulator")]
mod tenant;
#[cfg(feature = "emulator")]
mod wire;
