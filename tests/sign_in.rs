//! Signing in through a browser, with a client in the person's place.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::unreachable)]

#[path = "sign_in/ambient.rs"]
mod ambient;
#[path = "sign_in/application.rs"]
mod application;
#[path = "sign_in/application_faults.rs"]
mod application_faults;
#[path = "sign_in/keystore.rs"]
mod keystore;
#[path = "sign_in/network.rs"]
mod network;
mod support;

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use pimento::emulator::Scenario;
use pimento::emulator::scenario::{Context, Fault};
use support::USER;
use support::home::{Home, text};

/// What a person's browser does with the sign-in page: fills in the form, follows the redirect.
struct Browser {
    client: reqwest::Client,
    page: url::Url,
}

impl Browser {
    fn open(home: &Home, page: &str) -> Self {
        let ca = reqwest::Certificate::from_pem(home.emulator.ca_pem().as_bytes()).unwrap();
        let mut client = reqwest::Client::builder()
            .tls_certs_only([ca])
            .redirect(reqwest::redirect::Policy::none());
        for (host, address) in home.emulator.resolve() {
            client = client.resolve(&host, address);
        }
        Self {
            client: client.build().unwrap(),
            page: page.parse().unwrap(),
        }
    }

    /// Presses a button of the page; gives where the page sends the browser.
    async fn press(&self, action: &str) -> url::Url {
        let shown = self.client.get(self.page.clone()).send().await.unwrap();
        assert!(shown.text().await.unwrap().contains("<h1>Sign in</h1>"));
        let tenant = self
            .page
            .path_segments()
            .unwrap()
            .next()
            .unwrap()
            .to_owned();
        let form = [
            ("request", self.page.query().unwrap()),
            ("username", USER),
            ("password", "correct horse"),
            ("action", action),
        ];
        let target = self.page.join(&format!("/{tenant}/login")).unwrap();
        let sent = self.client.post(target).form(&form).send().await.unwrap();
        sent.headers()
            .get("location")
            .unwrap()
            .to_str()
            .unwrap()
            .parse()
            .unwrap()
    }

    async fn visit(&self, page: url::Url) -> (u16, String) {
        let shown = self.client.get(page).send().await.unwrap();
        (shown.status().as_u16(), shown.text().await.unwrap())
    }
}

