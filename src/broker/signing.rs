//! Signatures that a vault makes with a key which never leaves it.
//!
//! Enters: a [`Grant`] whose window is open, and data. Leaves: a signature that was verified here.
//! What never happens here: a signature after the end of the window, whatever the vault still does.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::Broker;
use super::certify::no_signature;
use super::step_up::Errand;
use crate::catalog::Credential;
use crate::clock::Moment;
use crate::cloud::{AccessToken, CorrelationId, StageSink};
use crate::policy::Grant;
use crate::refusal::Refusal;
use crate::requester::Requester;
use crate::secret::Material;
use crate::secret::vault_key::{ToSign, VaultKey};

/// Data to be signed, and the flags of the request (RFC 9987, section 5.6.1).
#[derive(Clone, Copy)]
pub struct Signing<'a> {
    /// The data.
    pub data: &'a [u8],
    /// The flags.
    pub flags: u32,
}

impl Broker {
    /// Has the vault sign, by when [`Self::ready`] said; one call, on a connection that is kept.
    ///
    /// # Errors
    /// If the window ends meanwhile, the vault refuses, or what it answers is no signature;
    /// [`Refusal::NotInTime`] if it answers too late.
    pub async fn sign(
        &self,
        grant: &Grant,
        signing: Signing<'_>,
        due: Option<Moment>,
        id: CorrelationId,
        person: &Requester,
        stages: &dyn StageSink,
    ) -> Result<Vec<u8>, Refusal> {
        let credential = grant.credential();
        let vault = &credential.vault;
        let asked = self.vault_key(grant, |key| {
            let asks = key.asks(signing.data, signing.flags);
            asks.map_err(|problem| Refusal::Unsupported(problem.to_string()))
        })?;
        let errand = Errand::new(&vault.window.tenant, person, id, stages);
        let errand = errand.using(&credential.object);
        let answer = tokio::select! {
            answer = self.signature(credential, &asked, errand) => answer?,
            () = self.overdue(due) => {
                return Err(Refusal::NotInTime {
                    window: vault.window.name.to_string(),
                    stage: "the vault signs".to_owned(),
                    waited: self.limits.answer,
                });
            }
        };
        // It may have ended, or been locked, while the vault was asked.
        self.vault_key(grant, |key| {
            let signature = key.signature(&asked, &answer, signing.data);
            signature.map_err(|problem| no_signature(credential, &problem))
        })
    }

    /// What the vault answers when it is asked for a signature; nothing of it is checked.
    pub(super) async fn signature(
        &self,
        credential: &Credential,
        asked: &ToSign,
        errand: Errand<'_>,
    ) -> Result<Vec<u8>, Refusal> {
        let id = errand.id;
        let ask = |token: Arc<AccessToken>| -> BoxFuture<'_, _> {
            Box::pin(async move { self.cloud.vault.sign(credential, asked, &token, id).await })
        };
        let answer = self.read(&credential.vault, errand, &ask).await;
        answer.map(|(answer, _)| answer)
    }

    /// What `using` makes of the key, while its window is open.
    fn vault_key<T>(
        &self,
        grant: &Grant,
        using: impl FnOnce(&VaultKey) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        self.with(grant, |material| match material {
            Material::VaultKey(key) => using(key),
            Material::Certified(_)
            | Material::ClientCertificate(_)
            | Material::Key(_)
            | Material::Password(_) => Err(Refusal::Unsupported(
                "it is not a key that stays in its vault".to_owned(),
            )),
        })?
    }
}
