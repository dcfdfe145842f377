//! Every call of a cold start × everything that can go wrong with it, once and for good.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jiff::SignedDuration;
use pimento::emulator::Scenario;
use pimento::emulator::scenario::Fault;
use tokio::net::TcpListener;

use crate::stage::Stage;
use crate::support::until;

/// A call of a cold start.
#[derive(Clone, Copy)]
struct Call {
    name: &'static str,
    operation: &'static str,
    host: &'static str,
    kind: Kind,
    /// What brings it about.
    scenario: fn(&mut Scenario),
    /// Whether the sign-in's own token for Graph has to be gone.
    later: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Post,
    Read,
}

const ENTRA: &str = "login.microsoftonline.com";
const GRAPH: &str = "graph.microsoft.com";
const VAULT: &str = "kv-linux.vault.azure.net";
const CREATE: &str = "graph.assignmentScheduleRequests.create";

const CALLS: [Call; 8] = [
    Call {
        name: "token for Graph",
        operation: "entra.token.refresh_token",
        host: ENTRA,
        kind: Kind::Read,
        scenario: |_| {},
        later: true,
    },
    Call {
        name: "activation",
        operation: CREATE,
        host: GRAPH,
        kind: Kind::Post,
        scenario: |_| {},
        later: false,
    },
    Call {
        name: "poll of the request",
        operation: "graph.assignmentScheduleRequests.get",
        host: GRAPH,
        kind: Kind::Read,
        scenario: |world| world.delays.provisioning = SignedDuration::from_secs(2),
        later: false,
    },
    Call {
        name: "active assignments",
        operation: "graph.assignmentScheduleInstances.filterByCurrentUser",
        host: GRAPH,
        kind: Kind::Read,
        scenario: |_| {},
        later: false,
    },
    Call {
        name: "policy",
        operation: "graph.roleManagementPolicyAssignments",
        host: GRAPH,
        kind: Kind::Read,
        // It is read where PIM refuses the hour that is asked for.
        scenario: |world| {
            world.groups[0].policy.maximum_duration = SignedDuration::from_mins(30);
        },
        later: false,
    },
    Call {
        name: "pending requests",
        operation: "graph.assignmentScheduleRequests.filterByCurrentUser",
        host: GRAPH,
        kind: Kind::Read,
        // They are looked through where the answer to an activation is lost.
        scenario: |world| {
            world.faults.push(Fault {
                operation: CREATE.to_owned(),
                times: Some(1),
                hang_up: true,
                ..Fault::default()
            });
        },
        later: false,
    },
    Call {
        name: "token for the vault",
        operation: "entra.token.refresh_token",
        host: ENTRA,
        kind: Kind::Read,
        scenario: |_| {},
        later: false,
    },
    Call {
        name: "secret",
        operation: "vault.secret.get",
        host: VAULT,
        kind: Kind::Read,
        scenario: |_| {},
        later: false,
    },
];

