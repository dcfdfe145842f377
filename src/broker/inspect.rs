//! What a vault holds: the names, and of a secret whether it is a key.
//!
//! Enters: a vault whose window is open. Leaves: metadata, and the *public* half of a key. What never
//! happens here: a value that is kept or handed on; a read without a record; an opening.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use ssh_key::PublicKey;

use super::Broker;
use super::step_up::Errand;
use crate::audit::Event;
use crate::catalog::{Credential, VaultSpec, WindowSpec};
use crate::cloud::{
    AccessToken, CorrelationId, FetchedSecret, ReadError, SecretFacts, StageSink, Unread,
};
use crate::refusal::Refusal;
use crate::requester::Requester;
use crate::secret::Password;
use crate::secret::private_key::{Format, KeyProblem, PrivateKey, Repair};

/// What a secret is, by a look at its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contents {
    /// A private key that can be used; this is its public half.
    Key(Box<PublicKey>),
    /// Text that can be a password.
    Password,
    /// Nothing that can be used.
    Unusable {
        /// What is wrong with it.
        problem: String,
        /// What to do about it.
        remedy: String,
    },
}

/// How a private key is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Its public half.
    pub public: PublicKey,
    /// How it is written.
    pub format: Format,
    /// What has to be mended each time that it is read.
    pub repairs: Vec<Repair>,
}

impl Broker {
    /// The secrets of `vault`, waiting until it sees who may list them.
    ///
    /// # Errors
    /// If its window is closed, or the vault does not tell.
    pub async fn secrets(
        &self,
        vault: &VaultSpec,
        person: &Requester,
        stages: &dyn StageSink,
    ) -> Result<Vec<SecretFacts>, Refusal> {
        self.is_open(&vault.window)?;
        let id = CorrelationId::new();
        let survey = &self.cloud.survey;
        let ask = |token: Arc<AccessToken>| -> BoxFuture<'_, _> {
            Box::pin(async move {
                let listed = survey.secrets(&vault.url, &token, id).await;
                listed.map_err(|why| untold(vault, why))
            })
        };
        let errand = Errand::new(&vault.window.tenant, person, id, stages);
        let (listed, _) = self.read(vault, errand, &ask).await?;
        Ok(listed)
    }

    /// What the object of `credential` is; a secret's value is wiped when this returns.
    ///
    /// # Errors
    /// If its window is closed, the look cannot be recorded, or the vault does not give it out.
    pub async fn inspect(
        &self,
        credential: &Credential,
        person: &Requester,
        stages: &dyn StageSink,
    ) -> Result<Contents, Refusal> {
        let errand = self.look(credential, person, stages)?;
        if credential.object.stays() {
            let (fetched, _) = self.read_key(credential, errand).await?;
            return Ok(Contents::Key(Box::new(fetched.public)));
        }
        let (fetched, _) = self.read_secret(credential, errand).await?;
        Ok(contents(fetched))
    }

    /// In which condition the private key of `credential` is; it is wiped when this returns.
    ///
    /// # Errors
    /// As [`Self::inspect`].
    pub async fn condition(
        &self,
        credential: &Credential,
        person: &Requester,
        stages: &dyn StageSink,
    ) -> Result<Result<Condition, KeyProblem>, Refusal> {
        let errand = self.look(credential, person, stages)?;
        let (fetched, _) = self.read_secret(credential, errand).await?;
        let read = PrivateKey::repaired(&fetched.value);
        Ok(read.map(|read| Condition {
            public: read.key.public().clone(),
            format: read.format,
            repairs: read.repairs,
        }))
    }

    /// A look at what `credential` is, put on record; its window has to be open.
    fn look<'a>(
        &self,
        credential: &'a Credential,
        person: &'a Requester,
        stages: &'a dyn StageSink,
    ) -> Result<Errand<'a>, Refusal> {
        let window = &credential.vault.window;
        self.is_open(window)?;
        let id = CorrelationId::new();
        self.audit.record(Event::inspecting(id, credential))?;
        let errand = Errand::new(&window.tenant, person, id, stages);
        Ok(errand.using(&credential.object))
    }

    /// Whether `window` stands at this moment.
    pub(super) fn is_standing(&self, window: &WindowSpec) -> Result<(), Refusal> {
        self.windows().standing(&window.name, self.clock.now())
    }

    pub(super) fn is_open(&self, window: &WindowSpec) -> Result<(), Refusal> {
        self.is_standing(window).map_err(|refusal| match refusal {
            Refusal::WindowEnded { window, .. } => Refusal::Forbidden {
                what: format!("window {window}"),
                why: "it is not open, and looking into a vault opens nothing by itself".to_owned(),
                remedy: format!("`pimento open {window}`, then try again"),
            },
            locked => locked,
        })
    }
}

fn contents(fetched: FetchedSecret) -> Contents {
    let problem = match PrivateKey::parse(&fetched.value) {
        Ok(key) => return Contents::Key(Box::new(key.public().clone())),
        Err(KeyProblem::NotAKey(_)) => match Password::parse(fetched.value) {
            Ok(_) => return Contents::Password,
            Err(problem) => {
                return Contents::Unusable {
                    problem: format!("it is neither a private key nor a password: {problem}"),
                    remedy: "leave it out".to_owned(),
                };
            }
        },
        Err(problem) => problem,
    };
    Contents::Unusable {
        remedy: problem.remedy(),
        problem: problem.to_string(),
    }
}

/// Why a vault does not list its secrets.
pub(super) fn untold(vault: &VaultSpec, why: Unread) -> ReadError {
    let name = vault.azure_name();
    let (why, remedy) = match why {
        Unread::NoRole => return ReadError::NotYet,
        Unread::Refused(refusal) => return ReadError::Refused(refusal),
        Unread::AccessPolicy => (
            "its access policy gives you no right to list secrets",
            format!(
                "an owner of the vault gives it: `az keyvault set-policy --name {name} --object-id \
                 GROUP --secret-permissions get list`"
            ),
        ),
        Unread::Denied => (
            "a deny assignment forbids it",
            format!(
                "an owner of the subscription looks at the deny assignments of vault {name} (Access \
                 control, Deny assignments)"
            ),
        ),
        Unread::Firewall => (
            "its firewall does not let this network in",
            format!(
                "connect to a network that it lets in; or an owner of the vault lets this one in: \
                 `az keyvault network-rule add --name {name} --ip-address ADDRESS`"
            ),
        ),
        Unread::Missing => (
            "there is no list of secrets at its address",
            format!("check that {} is a vault's address", vault.url),
        ),
    };
    ReadError::Refused(Refusal::Forbidden {
        what: format!("vault {}", vault.name),
        why: why.to_owned(),
        remedy,
    })
}
