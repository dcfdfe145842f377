//! Where recipes are tried: a home with an agent, and a shell in it.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use super::page::Page;
use crate::support::home::{Home, Running, text};

/// What the vault has under whatever name a recipe uses.
pub const SECRET: &str = "s3cret \"$(pass)' = ü";

/// What every home has, and the page of Ansible as well.
const USUAL: &str = "[password.db01-root]\nvault = \"linux\"\nsecret = \"db01-root\"\n\
    user = \"root\"\nhosts = [\"db01.contoso.com\"]\n";

pub struct Kitchen {
    pub home: Home,
    pub page: Page,
    agent: Option<Running>,
}

impl Kitchen {
    /// Adds the page's configuration to a home, with these secrets in the vault, starts the agent
    /// and signs in.
    pub async fn with(page: Page, replaced: &[(&str, &str)], secrets: &[(&str, &str)]) -> Self {
        let home = Home::new().await;
        for (name, value) in secrets {
            home.emulator
                .change(|cloud| cloud.put_secret("kv-linux", name, value));
        }
        let mut text = fs::read_to_string(home.path("config.toml")).unwrap();
        let added = page.block("config", replaced);
        if added.contains(USUAL) {
            text = text.replace(USUAL, "");
        }
        home.write_config(&format!("{added}\n{text}"));
        fs::create_dir_all(home.path(".local/bin")).unwrap();
        let agent = Some(home.agent());
        home.sign_in();
        Self { home, page, agent }
    }

    /// A shell with the environment of the home, in its folder.
    pub fn shell(&self, script: &str) -> Command {
        let pimento = self.home.pimento(&[]);
        let mut shell = Command::new("sh");
        shell.env_clear();
        for (name, value) in pimento.get_envs() {
            if let Some(value) = value {
                shell.env(name, value);
            }
        }
        let program = Path::new(env!("CARGO_BIN_EXE_pimento"));
        let path = [
            self.home.path(".local/bin").into_os_string(),
            program.parent().unwrap().as_os_str().to_owned(),
            std::env::var_os("PATH").unwrap(),
        ];
        shell
            .args(["-euc", script])
            .env("PATH", path.join(std::ffi::OsStr::new(":")))
            .env("LC_ALL", "C.UTF-8")
            .current_dir(self.home.folder.path())
            .stdin(std::process::Stdio::null());
        shell
    }

    /// Runs a script, whatever becomes of it.
    pub fn run(&self, script: &str) -> Output {
        self.shell(script).output().unwrap()
    }

    /// Runs a script that must succeed, and takes what it prints.
    #[track_caller]
    pub fn ok(&self, script: &str) -> String {
        let output = self.run(script);
        assert!(output.status.success(), "{script}\n{}", told(&output));
        text(&output.stdout)
    }

    /// Runs a block of the page, which must succeed.
    #[track_caller]
    pub fn follow(&self, block: &str, replaced: &[(&str, &str)]) -> String {
        self.ok(&self.page.block(block, replaced))
    }

    /// Starts the agent anew, with this besides what is configured.
    pub fn starts_again_with(&mut self, added: &str) {
        self.agent = None;
        let text = fs::read_to_string(self.home.path("config.toml")).unwrap();
        self.home.write_config(&format!("{added}\n{text}"));
        self.agent = Some(self.home.agent());
        self.home.sign_in();
    }

    pub fn stop_the_agent(&mut self) {
        self.agent = None;
    }

    /// The records of that event.
    pub fn recorded(&self, event: &str) -> Vec<serde_json::Value> {
        let file = self.home.path("state/audit/audit.jsonl");
        let lines = fs::read_to_string(file).unwrap();
        let records = lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap());
        records
            .filter(|record: &serde_json::Value| record["event"] == event)
            .collect()
    }

    /// The last refusal, as `pimento why` tells it.
    pub fn why(&self) -> String {
        text(&self.home.run(&["why"]).stdout)
    }

    /// Every file below the home that has `part` in it.
    pub fn files_with(&self, part: &str) -> Vec<String> {
        let script = "grep -rlF -- \"$PART\" . || true";
        let mut shell = self.shell(script);
        let output = shell.env("PART", part).output().unwrap();
        text(&output.stdout).lines().map(str::to_owned).collect()
    }
}

/// Both outputs, for people.
pub fn told(output: &Output) -> String {
    format!("{}{}", text(&output.stdout), text(&output.stderr))
}
