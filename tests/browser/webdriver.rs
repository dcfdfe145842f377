//! A real browser without a display, driven by WebDriver (W3C) as far as a sign-in needs it.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use pimento::emulator::Emulator;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};

/// Chromium, with one tab; ends with its driver when dropped.
pub struct Chromium {
    driver: Child,
    client: reqwest::Client,
    session: String,
    _profile: tempfile::TempDir,
}

impl Chromium {
    /// Starts one that knows the emulator's sign-in page and this machine, and nothing else.
    pub async fn start(emulator: &Emulator) -> Self {
        let profile = tempfile::tempdir().unwrap();
        let mut driver = Command::new("chromedriver");
        let mut driver = driver
            .arg("--port=0")
            .env("HOME", profile.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("chromedriver: {error}; run `./check tools`"));
        let lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let mut lines = lines.map_while(Result::ok);
        let port = lines.find_map(|line| {
            let port = line.split("successfully on port ").nth(1)?;
            port.trim_end_matches('.').parse::<u16>().ok()
        });
        std::thread::spawn(move || lines.for_each(drop));
        let base = format!("http://127.0.0.1:{}/session", port.unwrap());
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let options = capabilities(emulator, profile.path());
        let made = answer(client.post(&base).json(&options)).await;
        let id = made["sessionId"].as_str().unwrap();
        Self {
            session: format!("{base}/{id}"),
            driver,
            client,
            _profile: profile,
        }
    }

    pub async fn go(&self, page: &str) {
        self.post("url", json!({"url": page})).await;
    }

    pub async fn fill(&self, selector: &str, value: &str) {
        let field = self.find(selector).await;
        self.post(&format!("element/{field}/clear"), json!({}))
            .await;
        self.post(&format!("element/{field}/value"), json!({"text": value}))
            .await;
    }

    pub async fn click(&self, selector: &str) {
        let button = self.find(selector).await;
        self.post(&format!("element/{button}/click"), json!({}))
            .await;
    }

    /// What a field has in it.
    pub async fn value(&self, selector: &str) -> String {
        let field = self.find(selector).await;
        self.get(&format!("element/{field}/property/value")).await
    }

    /// What the page shows; nothing while one page makes way for the next.
    ///
    /// One call, because a reference to an element does not outlive its page.
    pub async fn text(&self) -> String {
        let script = "return document.body ? document.body.innerText : ''";
        let shown = self
            .post("execute/sync", json!({"script": script, "args": []}))
            .await;
        shown.as_str().unwrap_or_default().to_owned()
    }

    /// How a part of the page is drawn.
    pub async fn style(&self, selector: &str, property: &str) -> String {
        let part = self.find(selector).await;
        self.get(&format!("element/{part}/css/{property}")).await
    }

    /// Waits until the page shows `text`.
    pub async fn shows(&self, text: &str) {
        let began = Instant::now();
        loop {
            let shown = self.text().await;
            if shown.contains(text) {
                return;
            }
            assert!(began.elapsed() < Duration::from_secs(60), "{text}: {shown}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Keeps a picture of the page for people, where `PIMENTO_SCREENSHOTS` names a folder.
    pub async fn picture(&self, name: &str) {
        let Some(folder) = std::env::var_os("PIMENTO_SCREENSHOTS") else {
            return;
        };
        let picture = self.get("screenshot").await;
        let picture = base64::engine::general_purpose::STANDARD.decode(picture);
        let file = Path::new(&folder).join(format!("{name}.png"));
        std::fs::write(file, picture.unwrap()).unwrap();
    }

    async fn find(&self, selector: &str) -> String {
        let by = json!({"using": "css selector", "value": selector});
        let found = self.post("element", by).await;
        // The name that the standard gives to a reference to an element.
        let reference = &found["element-6066-11e4-a52e-4f735466cecf"];
        reference.as_str().unwrap().to_owned()
    }

    async fn post(&self, command: &str, body: Value) -> Value {
        let url = format!("{}/{command}", self.session);
        answer(self.client.post(url).json(&body)).await
    }

    async fn get(&self, command: &str) -> String {
        let url = format!("{}/{command}", self.session);
        let value = answer(self.client.get(url)).await;
        value.as_str().unwrap_or_default().to_owned()
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let group = Pid::from_raw(self.driver.id().cast_signed()).unwrap();
        let _gone = kill_process_group(group, Signal::KILL);
        let _reaped = self.driver.wait();
    }
}

async fn answer(request: reqwest::RequestBuilder) -> Value {
    let answer = request.send().await.unwrap();
    let ok = answer.status().is_success();
    let mut body: Value = answer.json().await.unwrap();
    assert!(ok, "the browser refused: {body}");
    body["value"].take()
}

fn capabilities(emulator: &Emulator, profile: &Path) -> Value {
    let port = emulator.address().port();
    let hosts = format!(
        "MAP login.microsoftonline.com 127.0.0.1:{port}, MAP * ~NOTFOUND, EXCLUDE localhost"
    );
    let arguments = [
        "--headless=new".to_owned(),
        // Root has no sandbox to start it in.
        "--no-sandbox".to_owned(),
        "--disable-gpu".to_owned(),
        "--disable-dev-shm-usage".to_owned(),
        "--disable-background-networking".to_owned(),
        "--no-first-run".to_owned(),
        "--window-size=900,640".to_owned(),
        // The emulator's authority is made anew at each start.
        "--ignore-certificate-errors".to_owned(),
        format!("--host-resolver-rules={hosts}"),
        format!("--user-data-dir={}", profile.join("profile").display()),
    ];
    json!({"capabilities": {"alwaysMatch": {
        "browserName": "chrome",
        // How long an element is waited for, in milliseconds.
        "timeouts": {"implicit": 20_000},
        "goog:chromeOptions": {"args": arguments},
    }}})
}
