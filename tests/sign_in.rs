//! Signing in through a browser, with a client in the person's place.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod support;

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

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
