#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]
//! The same bytes go to OpenSSH's agent and to ours, and the same kind of answer has to come back:
//! SUCCESS, FAILURE, the same keys, a signature that verifies. Where ours differs on purpose, it
//! says so in `intended.rs`.

mod intended;
mod material;
mod script;
#[path = "../support/ssh_agent.rs"]
mod ssh_agent;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

use intended::intended;
use material::{KEYS, Material};
use script::{Damage, Request, Step, Target, steps};
use ssh_agent::client::{self, Answer, Client};
use ssh_agent::verify::verify;
use ssh_agent::{STOCK, TestAgent, say, skipped, under_test_is_stock};

const CASES: u32 = 96;

/// An answer, or none where the agent hung up.
pub(crate) type Heard = Option<Answer>;

#[test]
fn it_answers_like_opensshs_agent_except_on_purpose() {
    if !Path::new(STOCK).exists() {
        return skipped("no ssh-agent here; `apt-get install openssh-client` brings it");
    }
    let seed = seed();
    say(&format!(
        "seed {seed}: PIMENTO_SEED={seed} repeats this run"
    ));
    let material = Material::new();
    let seen = RefCell::new(BTreeMap::<String, usize>::new());
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        max_shrink_iters: 300,
        ..Config::default()
    };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_be_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    TestRunner::new_with_rng(config, rng)
        .run(&steps(), |steps| {
            let mut pair = Pair::new(&material);
            for step in &steps {
                let heard = pair.step(step).map_err(TestCaseError::fail)?;
                *seen.borrow_mut().entry(heard).or_default() += 1;
            }
            pair.still_lists_the_same().map_err(TestCaseError::fail)
        })
        .unwrap_or_else(|problem| panic!("seed {seed}: {problem}"));
    // A generator that reaches nothing finds nothing.
    let seen = seen.into_inner();
    for (what, least) in [
        ("Add: Success", 100),
        ("Add: Failure", 100),
        ("Sign: Signature", 5),
        ("Sign: Failure", 100),
        ("List: Identities", 50),
        ("Remove: Success", 3),
        ("Remove: Failure", 3),
        ("Bind: Success", 50),
        ("Lock: Success", 10),
        ("Unlock: Success", 1),
        ("Unlock: Failure", 1),
        ("Unknown: Failure", 10),
        ("Malformed: Failure", 10),
    ] {
        let count = seen.get(what).copied().unwrap_or_default();
        assert!(count >= least, "{what} came {count} times: {seen:#?}");
    }
    let differences: BTreeMap<_, _> = seen
        .iter()
        .filter(|(what, _)| what.contains("intended"))
        .collect();
    assert!(
        !under_test_is_stock() || differences.is_empty(),
        "{differences:#?}"
    );
}

/// OpenSSH's agent takes a lock it cannot read for an attack on itself, and ends. Ours goes on.
#[test]
fn a_lock_that_cannot_be_read_is_refused() {
    if under_test_is_stock() {
        return skipped("OpenSSH's agent ends itself here");
    }
    let agent = TestAgent::start();
    let mut client = agent.client();
    for broken in [
        &[22][..],
        &[22, 0, 0, 0, 9, 1],
        &[23],
        &[23, 255, 255, 255, 255],
    ] {
        assert_eq!(client.ask(broken), Answer::Failure, "{broken:?}");
    }
    assert_eq!(client.ask(&client::list()), Answer::Identities(Vec::new()));
}

/// Whether both refuse a binding: OpenSSH 9.2 forgets that, newer ones do not, and ours does not.
fn failed_binding(request: &Request, stock: &Heard, ours: &Heard) -> bool {
    let binding = match request {
        Request::Bind(_) => true,
        Request::Extension { name, .. } => *name == "session-bind@openssh.com",
        _ => false,
    };
    let refused = *stock == Some(Answer::Failure);
    binding && refused && *ours == Some(Answer::ExtensionFailure)
}

