//! What somebody asks for, somebody else decides: two users, two agents, one tenant.

use std::io::{BufRead, BufReader};
use std::process::{Output, Stdio};

use pimento::emulator::World;
use pimento::emulator::scenario::{AzureRole, Fault, Policy, Role, vault_path};
use pimento::refusal::Refusal;
use serde_json::Value;

use crate::stage::{Colleague, Stage};
use crate::support::home::text;
use crate::support::{GROUP, until};

pub const ALEX: &str = "alex@contoso.onmicrosoft.com";

/// A stage where Alex approves, and Alex's agent.
async fn with_approver() -> (Stage, Colleague) {
    let stage = Stage::unhurried_with(|scenario| {
        scenario.groups[0].policy.approvers = vec![ALEX.to_owned()];
    })
    .await;
    let alex = stage.colleague(ALEX).await;
    (stage, alex)
}

/// Asks for the password until there is a request; tells its id.
pub async fn asked(stage: &Stage) -> String {
    let broker = &stage.house.pipeline.broker;
    let minute = async {
        stage.awaits_approval().await;
        stage.clock.advance(std::time::Duration::from_secs(60));
    };
    let (outcome, ()) = tokio::join!(stage.password(), minute);
    let refusal = outcome.unwrap_err();
    assert!(!broker.openings().is_empty(), "it goes on");
    let Refusal::AwaitingApproval {
        request, approvers, ..
    } = &refusal
    else {
        panic!("{refusal:?}");
    };
    assert_eq!(approvers, &[ALEX]);
    assert!(refusal.to_string().contains(ALEX), "{refusal}");
    let command = format!("`pimento approvals approve {request} --reason");
    assert!(refusal.advice().contains(&command), "{}", refusal.advice());
    request.clone()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

async fn decide(who: &Colleague, verdict: &str, request: &str) -> Output {
    let args = ["approvals", verdict, request, "--reason", "I know her"];
    who.pimento(&args).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_listed_and_the_attempt_after_the_approval_goes_through() {
    let (stage, alex) = with_approver().await;
    let nothing = alex.pimento(&["approvals"]).await;
    assert_eq!(text(&nothing.stdout), "nothing waits for your approval\n");
    let request = asked(&stage).await;
    let listed = alex.pimento(&["approvals", "--json"]).await;
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(listed[0]["id"], request.as_str());
    assert_eq!(listed[0]["who"], crate::support::USER);
    assert_eq!(listed[0]["what"], "member of PIM Linux root");
    assert_eq!(listed[0]["seconds"], 3600);
    let approved = decide(&alex, "approve", &request).await;
    assert_eq!(code(&approved), 0, "{}", text(&approved.stderr));
    stage.clock.advance(std::time::Duration::from_secs(15));
    assert!(stage.password().await.is_ok());
    assert_eq!(stage.made(), 1);
    let again = decide(&alex, "deny", &request).await;
    assert_eq!(code(&again), 1);
    let told = text(&again.stderr);
    assert!(told.contains("was decided already"), "{told}");
}

/// The same, where a role opens the vault.
async fn with_approver_of_a_role() -> (Stage, Colleague) {
    let stage = Stage::unhurried_with(|scenario| {
        scenario.vaults[0].grants.clear();
        scenario.azure_roles = vec![AzureRole {
            scope: vault_path("kv-linux"),
            role: Role::SecretsUser,
            policy: Policy {
                justification: true,
                approvers: vec![ALEX.to_owned()],
                ..Policy::default()
            },
            eligible: vec![crate::support::USER.to_owned()],
            through: None,
            end: None,
            assigned: Vec::new(),
        }];
    })
    .await;
    let alex = stage.colleague(ALEX).await;
    (stage, alex)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_a_role_is_decided_by_its_approval() {
    let (stage, alex) = with_approver_of_a_role().await;
    let approval = asked(&stage).await;
    let own = decide_as(&stage, &approval).await;
    assert_eq!(code(&own), 6, "{}", text(&own.stderr));
    let listed = alex.pimento(&["approvals", "--json"]).await;
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 1);
    assert_eq!(listed[0]["id"], approval.as_str());
    assert_eq!(listed[0]["who"], crate::support::USER);
    let what = listed[0]["what"].as_str().unwrap();
    assert!(what.starts_with("Key Vault Secrets User on "), "{what}");
    let approved = decide(&alex, "approve", &approval).await;
    assert_eq!(code(&approved), 0, "{}", text(&approved.stderr));
    stage.clock.advance(std::time::Duration::from_secs(15));
    assert!(stage.password().await.is_ok());
    let made = |world: &mut World| world.requests_of(&vault_path("kv-linux"));
    assert_eq!(stage.emulator.change(made), 1);
    let again = decide(&alex, "deny", &approval).await;
    assert!(text(&again.stderr).contains("was decided already"));
    let unknown = decide(&alex, "approve", "7f6ba8f4-58e0-4ea2-8e9a-000000000000").await;
    assert_eq!(code(&unknown), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denial_of_a_role_is_told_to_whoever_asked() {
    let (stage, alex) = with_approver_of_a_role().await;
    let approval = asked(&stage).await;
    assert_eq!(code(&decide(&alex, "deny", &approval).await), 0);
    stage.clock.advance(std::time::Duration::from_secs(15));
    assert_eq!(stage.password().await.unwrap_err().code(), "denied");
}

/// What the one who asked says to the own request.
async fn decide_as(stage: &Stage, request: &str) -> Output {
    let args = ["approvals", "approve", request, "--reason", "me"];
    stage.pimento(&args).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denial_is_told_to_whoever_asked() {
    let (stage, alex) = with_approver().await;
    let request = asked(&stage).await;
    assert_eq!(code(&decide(&alex, "deny", &request).await), 0);
    stage.clock.advance(std::time::Duration::from_secs(15));
    assert_eq!(stage.password().await.unwrap_err().code(), "denied");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_no_approver_decides_nothing() {
    let (stage, _alex) = with_approver().await;
    let request = asked(&stage).await;
    let own = decide_as(&stage, &request).await;
    assert_eq!(code(&own), 6);
    assert!(text(&own.stderr).contains("not among its approvers"));
    let pending = stage.emulator.change(|world| world.decide(GROUP, false));
    assert_eq!(pending, 1, "it still waited");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_nobody_made_is_not_found_and_no_address() {
    let (_stage, alex) = with_approver().await;
    for id in ["7f6ba8f4-58e0-4ea2-8e9a-000000000000", "../users", "r1"] {
        let unknown = decide(&alex, "approve", id).await;
        assert_eq!(code(&unknown), 4, "{id}: {}", text(&unknown.stderr));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_stages_are_not_known_steps_are_decided() {
    let (stage, alex) = with_approver().await;
    let request = asked(&stage).await;
    stage.fault(Fault {
        operation: "graph.assignmentApprovals.stages.update".to_owned(),
        status: Some(404),
        ..Fault::default()
    });
    let approved = decide(&alex, "approve", &request).await;
    assert_eq!(code(&approved), 0, "{}", text(&approved.stderr));
    let steps = "graph.beta.assignmentApprovals.steps.update";
    assert_eq!(stage.emulator.count(steps), 1);
    stage.clock.advance(std::time::Duration::from_secs(15));
    assert!(stage.password().await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_what_waits_takes_the_request_back_at_pim() {
    let (stage, alex) = with_approver().await;
    let request = asked(&stage).await;
    let closed = stage.pimento(&["close", "linux-root"]).await;
    let told = text(&closed.stdout);
    assert_eq!(
        (code(&closed), told.as_str()),
        (0, "does not open any more: linux-root\n")
    );
    let late = decide(&alex, "approve", &request).await;
    assert_ne!(code(&late), 0);
    stage.clock.advance(std::time::Duration::from_secs(15));
    assert!(stage.house.pipeline.broker.views().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_tells_what_is_wanted_and_makes_nothing() {
    let (stage, _alex) = with_approver().await;
    let args = ["open", "linux-root", "--dry-run", "--reason", "to see"];
    let told = stage.pimento(&args).await;
    let told = text(&told.stdout);
    assert!(
        told.contains("PIM would open it\nlongest   8 h 00 min"),
        "{told}"
    );
    assert!(told.contains("needs     reason"), "{told}");
    assert!(told.contains(&format!("approval  by {ALEX}")), "{told}");
    assert_eq!(stage.made(), 0);
    let too_long = [&args[..], &["--duration", "9h"]].concat();
    let refused = stage.pimento(&too_long).await;
    assert_eq!(code(&refused), 6, "{}", text(&refused.stderr));
    assert_eq!(stage.made(), 0);
}

const LIST: &str = "graph.assignmentScheduleRequests.filterByCurrentUser";
const CANCEL: &str = "graph.assignmentScheduleRequests.cancel";
const TOKEN: &str = "entra.token.refresh_token";

/// A 401 with this challenge, once.
fn rejected(operation: &str, challenge: &str) -> Fault {
    Fault {
        operation: operation.to_owned(),
        times: Some(1),
        status: Some(401),
        headers: [("WWW-Authenticate".to_owned(), challenge.to_owned())].into(),
        ..Fault::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approver_whose_token_was_revoked_gets_another_without_being_asked() {
    let (stage, alex) = with_approver().await;
    let request = asked(&stage).await;
    let before = stage.emulator.count(TOKEN);
    stage.fault(rejected(LIST, "Bearer realm=\"\""));
    let listed = alex.pimento(&["approvals"]).await;
    assert!(text(&listed.stdout).contains(&request), "{listed:?}");
    assert_eq!(stage.emulator.count(TOKEN) - before, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_verdict_has_to_show_besides_is_shown_and_it_is_given_once() {
    let (stage, alex) = with_approver().await;
    let request = asked(&stage).await;
    // {"access_token":{"nbf":{"essential":true,"value":"1"}}}, which any new token satisfies.
    let claims = "eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZSwidmFsdWUiOiIxIn19fQ==";
    let challenge = format!("Bearer error=\"insufficient_claims\", claims=\"{claims}\"");
    stage.fault(rejected(
        "graph.assignmentApprovals.stages.update",
        &challenge,
    ));
    let approved = decide(&alex, "approve", &request).await;
    assert_eq!(code(&approved), 0, "{}", text(&approved.stderr));
    stage.clock.advance(std::time::Duration::from_secs(15));
    assert!(stage.password().await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verdict_that_wants_what_only_a_browser_shows_is_refused_with_the_way_out() {
    let (stage, alex) = with_approver().await;
    let request = asked(&stage).await;
    // {"access_token":{"acrs":{"essential":true,"value":"c1"}}}
    let claims = "eyJhY2Nlc3NfdG9rZW4iOnsiYWNycyI6eyJlc3NlbnRpYWwiOnRydWUsInZhbHVlIjoiYzEifX19";
    let challenge = format!("Bearer error=\"insufficient_claims\", claims=\"{claims}\"");
    stage.fault(rejected("graph.assignmentApprovals.get", &challenge));
    let refused = decide(&alex, "approve", &request).await;
    assert_eq!(code(&refused), 3);
    let told = text(&refused.stderr);
    assert!(told.contains("`pimento login contoso --browser`"), "{told}");
    let pending = stage.emulator.change(|world| world.decide(GROUP, false));
    assert_eq!(pending, 1, "it still waits");
}

#[tokio::test(flavor = "multi_thread")]
async fn taking_back_is_asked_for_again_where_pim_did_not_take_it() {
    let (stage, _alex) = with_approver().await;
    asked(&stage).await;
    let busy = Fault {
        operation: CANCEL.to_owned(),
        times: Some(1),
        status: Some(503),
        retry_after: Some("0".to_owned()),
        ..Fault::default()
    };
    stage.fault(busy);
    let closed = stage.pimento(&["close", "linux-root"]).await;
    assert_eq!(text(&closed.stdout), "does not open any more: linux-root\n");
    assert_eq!(stage.emulator.count(CANCEL), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_again_after_a_request_was_taken_back_makes_a_new_one() {
    let (stage, alex) = with_approver().await;
    let before = asked(&stage).await;
    let closed = stage.pimento(&["close", "linux-root"]).await;
    assert_eq!(code(&closed), 0, "{closed:?}");
    // The opening has yet to hear of it: it looks every few seconds.
    let broker = &stage.house.pipeline.broker;
    assert_eq!(broker.openings().len(), 1);
    let mut open = stage.command(&["open", "linux-root", "--reason", "for another reason"]);
    let mut open = open
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(open.stderr.take().unwrap()).lines();
    let joined = tokio::task::spawn_blocking(move || {
        assert!(lines.any(|line| line.unwrap().contains("PIM: waiting for approval")));
        lines
    });
    let lines = joined.await.unwrap();
    assert_eq!(broker.openings().len(), 1);
    stage.clock.advance(std::time::Duration::from_secs(15));
    let request = loop {
        let waiting = alex.pimento(&["approvals", "--json"]).await;
        let waiting: Value = serde_json::from_slice(&waiting.stdout).unwrap();
        if let Some(found) = waiting[0]["id"].as_str() {
            assert_eq!(waiting[0]["reason"], "for another reason");
            break found.to_owned();
        }
    };
    assert_ne!(request, before);
    assert_eq!(code(&decide(&alex, "approve", &request).await), 0);
    stage.clock.advance(std::time::Duration::from_secs(15));
    let ended = tokio::task::spawn_blocking(move || (open.wait().unwrap(), lines.count()));
    let (status, _) = ended.await.unwrap();
    assert_eq!(status.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn taking_back_that_fails_is_not_repeated_and_the_window_does_not_open_all_the_same() {
    let (stage, _alex) = with_approver().await;
    asked(&stage).await;
    stage.fault(Fault {
        operation: CANCEL.to_owned(),
        status: Some(500),
        ..Fault::default()
    });
    let closed = stage.pimento(&["close", "linux-root"]).await;
    assert_eq!(code(&closed), 5, "{closed:?}");
    assert_eq!(text(&closed.stdout), "does not open any more: linux-root\n");
    assert_eq!(stage.emulator.count(CANCEL), 1);
    let pending = stage.emulator.change(|world| world.decide(GROUP, true));
    assert_eq!(pending, 1);
    let broker = &stage.house.pipeline.broker;
    until("PIM has answered", || broker.openings().is_empty()).await;
    assert!(broker.views().is_empty());
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn who_stops_watching_is_told_that_the_request_waits_and_how_to_take_it_back() {
    use std::io::Read as _;

    let (stage, alex) = with_approver().await;
    let mut open = stage.command(&["open", "linux-root"]);
    let open = open.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut open = open.spawn().unwrap();
    let mut stderr = BufReader::new(open.stderr.take().unwrap());
    let stopped = tokio::task::spawn_blocking(move || {
        let mut line = String::new();
        while !line.contains("PIM: waiting for approval") {
            assert_ne!(stderr.read_line(&mut line).unwrap(), 0, "{line}");
        }
        let pid = rustix::process::Pid::from_child(&open);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        let mut told = String::new();
        stderr.read_to_string(&mut told).unwrap();
        (open.wait().unwrap(), told)
    });
    let (status, told) = stopped.await.unwrap();
    assert_eq!(status.code(), Some(7), "{told}");
    assert!(
        told.contains("still waits for approval (request "),
        "{told}"
    );
    assert!(
        told.contains("`pimento close linux-root` takes it back"),
        "{told}"
    );
    // It does wait, and the command that was told takes it back.
    let listed = alex.pimento(&["approvals"]).await;
    assert!(text(&listed.stdout).contains("asks to be"), "{listed:?}");
    let closed = stage.pimento(&["close", "linux-root"]).await;
    assert_eq!(text(&closed.stdout), "does not open any more: linux-root\n");
    let listed = alex.pimento(&["approvals"]).await;
    assert_eq!(text(&listed.stdout), "nothing waits for your approval\n");
}
