//! Where keys are: in the vault, made for a window and certified by it, in files for TLS. Real hosts,
//! real clients.
#![allow(
    missing_docs,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic
)]

#[path = "../support/python.rs"]
mod python;
#[path = "../support/mod.rs"]
mod support;

mod certificates;
mod client_certificates;
mod desk;
mod hosts;
mod readers;
mod traces;
mod vault_keys;

const ACTIVATION: &str = "graph.assignmentScheduleRequests.create";
const INSTANCE: &str = "graph.assignmentScheduleInstances.filterByCurrentUser";
const TOKEN: &str = "entra.token.refresh_token";
const KEY: &str = "vault.key.get";
const SIGN: &str = "vault.key.sign";