/// Starts a sign-in by browser; gives the process and the page it names.
fn browser_login(home: &Home) -> (Child, String) {
    let mut login = home.pimento(&["login", "--browser"]);
    let mut login = login
        .stderr(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(login.stderr.take().unwrap())
        .lines()
        .map_while(Result::ok);
    let page = lines.find_map(|line| {
        line.trim()
            .starts_with("https://")
            .then(|| line.trim().to_owned())
    });
    std::thread::spawn(move || lines.for_each(drop));
    (login, page.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_by_browser_comes_back_to_loopback_and_ignores_whoever_else_knocks() {
    let home = Home::new().await;
    let _agent = home.agent();
    let (login, page) = browser_login(&home);
    let browser = Browser::open(&home, &page);
    let back = browser.press("signin").await;
    assert_eq!(back.host_str(), Some("localhost"));
    let mut forged = back.clone();
    forged.set_query(Some("code=stolen&state=guessed"));
    assert_eq!(browser.visit(forged).await.0, 404);
    let (status, text_shown) = browser.visit(back).await;
    assert_eq!(status, 200);
    assert!(
        text_shown.contains("You can close this tab"),
        "{text_shown}"
    );
    let done = login.wait_with_output().unwrap();
    assert_eq!(
        text(&done.stdout),
        format!("signed in to contoso as {USER}\n")
    );
    assert_eq!(home.run(&["password", "db01-root"]).status.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_that_is_cancelled_in_the_browser_ends_with_its_reason() {
    let home = Home::new().await;
    let _agent = home.agent();
    let (login, page) = browser_login(&home);
    let browser = Browser::open(&home, &page);
    let back = browser.press("cancel").await;
    let (_, text_shown) = browser.visit(back).await;
    assert!(text_shown.contains("The sign-in failed"), "{text_shown}");
    assert_eq!(login.wait_with_output().unwrap().status.code(), Some(3));
    assert_eq!(home.run(&["password", "db01-root"]).status.code(), Some(3));
}

const REVEAL: [&str; 3] = ["password", "db01-root", "--reveal"];
const CREATE: &str = "graph.assignmentScheduleRequests.create";
const READ: &str = "vault.secret.get";

/// A home whose window asks for the authentication context c1.
async fn with_context(managed_device: bool) -> Home {
    let mut scenario = Scenario::example().unwrap();
    scenario
        .groups
        .first_mut()
        .unwrap()
        .policy
        .authentication_context = Some("c1".to_owned());
    scenario.contexts.push(Context {
        id: "c1".to_owned(),
        managed_device,
    });
    Home::in_scenario(scenario).await
}

/// Signs in by a code that is typed on another device.
fn device_login(home: &Home) -> (Option<i32>, String) {
    let mut login = home.pimento(&["login", "--device-code"]);
    let login = login.stderr(Stdio::piped()).stdout(Stdio::null());
    let mut login = login.spawn().unwrap();
    let lines = BufReader::new(login.stderr.take().unwrap()).lines();
    let mut said = String::new();
    for line in lines.map_while(Result::ok) {
        if let Some((_, code)) = line.rsplit_once("enter the code ") {
            let signed_in = |cloud: &mut pimento::emulator::World| cloud.sign_in_device(code, USER);
            assert!(home.emulator.change(signed_in));
        }
        said.push_str(&line);
    }
    (login.wait().unwrap().code(), said)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_up_without_a_browser_says_what_does_satisfy_it_and_what_does_not() {
    let home = with_context(false).await;
    let _agent = home.agent();
    home.sign_in();
    let refused = home.run(&REVEAL);
    assert_eq!(refused.status.code(), Some(3));
    let told = text(&refused.stderr);
    for part in [
        "tenant contoso asks for a step-up",
        "signs in by device code",
        "`pimento login contoso --browser`",
        "`pimento login contoso --device-code` will do where only a second factor is asked for",
        "AADSTS53000",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert_eq!(home.emulator.count(CREATE), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_context_that_asks_for_no_device_is_satisfied_by_the_next_device_code() {
    let home = with_context(false).await;
    let _agent = home.agent();
    home.sign_in();
    assert_eq!(home.run(&REVEAL).status.code(), Some(3));
    assert_eq!(device_login(&home).0, Some(0));
    assert_eq!(home.run(&REVEAL).status.code(), Some(0));
    assert_eq!(home.emulator.count(CREATE), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_context_for_managed_devices_is_refused_to_a_device_code_with_its_reason() {
    let home = with_context(true).await;
    let _agent = home.agent();
    home.sign_in();
    assert_eq!(home.run(&REVEAL).status.code(), Some(3));
    let (code, said) = device_login(&home);
    assert_eq!(code, Some(3));
    assert!(
        said.contains("Device is not in required device state"),
        "{said}"
    );
    assert!(said.contains("managed device"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_is_opened_neither_without_a_desktop_nor_for_who_came_in_by_ssh() {
    let remote = [
        ("DISPLAY", ":77"),
        ("SSH_CONNECTION", "192.0.2.1 5 192.0.2.2 22"),
    ];
    for (environment, why) in [
        (&[][..], "there is no desktop here"),
        (&remote[..], "by SSH"),
    ] {
        let home = with_context(false).await;
        let home = home.configured(|text| text.replace("\"device-code\"", "\"browser\""));
        // The agent is at a desktop; the one who asks is not.
        let own = if environment.is_empty() {
            &[][..]
        } else {
            &[("DISPLAY", ":77")][..]
        };
        let _agent = home.agent_with(own);
        assert_eq!(device_login(&home).0, Some(0));
        let mut asks = home.pimento(&REVEAL);
        let refused = asks.envs(environment.iter().copied()).output().unwrap();
        assert_eq!(refused.status.code(), Some(3));
        let told = text(&refused.stderr);
        assert!(told.contains(why), "{why}: {told}");
        assert!(told.contains("on the desktop of this machine: `pimento login contoso --browser`"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claims_challenge_that_the_sign_in_satisfies_needs_no_person() {
    let home = Home::new().await;
    let _agent = home.agent();
    home.sign_in();
    // {"access_token":{"nbf":{"essential":true,"value":"1"}}}, as after a change of the network.
    let claims = "eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZSwidmFsdWUiOiIxIn19fQ==";
    let challenge = format!("Bearer error=\"insufficient_claims\", claims=\"{claims}\"");
    for operation in [CREATE, READ] {
        home.emulator.change(|cloud| {
            cloud.fault(Fault {
                operation: operation.to_owned(),
                times: Some(1),
                status: Some(401),
                headers: [("WWW-Authenticate".to_owned(), challenge.clone())].into(),
                ..Fault::default()
            });
        });
    }
    assert_eq!(home.run(&REVEAL).status.code(), Some(0));
    let count = |operation| home.emulator.count(operation);
    assert_eq!(
        (
            count(CREATE),
            count(READ),
            count("entra.token.refresh_token")
        ),
        (2, 2, 3)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_that_never_ends_is_answered_once() {
    let home = Home::new().await;
    let _agent = home.agent();
    home.sign_in();
    let claims = "eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZSwidmFsdWUiOiIxIn19fQ==";
    let challenge = format!("Bearer error=\"insufficient_claims\", claims=\"{claims}\"");
    home.emulator.change(|cloud| {
        cloud.fault(Fault {
            operation: READ.to_owned(),
            status: Some(401),
            headers: [("WWW-Authenticate".to_owned(), challenge)].into(),
            ..Fault::default()
        });
    });
    let refused = home.run(&REVEAL);
    assert_eq!(refused.status.code(), Some(3));
    assert!(
        text(&refused.stderr).contains("does not satisfy it"),
        "{}",
        text(&refused.stderr)
    );
    assert_eq!(home.emulator.count(READ), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_of_another_tenant_is_told_before_anybody_signs_in_for_it() {
    const TENANT: &str = "3c1f0f3a-52b1-4b26-9d0e-5d6c8c1d7a10";
    for (authority, why) in [
        (
            "https://login.microsoftonline.com/00000000-0000-0000-0000-000000000000",
            "it belongs to",
        ),
        (
            "https://login.evil.example/3c1f0f3a-52b1-4b26-9d0e-5d6c8c1d7a10",
            "login.evil.example",
        ),
    ] {
        let home = Home::new().await.configured(|text| {
            text.replace(
                "id = \"contoso.onmicrosoft.com\"",
                &format!("id = \"{TENANT}\""),
            )
        });
        let _agent = home.agent();
        home.sign_in();
        let challenge = format!(
            "Bearer authorization=\"{authority}\", resource=\"https://vault.azure.net\", \
             claims=\"eyJhY2Nlc3NfdG9rZW4iOnt9fQ==\""
        );
        home.emulator.change(|cloud| {
            cloud.fault(Fault {
                operation: READ.to_owned(),
                status: Some(401),
                headers: [("WWW-Authenticate".to_owned(), challenge)].into(),
                ..Fault::default()
            });
        });
        let refused = home.run(&REVEAL);
        assert_eq!(refused.status.code(), Some(1));
        assert!(
            text(&refused.stderr).contains(why),
            "{}",
            text(&refused.stderr)
        );
        // Nobody was asked for anything.
        assert_eq!(home.emulator.count("entra.token.refresh_token"), 1);
        assert_eq!(home.emulator.count(READ), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_accounts_of_one_tenant_open_each_their_own_windows_and_leave_each_other_alone() {
    const ALEX: &str = "alex@contoso.onmicrosoft.com";
    let mut scenario = Scenario::example().unwrap();
    let mut appliances = scenario.eligibilities.pop().unwrap();
    ALEX.clone_into(&mut appliances.user);
    scenario.groups.last_mut().unwrap().policy.approvers.clear();
    let group = appliances.group.clone();
    scenario.eligibilities.push(appliances);
    let home = Home::in_scenario(scenario).await.configured(|text| {
        let client = support::CLIENT;
        format!(
            "[tenant.admin]\nid = \"contoso.onmicrosoft.com\"\nclient_id = \"{client}\"\n\
             sign_in = \"device-code\"\nlogin_hint = \"{ALEX}\"\n\
             [window.appliances]\ntenant = \"admin\"\ngroup = \"{group}\"\n\
             [vault.appliances]\nurl = \"https://kv-appliances.vault.azure.net\"\n\
             window = \"appliances\"\n\
             [password.switch]\nvault = \"appliances\"\nsecret = \"switch-enable\"\n{text}"
        )
    });
    let _agent = home.agent();
    let switch = ["password", "switch", "--reveal"];
    assert_eq!(login_as(&home, "contoso", USER), Some(0));
    assert_eq!(home.run(&REVEAL).status.code(), Some(0));
    assert_eq!(home.run(&switch).status.code(), Some(3));
    assert_eq!(login_as(&home, "admin", ALEX), Some(0));
    assert_eq!(home.run(&switch).status.code(), Some(0));
    let status = text(&home.run(&["status"]).stdout);
    assert!(status.contains(USER) && status.contains(ALEX), "{status}");
    assert_eq!(home.run(&["logout", "admin"]).status.code(), Some(5));
    assert_eq!(home.run(&switch).status.code(), Some(3));
    assert_eq!(home.run(&REVEAL).status.code(), Some(0));
    // With more than one tenant, which one is meant has to be said.
    assert_eq!(home.run(&["logout"]).status.code(), Some(4));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_signs_out_is_told_of_what_pim_opens_all_the_same() {
    let mut scenario = Scenario::example().unwrap();
    scenario.delays.provisioning = jiff::SignedDuration::from_secs(6);
    let home = Home::in_scenario(scenario).await;
    let _agent = home.agent();
    home.sign_in();
    let mut open = home.pimento(&["open", "linux-root"]);
    let open = open.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut open = open.spawn().unwrap();
    let mut lines = BufReader::new(open.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("PIM: ")));
    let left = home.run(&["logout"]);
    let told = text(&left.stderr);
    assert_eq!(left.status.code(), Some(5), "{told}");
    assert!(
        told.contains("window linux-root was being opened"),
        "{told}"
    );
    assert!(!open.wait().unwrap().success());
}

fn login_as(home: &Home, tenant: &str, user: &str) -> Option<i32> {
    let mut login = home.pimento(&["login", tenant, "--device-code"]);
    let login = login.stderr(Stdio::piped()).stdout(Stdio::null());
    let mut login = login.spawn().unwrap();
    let lines = BufReader::new(login.stderr.take().unwrap()).lines();
    for line in lines.map_while(Result::ok) {
        if let Some((_, code)) = line.rsplit_once("enter the code ") {
            let typed = |cloud: &mut pimento::emulator::World| cloud.sign_in_device(code, user);
            assert!(home.emulator.change(typed));
        }
    }
    login.wait().unwrap().code()
}
