//! The way to a configuration: from a tenant's name to keys that `ssh` lists.
//!
//! Enters: a tenant, and what the person chooses of what is found there. Leaves: the text of a
//! configuration that was read and has no mistake, in a new file. What never happens here: a file
//! written over; a value that is kept; anything activated that was not chosen.

use std::path::Path;
use std::sync::Arc;

use crate::broker::{Contents, Wish};
use crate::catalog::{Credential, Name, NameProblem, ObjectName, Tenant, VaultSpec, WindowSpec};
use crate::clock::Clock;
use crate::cloud::{Account, CorrelationId, SecretFacts, SignInGuide, StageSink};
use crate::config::{Config, ConfigError, Paths};
use crate::harden;
use crate::refusal::{Refusal, Service};
use crate::requester::Requester;
use crate::run::{Indoors, StartError};

pub use draft::{Draft, KeyDraft, PasswordDraft, TenantDraft, VaultDraft, WindowDraft, heading};
pub use offer::Offer;

mod draft;
mod offer;

/// Why a configuration cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// What was said so far is no configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The parts that reach the cloud cannot be put together.
    #[error(transparent)]
    Start(#[from] StartError),
}

/// A configuration in the making.
pub struct Setup {
    paths: Paths,
    tenant: Arc<Tenant>,
    indoors: Indoors,
}

impl Setup {
    /// Begins with what is known of the tenant; reaches nothing yet.
    ///
    /// # Errors
    /// If that is no tenant, or nothing could be recorded.
    pub fn begin(draft: &Draft, paths: &Paths, clock: Arc<dyn Clock>) -> Result<Self, SetupError> {
        let config = Config::proposed(&draft.text(), paths)?;
        let named = |it: &&Arc<Tenant>| it.name.as_str() == draft.tenant.name;
        let tenant = config.tenants.iter().find(named).map(Arc::clone);
        Ok(Self {
            paths: paths.clone(),
            // A draft always has its own tenant.
            tenant: tenant.ok_or_else(|| ConfigError::Absent(paths.config.clone()))?,
            indoors: Indoors::start(&config, paths, clock)?,
        })
    }

    /// The tenant.
    #[must_use]
    pub const fn tenant(&self) -> &Arc<Tenant> {
        &self.tenant
    }

    /// Signs the person in.
    ///
    /// # Errors
    /// As the sign-in is refused.
    pub async fn sign_in(&self, guide: &dyn SignInGuide) -> Result<Account, Refusal> {
        let identity = &self.indoors.identity;
        let method = self.tenant.sign_in;
        identity.sign_in(&self.tenant, method, guide).await
    }

    /// What the person may activate that can open vaults, and which of PIM's services did not tell.
    pub async fn offers(&self) -> (Vec<Offer>, Vec<(Service, Refusal)>) {
        let (mut offers, mut untold) = (Vec::new(), Vec::new());
        for service in offer::services(&self.tenant) {
            let id = CorrelationId::new();
            match self
                .indoors
                .survey
                .eligible(&self.tenant, service, id)
                .await
            {
                Ok(held) => offers.extend(held.into_iter().filter_map(Offer::of)),
                Err(refusal) => untold.push((service, refusal)),
            }
        }
        offer::name_all(&mut offers);
        (offers, untold)
    }

    /// The vaults of `draft`, each with its window.
    ///
    /// # Errors
    /// If the draft has a mistake.
    pub fn vaults(&self, draft: &Draft) -> Result<Vec<Arc<VaultSpec>>, ConfigError> {
        let ours =
            |it: &Arc<VaultSpec>| draft.vaults.iter().any(|own| own.name == it.name.as_str());
        let mut vaults = Config::proposed(&draft.text(), &self.paths)?.vaults;
        vaults.retain(ours);
        Ok(vaults)
    }

    /// Opens `window`, once.
    ///
    /// # Errors
    /// As PIM refuses.
    pub async fn open(
        &self,
        window: &Arc<WindowSpec>,
        wish: Wish,
        stages: &dyn StageSink,
    ) -> Result<(), Refusal> {
        self.indoors.broker.open(window, wish, stages).await
    }

    /// What is in an open vault.
    ///
    /// # Errors
    /// As the vault refuses.
    pub async fn secrets(
        &self,
        vault: &VaultSpec,
        stages: &dyn StageSink,
    ) -> Result<Vec<SecretFacts>, Refusal> {
        let person = Requester::default();
        self.indoors.broker.secrets(vault, &person, stages).await
    }

    /// Whether a secret of an open vault is a key or a password.
    ///
    /// # Errors
    /// As the vault refuses.
    pub async fn inspect(
        &self,
        vault: &Arc<VaultSpec>,
        secret: &ObjectName,
        stages: &dyn StageSink,
    ) -> Result<Contents, Refusal> {
        let name = name_of(secret).map_err(|no| Refusal::Unsupported(no.to_string()))?;
        let credential = Credential::unknown(name, vault, secret.clone());
        let person = Requester::default();
        self.indoors
            .broker
            .inspect(&credential, &person, stages)
            .await
    }

    /// When an open window ends.
    #[must_use]
    pub fn ends(&self, window: &WindowSpec) -> Option<jiff::Timestamp> {
        let open = self.indoors.broker.view(&window.name)?;
        Some(open.terms.ends)
    }

    /// Wipes what is held; what is open at PIM stays open, and an agent takes it over.
    ///
    /// # Errors
    /// If the record could not be synced.
    pub async fn end(&self) -> Result<(), Refusal> {
        self.indoors.end().await
    }
}

/// What the configuration calls a secret: as the vault does, as far as a name can be that long.
///
/// # Errors
/// Never for the name of a secret.
pub fn name_of(secret: &ObjectName) -> Result<Name, NameProblem> {
    let short: String = secret.as_str().chars().take(64).collect();
    Name::parse(&short)
}

/// Writes a configuration where there is none, for its owner alone.
///
/// # Errors
/// If there is one already, or it cannot be written; what was begun is removed.
pub fn write(file: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    if let Some(folder) = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        harden::private_folder(folder)?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut created = options.open(file)?;
    let written = created
        .write_all(text.as_bytes())
        .and_then(|()| created.sync_all());
    if written.is_err() {
        // Half a configuration is worse than none.
        let _gone = std::fs::remove_file(file);
    }
    written
}

#[cfg(test)]
mod tests;
