//! What the two doors open into: the catalog, the pipeline, and who is signed in.
//!
//! Turns what a door has parsed into an [`Ask`] and nothing more; every decision is the
//! pipeline's. What never happens here: a name looked up twice, or a list that waits for anything.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::agent::{self, Keyring, Lock, Upstream};
use crate::ages::Ages;
use crate::catalog::{
    AuthoritySpec, Catalog, Certifies, Credential, Kind, Name, Part, Reference, Tenant, VaultSpec,
    WindowSpec, nearest,
};
use crate::clock::Clock;
use crate::cloud::{Identity, Pim, StageSink, Survey};
use crate::known_hosts::KnownHosts;
use crate::pipeline::Pipeline;
use crate::policy::{Ask, End, Said};
use crate::prompt::Subject;
use crate::refusal::Refusal;
use crate::requester::Requester;
use crate::secret::{Material, Password, locked};

pub use authority::Host;
pub use import::{Import, Imported, NotImported};
pub use standalone::Standalone;

mod authority;
mod filed;
mod import;
mod keys;
mod listing;
mod route;
mod standalone;

/// What a house is made of.
pub struct Rooms {
    /// What can be asked for.
    pub catalog: Catalog,
    /// The path from an ask to its answer.
    pub pipeline: Pipeline,
    /// Sign-in.
    pub identity: Arc<dyn Identity>,
    /// What PIM's policies ask for.
    pub pim: Arc<dyn Pim>,
    /// What there is, without changing it.
    pub survey: Arc<dyn Survey>,
    /// How old the secrets are that were read.
    pub ages: Arc<Ages>,
    /// The keys that clients have added.
    pub keyring: Arc<Keyring>,
    /// The lock with a passphrase, over everything.
    pub lock: Arc<Lock>,
    /// The agent behind ours.
    pub upstream: Option<Arc<Upstream>>,
    /// Where the names of hosts come from.
    pub known_hosts: KnownHosts,
    /// Tells when a host's certificate is valid.
    pub clock: Arc<dyn Clock>,
    /// Every tenant of the configuration.
    pub tenants: Vec<Arc<Tenant>>,
    /// Every window of the configuration.
    pub windows: Vec<Arc<WindowSpec>>,
    /// Every vault of the configuration.
    pub vaults: Vec<Arc<VaultSpec>>,
    /// What `status` tells besides.
    pub facts: Facts,
}

/// What `status` tells besides what is open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The agent's socket.
    pub agent_socket: PathBuf,
    /// What the user should know about the configuration.
    pub warnings: Vec<String>,
}

/// Everything that is served.
pub struct House {
    rooms: Rooms,
    keys: HashMap<Vec<u8>, Arc<Credential>>,
    /// Made once: listing is the commonest request of all.
    listed: Vec<agent::Identity>,
    /// The hosts of all keys: the names to try where `known_hosts` is hashed.
    hosts: Vec<String>,
}

impl std::ops::Deref for House {
    type Target = Rooms;

    fn deref(&self) -> &Rooms {
        &self.rooms
    }
}

impl House {
    /// A house that serves what `rooms` has.
    ///
    /// # Errors
    /// If a public key of the catalog cannot be encoded.
    pub fn new(rooms: Rooms) -> Result<Self, ssh_key::Error> {
        let mut keys = HashMap::new();
        let mut listed = Vec::new();
        let mut hosts: Vec<String> = Vec::new();
        let signing = rooms.catalog.iter().filter(|it| it.kind.rules().is_some());
        for credential in signing {
            hosts.extend(credential.hosts.iter().cloned());
        }
        for (credential, key) in rooms.catalog.keys() {
            let key_blob = key.public.to_bytes()?;
            keys.insert(key_blob.clone(), Arc::clone(credential));
            listed.push(agent::Identity {
                key_blob: key_blob.into(),
                comment: credential.name.as_str().as_bytes().into(),
            });
        }
        hosts.sort_unstable();
        hosts.dedup();
        Ok(Self {
            rooms,
            keys,
            listed,
            hosts,
        })
    }

