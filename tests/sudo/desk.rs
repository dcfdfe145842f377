//! A desk with an agent that is signed in, and sudo.

use std::process::{Command, Output, Stdio};

use crate::support::etc::{Etc, OTHER};
use crate::support::home::{Home, Running, text};

/// The user's machine: an agent that is signed in, and sudo.
pub(crate) struct Desk {
    pub(crate) home: Home,
    _agent: Running,
}

impl Desk {
    /// With root's password in the vault, and these lines of sudoers.
    pub(crate) async fn new(sudoers: &str) -> Option<Self> {
        Self::with(sudoers, |config| config).await
    }

    /// The same, with a person who gives this answer to every question.
    pub(crate) async fn asking(
        sudoers: &str,
        answer: &str,
        change: impl FnOnce(String) -> String,
    ) -> Option<Self> {
        let home = Home::new().await;
        let askpass = home.path("asks");
        let script = "printf '#!/bin/sh\nprintf %%s \"$1\" > %s/question; echo %s\n' \"$1\" \"$2\" > \"$3\" && \
                      chmod 700 \"$3\"";
        let mut write = Command::new("sh");
        write.args(["-c", script, "sh"]).arg(home.folder.path());
        assert!(write.arg(answer).arg(&askpass).status().unwrap().success());
        let agent = format!("[agent]\naskpass = {askpass:?}\n");
        let asks = |text: String| change(text).replace("[agent]\n", &agent);
        Self::in_home(home, sudoers, asks, &[("SSH_ASKPASS_REQUIRE", "force")]).await
    }

    pub(crate) async fn with(sudoers: &str, change: impl FnOnce(String) -> String) -> Option<Self> {
        Self::in_home(Home::new().await, sudoers, change, &[]).await
    }

    async fn in_home(
        home: Home,
        sudoers: &str,
        change: impl FnOnce(String) -> String,
        environment: &[(&str, &str)],
    ) -> Option<Self> {
        let root = home.emulator.change(|cloud| {
            cloud.put_secret("kv-linux", "deploy-here", "deploy's own");
            cloud.secret("kv-linux", "db01-root").unwrap().to_owned()
        });
        let etc = Etc::new(&root, sudoers)?;
        etc.set_password(OTHER, "deploy's own");
        let here = "[password.root-here]\nvault = \"linux\"\nsecret = \"db01-root\"\nuser = \"root\"\n\
                    hosts = [\"localhost\"]\n\
                    [password.deploy-here]\nvault = \"linux\"\nsecret = \"deploy-here\"\n\
                    user = \"deploy\"\nhosts = [\"localhost\"]\n[key.web]";
        let home = home.configured(|config| change(config.replace("[key.web]", here)));
        let home = home.in_etc(etc);
        let agent = home.agent_with(environment);
        home.sign_in();
        home.emulator.change(pimento::emulator::World::reset_counts);
        Some(Self {
            home,
            _agent: agent,
        })
    }

    pub(crate) fn etc(&self) -> &Etc {
        self.home.etc.as_ref().unwrap()
    }

    /// `sudo -A` with these arguments.
    pub(crate) fn sudo(&self, args: &[&str]) -> Command {
        self.run_by("sudo", args)
    }

    pub(crate) fn run_by(&self, sudo: &str, args: &[&str]) -> Command {
        let mut sudo = self.home.command(sudo);
        sudo.arg("-A").args(args);
        sudo.env("SUDO_ASKPASS", self.etc().askpass());
        // A terminal of the test's must not be asked.
        let mut command = sudo;
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn activations(&self) -> u64 {
        self.home
            .emulator
            .count("graph.assignmentScheduleRequests.create")
    }

    pub(crate) fn reads(&self) -> u64 {
        self.home.emulator.count("vault.secret.get")
    }

    pub(crate) fn why(&self) -> String {
        text(&self.home.run(&["why"]).stdout)
    }

    pub(crate) fn audit(&self) -> String {
        std::fs::read_to_string(self.home.path("state/audit/audit.jsonl")).unwrap()
    }
}

/// What a command printed, if it succeeded.
#[track_caller]
pub(crate) fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout).trim().to_owned()
}

#[track_caller]
pub(crate) fn refused(output: &Output) -> String {
    assert!(!output.status.success(), "{}", text(&output.stdout));
    assert_eq!(text(&output.stdout), "");
    text(&output.stderr)
}
