//! Who may use what, to which end.
//!
//! Enters: an [`Ask`] whose destination was proven by the doors. Leaves: a [`Grant`], the only key
//! to the broker and the windows, or a [`Refusal`] that names the rule. Pure: no clock, no file, no
//! network. What never happens here: a yes to something that could not be recognised.

use std::sync::Arc;

use crate::catalog::{
    AuthoritySpec, Certifies, Credential, Kind, PasswordSpec, PasswordUse, Permission, Reason,
    SigningRules, Ticket, Use,
};
use crate::pattern::host_matches;
use crate::refusal::Refusal;

pub use ask::{Ask, End, Receiver, Route, Said, Signed};

mod ask;

/// Proof of a yes. Only [`judge`] makes one.
#[derive(Debug)]
#[must_use]
pub struct Grant {
    ask: Ask,
    to_be_confirmed: bool,
}

impl Grant {
    /// What was granted.
    #[must_use]
    pub const fn credential(&self) -> &Arc<Credential> {
        &self.ask.credential
    }

    /// To what end.
    #[must_use]
    pub const fn end(&self) -> &End {
        &self.ask.end
    }

    /// Whether it holds only if a person says yes as well.
    #[must_use]
    pub const fn to_be_confirmed(&self) -> bool {
        self.to_be_confirmed
    }

    /// The same, with the reason that a person gave for it.
    pub fn with_reason(mut self, reason: String) -> Self {
        self.ask.said.reason = Some(reason);
        self
    }

    /// The same, with the ticket that a person gave for it.
    pub fn with_ticket(mut self, ticket: Ticket) -> Self {
        self.ask.said.ticket = Some(ticket);
        self
    }

    /// The reason that a person gave for this ask.
    #[must_use]
    pub fn said_reason(&self) -> Option<&str> {
        self.ask.said.reason.as_deref()
    }

    /// Whether whoever asks wants to ask the person itself for what is missing.
    #[must_use]
    pub const fn client_asks(&self) -> bool {
        self.ask.said.client_asks
    }

    /// The host that it is for, as far as that is known.
    #[must_use]
    pub fn host(&self) -> Option<String> {
        self.place().1
    }

    /// The justification for PIM; `None` if a person has to give one.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        if let Some(reason) = &self.ask.said.reason {
            return Some(reason.clone());
        }
        match &self.credential().vault.window.reason {
            Reason::Ask => None,
            Reason::Template(template) => Some(self.fill(template)),
        }
    }

    /// The ticket for PIM.
    #[must_use]
    pub fn ticket(&self) -> Option<Ticket> {
        self.ask
            .said
            .ticket
            .clone()
            .or_else(|| self.credential().vault.window.ticket.clone())
    }

    fn fill(&self, template: &str) -> String {
        let (user, host) = self.place();
        template
            .replace("{program}", &self.ask.program)
            .replace("{user}", user.as_deref().unwrap_or("-"))
            .replace("{host}", host.as_deref().unwrap_or("-"))
            .replace("{credential}", self.credential().name.as_str())
    }

    /// The account and the host that it is for, as far as they are known.
    fn place(&self) -> (Option<String>, Option<String>) {
        match (&self.ask.end, &self.credential().kind) {
            (
                End::Sign {
                    what: Signed::Login { user },
                    route,
                },
                _,
            ) => (Some(user.clone()), route.host()),
            (End::Give(receiver), _) => (receiver.user.clone(), Some(receiver.host.clone())),
            (End::Prepare { user, host }, _) => (user.clone(), Some(host.clone())),
            (_, Kind::Password(password)) => (
                password.user.clone(),
                self.credential().hosts.first().cloned(),
            ),
            _ => (None, None),
        }
    }
}

/// Decides whether `ask` is allowed.
///
/// # Errors
/// The first rule that forbids it.
pub fn judge(ask: Ask) -> Result<Grant, Refusal> {
    let to_be_confirmed = match (&ask.credential.kind, &ask.end) {
        (Kind::Certificate(certificate), End::Sign { what, route }) => {
            may_sign(&ask.credential, &certificate.rules, what, route)?;
            certificate.rules.confirm
        }
        (Kind::Key(key), End::Sign { what, route }) => {
            may_sign(&ask.credential, &key.rules, what, route)?;
            key.rules.confirm
        }
        (Kind::Authority(authority), End::Certify { .. }) => {
            may_certify_hosts(&ask.credential, authority)?;
            authority.confirm
        }
        (Kind::ClientCertificate(certificate), End::File(_)) => certificate.confirm,
        // Nothing is used: that is judged when it is.
        (_, End::Prepare { .. }) => false,
        (Kind::Password(password), End::Reveal) => {
            may_go(&ask.credential, password, PasswordUse::Reveal)?;
            password.confirm
        }
        (Kind::Password(password), End::Give(receiver)) => {
            may_go(&ask.credential, password, receiver.to)?;
            right_place(&ask.credential, password, receiver)?;
            password.confirm
        }
        (Kind::ClientCertificate(_), End::Reveal) => return Err(only_into_files(&ask.credential)),
        (kind, _) => {
            let what = match kind {
                Kind::Authority(_) => "an authority: it certifies, and signs nothing else",
                Kind::Certificate(_) | Kind::Key(_) => {
                    "a key: pimento signs with it and never shows it"
                }
                Kind::ClientCertificate(_) => {
                    "a certificate: it goes into files of a command alone"
                }
                Kind::Password(_) => "a password: nothing can be signed with it",
            };
            let name = &ask.credential.name;
            return Err(Refusal::Unsupported(format!("{name} is {what}")));
        }
    };
    Ok(Grant {
        ask,
        to_be_confirmed,
    })
}

