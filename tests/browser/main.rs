//! Sign-in and step-up in a real browser, on the emulator's pages and on our own.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]
#![cfg(target_os = "linux")]

#[path = "../support/mod.rs"]
mod support;

mod challenge;
mod extend;
mod role;
mod webdriver;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Output, Stdio};

use pimento::emulator::Scenario;
use pimento::emulator::scenario::Fault;
use support::home::{Home, Running, text};
use support::terminal::Terminal;
use support::{USER, until};
use webdriver::Chromium;

/// Somebody at a desktop, whose browser shows whatever page pimento opens.
struct Person {
    home: Home,
    chromium: Chromium,
    _agent: Running,
}

impl Person {
    async fn new(change: impl FnOnce(&mut Scenario)) -> Self {
        Self::configured(change, |text| text).await
    }

    async fn configured(
        change: impl FnOnce(&mut Scenario),
        configure: impl FnOnce(String) -> String,
    ) -> Self {
        let mut scenario = Scenario::example().unwrap();
        change(&mut scenario);
        let home = Home::in_scenario(scenario).await.configured(|text| {
            configure(text.replace("sign_in = \"device-code\"", "sign_in = \"browser\""))
        });
        // The browser of this desktop: it notes the page, and the test goes there.
        let script = home.path("open-page");
        let pages = home.path("pages");
        fs::write(
            &script,
            format!("#!/bin/sh\necho \"$1\" >> '{}'\n", pages.display()),
        )
        .unwrap();
        fs::set_permissions(&script, PermissionsExt::from_mode(0o700)).unwrap();
        let agent = home.agent_with(&[("DISPLAY", ":77"), ("BROWSER", script.to_str().unwrap())]);
        Self {
            chromium: Chromium::start(&home.emulator).await,
            home,
            _agent: agent,
        }
    }