/// What goes wrong, and what becomes of it: `ok`, or the code of the refusal.
pub struct Wrong {
    pub name: &'static str,
    pub fault: fn(&mut Fault, SocketAddr),
    /// For what is read: if it happens once, and if it goes on.
    pub read: [&'static str; 2],
    /// For the activation.
    post: [&'static str; 2],
    /// For the verdict of an approver.
    pub verdict: [&'static str; 2],
}

pub static WRONG: [Wrong; 13] = [
    // First: a connection that is kept would need no certificate.
    Wrong {
        name: "a certificate of another name",
        fault: |_, _| {},
        read: ["unreachable", "unreachable"],
        post: ["unreachable", "unreachable"],
        verdict: ["unreachable", "unreachable"],
    },
    Wrong {
        name: "429 with Retry-After",
        fault: |fault, _| {
            fault.status = Some(429);
            fault.retry_after = Some("1".to_owned());
        },
        read: ["ok", "throttled"],
        post: ["ok", "throttled"],
        verdict: ["ok", "throttled"],
    },
    Wrong {
        name: "429 with a long Retry-After",
        fault: |fault, _| {
            fault.status = Some(429);
            fault.retry_after = Some("600".to_owned());
        },
        read: ["throttled", "throttled"],
        post: ["throttled", "throttled"],
        verdict: ["throttled", "throttled"],
    },
    Wrong {
        name: "500",
        fault: |fault, _| fault.status = Some(500),
        read: ["ok", "cloud"],
        // It does not say whether the activation was taken.
        post: ["cloud", "cloud"],
        verdict: ["cloud", "cloud"],
    },
    Wrong {
        name: "503",
        fault: |fault, _| fault.status = Some(503),
        read: ["ok", "cloud"],
        post: ["ok", "cloud"],
        verdict: ["ok", "cloud"],
    },
    Wrong {
        name: "no answer",
        fault: |fault, _| fault.delay = SignedDuration::from_hours(1),
        read: ["ok", "unreachable"],
        post: ["unreachable", "unreachable"],
        verdict: ["unreachable", "unreachable"],
    },
    Wrong {
        name: "reset before the answer",
        fault: |fault, _| fault.hang_up = true,
        read: ["ok", "unreachable"],
        // It was taken, and is found.
        post: ["ok", "ok"],
        verdict: ["ok", "ok"],
    },
    Wrong {
        name: "reset in the middle of the answer",
        fault: |fault, _| fault.reset = true,
        read: ["ok", "unreachable"],
        post: ["ok", "ok"],
        verdict: ["ok", "ok"],
    },
    Wrong {
        name: "half of the JSON",
        fault: |fault, _| fault.half = true,
        read: ["ok", "unreachable"],
        post: ["ok", "ok"],
        verdict: ["ok", "ok"],
    },
    Wrong {
        name: "the right JSON as text/plain",
        fault: |fault, _| {
            let plain = ("Content-Type".to_owned(), "text/plain".to_owned());
            fault.headers = BTreeMap::from([plain]);
        },
        read: ["ok", "ok"],
        post: ["ok", "ok"],
        verdict: ["ok", "ok"],
    },
    Wrong {
        name: "a page instead",
        fault: |fault, _| {
            let html = ("Content-Type".to_owned(), "text/html".to_owned());
            fault.headers = BTreeMap::from([html]);
            fault.body = Some("<html>Welcome to our network</html>".to_owned());
        },
        read: ["ok", "unreachable"],
        post: ["unreachable", "unreachable"],
        verdict: ["unreachable", "unreachable"],
    },
    Wrong {
        name: "200 with an error",
        fault: |fault, _| {
            let body = r#"{"error":{"code":"InternalError","message":"Try later."}}"#;
            fault.body = Some(body.to_owned());
        },
        read: ["ok", "unreachable"],
        post: ["unreachable", "unreachable"],
        verdict: ["unreachable", "unreachable"],
    },
    Wrong {
        name: "redirect to another host",
        fault: |fault, canary| {
            fault.status = Some(307);
            let elsewhere = format!("https://{canary}/secrets/db01-root");
            fault.headers = BTreeMap::from([("Location".to_owned(), elsewhere)]);
        },
        read: ["cloud", "cloud"],
        post: ["cloud", "cloud"],
        verdict: ["cloud", "cloud"],
    },
];

/// A server where nothing may arrive.
pub struct Canary {
    pub address: SocketAddr,
    pub visitors: Arc<AtomicUsize>,
}

impl Canary {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let visitors = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&visitors);
        tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                counted.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self { address, visitors }
    }
}

/// One fault of one call.
struct Cell {
    call: Call,
    wrong: &'static Wrong,
    lasts: bool,
}

impl Cell {
    fn is_misnamed(&self) -> bool {
        self.wrong.name == "a certificate of another name"
    }

    /// Has the fault happen the next time.
    fn arm(&self, stage: &Stage, canary: SocketAddr) {
        stage.emulator.change(|world| {
            (self.call.scenario)(&mut world.scenario);
            if self.is_misnamed() {
                world.scenario.misnamed.push(self.call.host.to_owned());
                return;
            }
            let mut fault = Fault {
                operation: self.call.operation.to_owned(),
                times: (!self.lasts).then_some(1),
                ..Fault::default()
            };
            (self.wrong.fault)(&mut fault, canary);
            world.fault(fault);
        });
    }

