//! Reasons and tickets that PIM wants: asked for on the terminal, else by a program, else refused
//! with the option that gives them.
#![allow(
    missing_docs,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]
#![cfg(target_os = "linux")]

mod support;

use pimento::emulator::Scenario;
use serde_json::Value;
use support::home::{Home, Running, text};
use support::terminal::Terminal;

struct Desk {
    home: Home,
    _agent: Running,
}

impl Desk {
    async fn new(change: impl FnOnce(&mut Scenario)) -> Self {
        let mut scenario = Scenario::example().unwrap();
        change(&mut scenario);
        let home = Home::in_scenario(scenario).await;
        let reason = "reason = \"{program} to {user}@{host}\"";
        let home = home.configured(|text| text.replace(reason, "reason = \"ask\""));
        let agent = home.agent();
        home.sign_in();
        home.emulator.change(pimento::emulator::World::reset_counts);
        Self {
            home,
            _agent: agent,
        }
    }

    fn terminal(&self, args: &[&str]) -> Terminal {
        Terminal::run(&self.home.pimento(args))
    }

    /// What was told to PIM as reason, in the order of the openings.
    fn reasons(&self) -> Vec<String> {
        let audit = std::fs::read_to_string(self.home.path("state/audit/audit.jsonl")).unwrap();
        let lines = audit
            .lines()
            .map(|line| serde_json::from_str(line).unwrap());
        let openings = lines.filter(|line: &Value| line["event"] == "opening");
        openings
            .map(|line| line["reason"].as_str().unwrap().to_owned())
            .collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reason_is_asked_for_on_the_terminal_and_the_last_one_proposed() {
    let desk = Desk::new(|_| {}).await;
    let mut first = desk.terminal(&["password", "db01-root", "--reveal"]);
    first.shows("Reason for linux-root: ");
    first.types("INC-7, disk full\n");
    assert!(first.ends().0);
    desk.home.run(&["lock"]);
    desk.home.run(&["lock", "--off"]);
    let mut second = desk.terminal(&["password", "db01-root", "--reveal"]);
    second.shows("Reason for linux-root [INC-7, disk full]: ");
    second.types("\n");
    assert!(second.ends().0);
    assert_eq!(desk.reasons(), ["INC-7, disk full", "INC-7, disk full"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_that_the_policy_wants_is_asked_for_after_the_reason() {
    let desk = Desk::new(|scenario| scenario.groups[0].policy.ticketing = true).await;
    let mut open = desk.terminal(&["open", "linux-root"]);
    open.shows("Reason for linux-root: ");
    open.types("INC-7\n");
    open.shows("Ticket for linux-root (SYSTEM:NUMBER): ");
    open.types("ServiceNow:CHG0042\n");
    let (opened, shown) = open.ends();
    assert!(opened, "{shown}");
    let requests = desk.home.emulator.change(|cloud| {
        let sent = cloud.seen().iter();
        sent.filter(|it| it.operation == "graph.assignmentScheduleRequests.create")
            .count()
    });
    // `open` asks PIM, which says what it lacks.
    assert_eq!(requests, 2, "once without the ticket, once with it");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_and_half_a_ticket_open_nothing() {
    let desk = Desk::new(|scenario| scenario.groups[0].policy.ticketing = true).await;
    let mut silent = desk.terminal(&["open", "linux-root"]);
    silent.shows("Reason for linux-root: ");
    silent.types("\n");
    let (opened, shown) = silent.ends();
    assert!(!opened && shown.contains("--reason"), "{shown}");
    assert_eq!(desk.home.emulator.calls(), [""; 0].map(str::to_owned));
    let mut half = desk.terminal(&["open", "linux-root", "--reason", "INC-7"]);
    half.shows("Ticket for linux-root (SYSTEM:NUMBER): ");
    half.types("CHG0042\n");
    let (opened, shown) = half.ends();
    assert!(!opened && shown.contains("not SYSTEM:NUMBER"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_terminal_the_refusal_names_the_option() {
    let desk = Desk::new(|scenario| scenario.groups[0].policy.ticketing = true).await;
    let refused = desk.home.run(&["open", "linux-root"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("--reason"));
    let refused = desk.home.run(&["open", "linux-root", "--reason", "INC-7"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("--ticket SYSTEM:NUMBER"));
    let given = ["open", "linux-root", "--reason", "a", "--ticket", "S:1"];
    assert!(desk.home.run(&given).status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_duration_beyond_the_policy_is_capped_to_it() {
    let desk = Desk::new(|scenario| {
        scenario.groups[0].policy.maximum_duration = jiff::SignedDuration::from_mins(30);
    })
    .await;
    let long = [
        "--json",
        "open",
        "linux-root",
        "--reason",
        "a",
        "--duration",
        "2h",
    ];
    let opened = desk.home.run(&long);
    assert!(opened.status.success(), "{}", text(&opened.stderr));
    let window: Value = serde_json::from_slice(&opened.stdout).unwrap();
    let left = window["seconds_left"].as_u64().unwrap();
    assert!((1700..=1800).contains(&left), "{left}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_policy_wants_is_read_before_anything_is_asked_of_pim() {
    let desk = Desk::new(|scenario| scenario.groups[0].policy.ticketing = true).await;
    let mut shown = desk.terminal(&["password", "db01-root", "--reveal"]);
    shown.shows("Reason for linux-root: ");
    shown.types("INC-7\n");
    shown.shows("Ticket for linux-root (SYSTEM:NUMBER): ");
    shown.types("ServiceNow:CHG0042\n");
    let (told, text) = shown.ends();
    assert!(told, "{text}");
    let create = "graph.assignmentScheduleRequests.create";
    let made = desk.home.emulator.count(create);
    assert_eq!(made, 1, "PIM has refused nothing");
    let policy = "graph.roleManagementPolicyAssignments";
    assert_eq!(desk.home.emulator.count(policy), 1, "it is read once");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_terminal_reason_and_ticket_are_asked_for_by_askpass() {
    let mut scenario = Scenario::example().unwrap();
    scenario.groups[0].policy.ticketing = true;
    let home = Home::in_scenario(scenario).await;
    let askpass = home.path("asks");
    let script = "printf '#!/bin/sh\ncase \"$1\" in *ticket*) echo S:1;; *) echo INC-9;; esac\n' \
                  > \"$1\" && chmod 700 \"$1\"";
    let mut write = std::process::Command::new("sh");
    assert!(
        write
            .args(["-c", script, "sh"])
            .arg(&askpass)
            .status()
            .unwrap()
            .success()
    );
    let reason = "reason = \"{program} to {user}@{host}\"";
    let agent = format!("[agent]\naskpass = {askpass:?}\n");
    let home = home.configured(|text| {
        text.replace(reason, "reason = \"ask\"")
            .replace("[agent]\n", &agent)
    });
    let _agent = home.agent_with(&[("SSH_ASKPASS_REQUIRE", "force")]);
    home.sign_in();
    // Nobody is at a terminal of a session of its own.
    let shown = home
        .pimento(&["--json", "password", "db01-root"])
        .output()
        .unwrap();
    assert!(shown.status.success(), "{}", text(&shown.stderr));
    let asked = home.emulator.change(|cloud| {
        let mut seen = cloud.seen().iter().rev();
        let create = "graph.assignmentScheduleRequests.create";
        seen.find(|it| it.operation == create)
            .unwrap()
            .body
            .clone()
            .unwrap()
    });
    assert_eq!(asked["justification"], "INC-9");
    assert_eq!(asked["ticketInfo"]["ticketNumber"], "1");
}