    fn start(&self, args: &[&str]) -> Child {
        let mut command = self.home.pimento(args);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    fn pages(&self) -> Vec<String> {
        let pages = fs::read_to_string(self.home.path("pages")).unwrap_or_default();
        pages.lines().map(str::to_owned).collect()
    }

    /// Waits for the page with this number, and looks at it.
    async fn sees_page(&self, number: usize) {
        until("a page was opened", || self.pages().len() >= number).await;
        self.chromium.go(&self.pages()[number - 1]).await;
        self.chromium.shows("Sign in").await;
    }

    async fn signs_in(&self) {
        self.chromium.fill("[name=username]", USER).await;
        self.chromium.fill("[name=password]", "correct horse").await;
        self.chromium.click("[value=signin]").await;
    }

    async fn is_signed_in(&self) {
        let login = self.start(&["login"]);
        self.sees_page(1).await;
        self.signs_in().await;
        self.chromium.shows("You are signed in").await;
        assert_eq!(ended(login).await.status.code(), Some(0));
        self.home
            .emulator
            .change(pimento::emulator::World::reset_counts);
    }

    fn count(&self, operation: &str) -> u64 {
        self.home.emulator.count(operation)
    }
}

async fn ended(child: Child) -> Output {
    let waited = tokio::task::spawn_blocking(|| child.wait_with_output().unwrap());
    waited.await.unwrap()
}

/// Lets the policy of the window ask for the authentication context c1.
fn with_context(scenario: &mut Scenario) {
    scenario.groups[0].policy.authentication_context = Some("c1".to_owned());
}

const ACTIVE: &str = "graph.assignmentScheduleInstances.filterByCurrentUser";
const CREATE: &str = "graph.assignmentScheduleRequests.create";
const READ: &str = "vault.secret.get";
const CODE: &str = "entra.token.authorization_code";
const REFRESH: &str = "entra.token.refresh_token";
const REVEAL: [&str; 3] = ["password", "db01-root", "--reveal"];

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_and_is_told_that_the_tab_can_be_closed() {
    let person = Person::new(|_| {}).await;
    let login = person.start(&["login"]);
    person.sees_page(1).await;
    assert!(person.pages()[0].contains("prompt=select_account"));
    person.chromium.picture("emulator-sign-in").await;
    person.signs_in().await;
    person.chromium.shows("You can close this tab").await;
    person.chromium.picture("done").await;
    // The policy of the page lets its own style through: without it nothing is rounded.
    assert_eq!(
        person
            .chromium
            .style("main", "border-top-left-radius")
            .await,
        "12px"
    );
    let done = ended(login).await;
    assert_eq!(
        text(&done.stdout),
        format!("signed in to contoso as {USER}\n")
    );
    assert_eq!(person.home.run(&REVEAL).status.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_account_of_the_configuration_is_proposed() {
    let hint = format!("login_hint = \"{USER}\"\nclient_id");
    let person = Person::configured(|_| {}, |text| text.replacen("client_id", &hint, 1)).await;
    let login = person.start(&["login"]);
    person.sees_page(1).await;
    assert_eq!(person.chromium.value("[name=username]").await, USER);
    assert!(!person.pages()[0].contains("prompt="));
    person.signs_in().await;
    person.chromium.shows("You are signed in").await;
    assert_eq!(ended(login).await.status.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_cancels_is_told_so_on_the_page_and_in_the_terminal() {
    let person = Person::new(|_| {}).await;
    let login = person.start(&["login"]);
    person.sees_page(1).await;
    person.chromium.click("[value=cancel]").await;
    person.chromium.shows("The sign-in failed").await;
    person.chromium.picture("cancelled").await;
    let shown = person.chromium.text().await;
    assert!(shown.contains("the sign-in was declined"), "{shown}");
    assert!(shown.contains("pimento login contoso"), "{shown}");
    let refused = ended(login).await;
    assert_eq!(refused.status.code(), Some(3));
    assert!(text(&refused.stderr).contains("the sign-in was declined"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_with_another_state_is_no_sign_in_and_ends_none() {
    let person = Person::new(|_| {}).await;
    let login = person.start(&["login"]);
    person.sees_page(1).await;
    let page: url::Url = person.pages()[0].parse().unwrap();
    let (_, back) = page
        .query_pairs()
        .find(|(name, _)| name == "redirect_uri")
        .unwrap();
    person
        .chromium
        .go(&format!("{back}/?code=stolen&state=guessed"))
        .await;
    person.chromium.shows("Nothing is expected here").await;
    person.chromium.picture("stray").await;
    assert_eq!(person.count(CODE), 0);
    person.sees_page(1).await;
    person.signs_in().await;
    person.chromium.shows("You are signed in").await;
    assert_eq!(ended(login).await.status.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_has_expired_is_told_on_the_page_and_in_the_terminal() {
    let person = Person::new(|_| {}).await;
    let login = person.start(&["login"]);
    person.sees_page(1).await;
    let expired = "AADSTS70008: The provided authorization code or refresh token has expired due to \
                   inactivity. Send a new interactive authorization request for this user and \
                   resource. Trace ID: 1 Correlation ID: 2 Timestamp: 3";
    let body = serde_json::json!({"error": "invalid_grant", "error_description": expired});
    person.home.emulator.change(|cloud| {
        cloud.fault(Fault {
            operation: CODE.to_owned(),
            times: Some(1),
            status: Some(400),
            body: Some(body.to_string()),
            ..Fault::default()
        });
    });
    person.signs_in().await;
    person.chromium.shows("The sign-in failed").await;
    person.chromium.picture("expired").await;
    let refused = ended(login).await;
    assert_eq!(refused.status.code(), Some(3));
    assert!(
        text(&refused.stderr).contains("expired"),
        "{}",
        text(&refused.stderr)
    );
    assert_eq!(person.home.run(&REVEAL).status.code(), Some(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_activation_that_wants_a_context_leads_to_one_page_and_is_repeated_once() {
    let person = Person::new(with_context).await;
    person.is_signed_in().await;
    let asking = person.start(&REVEAL);
    person.sees_page(2).await;
    assert_eq!(person.chromium.value("[name=username]").await, USER);
    person.chromium.shows("authentication context c1").await;
    person.chromium.picture("emulator-step-up").await;
    let status = person.home.run(&["status"]);
    assert!(text(&status.stdout).contains("waiting for you to sign in again"));
    person.signs_in().await;
    person.chromium.shows("You can close this tab").await;
    let released = ended(asking).await;
    assert_eq!(
        released.status.code(),
        Some(0),
        "{}",
        text(&released.stderr)
    );
    assert!(text(&released.stderr).contains("waiting for you to sign in again"));
    assert_eq!((person.count(CREATE), person.count(CODE)), (2, 1));
    // The attempt without the person, and the vault's token: PIM got the very token of the page.
    assert_eq!(person.count(REFRESH), 2);
    assert_eq!(person.pages().len(), 2);
    let page = ["entra.authorize", "entra.login"];
    let mut calls = person.home.emulator.calls();
    calls.retain(|call| !page.contains(&call.as_str()));
    let seven = [CREATE, REFRESH, CODE, CREATE, ACTIVE, REFRESH, READ];
    assert_eq!(calls, seven, "as docs/performance.md counts them");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ssh_that_waits_for_a_step_up_says_so_on_its_terminal_and_logs_in_after_it() {
    let person = Person::new(with_context).await;
    person.is_signed_in().await;
    let socket = person.home.path("run/agent.sock");
    let mut ssh = person.home.sshd.ssh(&socket, "host.test");
    ssh.env("PATH", std::env::var_os("PATH").unwrap());
    let mut terminal = Terminal::run(&ssh);
    person.sees_page(2).await;
    let mut terminal = tokio::task::spawn_blocking(move || {
        terminal.shows("pimento: waiting for you to sign in again, in the browser window");
        terminal
    })
    .await
    .unwrap();
    person.signs_in().await;
    let code = tokio::task::spawn_blocking(move || terminal.child.wait().unwrap());
    assert!(code.await.unwrap().success());
    assert_eq!((person.count(CREATE), person.pages().len()), (2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_context_that_was_shown_is_not_asked_for_again() {
    let person = Person::new(with_context).await;
    person.is_signed_in().await;
    let asking = person.start(&REVEAL);
    person.sees_page(2).await;
    person.signs_in().await;
    assert_eq!(ended(asking).await.status.code(), Some(0));
    person.home.run(&["close", "--all"]);
    person.home.emulator.change(|cloud| {
        cloud.advance(std::time::Duration::from_secs(3700));
        cloud.reset_counts();
    });
    assert_eq!(person.home.run(&REVEAL).status.code(), Some(0));
    assert_eq!((person.count(CREATE), person.pages().len()), (1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_up_that_is_cancelled_refuses_and_opens_no_second_page() {
    let person = Person::new(with_context).await;
    person.is_signed_in().await;
    let asking = person.start(&REVEAL);
    person.sees_page(2).await;
    person.chromium.click("[value=cancel]").await;
    person.chromium.shows("The sign-in failed").await;
    let refused = ended(asking).await;
    assert_eq!(refused.status.code(), Some(3));
    let told = text(&refused.stderr);
    assert!(
        told.contains("asks for a step-up, and there was none"),
        "{told}"
    );
    // As ssh does with its next key.
    assert_eq!(person.home.run(&REVEAL).status.code(), Some(3));
    assert_eq!((person.count(CREATE), person.pages().len()), (1, 2));
    // The person stays signed in, and what was asked for is asked of the next sign-in.
    let login = person.start(&["login"]);
    person.sees_page(3).await;
    person.chromium.shows("authentication context c1").await;
    person.signs_in().await;
    assert_eq!(ended(login).await.status.code(), Some(0));
    assert_eq!(person.home.run(&REVEAL).status.code(), Some(0));
    assert_eq!((person.count(CREATE), person.pages().len()), (2, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_up_by_somebody_else_opens_nothing() {
    let person = Person::new(with_context).await;
    person.is_signed_in().await;
    let asking = person.start(&REVEAL);
    person.sees_page(2).await;
    person
        .chromium
        .fill("[name=username]", "alex@contoso.onmicrosoft.com")
        .await;
    person
        .chromium
        .fill("[name=password]", "battery staple")
        .await;
    person.chromium.click("[value=signin]").await;
    person.chromium.shows("signed in instead of").await;
    person.chromium.picture("somebody-else").await;
    assert_eq!(ended(asking).await.status.code(), Some(3));
    assert_eq!(person.count(CREATE), 1);
    let status = person.home.run(&["status"]);
    assert!(
        text(&status.stdout).contains(USER),
        "{}",
        text(&status.stdout)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_factor_that_pims_policy_wants_is_shown_in_the_browser() {
    let person = Person::new(|scenario| {
        scenario.groups[0].policy.mfa = true;
        scenario.users[0].mfa = false;
    })
    .await;
    person.is_signed_in().await;
    let asking = person.start(&REVEAL);
    person.sees_page(2).await;
    person.signs_in().await;
    assert_eq!(ended(asking).await.status.code(), Some(0));
    assert_eq!(person.count(CREATE), 2);
}
