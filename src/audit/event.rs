//! What is recorded. Field names are part of the format (docs/audit.md).

use serde_json::{Map, Value};

use crate::catalog::Credential;
use crate::certify::Statement;
use crate::cloud::CorrelationId;
use crate::policy::{Ask, End, Route, Signed};
use crate::refusal::Refusal;
use crate::requester::Requester;
use crate::window::{Closed, Terms};

/// Who has a key that is not of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// We do, since a client added it.
    Added,
    /// Another agent does.
    Upstream,
}

/// One record, before it gets its time and its place in the chain.
#[derive(Debug)]
pub struct Event {
    fields: Map<String, Value>,
}

impl Event {
    /// A requester asks for a credential.
    #[must_use]
    pub fn asked(id: CorrelationId, ask: &Ask, requester: &Requester) -> Self {
        Self::named("asked", id)
            .credential(&ask.credential)
            .end(&ask.end)
            .with("requester", requester.record())
    }

    /// A person has confirmed an ask.
    #[must_use]
    pub fn confirmed(id: CorrelationId, credential: &Credential) -> Self {
        Self::named("confirmed", id).credential(credential)
    }

    /// The material is about to be used as asked: nothing leaves before this is written.
    #[must_use]
    pub fn released(id: CorrelationId, credential: &Credential, end: &End, version: &str) -> Self {
        Self::named("released", id)
            .credential(credential)
            .end(end)
            .with("vault", credential.vault.url.as_str())
            .with(credential.object.kind(), credential.object.name().as_str())
            .with("version", version)
    }

    /// An authority is about to be asked for a certificate.
    #[must_use]
    pub fn certifying(
        id: CorrelationId,
        credential: &Credential,
        statement: &Statement<'_>,
        version: &str,
    ) -> Self {
        let principals = statement
            .principals
            .iter()
            .map(|it| Value::from(it.as_str()));
        Self::named("certifying", id)
            .credential(credential)
            .with("vault", credential.vault.url.as_str())
            .with(credential.object.kind(), credential.object.name().as_str())
            .with("version", version)
            .with("key_id", statement.key_id)
            .with("principals", principals.collect::<Vec<_>>())
            .with("valid_before", statement.valid_before.to_string())
    }

    /// A secret is about to be read for what it is; its value goes nowhere.
    #[must_use]
    pub fn inspecting(id: CorrelationId, credential: &Credential) -> Self {
        Self::named("inspecting", id)
            .credential(credential)
            .with("vault", credential.vault.url.as_str())
            .with(credential.object.kind(), credential.object.name().as_str())
    }

    /// A secret is about to be written into its vault, for `requester`; nothing is sent before this
    /// is on disk.
    #[must_use]
    pub fn storing(
        id: CorrelationId,
        credential: &Credential,
        what: &str,
        requester: &Requester,
    ) -> Self {
        Self::named("storing", id)
            .credential(credential)
            .with("vault", credential.vault.url.as_str())
            .with(credential.object.kind(), credential.object.name().as_str())
            .with("what", what)
            .with("requester", requester.record())
    }

    /// The vault has taken it, as that version.
    #[must_use]
    pub fn stored(id: CorrelationId, credential: &Credential, version: &str) -> Self {
        Self::named("stored", id)
            .credential(credential)
            .with("vault", credential.vault.url.as_str())
            .with(credential.object.kind(), credential.object.name().as_str())
            .with("version", version)
    }

    /// A key that is not of the configuration is about to sign; nothing leaves before this is
    /// written.
    #[must_use]
    pub fn signing(
        id: CorrelationId,
        fingerprint: &str,
        holder: Holder,
        end: &End,
        requester: &Requester,
    ) -> Self {
        let holder = match holder {
            Holder::Added => "added",
            Holder::Upstream => "upstream",
        };
        Self::named("signing", id)
            .with("key", fingerprint)
            .with("holder", holder)
            .end(end)
            .with("requester", requester.record())
    }

    /// An ask was refused.
    #[must_use]
    pub fn refused(id: CorrelationId, credential: &Credential, refusal: &Refusal) -> Self {
        Self::named("refused", id)
            .credential(credential)
            .with("code", refusal.code())
            .with("why", refusal.to_string())
    }

    /// A door has refused something for which there is no credential.
    #[must_use]
    pub fn turned_away(
        id: CorrelationId,
        what: &str,
        requester: &Requester,
        refusal: &Refusal,
    ) -> Self {
        Self::named("refused", id)
            .with("credential", what)
            .with("code", refusal.code())
            .with("why", refusal.to_string())
            .with("requester", requester.record())
    }

