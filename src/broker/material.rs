//! What a vault gives for a credential, made into material if it is what the configuration says.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use ssh_key::{HashAlg, PublicKey};
use zeroize::Zeroizing;

use super::Broker;
use super::step_up::Errand;
use crate::catalog::{Credential, Kind, VaultObject};
use crate::clock::Moment;
use crate::cloud::{AccessToken, FetchedKey, FetchedSecret};
use crate::refusal::Refusal;
use crate::secret::private_key::PrivateKey;
use crate::secret::vault_key::VaultKey;
use crate::secret::{Material, Password};

pub(crate) use certificate::unusable;

mod certificate;

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
        match (&credential.kind, &credential.object) {
            (Kind::Certificate(spec), _) => self.certify(credential, spec, errand).await,
            (_, VaultObject::Secret(_)) => self.find_secret(credential, errand).await,
            (_, VaultObject::Key(_)) => self.find_key(credential, errand).await,
        }
    }

    /// Reads the secret behind `credential`; tells when it was asked for.
    pub(super) async fn read_secret(
        &self,
        credential: &Credential,
        errand: Errand<'_>,
    ) -> Result<(FetchedSecret, Moment), Refusal> {
        let id = errand.id;
        let ask = |token: Arc<AccessToken>| -> BoxFuture<'_, _> {
            Box::pin(async move { self.cloud.vault.secret(credential, &token, id).await })
        };
        self.read(&credential.vault, errand, &ask).await
    }

    /// Reads the public half of the key behind `credential`; tells when it was asked for.
    pub(super) async fn read_key(
        &self,
        credential: &Credential,
        errand: Errand<'_>,
    ) -> Result<(FetchedKey, Moment), Refusal> {
        let id = errand.id;
        let ask = |token: Arc<AccessToken>| -> BoxFuture<'_, _> {
            Box::pin(async move { self.cloud.vault.key(credential, &token, id).await })
        };
        self.read(&credential.vault, errand, &ask).await
    }

    async fn find_secret(
        &self,
        credential: &Arc<Credential>,
        errand: Errand<'_>,
    ) -> Result<Found, Refusal> {
        let (fetched, sent) = self.read_secret(credential, errand).await?;
        let (material, holds) = material(credential, fetched.value, fetched.as_of)?;
        let valid = [fetched.valid_for, holds].into_iter().flatten().min();
        Ok(Found {
            material,
            version: fetched.version,
            valid_until: valid.map(|valid| sent.after(valid)),
            sent,
        })
    }

    /// Of a key that stays in the vault there is only its public half to be had.
    async fn find_key(
        &self,
        credential: &Arc<Credential>,
        errand: Errand<'_>,
    ) -> Result<Found, Refusal> {
        let (fetched, sent) = self.read_key(credential, errand).await?;
        pinned(credential, &fetched.public)?;
        Ok(Found {
            material: Material::VaultKey(VaultKey::new(fetched.public, fetched.version.clone())),
            version: fetched.version,
            valid_until: fetched.valid_for.map(|valid| sent.after(valid)),
            sent,
        })
    }
}

/// Makes material of what the vault gave, if it is what the configuration says; and how long it holds
/// by what is in it.
fn material(
    credential: &Credential,
    value: Zeroizing<Vec<u8>>,
    now: Timestamp,
) -> Result<(Material, Option<Duration>), Refusal> {
    let lasting = |material| (material, None);
    match &credential.kind {
        Kind::ClientCertificate(_) => certificate::read(credential, &value, now)
            .map(|(found, holds)| (Material::ClientCertificate(found), Some(holds))),
        Kind::Key(_) => private_key(credential, &value).map(|key| lasting(Material::Key(key))),
        Kind::Authority(_) | Kind::Certificate(_) => Err(Refusal::Unsupported(
            "an authority is a key of its vault, not a secret".to_owned(),
        )),
        Kind::Password(_) => Password::parse(value)
            .map(|password| lasting(Material::Password(password)))
            .map_err(|problem| Refusal::Material {
                credential: credential.name.to_string(),
                problem: format!("{problem} ({})", credential.object),
                remedy: "store the password alone, as one line, in that secret".to_owned(),
            }),
    }
}

fn private_key(credential: &Credential, value: &Zeroizing<Vec<u8>>) -> Result<PrivateKey, Refusal> {
    let private = PrivateKey::parse(value).map_err(|problem| Refusal::Material {
        credential: credential.name.to_string(),
        problem: format!("{problem} ({})", credential.object),
        remedy: problem.remedy(),
    })?;
    pinned(credential, private.public())?;
    Ok(private)
}

/// A vault, or whoever may write to it, must not slip us a key of its own.
///
/// # Errors
/// If `found` is another key than the configuration pins.
pub fn pinned(credential: &Credential, found: &PublicKey) -> Result<(), Refusal> {
    let Some(public) = credential.kind.pinned() else {
        return Ok(());
    };
    if found.key_data() == public.key_data() {
        return Ok(());
    }
    Err(Refusal::Material {
        credential: credential.name.to_string(),
        problem: format!(
            "the key in the vault is {}, and the one pinned in the configuration is {}",
            found.fingerprint(HashAlg::Sha256),
            public.fingerprint(HashAlg::Sha256)
        ),
        remedy: format!(
            "if the key was replaced on purpose, put its public half into `public_key` of \
             {} (`pimento sync {}` does) and start the agent anew; otherwise tell the owner of the vault",
            credential.pinned_in(),
            credential.vault.window.name
        ),
    })
}
