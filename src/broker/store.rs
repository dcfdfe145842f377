//! Writes a secret into its vault, and reads it back.
//!
//! Enters: a secret that was made ready, and where it is to go. Leaves: the version that the vault
//! made of it, once it gives back the same bytes. What never happens here: a request before its
//! record is on disk; a version over one that is there, unless that is wanted.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::step_up::Errand;
use super::{Broker, Wish};
use crate::audit::Event;
use crate::catalog::{Credential, Target, Version, VersionId};
use crate::cloud::{AccessToken, CorrelationId, NewSecret, ReadError, StageSink, Unread};
use crate::refusal::Refusal;
use crate::requester::Requester;

/// What to store.
pub struct Store<'a> {
    /// Where; and what it is called here.
    pub credential: &'a Arc<Credential>,
    /// The secret.
    pub new: &'a NewSecret,
    /// What it is, for the record: a fingerprint, or `password`.
    pub what: &'a str,
    /// What to do about a secret that has the name.
    pub existing: Existing,
    /// Joins the record and the vault's log.
    pub id: CorrelationId,
}

/// What to do about a secret that has the name already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// It stays, and nothing is stored.
    Keep,
    /// It gets a new version.
    Replace,
}

impl Broker {
    /// Stores a secret; opens its window first, if it is closed.
    ///
    /// # Errors
    /// If the window does not open, the record cannot be written, or the vault does not take it or
    /// gives back something else.
    pub async fn store(
        self: &Arc<Self>,
        store: &Store<'_>,
        wish: Wish,
        person: &Requester,
        stages: &dyn StageSink,
    ) -> Result<String, Refusal> {
        let (credential, id) = (store.credential, store.id);
        let vault = &credential.vault;
        let was_open = self.is_open(&vault.window).is_ok();
        self.open(&vault.window, wish, stages).await?;
        self.is_free(store, person, stages).await?;
        let event = Event::storing(id, credential, store.what, person);
        self.audit.record_synced(event).await?;
        let ask = |token: Arc<AccessToken>| -> BoxFuture<'_, _> {
            Box::pin(async move {
                let stored = self.cloud.vault.store(credential, store.new, &token, id);
                match stored.await {
                    // The vault has just told its secrets, so it has seen the membership.
                    Err(ReadError::NotYet) if was_open => {
                        Err(ReadError::Refused(may_not_write(credential)))
                    }
                    told => told,
                }
            })
        };
        let errand = Errand::new(&vault.window.tenant, person, id, stages).writing();
        let (version, _) = self.read(vault, errand, &ask).await?;
        if let Err(unwritable) = self.audit.record(Event::stored(id, credential, &version)) {
            tracing::error!(%unwritable, "a stored secret was not recorded");
        }
        self.windows_mut().forget(&credential.name);
        self.is_same(store, &version, person, stages).await?;
        Ok(version)
    }

    /// Whether the name may be used: nothing has it, or that is to be replaced.
    async fn is_free(
        &self,
        store: &Store<'_>,
        person: &Requester,
        stages: &dyn StageSink,
    ) -> Result<(), Refusal> {
        let (credential, id) = (store.credential, store.id);
        let vault = &credential.vault;
        let survey = &self.cloud.survey;
        let ask = |token: Arc<AccessToken>| -> BoxFuture<'_, _> {
            Box::pin(async move {
                let versions = survey.versions(&vault.url, &credential.object, &token, id);
                match versions.await {
                    Ok(versions) => Ok(versions.len()),
                    Err(Unread::Missing) => Ok(0),
                    Err(why) => Err(super::inspect::untold(vault, why)),
                }
            })
        };
        let errand = Errand::new(&vault.window.tenant, person, id, stages).writing();
        let (versions, _) = self.read(vault, errand, &ask).await?;
        if versions == 0 || store.existing == Existing::Replace {
            return Ok(());
        }
        Err(Refusal::NotStored {
            name: credential.name.to_string(),
            problem: format!("there is a {} in vault {}", credential.object, vault.name),
            remedy: "add --replace to make a new version of it; those before are kept".to_owned(),
        })
    }

    /// Whether the vault gives back what was stored.
    async fn is_same(
        &self,
        store: &Store<'_>,
        version: &str,
        person: &Requester,
        stages: &dyn StageSink,
    ) -> Result<(), Refusal> {
        let (credential, id) = (store.credential, store.id);
        let wrong = |problem: &str| Refusal::Material {
            credential: credential.name.to_string(),
            problem: format!(
                "{problem} ({} in vault {}, version {version})",
                credential.object, credential.vault.name
            ),
            remedy: "do not use that version, and tell the owner of the vault".to_owned(),
        };
        let exact = VersionId::parse(version).map_err(|_| wrong("it has an odd version"))?;
        let exact = &credential.at(Version::Exact(exact));
        let tenant = &credential.vault.window.tenant;
        let errand = Errand::new(tenant, person, id, stages).writing();
        let (fetched, _) = self.read_secret(exact, errand).await?;
        if fetched.value.as_slice() == store.new.value.as_bytes() {
            return Ok(());
        }
        Err(wrong("the vault gives back something else than was stored"))
    }
}

/// A window that lets read and not write.
fn may_not_write(credential: &Credential) -> Refusal {
    let (vault, window) = (&credential.vault, &credential.vault.window);
    let name = vault.azure_name();
    let grant = |assignee: &str, kind: &str| {
        format!(
            "az role assignment create --role \"{OFFICER}\" --assignee-object-id {assignee} \
             --assignee-principal-type {kind} --scope $(az keyvault show --name {name} --query id \
             --output tsv)"
        )
    };
    let remedy = match &window.target {
        Target::Group { group, .. } => format!(
            "an owner of the vault gives the group the role: `{}`; or import through a vault entry \
             whose window opens that role",
            grant(&group.to_string(), "Group")
        ),
        Target::AzureRole { role, .. } => format!(
            "window {} opens {role}: import through a vault entry whose window opens {OFFICER}, for \
             which an administrator makes you eligible; for good it is given by `{}`",
            window.name,
            grant("ID", "User")
        ),
    };
    Refusal::Forbidden {
        what: format!("{} in vault {}", credential.object, vault.name),
        why: format!(
            "window {} lets you read secrets, not write them",
            window.name
        ),
        remedy,
    }
}

/// The least role that may write secrets.
pub(super) const OFFICER: &str = "Key Vault Secrets Officer";