/// Both agents, with two connections to each.
struct Pair<'a> {
    material: &'a Material,
    agents: [TestAgent; 2],
    connections: [[Client; 2]; 2],
    /// Keys that only one of the two has taken, or that are broken: what comes of them differs.
    apart: BTreeSet<Vec<u8>>,
    locked: bool,
}

impl<'a> Pair<'a> {
    fn new(material: &'a Material) -> Self {
        let nobody_to_ask = |command: &mut std::process::Command| {
            command
                .env_remove("WAYLAND_DISPLAY")
                .env("SSH_ASKPASS_REQUIRE", "never");
        };
        let agents = [
            TestAgent::stock_with(nobody_to_ask),
            TestAgent::start_with(nobody_to_ask),
        ];
        let connections = agents
            .each_ref()
            .map(|agent| [agent.client(), agent.client()]);
        let refused = material.keys[KEYS..].iter().map(|key| key.blob.clone());
        Self {
            material,
            connections,
            agents,
            apart: refused.collect(),
            locked: false,
        }
    }

    /// Sends one request to both; says what kind it was and what came of it.
    fn step(&mut self, step: &Step) -> Result<String, String> {
        let sent = step.request.encode(self.material);
        let [stock, ours] = [0, 1].map(|agent| self.ask(agent, step.connection, &sent));
        let kind = format!("{:?}", step.request);
        let kind = kind
            .split(|it: char| !it.is_alphanumeric())
            .next()
            .unwrap_or_default();
        let explained = intended(&step.request, &stock, &ours);
        if self.concerns_what_is_apart(&step.request) {
            self.is_no_lie(&step.request, &ours)?;
            return Ok(format!("{kind}: apart"));
        }
        if self.bound_while_locked(&step.request, &stock, &ours) {
            self.reconnect(step.connection);
            return Ok(format!(
                "{kind}: intended: bound while locked, as OpenSSH 10.5 does"
            ));
        }
        if failed_binding(&step.request, &stock, &ours) {
            self.reconnect(step.connection);
            return Ok(format!(
                "{kind}: intended: a binding that failed is remembered"
            ));
        }
        if let Err(difference) = self.agree(&step.request, &stock, &ours) {
            let Some(name) = explained else {
                return Err(format!("{difference}, for {:?}", step.request));
            };
            self.follow(&step.request);
            if let (Request::Add(add), Some(Answer::Failure)) = (&step.request, &ours) {
                self.apart.insert(add.blob(self.material));
                // OpenSSH's may list it otherwise than it was sent, with its numbers put right.
                let [theirs, mine] =
                    [0, 1].map(|agent| self.agents[agent].client().ask(&client::list()).blobs());
                self.apart
                    .extend(theirs.into_iter().filter(|blob| !mine.contains(blob)));
            }
            return Ok(format!("{kind}: intended: {name}"));
        }
        if stock == Some(Answer::Success) {
            self.follow(&step.request);
        }
        let answer = stock.map_or("hung up".to_owned(), |it| format!("{it:?}"));
        let answer = answer.split('(').next().unwrap_or_default();
        Ok(format!("{kind}: {answer}"))
    }

    fn ask(&mut self, agent: usize, connection: usize, sent: &[u8]) -> Heard {
        let client = &mut self.connections[agent][connection];
        let answer = client.try_ask(sent).ok();
        if answer.is_none() {
            *client = self.agents[agent].client();
        }
        answer
    }

    /// For when the two know different things of a connection.
    fn reconnect(&mut self, connection: usize) {
        for agent in [0, 1] {
            self.connections[agent][connection] = self.agents[agent].client();
        }
    }

    fn bound_while_locked(&self, request: &Request, stock: &Heard, ours: &Heard) -> bool {
        let refused = *stock == Some(Answer::Failure);
        let bound = matches!(ours, Some(Answer::Success | Answer::ExtensionFailure));
        self.locked && matches!(request, Request::Bind(_)) && refused && bound
    }

