#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]
//! Clients that only sit there, or send and read as slowly as they can: whoever works is served,
//! and the agent's memory is not theirs to fill.

#[path = "support/ssh_agent.rs"]
mod ssh_agent;

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use ssh_agent::client::{self, Answer, Client, LONGEST};
use ssh_agent::footprint::{Footprint, raise_descriptor_limit};
use ssh_agent::keys::TestKey;
use ssh_agent::verify::verify;
use ssh_agent::{TestAgent, say, skipped, under_test_is_stock};

/// How long a working client may have to wait, whoever else is there. Two cores that test many
/// things at once are slow; an agent that waits for one of the others never answers.
const PATIENCE: Duration = Duration::from_secs(5);

/// An agent with one key, and somebody who works with it.
struct Office {
    agent: TestAgent,
    key: TestKey,
    worker: Client,
}

impl Office {
    fn open() -> Self {
        let agent = TestAgent::start();
        let key = TestKey::new("ed25519", "256");
        let mut worker = agent.client();
        assert_eq!(worker.ask(&key.add("key")), Answer::Success);
        Self { agent, key, worker }
    }

    /// The worker, and somebody who comes now, are answered in time.
    #[track_caller]
    fn works(&mut self) {
        let mut newcomer = self.agent.client();
        for client in [&mut self.worker, &mut newcomer] {
            let began = Instant::now();
            assert_eq!(
                client.ask(&client::list()).blobs(),
                std::slice::from_ref(&self.key.blob)
            );
            let signature = client
                .ask(&client::sign(&self.key.blob, b"data", 0))
                .signature();
            verify(&self.key.blob, b"data", &signature).unwrap();
            assert!(began.elapsed() < PATIENCE, "after {:?}", began.elapsed());
        }
    }

    /// A request of many pages is answered, too.
    #[track_caller]
    fn works_with_long_requests(&mut self) {
        let data = vec![3; 100_000];
        let began = Instant::now();
        let signature = self
            .worker
            .ask(&client::sign(&self.key.blob, &data, 0))
            .signature();
        verify(&self.key.blob, &data, &signature).unwrap();
        assert!(
            began.elapsed() < 4 * PATIENCE,
            "after {:?}",
            began.elapsed()
        );
    }

    fn connect(&self) -> UnixStream {
        UnixStream::connect(&self.agent.socket).unwrap()
    }

    /// Fails if the agent's own memory has grown by more than this.
    #[track_caller]
    fn has_grown_by_at_most(&self, before: Option<Footprint>, kib: usize) {
        if let Some((before, now)) = before.zip(Footprint::of(&self.agent)) {
            let grown = now.grown_since(before);
            say(&format!(
                "grown by {grown} KiB, {kib} are allowed: {before:?} {now:?}"
            ));
            assert!(grown <= kib, "{before:?} {now:?}");
        }
    }
}

/// As many as asked for, or as the system lets one process have, agent and test each.
fn clients(wanted: usize) -> usize {
    let most = raise_descriptor_limit().saturating_sub(200);
    if most < wanted {
        skipped(&format!(
            "{} of {wanted} clients: the limit of descriptors is low",
            wanted - most
        ));
    }
    wanted.min(most)
}

#[test]
fn three_thousand_idle_clients_keep_nobody_out() {
    let count = clients(3000);
    let mut office = Office::open();
    let before = Footprint::of(&office.agent);
    let mut idle = Vec::new();
    for number in 0..count {
        idle.push(office.connect());
        if number % 500 == 0 {
            office.works();
        }
    }
    office.works();
    office.works_with_long_requests();
    office.has_grown_by_at_most(before, count * 12);
    drop(idle);
    office.works();
    if let Some(before) = before {
        let after = Footprint::settled(&office.agent, 0, before);
        assert_eq!(after.descriptors, before.descriptors);
    }
}

#[test]
fn clients_that_begin_a_message_and_stop_keep_nobody_out() {
    let count = clients(1500);
    let mut office = Office::open();
    let before = Footprint::of(&office.agent);
    let mut slow = Vec::new();
    // Nothing but a part of the length; a length and no message; a message that lacks its end.
    for begun in [&[0][..], &[0, 0, 0], &[0, 0, 0, 5], &[0, 0, 0, 5, 13, 0]] {
        for _ in 0..count / 4 {
            let mut stream = office.connect();
            stream.write_all(begun).unwrap();
            slow.push(stream);
        }
        office.works();
    }
    office.has_grown_by_at_most(before, count * 12);
}

