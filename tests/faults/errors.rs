//! Every published error, served as the answer to the call it belongs to: what is refused, who can
//! mend it and how, and the exit code.

use std::collections::BTreeSet;
use std::time::Duration;

use pimento::emulator::scenario::Fault;
use pimento::refusal::{ExitCode, Refusal};
use serde_json::Value;

use crate::source;
use crate::stage::Stage;
use crate::support::{self, USER};

/// The call that an error answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    Activate,
    Deactivate,
    /// An activation of what is active already.
    Again,
    Read,
    Redeem,
    /// Polling for the person who types a code.
    SignIn,
}

use Call::{Activate, Again, Deactivate, Read, Redeem, SignIn};
use ExitCode as Exit;

impl Call {
    fn operation(self) -> &'static str {
        match self {
            Activate | Again | Deactivate => "graph.assignmentScheduleRequests.create",
            Read => "vault.secret.get",
            Redeem => "entra.token.refresh_token",
            SignIn => "entra.token.device_code",
        }
    }
}

const LOGIN: &str = "`pimento login contoso`";
/// Nobody opens a browser here.
const BROWSER: &str = "`pimento login contoso --browser`, then try again";
/// Signing in again changes nothing about an answer that stays the same.
const UNSATISFIED: &str = "an administrator looks up this sign-in";
const REQUEST_ID: &str = "give your administrator the request id";
const CONSENT: &str = "an administrator opens https://login.microsoftonline.com/\
                       contoso.onmicrosoft.com/adminconsent?client_id=";
const RECOVER: &str = "`az keyvault secret recover --vault-name kv-linux --name db01-root`";
const SET_POLICY: &str = "`az keyvault set-policy --name kv-linux --object-id ";

