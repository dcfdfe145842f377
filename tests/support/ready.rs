//! An agent that is signed in, for tests of `pimento run`.

use std::process::{Command, Output};

use super::home::{Home, Running};

/// A reference that every command of [`Ready`] has in its environment, as `DB`.
pub const DB: &str = "pimento://linux/db01-root";
/// A password with everything that has a meaning in a password file, between quotes and in a URL.
pub const AWKWARD: &str = "p:w\\\"d c/n4ry-41c8";

/// A home with an agent that is signed in, and the password that must not be seen.
pub struct Ready {
    pub home: Home,
    pub canary: String,
    _agent: Running,
}

impl Ready {
    pub async fn new() -> Self {
        let home = Home::new().await;
        home.emulator
            .change(|cloud| cloud.put_secret("kv-linux", "app-db", AWKWARD));
        let config = std::fs::read_to_string(home.path("config.toml")).unwrap();
        home.write_config(&format!(
            "{config}[password.app-db]\nvault = \"linux\"\nsecret = \"app-db\"\n"
        ));
        let agent = home.agent();
        home.sign_in();
        let canary = home
            .emulator
            .change(|cloud| cloud.secret("kv-linux", "db01-root").unwrap().to_owned());
        Self {
            home,
            canary,
            _agent: agent,
        }
    }

    /// `pimento run` with these arguments.
    pub fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = self.home.pimento(&["run"]);
        command.args(args).env("DB", DB);
        command
    }
}