/// The private key of a certificate is for a program that takes a file, and for nobody's eyes.
fn only_into_files(credential: &Credential) -> Refusal {
    let name = &credential.name;
    Refusal::Policy {
        credential: name.to_string(),
        rule: "it is a certificate, which goes into files of a command and is never shown"
            .to_owned(),
        advice: format!("`pimento run --file CERT={name} -- curl --cert {{CERT}} …`"),
    }
}

/// Whoever has a host's certificate is that host; what certifies users must not make one.
fn may_certify_hosts(credential: &Credential, authority: &AuthoritySpec) -> Result<(), Refusal> {
    if authority.certifies == Certifies::Hosts {
        return Ok(());
    }
    Err(Refusal::Policy {
        credential: credential.name.to_string(),
        rule: "it certifies users".to_owned(),
        advice: format!(
            "hosts have an authority of their own, with another key of a vault: write it down with \
             `certifies = \"hosts\"` ([ca.{}] is in {})",
            credential.name,
            credential.source.display()
        ),
    })
}

/// A password goes only where its `uses` say.
fn may_go(
    credential: &Credential,
    password: &PasswordSpec,
    to: PasswordUse,
) -> Result<(), Refusal> {
    if password.uses.contains(&to) {
        return Ok(());
    }
    let (word, name) = (to.word(), &credential.name);
    Err(Refusal::Policy {
        credential: name.to_string(),
        rule: format!("its `uses` do not include {word}"),
        advice: format!(
            "to allow it, add {word:?} to `uses` of [password.{name}] in {}",
            credential.source.display()
        ),
    })
}

/// A password goes to its own account in its own place only.
fn right_place(
    credential: &Credential,
    password: &PasswordSpec,
    receiver: &Receiver,
) -> Result<(), Refusal> {
    if receiver.fits(credential, password) {
        return Ok(());
    }
    if receiver.to == PasswordUse::Systemd {
        let (unit, name) = (receiver.account(), &credential.name);
        return Err(Refusal::Policy {
            credential: name.to_string(),
            rule: format!("its `units` do not include {unit}"),
            advice: format!(
                "to allow it, add {unit:?} to `units` of [password.{name}] in {}",
                credential.source.display()
            ),
        });
    }
    Err(Refusal::NoMatch {
        kind: "password",
        name: receiver.account(),
        nearest: None,
    })
}

fn may_sign(
    credential: &Credential,
    rules: &SigningRules,
    what: &Signed,
    route: &Route,
) -> Result<(), Refusal> {
    let binding = |why: String| Refusal::Binding {
        credential: credential.name.to_string(),
        why,
    };
    permitted_use(credential, rules, what)?;
    match route {
        Route::Broken { why } => return Err(binding(why.clone())),
        Route::Bound {
            forwarded: true, ..
        } if rules.forwarded == Permission::Refuse => {
            return Err(binding(
                "it was asked for over a forwarded agent connection".to_owned(),
            ));
        }
        Route::Bound { .. } | Route::Unbound => {}
    }
    if matches!(what, Signed::Login { .. }) {
        return known_host(credential, rules, route).map_err(binding);
    }
    Ok(())
}

/// A login goes to a host that was proven, and that the configuration allows.
fn known_host(credential: &Credential, rules: &SigningRules, route: &Route) -> Result<(), String> {
    match route {
        Route::Broken { why } => Err(why.clone()),
        Route::Unbound if rules.unbound == Permission::Refuse => {
            Err("the client did not prove which host it is connected to".to_owned())
        }
        Route::Unbound if credential.hosts.is_empty() => Ok(()),
        Route::Unbound => Err(
            "it is for certain hosts only, and the client did not prove which \
                               host it is connected to"
                .to_owned(),
        ),
        Route::Bound { .. } if credential.hosts.is_empty() => Ok(()),
        Route::Bound {
            names: Err(nameless),
            fingerprint,
            ..
        } => Err(format!(
            "the host with key {fingerprint} has no name that counts: {nameless} (allowed: {})",
            credential.hosts.join(", ")
        )),
        Route::Bound {
            names: Ok(names), ..
        } => {
            if names
                .iter()
                .any(|name| host_matches(&credential.hosts, name))
            {
                return Ok(());
            }
            let (here, allowed) = (names.join(", "), credential.hosts.join(", "));
            Err(format!("the host is {here}, and it is for {allowed}"))
        }
    }
}

fn permitted_use(
    credential: &Credential,
    rules: &SigningRules,
    what: &Signed,
) -> Result<(), Refusal> {
    let (wanted, described) = match what {
        Signed::Certificate => (Use::Any, "signing an SSH certificate".to_owned()),
        Signed::Login { .. } => (Use::Login, "logging in".to_owned()),
        Signed::SshSig { namespace } if namespace == "git" => {
            (Use::Git, "signing a git object".to_owned())
        }
        Signed::SshSig { namespace } => (
            Use::FileSignature,
            format!("signing a file (namespace {namespace:?})"),
        ),
        Signed::Unknown => (
            Use::Any,
            "signing data that pimento does not recognise".to_owned(),
        ),
    };
    if rules.uses.contains(&wanted) || rules.uses.contains(&Use::Any) {
        return Ok(());
    }
    let name = match wanted {
        Use::Any => "any",
        Use::FileSignature => "file-signature",
        Use::Git => "git",
        Use::Login => "login",
    };
    Err(Refusal::Policy {
        credential: credential.name.to_string(),
        rule: format!("its `uses` do not include {described}"),
        advice: format!(
            "to allow it, add {name:?} to `uses` of [key.{}] in {}",
            credential.name,
            credential.source.display()
        ),
    })
}

#[cfg(test)]
mod tests;