/// File, call, exit code, code of the refusal (`""`: none), and what is advised.
type Row = (&'static str, Call, Exit, &'static str, &'static str);

const ROWS: [Row; 49] = [
    (
        "arm-pim-400-acrs-validation-failed",
        Activate,
        Exit::SignIn,
        "step_up_failed",
        BROWSER,
    ),
    (
        "arm-pim-400-policy-validation-failed-expiration",
        Activate,
        Exit::Policy,
        "pim_policy",
        "set a shorter `duration` for window linux-root",
    ),
    (
        "entra-400-authorization-declined",
        SignIn,
        Exit::SignIn,
        "sign_in_needed",
        LOGIN,
    ),
    (
        "entra-400-authorization-pending",
        SignIn,
        Exit::Done,
        "",
        "",
    ),
    (
        "entra-400-bad-verification-code",
        SignIn,
        Exit::SignIn,
        "sign_in_needed",
        LOGIN,
    ),
    (
        "entra-400-expired-token",
        SignIn,
        Exit::SignIn,
        "sign_in_needed",
        LOGIN,
    ),
    (
        "entra-400-interaction-required",
        Redeem,
        Exit::SignIn,
        "sign_in_needed",
        LOGIN,
    ),
    (
        "entra-400-invalid-resource",
        Redeem,
        Exit::Policy,
        "consent_missing",
        CONSENT,
    ),
    (
        "entra-400-invalid-scope",
        Redeem,
        Exit::Failed,
        "cloud",
        REQUEST_ID,
    ),
    (
        "entra-400-mfa-required-with-claims",
        Redeem,
        Exit::SignIn,
        "step_up_failed",
        BROWSER,
    ),
    (
        "entra-400-missing-parameter",
        Redeem,
        Exit::Failed,
        "cloud",
        REQUEST_ID,
    ),
    (
        "entra-400-refresh-token-expired",
        Redeem,
        Exit::SignIn,
        "sign_in_needed",
        LOGIN,
    ),
    ("entra-400-slow-down", SignIn, Exit::Done, "", ""),
    (
        "entra-400-unauthorized-client",
        Redeem,
        Exit::SignIn,
        "sign_in_needed",
        LOGIN,
    ),
    (
        "entra-400-unsupported-grant-type",
        Redeem,
        Exit::Failed,
        "cloud",
        REQUEST_ID,
    ),
    (
        "entra-401-invalid-client",
        Redeem,
        Exit::Failed,
        "cloud",
        REQUEST_ID,
    ),
    (
        "graph-401-claims-challenge",
        Activate,
        Exit::SignIn,
        "sign_in_needed",
        LOGIN,
    ),
    (
        "graph-401-invalid-authentication-token",
        Activate,
        Exit::SignIn,
        "sign_in_needed",
        LOGIN,
    ),
    (
        "graph-429-too-many-requests",
        Activate,
        Exit::Failed,
        "throttled",
        "try again in ",
    ),
    (
        "graph-pim-400-acrs-validation-failed",
        Activate,
        Exit::SignIn,
        "step_up_failed",
        BROWSER,
    ),
    (
        "graph-pim-400-invalid-role-assignment-request",
        Activate,
        Exit::Failed,
        "cloud",
        REQUEST_ID,
    ),
    (
        "graph-pim-400-policy-validation-failed-mfa",
        Activate,
        Exit::SignIn,
        "step_up_failed",
        UNSATISFIED,
    ),
    (
        "graph-pim-403-permission-scope-not-granted",
        Activate,
        Exit::Policy,
        "consent_missing",
        CONSENT,
    ),
    (
        "kv-400-bad-parameter",
        Read,
        Exit::Failed,
        "cloud",
        REQUEST_ID,
    ),
    (
        "kv-401-challenge",
        Read,
        Exit::SignIn,
        "sign_in_needed",
        LOGIN,
    ),
    (
        "kv-401-challenge-2025",
        Read,
        Exit::SignIn,
        "sign_in_needed",
        LOGIN,
    ),
    (
        "kv-401-claims-challenge",
        Read,
        Exit::SignIn,
        "step_up_failed",
        UNSATISFIED,
    ),
    (
        "kv-401-invalid-audience",
        Read,
        Exit::Policy,
        "forbidden",
        "check `url` of vault linux",
    ),
    (
        "kv-401-invalid-issuer",
        Read,
        Exit::Policy,
        "forbidden",
        "check `url` of vault linux, and `tenant` of window linux-root",
    ),
    (
        "kv-403-forbidden-by-policy",
        Read,
        Exit::Policy,
        "forbidden",
        SET_POLICY,
    ),
    (
        "kv-403-forbidden-by-policy-2019",
        Read,
        Exit::Policy,
        "forbidden",
        SET_POLICY,
    ),
    (
        "kv-403-forbidden-by-rbac",
        Read,
        Exit::Policy,
        "forbidden",
        "`az role assignment create --role \"Key Vault Secrets User\" --assignee-object-id 8f3c2d10-",
    ),
    (
        "kv-403-secret-disabled",
        Read,
        Exit::Failed,
        "material",
        "`az keyvault secret set-attributes --vault-name kv-linux --name db01-root --enabled true`",
    ),
    (
        "kv-404-certificate-not-found",
        Read,
        Exit::Failed,
        "material",
        RECOVER,
    ),
    (
        "kv-404-deleted-secret-not-found",
        Read,
        Exit::Failed,
        "material",
        RECOVER,
    ),
    (
        "kv-404-key-not-found",
        Read,
        Exit::Failed,
        "material",
        RECOVER,
    ),
    (
        "kv-404-secret-not-found",
        Read,
        Exit::Failed,
        "material",
        RECOVER,
    ),
    (
        "kv-409-object-is-being-deleted",
        Read,
        Exit::Failed,
        "material",
        RECOVER,
    ),
    (
        "kv-409-object-is-deleted-but-recoverable",
        Read,
        Exit::Failed,
        "material",
        RECOVER,
    ),
    (
        "kv-429-throttled",
        Read,
        Exit::Failed,
        "throttled",
        "try again in 10 s",
    ),
    (
        "pim-400-active-duration-too-short",
        Deactivate,
        Exit::Partly,
        "not_ended_yet",
        "pimento ends it at PIM by itself in five minutes",
    ),
    (
        "pim-400-invalid-policy",
        Activate,
        Exit::Policy,
        "pim_policy",
        "an owner of the group or resource of window linux-root",
    ),
    (
        "pim-400-pending-role-assignment-request",
        Activate,
        Exit::Failed,
        "cloud",
        REQUEST_ID,
    ),
    (
        "pim-400-policy-validation-failed-eligibility",
        Activate,
        Exit::Policy,
        "not_eligible",
        "an administrator makes you eligible",
    ),
    (
        "pim-400-policy-validation-failed-justification",
        Activate,
        Exit::Usage,
        "reason_needed",
        "`pimento open linux-root --reason \"…\"`",
    ),
    (
        "pim-400-policy-validation-failed-ticketing",
        Activate,
        Exit::Usage,
        "reason_needed",
        "`pimento open linux-root --ticket SYSTEM:NUMBER`",
    ),
    (
        "pim-400-role-assignment-does-not-exist",
        Activate,
        Exit::Policy,
        "not_eligible",
        "an administrator makes you eligible",
    ),
    ("pim-400-role-assignment-exists", Again, Exit::Done, "", ""),
    (
        "pim-400-subject-not-found",
        Activate,
        Exit::Policy,
        "not_eligible",
        "an administrator makes you eligible",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_published_error_is_refused_with_who_can_mend_it_how_and_its_exit_code() {
    let Some(folder) = source::folder() else {
        return;
    };
    let published = source::json_files(&folder.join("errors"));
    let files: BTreeSet<&str> = published.iter().map(|(name, _)| name.as_str()).collect();
    let rows: BTreeSet<&str> = ROWS.iter().map(|row| row.0).collect();
    assert_eq!(files, rows, "each file has a row, and each row a file");
    let stage = Stage::start(|_| {}).await;
    let mut problems = Vec::new();
    for (name, error) in &published {
        for (_, call, exit, code, advice) in ROWS.iter().filter(|row| row.0 == name) {
            let refusal = answered(&stage, *call, error).await.err();
            let is = refusal.as_ref().map_or("", Refusal::code);
            let exits = refusal.as_ref().map_or(Exit::Done, Refusal::exit_code);
            let advised = refusal.as_ref().map(Refusal::advice).unwrap_or_default();
            if (is, exits) != (*code, *exit) || !advised.contains(advice) {
                problems.push(format!("{name}: {exits:?}, {refusal:?}\n    {advised}"));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// What becomes of `call` where `error` answers it.
async fn answered(stage: &Stage, call: Call, error: &Value) -> Result<(), Refusal> {
    stage.after_everything_ended();
    support::sign_in(&stage.house, &stage.emulator, USER).await;
    let broker = &stage.house.pipeline.broker;
    if matches!(call, Again | Deactivate) {
        stage.password().await.unwrap();
    }
    if call == Again {
        broker.wipe("the agent forgets");
    }
    if call == Redeem {
        stage.clock.advance(Duration::from_secs(2 * 3600));
    }
    stage.fault(fault(call, error));
    match call {
        SignIn => {
            let signed_in = support::try_sign_in(&stage.house, &stage.emulator, USER);
            signed_in.await.map(drop)
        }
        Deactivate => {
            let window = stage.house.window("linux-root")?;
            broker.close(window, "a test").await.map(drop)
        }
        Activate | Again | Read | Redeem => tokio::select! {
            outcome = stage.password() => outcome.map(drop),
            never = hurry(stage) => match never {},
        },
    }
}

/// A fault that answers exactly as published.
fn fault(call: Call, error: &Value) -> Fault {
    let headers = error["headers"].as_object().into_iter().flatten();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Fault {
        operation: call.operation().to_owned(),
        // What ends nothing is over in a moment.
        times: matches!(call, SignIn | Again).then_some(1),
        status: error["status"]
            .as_u64()
            .map(|status| status.try_into().unwrap()),
        body: Some(error["body"].to_string()),
        headers: headers
            // Framing is the server's, and a date of years ago would end every token.
            .filter(|(name, _)| !["Content-Length", "Date"].contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), text(value)))
            .collect(),
        ..Fault::default()
    }
}

/// Lets time pass.
async fn hurry(stage: &Stage) -> std::convert::Infallible {
    loop {
        tokio::time::sleep(Duration::from_millis(50)).await;
        stage.clock.advance(Duration::from_secs(1));
    }
}
