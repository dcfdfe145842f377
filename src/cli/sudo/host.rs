//! A host as ssh knows it.

use std::process::Stdio;

use tokio::process::Command;

use super::super::Failure;
use crate::refusal::ExitCode;

/// Where to log in.
#[cfg_attr(
    windows,
    expect(dead_code, reason = "nothing is run on hosts from there")
)]
pub(in crate::cli) struct Host {
    /// What ssh is told: `HOST` or `USER@HOST`.
    pub(super) destination: String,
    names: Vec<String>,
    user: String,
    port: u32,
    options: Vec<String>,
}

impl Host {
    /// Asks ssh what it makes of `destination`; it reads its configuration, and connects nowhere.
    pub(in crate::cli) async fn resolve(
        destination: &str,
        options: &[String],
    ) -> Result<Self, Failure> {
        if destination.is_empty() || destination.starts_with('-') {
            return Err(Failure::new(
                "usage",
                ExitCode::Usage,
                format!("{destination:?} is not the name of a host"),
                "write it as ssh takes it: HOST or USER@HOST",
            ));
        }
        let (_, typed) = destination.rsplit_once('@').unwrap_or(("", destination));
        let mut names = vec![typed.to_owned()];
        let mut ssh = Command::new("ssh");
        ssh.args(options.iter().flat_map(|option| ["-o", option]));
        ssh.args(["-G", "--", destination]).stdin(Stdio::null());
        let told = ssh.output().await;
        let told = told.map_err(|error| super::not_started("ssh", &error))?;
        if !told.status.success() {
            let why = String::from_utf8_lossy(&told.stderr);
            return Err(Failure::new(
                "usage",
                ExitCode::Usage,
                format!("ssh cannot tell what {destination} is: {}", why.trim()),
                "mend its configuration, or the options; `ssh -G HOST` tells the same",
            ));
        }
        let told = String::from_utf8_lossy(&told.stdout).into_owned();
        let field = |name: &str| told.lines().find_map(|line| line.strip_prefix(name));
        // Its key is known under the alias, if there is one: that is the name that is proven.
        for name in ["hostkeyalias ", "hostname "].map(field) {
            names.extend(name.filter(|name| *name != typed).map(str::to_owned));
        }
        Ok(Self {
            destination: destination.to_owned(),
            names,
            user: field("user ").unwrap_or_default().to_owned(),
            port: field("port ")
                .and_then(|port| port.parse().ok())
                .unwrap_or(0),
            options: options.to_vec(),
        })
    }

    /// The names it has: as it was typed, and as ssh resolves it.
    pub(in crate::cli) fn names(&self) -> Vec<String> {
        self.names.clone()
    }

    /// The account there, as ssh resolves it.
    pub(in crate::cli) fn user(&self) -> &str {
        &self.user
    }

    /// The port there, as ssh resolves it.
    pub(in crate::cli) const fn port(&self) -> u32 {
        self.port
    }

    /// `ssh` to it, up to the destination; more arguments are the command there.
    ///
    /// A password goes to a host whose key is known, whatever the configuration says of others.
    #[cfg(unix)]
    pub(super) fn ssh(&self, more: &[&str]) -> Command {
        let mut ssh = Command::new("ssh");
        ssh.args(["-o", "StrictHostKeyChecking=yes", "-o", "ForwardAgent=no"]);
        ssh.args(self.options.iter().flat_map(|option| ["-o", option]));
        ssh.args(more).arg("--").arg(&self.destination);
        ssh
    }
}

/// `words` as one command line of a POSIX shell.
#[cfg(unix)]
pub(super) fn quoted(words: &[&str]) -> Result<String, Failure> {
    shlex::try_join(words.iter().copied()).map_err(|_| {
        Failure::new(
            "usage",
            ExitCode::Usage,
            "the command has a NUL character, which no shell takes",
            "leave it out",
        )
    })
}
