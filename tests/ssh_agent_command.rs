#![allow(
    missing_docs,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]
#![cfg(unix)]
//! `pimento ssh-agent` beyond ssh-agent(1): another agent behind it, and no agent left behind.

#[path = "support/ssh_agent.rs"]
mod ssh_agent;

use ssh_agent::client::{self, Answer};
use ssh_agent::keys::TestKey;
use ssh_agent::{TestAgent, agent_command, eventually};

#[test]
fn a_command_that_cannot_be_run_leaves_no_agent() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("agent");
    let mut command = agent_command();
    command.arg("-a").arg(&socket).arg("/nonexistent/command");
    let ran = command.output().unwrap();
    assert!(!ran.status.success());
    let said = String::from_utf8(ran.stderr).unwrap();
    assert!(said.contains("/nonexistent/command"), "{said}");
    eventually("nobody listens", || {
        std::os::unix::net::UnixStream::connect(&socket).is_err()
    });
}

#[test]
fn another_agent_answers_for_keys_that_this_one_has_not() {
    let behind = TestAgent::stock_with(|_| {});
    let agent = TestAgent::start_with(|command| {
        command
            .arg("-O")
            .arg(format!("upstream={}", behind.socket.display()));
    });
    let (theirs, ours) = (TestKey::new("ed25519", "256"), TestKey::new("ecdsa", "256"));
    assert_eq!(behind.client().ask(&theirs.add("theirs")), Answer::Success);
    let mut client = agent.client();
    assert_eq!(client.ask(&ours.add("ours")), Answer::Success);
    let both = [ours.blob.clone(), theirs.blob.clone()];
    assert_eq!(client.ask(&client::list()).blobs(), both);
    for key in [&ours, &theirs] {
        let signature = client.ask(&client::sign(&key.blob, b"data", 0)).signature();
        ssh_agent::verify::verify(&key.blob, b"data", &signature).unwrap();
    }
    drop(behind);
    assert_eq!(
        client.ask(&client::list()).blobs(),
        std::slice::from_ref(&ours.blob)
    );
    assert_eq!(
        client.ask(&client::sign(&theirs.blob, b"data", 0)),
        Answer::Failure
    );
    client
        .ask(&client::sign(&ours.blob, b"data", 0))
        .signature();
}
