//! What can be asked for: credentials, where they live, and through which window.
//!
//! The configuration makes these values once; everything below the doors holds an
//! `Arc<Credential>` and never looks up a name again. Nothing here is secret.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::SignedDuration;
use url::Url;

pub use azure_cloud::AzureCloud;
pub use kind::{
    AuthoritySpec, CertificateSpec, Certifies, ClientCertificateSpec, KeySpec, Kind, PasswordSpec,
    PasswordUse, Permission, SigningRules, Use,
};
pub use names::{Name, NameProblem, ObjectName, VersionId, nearest};
pub use object::VaultObject;
pub use part::Part;
pub use reference::{Reference, ReferenceProblem};
pub use sign_in::SignInMethod;
pub use target::{AccessId, Role, Scope, Target};

mod azure_cloud;
mod kind;
mod names;
mod object;
mod part;
mod reference;
mod sign_in;
mod target;
#[cfg(test)]
pub(crate) mod testing;

/// An Entra tenant, and how the user signs in to it.
#[derive(Debug, PartialEq, Eq)]
pub struct Tenant {
    /// What the configuration calls it.
    pub name: Name,
    /// Its id or one of its domains, as it stands in the authority's path.
    pub id: String,
    /// The application registration to sign in with; `None` only for `azure-cli` and
    /// `managed-identity`.
    pub client_id: Option<String>,
    /// How the user signs in.
    pub sign_in: SignInMethod,
    /// What an application shows for itself: the file of its certificate, or of its federated token.
    pub proof: Option<PathBuf>,
    /// Where the sign-in is while the agent does not run.
    pub keep: Keep,
    /// Who to suggest on the sign-in page.
    pub login_hint: Option<String>,
    /// The cloud it is in.
    pub cloud: AzureCloud,
    /// The sign-in service, `https://login.microsoftonline.com` by default.
    pub authority: Url,
    /// Microsoft Graph, `https://graph.microsoft.com` by default.
    pub graph: Url,
    /// Azure Resource Manager, `https://management.azure.com` by default.
    pub arm: Url,
}

/// Where a sign-in is while the agent does not run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// In the keystore of the operating system.
    Keystore,
    /// Nowhere: one signs in once per start.
    #[default]
    Memory,
}

/// One thing that PIM can open for the user.
#[derive(Debug, PartialEq, Eq)]
pub struct WindowSpec {
    /// What the configuration calls it.
    pub name: Name,
    /// Where it is opened.
    pub tenant: Arc<Tenant>,
    /// What PIM gives the user for that time.
    pub target: Target,
    /// How long to ask for; PIM's policy may allow less.
    pub duration: SignedDuration,
    /// What to tell PIM as justification.
    pub reason: Reason,
    /// Ticket number and system, where the policy asks for them.
    pub ticket: Option<Ticket>,
}

impl WindowSpec {
    /// PIM activates nothing for longer.
    pub const LONGEST: SignedDuration = SignedDuration::from_hours(24);
}

/// The justification of an activation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The person gives one each time (`reason = "ask"`).
    Ask,
    /// Text with `{program}`, `{user}`, `{host}` and `{credential}` filled in.
    Template(String),
}

/// A reference into a ticket system, as PIM records it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// `ticketNumber`.
    pub number: String,
    /// `ticketSystem`.
    pub system: String,
}

impl Ticket {
    /// Takes `SYSTEM:NUMBER`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (system, number) = text.split_once(':')?;
        let (system, number) = (system.trim(), number.trim());
        (!system.is_empty() && !number.is_empty()).then(|| Self {
            number: number.to_owned(),
            system: system.to_owned(),
        })
    }
}

/// A Key Vault, read through a window.
#[derive(Debug, PartialEq, Eq)]
pub struct VaultSpec {
    /// What the configuration calls it.
    pub name: Name,
    /// Its address, such as `https://kv-linux.vault.azure.net`.
    pub url: Url,
    /// What must be open to read it.
    pub window: Arc<WindowSpec>,
    /// At which age its secrets are to be replaced, unless more is said of one.
    pub rotate_after: Option<SignedDuration>,
}

impl VaultSpec {
    /// What Azure calls it.
    #[must_use]
    pub fn azure_name(&self) -> &str {
        let host = self.url.host_str().unwrap_or_default();
        host.split('.').next().unwrap_or(host)
    }
}

/// Something that can be asked for by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// What the configuration calls it; unique among all credentials together.
    pub name: Name,
    /// The vault it lives in.
    pub vault: Arc<VaultSpec>,
    /// What it is there.
    pub object: VaultObject,
    /// Which of its versions.
    pub version: Version,
    /// Host patterns it may be used for, as in `ssh_config`; empty: any host.
    pub hosts: Vec<String>,
    /// Which kind of thing it is.
    pub kind: Kind,
    /// At which age it is to be replaced.
    pub rotate_after: Option<SignedDuration>,
    /// The file that configured it, for messages.
    pub source: PathBuf,
}

