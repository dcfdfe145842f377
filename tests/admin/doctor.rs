//! `pimento doctor` on a real agent: every verdict that the emulator can bring about.

use std::fs;

use jiff::{SignedDuration, Timestamp};
use pimento::emulator::World as Cloud;
use pimento::emulator::scenario::Fault;
use serde_json::Value;

use crate::support::home::{Home, Running};
use crate::support::{GROUP, USER};

/// What the doctor said, and the exit code.
pub(super) struct Said {
    findings: Vec<Value>,
    worst: String,
    code: Option<i32>,
}

impl Said {
    /// The one finding of a check about a subject.
    pub(super) fn of(&self, check: &str, subject: &str) -> (&str, &str, &str) {
        let is =
            |it: &&Value| it["check"] == check && it["subject"].as_str().unwrap_or("") == subject;
        let found: Vec<&Value> = self.findings.iter().filter(is).collect();
        assert_eq!(found.len(), 1, "{check} of {subject}: {:#?}", self.findings);
        let text = |name: &str| found[0][name].as_str().unwrap_or("");
        (text("verdict"), text("reason"), text("remedy"))
    }

    fn verdict(&self, check: &str, subject: &str) -> &str {
        self.of(check, subject).0
    }
}

pub(super) fn doctor(home: &Home) -> Said {
    doctor_with(home, &[])
}

pub(super) fn doctor_with(home: &Home, options: &[&str]) -> Said {
    let socket = home.path("run/agent.sock");
    let output = home
        .pimento(&[&["doctor", "--json"], options].concat())
        .env("SSH_AUTH_SOCK", socket)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let value: Value = serde_json::from_str(&text).unwrap_or_else(|error| {
        panic!("{error}: {text}{}", String::from_utf8_lossy(&output.stderr))
    });
    Said {
        findings: value["findings"].as_array().unwrap().clone(),
        worst: value["worst"].as_str().unwrap().to_owned(),
        code: output.status.code(),
    }
}

pub(super) async fn ready() -> (Home, Running) {
    let home = Home::new().await;
    let agent = home.agent();
    home.sign_in();
    (home, agent)
}