    fn agree(&self, request: &Request, stock: &Heard, ours: &Heard) -> Result<(), String> {
        match (stock, ours) {
            (Some(Answer::Identities(theirs)), Some(Answer::Identities(mine))) => {
                let (theirs, mine) = (self.comparable(theirs), self.comparable(mine));
                let same = theirs == mine;
                same.then_some(())
                    .ok_or(format!("OpenSSH lists {theirs:x?}, ours {mine:x?}"))
            }
            (Some(Answer::Signature(theirs)), Some(Answer::Signature(mine))) => {
                self.is_no_lie(request, ours)?;
                let algorithm = |signature: &[u8]| client::Fields(signature).string();
                if algorithm(theirs) != algorithm(mine) {
                    return Err("other algorithms".to_owned());
                }
                let ecdsa = algorithm(mine).is_some_and(|it| it.starts_with(b"ecdsa"));
                let same = ecdsa || theirs == mine;
                same.then_some(()).ok_or("other signatures".to_owned())
            }
            (stock, ours) if stock == ours => Ok(()),
            _ => Err(format!("OpenSSH says {stock:x?}, ours {ours:x?}")),
        }
    }

    /// Whatever the other one says: a signature of ours verifies.
    fn is_no_lie(&self, request: &Request, ours: &Heard) -> Result<(), String> {
        match (request, ours) {
            (
                Request::Sign {
                    target, payload, ..
                },
                Some(Answer::Signature(signature)),
            ) => {
                // Nobody verifies DSA any more, and ours makes none.
                if under_test_is_stock() {
                    return Ok(());
                }
                let data = payload.bytes(self.material, *target);
                verify(self.material.verifier(*target), &data, signature).map(drop)
            }
            (_, Some(Answer::Nonsense(bytes))) => Err(format!("nonsense: {bytes:x?}")),
            _ => Ok(()),
        }
    }

    fn comparable(&self, listed: &[(Vec<u8>, Vec<u8>)]) -> Vec<(Vec<u8>, Vec<u8>)> {
        let together = listed.iter().filter(|(blob, _)| !self.apart.contains(blob));
        let mut together: Vec<_> = together.cloned().collect();
        together.sort();
        together
    }

    fn concerns_what_is_apart(&self, request: &Request) -> bool {
        let apart = |target: &Target| self.apart.contains(self.material.blob(*target));
        match request {
            Request::Add(add) => self.apart.contains(&add.blob(self.material)),
            Request::Sign { target, .. } => apart(target),
            Request::Remove(target) => apart(target),
            _ => false,
        }
    }

    /// Keeps account of where the two cannot be compared any more.
    fn follow(&mut self, request: &Request) {
        match request {
            Request::Add(add) => {
                let sound = matches!(add.damage, Damage::None | Damage::CutShort(_))
                    && add.certificate_of.is_none_or(|it| it == add.key);
                if !sound || add.key >= KEYS {
                    self.apart.insert(add.blob(self.material));
                }
            }
            Request::Lock(_) => self.locked = true,
            Request::Unlock(_) => self.locked = false,
            Request::RemoveAll => {
                let refused = self.material.keys[KEYS..].iter();
                self.apart = refused.map(|key| key.blob.clone()).collect();
            }
            _ => {}
        }
    }

    /// Whatever state the sequence left: locked or not, bound or not.
    fn still_lists_the_same(&mut self) -> Result<(), String> {
        for connection in [0, 1] {
            let request = Request::List {
                trailing: Vec::new(),
            };
            self.step(&Step {
                connection,
                request,
            })?;
        }
        Ok(())
    }
}

fn seed() -> u64 {
    match std::env::var("PIMENTO_SEED") {
        Ok(seed) if seed == "random" => u64::from(uuid::Uuid::new_v4().as_fields().0),
        Ok(seed) => seed.parse().unwrap(),
        // The same each time, so that a change is judged and not the dice. PIMENTO_SEED=random is
        // for finding more.
        Err(_) => 9987,
    }
}
