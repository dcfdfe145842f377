//! How a program would ask, by what it is, and how its host would prove itself.

use super::Login;
use crate::catalog::{Credential, Kind, PasswordUse};
use crate::house::House;
use crate::known_hosts::Nameless;
use crate::pattern::host_matches;
use crate::policy::{End, Route};
use crate::refusal::Refusal;

/// How a program asks for what a login needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// docker and its like, through their credential helper.
    Docker,
    /// git: through its credential helper, or by the ssh that it starts.
    Git,
    /// A program that speaks the agent protocol and proves no host.
    Other(String),
    /// A person, by `pimento password`.
    Pimento,
    /// OpenSSH's client, or what starts it.
    Ssh,
    /// sudo, which asks for a password alone.
    Sudo,
    /// sudo-rs by its own prompt.
    SudoRs,
}

impl Way {
    /// The way of the program of that name or file; none is ssh's.
    pub(super) fn of(program: &str) -> Self {
        let name = program.rsplit(['/', '\\']).next().unwrap_or(program);
        match name.strip_suffix(".exe").unwrap_or(name) {
            "" | "ssh" | "scp" | "sftp" | "sshfs" | "rsync" | "ansible" | "ansible-playbook" => {
                Self::Ssh
            }
            "docker" | "podman" => Self::Docker,
            "git" => Self::Git,
            "pimento" => Self::Pimento,
            "sudo" => Self::Sudo,
            "sudo-rs" => Self::SudoRs,
            other => Self::Other(other.to_owned()),
        }
    }

    /// The program that the agent sees, as justifications name it.
    pub(super) fn program(&self) -> &str {
        match self {
            Self::Docker => "docker",
            Self::Git => "git",
            Self::Other(name) => name,
            Self::Pimento => "pimento",
            Self::Ssh => "ssh",
            Self::Sudo => "sudo",
            Self::SudoRs => "sudo-rs",
        }
    }

    /// The ways in which it asks for a password.
    pub(super) const fn gives(&self) -> &'static [PasswordUse] {
        match self {
            Self::Docker => &[PasswordUse::Docker],
            Self::Git => &[PasswordUse::Git],
            Self::Pimento => &[],
            Self::Other(_) | Self::Ssh => &[PasswordUse::Ssh, PasswordUse::SshKeyboardInteractive],
            Self::Sudo => &[PasswordUse::Sudo],
            Self::SudoRs => &[PasswordUse::SudoRs],
        }
    }

    /// Whether it has passwords shown to it.
    pub(super) const fn reveals(&self) -> bool {
        matches!(self, Self::Pimento)
    }

    /// Whether it signs logins by keys of the agent.
    const fn uses_keys(&self) -> bool {
        matches!(self, Self::Git | Self::Other(_) | Self::Ssh)
    }

    /// Why it gets no password, whatever the rules of that password are.
    pub(super) fn refuses(&self) -> Option<Refusal> {
        matches!(self, Self::Other(_)).then(|| {
            Refusal::Unsupported(format!(
                "prompts are answered to ssh and sudo alone, and {} is neither",
                self.program()
            ))
        })
    }
}

impl Login {
    /// How the host could prove itself when `credential` is to sign, and what is to be said of that;
    /// `None` if the key is for other hosts, or the program uses none.
    pub(super) fn routes(
        &self,
        house: &House,
        credential: &Credential,
    ) -> Option<(Vec<Route>, Option<String>)> {
        if !self.way.uses_keys() {
            return None;
        }
        let keys = house.known_hosts.keys_of(&self.hosts, self.port);
        let now = house.clock.wall();
        let mut routes: Vec<Route> = Vec::new();
        for key in keys {
            routes.push(bound(
                key.fingerprint(ssh_key::HashAlg::Sha256).to_string(),
                house.known_hosts.names(&key, &credential.hosts, now),
            ));
        }
        let here = |names: &[String]| names.iter().any(|it| host_matches(&credential.hosts, it));
        let any = credential.hosts.is_empty();
        let proven =
            |route: &Route| matches!(route, Route::Bound { names: Ok(names), .. } if here(names));
        if !(any || here(&self.hosts) || routes.iter().any(proven)) {
            return None;
        }
        if matches!(self.way, Way::Other(_)) {
            let note = format!(
                "{} is taken for a program that does not prove which host it talks to; OpenSSH's \
                 does since 8.9",
                self.way.program()
            );
            return Some((vec![Route::Unbound], Some(note)));
        }
        if !routes.is_empty() {
            return Some((routes, None));
        }
        // What it will be known by: the name that ssh resolves it to comes last.
        let name = self.hosts.last()?.clone();
        let note = match house.known_hosts.certifies(&self.hosts) {
            true => format!("{name} has to prove itself by a certificate for that name"),
            false => format!("known_hosts has no key of {name} yet: the first login asks about it"),
        };
        let route = bound("not known".to_owned(), Ok(self.hosts.clone()));
        Some((vec![route], Some(note)))
    }
}

const fn bound(fingerprint: String, names: Result<Vec<String>, Nameless>) -> Route {
    Route::Bound {
        fingerprint,
        names,
        forwarded: false,
    }
}

/// The rule that allows it, in words.
pub(super) fn rule(credential: &Credential, end: &End) -> String {
    let hosts = match credential.hosts.as_slice() {
        [] => "it is for any host".to_owned(),
        hosts => format!("its `hosts` are {}", hosts.join(", ")),
    };
    match (&credential.kind, end) {
        (Kind::Password(_), End::Give(receiver)) => {
            format!("its `uses` include {}, and {hosts}", receiver.to.word())
        }
        (Kind::Password(_), _) => "its `uses` include reveal".to_owned(),
        _ => format!("its `uses` include login, and {hosts}"),
    }
}