impl Credential {
    /// A secret of which nothing is known yet; it serves no use.
    #[must_use]
    pub fn unknown(name: Name, vault: &Arc<VaultSpec>, secret: ObjectName) -> Self {
        Self {
            name,
            vault: Arc::clone(vault),
            object: VaultObject::Secret(secret),
            version: Version::Newest,
            hosts: Vec::new(),
            kind: Kind::Password(PasswordSpec {
                user: None,
                uses: Vec::new(),
                units: Vec::new(),
                confirm: false,
            }),
            rotate_after: None,
            source: PathBuf::new(),
        }
    }

    /// Where in the configuration its public key is pinned.
    #[must_use]
    pub fn pinned_in(&self) -> String {
        match &self.kind {
            Kind::Certificate(certificate) => format!("[ca.{}]", certificate.authority),
            kind => {
                let (word, file) = (kind.word(), self.source.display());
                format!("[{word}.{}] in {file}", self.name)
            }
        }
    }

    /// The same secret, through another entry of the configuration for its vault.
    #[must_use]
    pub fn through(&self, vault: &Arc<VaultSpec>) -> Self {
        Self {
            vault: Arc::clone(vault),
            ..self.clone()
        }
    }

    /// The same secret in another version, which has a name of its own: `NAME@VERSION`.
    #[must_use]
    pub fn at(self: &Arc<Self>, version: Version) -> Arc<Self> {
        let Some(suffix) = version.suffix() else {
            return Arc::clone(self);
        };
        Arc::new(Self {
            name: self.name.at(suffix),
            version,
            ..Self::clone(self)
        })
    }
}

/// A version of a secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// The one with this id.
    Exact(VersionId),
    /// Whichever is the newest.
    #[default]
    Newest,
    /// The newest that is enabled but for the newest of all: what a host still has that a rotation
    /// has not reached.
    Previous,
}

impl Version {
    fn suffix(&self) -> Option<&str> {
        match self {
            Self::Exact(id) => Some(id.as_str()),
            Self::Newest => None,
            Self::Previous => Some("previous"),
        }
    }
}

/// Every credential of the configuration, in its order.
#[derive(Debug, Default)]
pub struct Catalog {
    credentials: Vec<Arc<Credential>>,
}

impl Catalog {
    /// A catalog of these credentials; the configuration has made sure that names are unique.
    #[must_use]
    pub const fn new(credentials: Vec<Arc<Credential>>) -> Self {
        Self { credentials }
    }

    /// All credentials, in the order of the configuration.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Credential>> {
        self.credentials.iter()
    }

    /// All passwords with what is known of them.
    pub fn passwords(&self) -> impl Iterator<Item = (&Arc<Credential>, &PasswordSpec)> {
        self.iter().filter_map(|credential| match &credential.kind {
            Kind::Password(password) => Some((credential, password)),
            _ => None,
        })
    }

    /// All keys with what is pinned of them.
    pub fn keys(&self) -> impl Iterator<Item = (&Arc<Credential>, &KeySpec)> {
        self.iter().filter_map(|credential| match &credential.kind {
            Kind::Key(key) => Some((credential, &**key)),
            _ => None,
        })
    }

    /// All keys and authorities, whose public keys are pinned.
    pub fn pinned(&self) -> impl Iterator<Item = &Arc<Credential>> {
        self.iter()
            .filter(|it| matches!(it.kind, Kind::Authority(_) | Kind::Key(_)))
    }

    /// All authorities.
    pub fn authorities(&self) -> impl Iterator<Item = (&Arc<Credential>, &AuthoritySpec)> {
        self.iter().filter_map(|credential| match &credential.kind {
            Kind::Authority(authority) => Some((credential, &**authority)),
            _ => None,
        })
    }

    /// All certificates that are made when their windows open.
    pub fn certificates(&self) -> impl Iterator<Item = (&Arc<Credential>, &CertificateSpec)> {
        self.iter().filter_map(|credential| match &credential.kind {
            Kind::Certificate(certificate) => Some((credential, &**certificate)),
            _ => None,
        })
    }

    /// The credential of that name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Arc<Credential>> {
        self.iter()
            .find(|credential| credential.name.as_str() == name)
    }

    /// Every window that a credential needs, once each.
    #[must_use]
    pub fn windows(&self) -> Vec<Arc<WindowSpec>> {
        let mut windows: Vec<Arc<WindowSpec>> = Vec::new();
        for credential in self.iter() {
            let window = &credential.vault.window;
            if !windows.iter().any(|known| known.name == window.name) {
                windows.push(Arc::clone(window));
            }
        }
        windows
    }
}