    /// What the user should know: of the configuration, and of how things are now.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let upstream = self.upstream.as_ref().and_then(|upstream| {
            let (socket, problem) = (upstream.path().display(), upstream.problem()?);
            Some(format!(
                "the upstream agent on {socket} does not answer: {problem}"
            ))
        });
        let memory = locked::report().warning();
        let out = self.pipeline.broker.outages().into_iter();
        let out = out.map(|outage| outage.refusal().to_string());
        let standing = self.pipeline.broker.standing().into_iter().map(|window| {
            format!(
                "you hold what window {window} opens for good, without any activation: PIM protects \
                 nothing there; an administrator makes you eligible instead"
            )
        });
        let now = upstream.into_iter().chain(memory);
        let now = now.chain(out).chain(standing);
        let now = now.chain(self.oddities(|_| true));
        self.facts.warnings.iter().cloned().chain(now).collect()
    }

    /// What is odd about the passwords that are held and `wanted`.
    #[must_use]
    pub fn oddities(&self, wanted: impl Fn(&Name) -> bool) -> Vec<String> {
        let held = self.pipeline.broker.oddities().into_iter();
        let odd = held.filter(|(name, _)| wanted(name));
        odd.map(|(name, odd)| format!("password {name}: {odd}"))
            .collect()
    }

    /// The window of that name.
    ///
    /// # Errors
    /// If there is none; the refusal proposes the nearest.
    pub fn window(&self, name: &str) -> Result<&Arc<WindowSpec>, Refusal> {
        let found = self
            .windows
            .iter()
            .find(|window| window.name.as_str() == name);
        let names = self.windows.iter().map(|window| window.name.as_str());
        found.ok_or_else(|| no_match("window", name, nearest(name, names)))
    }

    /// The tenant of that name, or the only one if `name` is empty.
    ///
    /// # Errors
    /// If there is none of that name, or more than one to choose from.
    pub fn tenant(&self, name: &str) -> Result<&Arc<Tenant>, Refusal> {
        if let (true, [only]) = (name.is_empty(), self.tenants.as_slice()) {
            return Ok(only);
        }
        let found = self
            .tenants
            .iter()
            .find(|tenant| tenant.name.as_str() == name);
        let names = self.tenants.iter().map(|tenant| tenant.name.as_str());
        found.ok_or_else(|| no_match("tenant", name, nearest(name, names)))
    }

    /// The authority of that name, or the only one that certifies hosts if `name` is empty.
    ///
    /// # Errors
    /// If there is none of that name, or more than one to choose from.
    pub fn authority(&self, name: &str) -> Result<&Arc<Credential>, Refusal> {
        let all = || self.catalog.authorities();
        let hosts = |(_, authority): &(_, &AuthoritySpec)| authority.certifies == Certifies::Hosts;
        let mut for_hosts = all().filter(hosts);
        if let (true, Some((only, _)), None) = (name.is_empty(), for_hosts.next(), for_hosts.next())
        {
            return Ok(only);
        }
        let mut named = all().map(|(credential, _)| credential);
        let found = named.find(|credential| credential.name.as_str() == name);
        let names = all().map(|(credential, _)| credential.name.as_str());
        found.ok_or_else(|| no_match("ca", name, nearest(name, names)))
    }

    /// The password of that name.
    ///
    /// # Errors
    /// If there is none; the refusal proposes the nearest.
    pub fn password(&self, name: &str) -> Result<&Arc<Credential>, Refusal> {
        let passwords = || {
            self.catalog
                .iter()
                .filter(|c| matches!(c.kind, Kind::Password(_)))
        };
        let found = passwords().find(|credential| credential.name.as_str() == name);
        let names = passwords().map(|credential| credential.name.as_str());
        found.ok_or_else(|| no_match("password", name, nearest(name, names)))
    }

    /// The password or certificate that `text` names, or refers to as
    /// `pimento://VAULT/NAME[@VERSION][?part=PART]`, and the part.
    ///
    /// # Errors
    /// If there is none.
    pub fn referred(&self, text: &str) -> Result<(Arc<Credential>, Part), Refusal> {
        if !Reference::is_meant(text) {
            let found = match self.catalog.named(text) {
                Some(found) if matches!(found.kind, Kind::ClientCertificate(_)) => found,
                _ => self.password(text)?,
            };
            return Ok((Arc::clone(found), Part::default()));
        }
        let reference = Reference::parse(text)
            .map_err(|problem| Refusal::Unsupported(format!("{text:?}: {problem}")))?;
        let found = reference.find(&self.catalog);
        let part = reference.part().unwrap_or_default();
        let word = if reference.part().is_some() {
            "certificate"
        } else {
            "password"
        };
        Ok((found.ok_or_else(|| no_match(word, text, None))?, part))
    }

    /// Gives a password to `requester` to that `end`, inside `using`.
    ///
    /// # Errors
    /// As the pipeline's.
    pub async fn release<T>(
        &self,
        credential: &Arc<Credential>,
        end: End,
        said: Said,
        requester: &Requester,
        stages: &dyn StageSink,
        using: impl FnOnce(&Password) -> T,
    ) -> Result<T, Refusal> {
        let wanted = wanted(credential, end, said, requester);
        let read = |material: &Material| match material {
            Material::Password(password) => Ok(using(password)),
            Material::Certified(_)
            | Material::ClientCertificate(_)
            | Material::Key(_)
            | Material::VaultKey(_) => Err(Refusal::Unsupported("it is a private key".to_owned())),
        };
        self.pipeline.serve(wanted, requester, stages, read).await
    }

    /// Has the material of `credential` there for when it is needed; releases nothing.
    ///
    /// # Errors
    /// As the pipeline's.
    pub async fn prepare(
        &self,
        credential: &Arc<Credential>,
        end: End,
        said: Said,
        requester: &Requester,
        stages: &dyn StageSink,
    ) -> Result<(), Refusal> {
        let wanted = wanted(credential, end, said, requester);
        self.pipeline.prepare(wanted, requester, stages).await
    }
}

fn wanted(credential: &Arc<Credential>, end: End, said: Said, requester: &Requester) -> Ask {
    Ask {
        credential: Arc::clone(credential),
        end,
        program: requester.program(),
        said,
    }
}

/// An added key, as it is spoken of.
fn added(key: &agent::Identity) -> Subject {
    Subject::AddedKey {
        comment: key.comment_text().into_owned(),
        fingerprint: fingerprint(&key.key_blob),
    }
}

fn no_match(kind: &'static str, name: &str, nearest: Option<&str>) -> Refusal {
    Refusal::NoMatch {
        kind,
        name: name.to_owned(),
        nearest: nearest.map(str::to_owned),
    }
}
fn fingerprint(blob: &[u8]) -> String {
    ssh_key::PublicKey::from_bytes(blob).map_or_else(
        |_| "unreadable key".to_owned(),
        |key| key.fingerprint(ssh_key::HashAlg::Sha256).to_string(),
    )
}