    /// A window is about to be asked for.
    #[must_use]
    pub fn opening(id: CorrelationId, window: &str, reason: &str) -> Self {
        Self::named("opening", id)
            .with("window", window)
            .with("reason", reason)
    }

    /// A window is open.
    #[must_use]
    pub fn opened(window: &str, terms: &Terms) -> Self {
        Self::named("opened", terms.id)
            .with("window", window)
            .with("ends", terms.ends.to_string())
            .with("pim_request", terms.request.clone())
    }

    /// A window could not be opened.
    #[must_use]
    pub fn not_opened(id: CorrelationId, window: &str, refusal: &Refusal) -> Self {
        Self::named("not_opened", id)
            .with("window", window)
            .with("code", refusal.code())
            .with("why", refusal.to_string())
    }

    /// A window has ended, and its material is wiped.
    #[must_use]
    pub fn closed(closed: &Closed, why: &str) -> Self {
        let wiped: Vec<Value> = closed
            .wiped
            .iter()
            .map(|name| name.as_str().into())
            .collect();
        Self::named("closed", closed.id)
            .with("window", closed.window.as_str())
            .with("why", why)
            .with("wiped", wiped)
    }

    fn named(event: &str, id: CorrelationId) -> Self {
        Self { fields: Map::new() }
            .with("event", event)
            .with("id", id.to_string())
    }

    fn credential(self, credential: &Credential) -> Self {
        self.with("credential", credential.name.as_str())
            .with("window", credential.vault.window.name.as_str())
    }

    fn end(self, end: &End) -> Self {
        let (what, route) = match end {
            End::Give(receiver) => {
                return self
                    .with("end", "give")
                    .with("to", receiver.to.word())
                    .with("user", receiver.user.clone())
                    .with("host", receiver.host.as_str())
                    .with("command", receiver.command.clone());
            }
            End::Certify { names, key } => {
                let certified = self
                    .with("end", "certify-host")
                    .with("names", names.clone());
                return certified.with("host_key", key.as_str());
            }
            End::Prepare { user, host } => {
                let prepared = self.with("end", "prepare").with("user", user.clone());
                return prepared.with("host", host.as_str());
            }
            // Shown to a program, which may do with it whatever it likes.
            End::File(part) => return self.with("end", "reveal").with("part", part.word()),
            End::Reveal => return self.with("end", "reveal"),
            End::Sign { what, route } => (what, route),
        };
        let event = match what {
            Signed::Certificate => self.with("end", "sign-certificate"),
            Signed::Login { user } => self.with("end", "login").with("user", user.as_str()),
            Signed::SshSig { namespace } => self
                .with("end", "sign-file")
                .with("namespace", namespace.as_str()),
            Signed::Unknown => self.with("end", "sign-unknown"),
        };
        match route {
            Route::Bound {
                fingerprint,
                names,
                forwarded,
            } => event
                .with("host_key", fingerprint.as_str())
                .with("host", names.as_deref().unwrap_or_default().join(", "))
                .with("forwarded", *forwarded),
            Route::Broken { .. } => event.with("binding", "broken"),
            Route::Unbound => event.with("binding", "none"),
        }
    }

    fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        let mut value = value.into();
        cut(&mut value);
        self.fields.insert(name.to_owned(), value);
        self
    }

    pub(super) fn into_fields(self) -> Map<String, Value> {
        self.fields
    }
}

/// Cuts what others chose, a user name or a namespace among it, to a size at which a record has room for it.
fn cut(value: &mut Value) {
    match value {
        Value::String(text) if text.len() > LONGEST_TEXT => {
            let ends = (0..=LONGEST_TEXT)
                .rev()
                .find(|at| text.is_char_boundary(*at));
            text.truncate(ends.unwrap_or(0));
            text.push('…');
        }
        Value::Array(list) => {
            if list.len() > LONGEST_LIST {
                list.truncate(LONGEST_LIST);
                list.push("…".into());
            }
            list.iter_mut().for_each(cut);
        }
        Value::Object(fields) => fields.values_mut().for_each(cut),
        Value::Bool(_) | Value::Null | Value::Number(_) | Value::String(_) => {}
    }
}

/// In bytes. JSON may write one as six.
const LONGEST_TEXT: usize = 1024;
const LONGEST_LIST: usize = 256;
