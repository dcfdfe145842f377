//! What a vault gives for a credential, made into material if it is what the configuration says.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use ssh_key::{HashAlg, PublicKey};
use zeroize::Zeroizing;

use super::Broker;
use super::step_up::Errand;
use crate::catalog::{Credential, KeySpec, Kind, VaultObject};
use crate::clock::Moment;
use crate::cloud::AccessToken;
use crate::refusal::Refusal;
use crate::secret::private_key::PrivateKey;
use crate::secret::vault_key::VaultKey;
use crate::secret::{Material, Password};

/// Material, and how long it may be used.
pub(super) struct Found {
    pub(super) material: Material,
    pub(super) version: String,
    pub(super) valid_until: Option<Moment>,
    /// When the vault was asked for it.
    pub(super) sent: Moment,
}

impl Broker {
    /// Reads and checks one credential's material.
    pub(super) async fn find(
        &self,
        credential: &Arc<Credential>,
        errand: Errand<'_>,
    ) -> Result<Found, Refusal> {
        match credential.object {
            VaultObject::Secret(_) => self.find_secret(credential, errand).await,
            VaultObject::Key(_) => self.find_key(credential, errand).await,
        }
    }

    async fn find_secret(
        &self,
        credential: &Arc<Credential>,
        errand: Errand<'_>,
    ) -> Result<Found, Refusal> {
        let id = errand.id;
        let ask = |token: Arc<AccessToken>| -> BoxFuture<'_, _> {
            Box::pin(async move { self.cloud.vault.secret(credential, &token, id).await })
        };
        let (fetched, sent) = self.read(&credential.vault, errand, &ask).await?;
        Ok(Found {
            material: material(credential, fetched.value)?,
            version: fetched.version,
            valid_until: fetched.valid_for.map(|valid| sent.after(valid)),
            sent,
        })
    }

    /// Of a key that stays in the vault there is only its public half to be had.
    async fn find_key(
        &self,
        credential: &Arc<Credential>,
        errand: Errand<'_>,
    ) -> Result<Found, Refusal> {
        let id = errand.id;
        let ask = |token: Arc<AccessToken>| -> BoxFuture<'_, _> {
            Box::pin(async move { self.cloud.vault.key(credential, &token, id).await })
        };
        let (fetched, sent) = self.read(&credential.vault, errand, &ask).await?;
        if let Kind::Key(key) = &credential.kind {
            pinned(credential, key, &fetched.public)?;
        }
        Ok(Found {
            material: Material::VaultKey(VaultKey::new(fetched.public, fetched.version.clone())),
            version: fetched.version,
            valid_until: fetched.valid_for.map(|valid| sent.after(valid)),
            sent,
        })
    }
}

/// Makes material of what the vault gave, if it is what the configuration says.
fn material(credential: &Credential, value: Zeroizing<Vec<u8>>) -> Result<Material, Refusal> {
    match &credential.kind {
        Kind::Key(key) => private_key(credential, key, &value).map(Material::Key),
        Kind::Password(_) => Password::parse(value)
            .map(Material::Password)
            .map_err(|problem| Refusal::Material {
                credential: credential.name.to_string(),
                problem: format!("{problem} ({})", credential.object),
                remedy: "store the password alone, as one line, in that secret".to_owned(),
            }),
    }
}

fn private_key(
    credential: &Credential,
    key: &KeySpec,
    value: &Zeroizing<Vec<u8>>,
) -> Result<PrivateKey, Refusal> {
    let private = PrivateKey::parse(value).map_err(|problem| Refusal::Material {
        credential: credential.name.to_string(),
        problem: format!("{problem} ({})", credential.object),
        remedy: problem.remedy(),
    })?;
    pinned(credential, key, private.public())?;
    Ok(private)
}

/// A vault, or whoever may write to it, must not slip us a key of its own.
///
/// # Errors
/// If `found` is another key than the configuration pins.
pub fn pinned(credential: &Credential, key: &KeySpec, found: &PublicKey) -> Result<(), Refusal> {
    if found.key_data() == key.public.key_data() {
        return Ok(());
    }
    Err(Refusal::Material {
        credential: credential.name.to_string(),
        problem: format!(
            "the key in the vault is {}, and the one pinned in the configuration is {}",
            found.fingerprint(HashAlg::Sha256),
            key.public.fingerprint(HashAlg::Sha256)
        ),
        remedy: format!(
            "if the key was replaced on purpose, put its public half into `public_key` of \
             [key.{}] in {}; otherwise tell the owner of the vault",
            credential.name,
            credential.source.display()
        ),
    })
}
