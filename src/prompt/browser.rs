//! Opens a page where a person sits: in the session of the program that asks, else the agent's own.
//!
//! Which browser is a matter of the agent's environment; where it opens is taken from the
//! requester, as for prompts. What never happens here: a browser on a desktop that the person is
//! not at, because they came in by SSH.

use async_trait::async_trait;
use url::Url;

use super::session::{Environment, Session};
use crate::cloud::Pages;
use crate::requester::Requester;

/// The browser of whoever asks.
pub struct Browser {
    own: Environment,
}

impl Browser {
    /// The one that the agent's own environment says.
    #[must_use]
    pub const fn new(own: Environment) -> Self {
        Self { own }
    }

    /// Where a browser can be shown to `person`.
    async fn place(&self, person: &Requester) -> Result<Session, String> {
        let (theirs, own) = (Session::of(person).await, Session::own(&self.own));
        if theirs.remote {
            return Err(
                "you came in by SSH, and the browser would open where you do not sit".into(),
            );
        }
        let with_desktop = [theirs, own].into_iter().find(Session::has_desktop);
        with_desktop.ok_or_else(|| {
            "there is no desktop here: neither the program that asks nor the agent has DISPLAY or \
             WAYLAND_DISPLAY"
                .into()
        })
    }
}

#[async_trait]
impl Pages for Browser {
    async fn open(&self, page: &Url, person: &Requester) -> Result<(), String> {
        let session = self.place(person).await?;
        launch::start(page, &session, &self.own).await
    }
}

#[cfg(any(target_os = "macos", windows))]
mod launch {
    use super::{Environment, Session, Url};

    pub(super) async fn start(page: &Url, _: &Session, _: &Environment) -> Result<(), String> {
        webbrowser::open(page.as_str()).map_err(|error| format!("no browser starts: {error}"))
    }
}

#[cfg(not(any(target_os = "macos", windows)))]
mod launch {
    use std::path::Path;
    use std::process::Stdio;
    use std::time::Duration;

    use super::{Environment, Session, Url};

    /// Starts the first browser that does not fail at once.
    pub(super) async fn start(
        page: &Url,
        session: &Session,
        own: &Environment,
    ) -> Result<(), String> {
        let chosen = own.get("BROWSER").and_then(|value| value.to_str());
        let chosen = chosen.unwrap_or_default().split(':');
        let browsers: Vec<&str> = chosen.filter(|it| !it.is_empty()).chain(USUAL).collect();
        for browser in &browsers {
            if starts(browser, page, session, own).await {
                return Ok(());
            }
        }
        Err(format!("no browser starts (tried {})", browsers.join(", ")))
    }

    async fn starts(browser: &str, page: &Url, session: &Session, own: &Environment) -> bool {
        let mut words = browser.split_whitespace();
        let Some(program) = words.next() else {
            return false;
        };
        let mut arguments: Vec<String> = words.map(|it| it.replace("%s", page.as_str())).collect();
        if !browser.contains("%s") {
            arguments.push(page.to_string());
        }
        let program = Path::new(program);
        let confined = session.command_outside(program);
        let mut command = confined.unwrap_or_else(|| session.command(program, own));
        command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let Ok(mut child) = command.spawn() else {
            return false;
        };
        // What hands the page over ends soon, and says whether it could; a browser itself goes on.
        match tokio::time::timeout(SOON, child.wait()).await {
            Ok(ended) => ended.is_ok_and(|status| status.success()),
            Err(_still_running) => true,
        }
    }

    const USUAL: [&str; 2] = ["xdg-open", "x-www-browser"];
    const SOON: Duration = Duration::from_secs(2);
}