pub(super) fn open(home: &Home) {
    let output = home.run(&["open", "linux-root"]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_works_is_found_to_work_by_reading_alone() {
    let (home, _agent) = ready().await;
    open(&home);
    home.emulator.change(Cloud::reset_counts);
    let said = doctor(&home);
    for (check, subject) in [
        ("agent", ""),
        ("ssh-agent", ""),
        ("core-dumps", ""),
        ("authority", "contoso"),
        ("clock", "contoso"),
        ("sign-in", "contoso"),
        ("graph-token", "contoso"),
        ("vault-token", "contoso"),
        ("eligibility", "linux-root"),
        ("policy", "linux-root"),
        ("vault", "linux"),
        ("secret", "web"),
        ("secret", "db01-root"),
    ] {
        assert_eq!(
            said.verdict(check, subject),
            "ok",
            "{:?}",
            said.of(check, subject)
        );
    }
    assert!(
        said.of("eligibility", "linux-root")
            .1
            .contains("active now, until")
    );
    let bad: Vec<&Value> = said
        .findings
        .iter()
        .filter(|it| it["verdict"] == "failure")
        .collect();
    assert!(bad.is_empty(), "{bad:#?}");
    // [danger] of the tests, at least, deserves a second look.
    assert_eq!((said.worst.as_str(), said.code), ("warning", Some(5)));
    let seen = home.emulator.change(|cloud| cloud.seen().to_vec());
    let reads = seen
        .iter()
        .all(|it| it.method == "GET" || it.operation.starts_with("entra."));
    assert!(reads, "{seen:#?}");
    assert!(
        seen.iter().all(|it| it.operation != "vault.secret.get"),
        "{seen:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_window_is_no_failure_and_is_not_opened() {
    let (home, _agent) = ready().await;
    let said = doctor(&home);
    let (verdict, _, remedy) = said.of("secret", "web");
    assert_eq!(verdict, "skipped");
    assert!(remedy.contains("pimento open linux-root"), "{remedy}");
    let activations = home.emulator.change(|cloud| cloud.requests_of(GROUP));
    assert_eq!((activations, said.code), (0, Some(5)));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_who_is_signed_in_is_one_failure_and_the_rest_is_skipped() {
    let home = Home::new().await;
    let _agent = home.agent();
    let said = doctor(&home);
    let (verdict, _, remedy) = said.of("sign-in", "contoso");
    assert_eq!((verdict, remedy), ("failure", "`pimento login contoso`"));
    for (check, subject) in [
        ("graph-token", "contoso"),
        ("vault-token", "contoso"),
        ("eligibility", "linux-root"),
        ("policy", "linux-root"),
        ("secret", "web"),
    ] {
        assert_eq!(said.verdict(check, subject), "skipped", "{check}");
    }
    // What needs nobody is looked at all the same.
    assert_eq!(
        (
            said.verdict("authority", "contoso"),
            said.verdict("vault", "linux")
        ),
        ("ok", "ok")
    );
    assert_eq!((said.worst.as_str(), said.code), ("failure", Some(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_agent_the_machine_and_the_configuration_are_looked_at() {
    let home = Home::new().await;
    let said = doctor(&home);
    let (verdict, _, remedy) = said.of("agent", "");
    assert_eq!(verdict, "failure");
    assert!(remedy.contains("pimento agent"), "{remedy}");
    assert_eq!(
        said.verdict("config", &home.path("config.toml").display().to_string()),
        "ok"
    );
    assert_eq!(said.code, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mistake_in_the_configuration_is_told_as_its_own_finding() {
    let home = Home::new()
        .await
        .configured(|text| text.replace("window = \"linux-root\"", "window = \"linux\""));
    let said = doctor(&home);
    let wrong: Vec<&Value> = said
        .findings
        .iter()
        .filter(|it| it["check"] == "config")
        .collect();
    assert_eq!(wrong.len(), 1, "{wrong:#?}");
    assert!(
        wrong[0]["remedy"]
            .as_str()
            .unwrap()
            .contains("[window.NAME]"),
        "{wrong:#?}"
    );
    assert_eq!(
        (wrong[0]["verdict"].as_str(), said.code),
        (Some("failure"), Some(1))
    );
}

/// Something that is done to the cloud.
type Change = fn(&mut Cloud);

pub(super) fn group(cloud: &mut Cloud) -> &mut pimento::emulator::scenario::Group {
    cloud
        .scenario
        .groups
        .iter_mut()
        .find(|it| it.id == GROUP)
        .unwrap()
}

fn in_days(cloud: &Cloud, days: i64) -> Timestamp {
    cloud.now() + SignedDuration::from_hours(24 * days)
}

fn secret(cloud: &mut Cloud, enabled: bool, from: Option<i64>, until: Option<i64>) {
    let at = |cloud: &Cloud, days: Option<i64>| days.map(|days| in_days(cloud, days));
    let (from, until) = (at(cloud, from), at(cloud, until));
    cloud.set_secret_attributes("kv-linux", "web-root-ssh", enabled, from, until);
}

fn fault(operation: &str, status: u16, header: Option<(&str, &str)>) -> Fault {
    Fault {
        operation: operation.to_owned(),
        status: Some(status),
        headers: header
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        body: Some("{}".to_owned()),
        ..Fault::default()
    }
}

/// What is done, and what is then found of whom.
const CASES: [(&str, Change, &str, &str, &str, &str); 19] = [
    (
        "not eligible",
        |cloud| cloud.scenario.eligibilities.clear(),
        "eligibility",
        "linux-root",
        "failure",
        "not eligible",
    ),
    (
        "eligible for a week",
        |cloud| {
            let end = in_days(cloud, 7);
            cloud.scenario.eligibilities[0].end = Some(end);
        },
        "eligibility",
        "linux-root",
        "warning",
        "only",
    ),
    (
        "eligible for a year",
        |cloud| {
            let end = in_days(cloud, 365);
            cloud.scenario.eligibilities[0].end = Some(end);
        },
        "eligibility",
        "linux-root",
        "ok",
        "until",
    ),
    (
        "shorter policy",
        |cloud| group(cloud).policy.maximum_duration = SignedDuration::from_mins(30),
        "policy",
        "linux-root",
        "warning",
        "30m",
    ),
    (
        "ticket",
        |cloud| group(cloud).policy.ticketing = true,
        "policy",
        "linux-root",
        "warning",
        "ticket",
    ),
    (
        "graph down",
        |cloud| {
            cloud.fault(fault(
                "graph.eligibilityScheduleInstances.filterByCurrentUser",
                500,
                None,
            ))
        },
        "eligibility",
        "linux-root",
        "failure",
        "500",
    ),
    (
        "no discovery",
        |cloud| cloud.fault(fault("entra.discovery", 400, None)),
        "authority",
        "contoso",
        "failure",
        "400",
    ),
    (
        "no consent",
        |cloud| {
            cloud.scenario.applications[0]
                .consented
                .retain(|it| !it.contains("vault"))
        },
        "vault-token",
        "contoso",
        "failure",
        "consented",
    ),
    (
        "another tenant's vault",
        |cloud| {
            let challenge = "Bearer authorization=\"https://login.microsoftonline.com/11111111-52b1-4b26-9d0e-5d6c8c1d7a10\", resource=\"https://vault.azure.net\"";
            cloud.fault(fault(
                "vault.secrets.list",
                401,
                Some(("WWW-Authenticate", challenge)),
            ));
        },
        "vault",
        "linux",
        "failure",
        "belongs to tenant 11111111",
    ),
    (
        "no vault at all",
        |cloud| cloud.fault(fault("vault.secrets.list", 200, None)),
        "vault",
        "linux",
        "failure",
        "which tenant",
    ),
    (
        "disabled",
        |cloud| secret(cloud, false, None, None),
        "secret",
        "web",
        "failure",
        "disabled",
    ),
    (
        "expired",
        |cloud| secret(cloud, true, None, Some(-1)),
        "secret",
        "web",
        "failure",
        "expired",
    ),
    (
        "expires soon",
        |cloud| secret(cloud, true, None, Some(7)),
        "secret",
        "web",
        "warning",
        "it expires on",
    ),
    (
        "expires late",
        |cloud| secret(cloud, true, None, Some(70)),
        "secret",
        "web",
        "ok",
        "until",
    ),
    (
        "not yet valid",
        |cloud| secret(cloud, true, Some(1), None),
        "secret",
        "web",
        "failure",
        "not valid before",
    ),
    (
        "deleted",
        |cloud| cloud.remove_secret("kv-linux", "web-root-ssh"),
        "secret",
        "web",
        "failure",
        "no secret web-root-ssh",
    ),
    (
        "firewall",
        |cloud| cloud.scenario.vaults[0].firewall = true,
        "secret",
        "web",
        "failure",
        "firewall",
    ),
    (
        "no role",
        |cloud| cloud.scenario.vaults[0].grants.clear(),
        "secret",
        "web",
        "failure",
        "grants nothing",
    ),
    (
        "clock",
        |cloud| cloud.advance(std::time::Duration::from_secs(300)),
        "clock",
        "contoso",
        "warning",
        "behind",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_in_the_cloud_is_found_with_its_reason_and_a_remedy() {
    let (home, _agent) = ready().await;
    open(&home);
    let before = home.emulator.change(|cloud| cloud.scenario.clone());
    for (what, change, check, subject, verdict, word) in CASES {
        home.emulator.change(|cloud| {
            cloud.scenario = before.clone();
            secret(cloud, true, None, None);
            change(cloud);
        });
        let said = doctor(&home);
        let (found, reason, remedy) = said.of(check, subject);
        assert_eq!(found, verdict, "{what}: {reason}");
        assert!(reason.contains(word), "{what}: {reason}");
        assert_eq!(remedy.is_empty(), verdict == "ok", "{what}: {remedy}");
        assert_eq!(
            said.code,
            Some(if verdict == "failure" { 1 } else { 5 }),
            "{what}"
        );
        if what == "deleted" {
            home.emulator
                .change(|cloud| cloud.put_secret("kv-linux", "web-root-ssh", "x"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standing_membership_is_a_smell() {
    let (home, _agent) = ready().await;
    home.emulator.change(|cloud| {
        let user = cloud
            .scenario
            .users
            .iter_mut()
            .find(|it| it.name == USER)
            .unwrap();
        user.member_of.push(GROUP.to_owned());
    });
    let said = doctor(&home);
    let (verdict, reason, _) = said.of("eligibility", "linux-root");
    assert_eq!(verdict, "warning", "{reason}");
    assert!(
        reason.contains("always have it (member of group"),
        "{reason}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn people_read_a_line_for_each_check_and_the_remedy_below_it() {
    let home = Home::new().await;
    let _agent = home.agent();
    let output = home.run(&["doctor"]);
    let text = String::from_utf8_lossy(&output.stdout);
    let failure =
        "failure  sign-in      contoso: nobody is signed in\n         `pimento login contoso`\n";
    assert!(text.contains(failure), "{text}");
    assert!(
        text.contains("ok       authority    contoso: it answers, as tenant "),
        "{text}"
    );
    assert_eq!((output.status.code(), output.stderr.len()), (Some(1), 0));
}

#[test]
fn every_check_is_in_the_manual_and_every_one_there_exists() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let manual = fs::read_to_string(root.join("docs/doctor.md")).unwrap();
    let (_, table) = manual.split_once("| check |").unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `"));
    let mut told: Vec<&str> = rows.map(|row| row.split('`').next().unwrap()).collect();
    let mut made = Vec::new();
    for folder in ["src/doctor", "src/cli/doctor"] {
        for file in fs::read_dir(root.join(folder)).unwrap() {
            let Ok(text) = fs::read_to_string(file.unwrap().path()) else {
                continue;
            };
            made.extend(
                text.split("Case::of(\"")
                    .skip(1)
                    .map(|it| it.split('"').next().unwrap().to_owned()),
            );
            made.extend(
                text.split("    (\"")
                    .skip(1)
                    .filter(|it| it.contains("Resource::"))
                    .map(|it| it.split('"').next().unwrap().to_owned()),
            );
        }
    }
    made.push("agent".to_owned());
    made.sort();
    made.dedup();
    told.sort_unstable();
    assert_eq!(told, made);
}