#[test]
fn clients_that_announce_much_and_send_it_byte_by_byte_keep_nobody_out() {
    let count = clients(300);
    let mut office = Office::open();
    let before = Footprint::of(&office.agent);
    let announced = u32::try_from(LONGEST).unwrap().to_be_bytes();
    let mut slow: Vec<_> = (0..count).map(|_| office.connect()).collect();
    for stream in &mut slow {
        stream.write_all(&announced).unwrap();
    }
    for byte in [13].into_iter().chain([0; 20]) {
        for stream in &mut slow {
            // An agent may lose its patience with such a client.
            let _hung_up = stream.write_all(&[byte]);
        }
        office.works();
    }
    // What was announced is not what is reserved: that were 75 MiB.
    office.has_grown_by_at_most(before, count * 24);
    office.works_with_long_requests();
}

#[test]
fn messages_that_are_long_and_never_end_do_not_fill_the_memory() {
    let count = clients(300);
    let mut office = Office::open();
    let before = Footprint::of(&office.agent);
    let announced = u32::try_from(LONGEST).unwrap().to_be_bytes();
    let almost = [&announced[..], &vec![13; LONGEST - 1]].concat();
    let mut slow = Vec::new();
    for _ in 0..count {
        let mut stream = office.connect();
        stream.set_nonblocking(true).unwrap();
        // As much as the agent takes; what it leaves is the kernel's.
        let mut at = 0;
        while let Ok(written) = stream.write(&almost[at..]) {
            at += written;
            if at == almost.len() {
                break;
            }
        }
        slow.push(stream);
    }
    office.works();
    if under_test_is_stock() {
        return skipped("OpenSSH's agent keeps it all");
    }
    office.has_grown_by_at_most(before, 32 * 1024);
}

#[test]
fn a_client_that_asks_and_never_reads_does_not_fill_the_memory() {
    let mut office = Office::open();
    let data = vec![0; 200];
    for number in 0..200 {
        // A long list, to be asked for often.
        let comment = format!("{number}{}", "x".repeat(2000));
        let _replaced = office.worker.ask(&office.key.add(&comment));
    }
    let before = Footprint::of(&office.agent);
    let request = [
        client::framed(&client::list()),
        client::framed(&client::sign(&office.key.blob, &data, 0)),
    ];
    let requests = request.concat().repeat(200);
    let mut greedy = Vec::new();
    for _ in 0..50 {
        let mut stream = office.connect();
        stream.set_nonblocking(true).unwrap();
        let mut sent = 0;
        let began = Instant::now();
        while sent < 4 << 20 && began.elapsed() < Duration::from_millis(200) {
            match stream.write(&requests) {
                Ok(written) => sent += written,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => std::thread::yield_now(),
                Err(_) => break,
            }
        }
        greedy.push(stream);
    }
    office.works();
    office.has_grown_by_at_most(before, 50 * 128);
}

#[test]
fn lengths_that_cannot_be_are_hung_up_on() {
    let mut office = Office::open();
    for length in [
        0,
        u32::try_from(LONGEST).unwrap() + 1,
        0x7fff_ffff,
        0x8000_0000,
        u32::MAX,
    ] {
        let mut client = office.agent.client();
        assert_eq!(client.ask(&client::list()).blobs().len(), 1);
        client.0.write_all(&length.to_be_bytes()).unwrap();
        // So that an agent that takes it for a message has one.
        let _hung_up = client.0.write_all(&client::framed(&client::list()));
        assert!(client.is_hung_up_on(), "{length}");
        office.works();
    }
}

#[test]
fn the_longest_message_is_answered() {
    let office = Office::open();
    let mut client = office.agent.client();
    let unknown = vec![200; LONGEST];
    assert_eq!(client.ask(&unknown), Answer::Failure);
    let overhead = client::sign(&office.key.blob, b"", 0).len();
    let data = vec![1; LONGEST - overhead];
    let signature = client
        .ask(&client::sign(&office.key.blob, &data, 0))
        .signature();
    verify(&office.key.blob, &data, &signature).unwrap();
}

#[test]
fn a_message_may_come_in_any_pieces() {
    let office = Office::open();
    let mut client = office.agent.client();
    let request = client::framed(&client::sign(&office.key.blob, b"data", 0));
    for byte in &request {
        client.0.write_all(&[*byte]).unwrap();
    }
    let signature = client.answer().unwrap().signature();
    verify(&office.key.blob, b"data", &signature).unwrap();
    // Several in one piece are answered in order.
    let two = [
        request,
        client::framed(&client::list()),
        client::framed(&[200]),
    ]
    .concat();
    client.0.write_all(&two).unwrap();
    client.answer().unwrap().signature();
    assert_eq!(client.answer().unwrap().blobs().len(), 1);
    assert_eq!(client.answer().unwrap(), Answer::Failure);
    // What is behind the last answer is nothing.
    client.0.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(client.0.read(&mut [0]).unwrap(), 0);
}
