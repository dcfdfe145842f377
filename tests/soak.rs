#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]
//! Many clients for a long time: every answer is right, every signature verifies, and at the end
//! the agent holds no more than it did when it was warm.
//!
//! A million requests: `cargo test --release --test soak -- --ignored`.

#[path = "support/ssh_agent.rs"]
mod ssh_agent;

use std::io::{Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use ssh_agent::client::{self, Answer, Client, constraint, string};
use ssh_agent::footprint::{Footprint, raise_descriptor_limit};
use ssh_agent::keys::{TestKey, add};
use ssh_agent::verify::verify;
use ssh_agent::{TestAgent, say};

const CLIENTS: usize = 200;
/// Of what allocators and threads may keep for next time. A request that leaked 64 bytes would
/// leave 55 MiB after the long run.
const MORE_KIB: usize = 8192;
/// Of the threads that heavy work is done on; they come and go.
const MORE_THREADS: usize = 8;

#[test]
fn twenty_thousand_requests_leave_nothing_behind() {
    soak(8_000, 12_000);
}

#[test]
#[ignore = "takes minutes; `cargo test --release --test soak -- --ignored`"]
fn a_million_requests_leave_nothing_behind() {
    soak(100_000, 900_000);
}

fn soak(warming: usize, requests: usize) {
    raise_descriptor_limit();
    let agent = TestAgent::start();
    let shared = TestKey::all();
    for (number, key) in shared.iter().enumerate() {
        let added = agent.client().ask(&key.add(&format!("shared {number}")));
        assert_eq!(added, Answer::Success);
    }
    let idle = Footprint::of(&agent);
    crowd(&agent, &shared, warming, 1);
    let warm = idle.map(|idle| Footprint::settled(&agent, 0, idle));
    crowd(&agent, &shared, requests, 2);
    let left: Vec<_> = agent.client().ask(&client::list()).blobs();
    assert_eq!(
        left,
        shared
            .iter()
            .map(|key| key.blob.clone())
            .collect::<Vec<_>>()
    );
    let Some((idle, warm)) = idle.zip(warm) else {
        return;
    };
    let end = Footprint::settled(&agent, 0, idle);
    say(&format!("idle {idle:?}\nwarm {warm:?}\nend  {end:?}"));
    assert!(end.descriptors <= warm.descriptors + 2, "{warm:?} {end:?}");
    assert!(
        end.threads <= warm.threads + MORE_THREADS,
        "{warm:?} {end:?}"
    );
    assert!(end.grown_since(warm) <= MORE_KIB, "{warm:?} {end:?}");
}

/// [`CLIENTS`] at once, until all together have made that many requests.
fn crowd(agent: &TestAgent, shared: &[TestKey], requests: usize, round: u64) {
    let left = AtomicUsize::new(requests);
    let verified = AtomicUsize::new(0);
    let hung_up = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for number in 0..CLIENTS as u64 {
            let mut person = Person::new(agent, shared, Dice(round << 32 | (number + 1)));
            let (left, verified, hung_up) = (&left, &verified, &hung_up);
            let thread = std::thread::Builder::new().stack_size(512 * 1024);
            let running = thread.spawn_scoped(scope, move || {
                let take = |left: usize| left.checked_sub(1);
                while left
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
                    .is_ok()
                {
                    person.act();
                }
                person.leave();
                verified.fetch_add(person.verified, Ordering::Relaxed);
                hung_up.fetch_add(person.hung_up, Ordering::Relaxed);
            });
            running.unwrap();
        }
    });
    // Otherwise this has shown nothing.
    assert!(verified.into_inner() > requests / 4);
    assert!(hung_up.into_inner() > requests / 20);
}

/// One client, with a key of its own that nobody else touches.
struct Person<'a> {
    agent: &'a TestAgent,
    shared: &'a [TestKey],
    client: Client,
    fields: Vec<Vec<u8>>,
    blob: Vec<u8>,
    /// Whether the agent has the key.
    there: bool,
    dice: Dice,
    verified: usize,
    hung_up: usize,
}

impl<'a> Person<'a> {
    fn new(agent: &'a TestAgent, shared: &'a [TestKey], mut dice: Dice) -> Self {
        let seed: Vec<u8> = (0..32).map(|_| dice.up_to(256) as u8).collect();
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
        let public = pair.public_key().as_ref().to_vec();
        let algorithm = b"ssh-ed25519".to_vec();
        Self {
            agent,
            shared,
            client: agent.client(),
            blob: [string(&algorithm), string(&public)].concat(),
            fields: vec![algorithm, public.clone(), [seed, public].concat()],
            there: false,
            dice,
            verified: 0,
            hung_up: 0,
        }
    }