    /// What is wrong with what became of it; empty if nothing is.
    async fn run(&self, stage: &Stage, canary: SocketAddr) -> Vec<String> {
        stage.after_everything_ended();
        if !self.call.later {
            stage.has_a_token_for_graph().await;
        }
        self.arm(stage, canary);
        let (made, began) = (stage.made(), stage.clock.elapsed());
        let (mut held, outcome) = (false, stage.password());
        let outcome = tokio::select! {
            outcome = outcome => outcome,
            never = pass_while_held(stage, self.call.kind, &mut held) => match never {},
        };
        let took = stage.clock.elapsed() - began;
        let wanted = match self.call.kind {
            Kind::Post => self.wrong.post,
            Kind::Read => self.wrong.read,
        };
        let wanted = wanted[usize::from(self.lasts)];
        let told = outcome.as_ref().map_or_else(|no| no.code(), |_| "ok");
        let reached = held || stage.emulator.count(self.call.operation) > 0;
        let advised = outcome
            .as_ref()
            .err()
            .is_none_or(|no| !no.advice().is_empty());
        let problems = [
            (told != wanted).then(|| format!("{wanted} was to come of it, not {outcome:?}")),
            (!advised).then(|| "nothing is advised".to_owned()),
            (took > Duration::from_secs(60)).then(|| format!("it took {took:?}")),
            posts(stage, made),
            (reached == self.is_misnamed()).then(|| format!("it was asked: {reached}")),
            recovers(stage).await,
        ];
        let (call, wrong) = (self.call.name, self.wrong.name);
        let often = if self.lasts { "for good" } else { "once" };
        let told = |problem: String| format!("{call}, {wrong}, {often}: {problem}");
        problems.into_iter().flatten().map(told).collect()
    }
}

/// What is wrong with what became of every fault of `call`.
async fn every_fault(call: Call, stage: Stage, canary: SocketAddr) -> Vec<String> {
    let mut problems = Vec::new();
    for wrong in &WRONG {
        for lasts in [false, true] {
            let cell = Cell { call, wrong, lasts };
            if cell.is_misnamed() && !lasts {
                continue;
            }
            problems.extend(cell.run(&stage, canary).await);
        }
    }
    problems
}

/// Whether all is well again once the fault is mended.
pub async fn recovers(stage: &Stage) -> Option<String> {
    stage.after_everything_ended();
    // Whatever tries a host that was out may outlast whoever asks first.
    let _tried = stage.password().await.is_ok();
    let out = || stage.house.pipeline.broker.outages();
    until("everything answers again", || out().is_empty()).await;
    let outcome = stage.password().await;
    outcome
        .err()
        .map(|refusal| format!("it does not recover: {refusal}"))
}

/// Whether an activation may have been taken twice.
fn posts(stage: &Stage, before: usize) -> Option<String> {
    let seen = stage.emulator.change(|world| world.seen().to_vec());
    let posts = seen.iter().filter(|seen| seen.operation == CREATE);
    // Of these the service says itself that it took nothing.
    let taken = posts.filter(|post| !matches!(post.status, 400 | 429 | 503));
    let (taken, made) = (taken.count(), stage.made() - before);
    (taken > 1 || made > 1).then(|| format!("{taken} posts, {made} activations"))
}

/// Lets time pass where the cloud does not answer, until each attempt has been given up.
pub async fn pass_while_held(
    stage: &Stage,
    kind: Kind,
    held: &mut bool,
) -> std::convert::Infallible {
    let limit = match kind {
        Kind::Post => Duration::from_secs(20),
        Kind::Read => Duration::from_secs(10),
    };
    let waiting = || stage.emulator.change(|world| world.held());
    loop {
        while waiting() == 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        *held = true;
        stage.clock.advance(limit);
        while waiting() > 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_goes_wrong_ends_in_success_or_a_typed_refusal_and_nothing_goes_elsewhere() {
    let canary = Canary::start().await;
    let address = canary.address;
    let mut calls = Vec::new();
    for call in CALLS {
        // One after the other: each makes keys, and none is to wait for that with a connection open.
        let stage = Stage::start(|_| {}).await;
        calls.push(tokio::spawn(every_fault(call, stage, address)));
    }
    let mut problems = Vec::new();
    for call in calls {
        problems.extend(call.await.unwrap());
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert_eq!(canary.visitors.load(Ordering::SeqCst), 0);
}