    fn act(&mut self) {
        match self.dice.up_to(100) {
            0..10 => self.list(),
            10..35 => self.sign_shared(),
            35..55 => self.sign_own(),
            55..68 => self.add_own(),
            68..78 => self.remove_own(),
            78..83 => self.nonsense(),
            83..92 => self.hang_up_in_a_request(),
            _ => self.hang_up_in_an_answer(),
        }
    }

    fn list(&mut self) {
        let listed = self.client.ask(&client::list()).blobs();
        assert_eq!(listed.contains(&self.blob), self.there);
        for key in self.shared {
            assert!(listed.contains(&key.blob), "{} is gone", key.name);
        }
    }

    fn sign_shared(&mut self) {
        // RSA and the longer curves now and then: they would be all that is measured.
        let which = self.dice.up_to(60);
        let (key, flags) = match which {
            0 => (&self.shared[4], 2),
            1 => (&self.shared[4], 4),
            2 => (&self.shared[3], 0),
            3 => (&self.shared[2], 0),
            4..30 => (&self.shared[1], 0),
            _ => (&self.shared[0], 0),
        };
        let data = self.data();
        let signature = self
            .client
            .ask(&client::sign(&key.blob, &data, flags))
            .signature();
        verify(&key.blob, &data, &signature).unwrap();
        self.verified += 1;
    }

    fn sign_own(&mut self) {
        let data = self.data();
        let answer = self.client.ask(&client::sign(&self.blob, &data, 0));
        if self.there {
            verify(&self.blob, &data, &answer.signature()).unwrap();
            self.verified += 1;
        } else {
            assert_eq!(answer, Answer::Failure);
        }
    }

    fn add_own(&mut self) {
        let constraints = match self.dice.up_to(2) {
            0 => vec![constraint::lifetime(100_000)],
            _ => Vec::new(),
        };
        let added = self.client.ask(&add(&self.fields, b"own", &constraints));
        assert_eq!(added, Answer::Success);
        self.there = true;
    }

    fn remove_own(&mut self) {
        let expected = match self.there {
            true => Answer::Success,
            false => Answer::Failure,
        };
        assert_eq!(self.client.ask(&client::remove(&self.blob)), expected);
        self.there = false;
    }

    fn nonsense(&mut self) {
        let content: Vec<u8> = self.data();
        let broken = [
            [&[200][..], &content].concat(),
            vec![13, 0, 0, 0, 9],
            vec![17],
            add(&self.fields[..2], b"", &[]),
            client::extension("nothing@example.com", &content),
        ];
        let broken = &broken[self.dice.up_to(broken.len())];
        assert_eq!(self.client.ask(broken), Answer::Failure);
    }

    fn hang_up_in_a_request(&mut self) {
        let data = self.data();
        let request = client::framed(&client::sign(&self.shared[0].blob, &data, 0));
        let part = &request[..self.dice.up_to(request.len())];
        self.client.0.write_all(part).unwrap();
        self.connect_again();
    }

    fn hang_up_in_an_answer(&mut self) {
        let data = self.data();
        let request = match self.dice.up_to(2) {
            0 => client::list(),
            _ => client::sign(&self.shared[1].blob, &data, 0),
        };
        self.client.0.write_all(&client::framed(&request)).unwrap();
        let mut some = vec![0; self.dice.up_to(6)];
        self.client.0.read_exact(&mut some).unwrap();
        self.connect_again();
    }

    fn connect_again(&mut self) {
        self.client = self.agent.client();
        self.hung_up += 1;
    }

    fn leave(&mut self) {
        if self.there {
            self.remove_own();
        }
    }

    /// Something to sign; now and then as much as a message can hold.
    fn data(&mut self) -> Vec<u8> {
        let length = match self.dice.up_to(200) {
            0 => self.dice.up_to(250_000),
            _ => self.dice.up_to(600),
        };
        vec![self.dice.up_to(256) as u8; length]
    }
}

/// Numbers that are the same in every run (xorshift64*).
struct Dice(u64);

impl Dice {
    fn up_to(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let mixed = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        mixed as usize % end
    }
}
