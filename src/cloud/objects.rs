//! The seam to vaults: what is asked of them, and what they give out.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use ssh_key::PublicKey;
use zeroize::Zeroizing;

use super::{AccessToken, CorrelationId, SecretFacts};
use crate::catalog::Credential;
use crate::refusal::Refusal;
use crate::secret::vault_key::ToSign;

/// What a vault gave out.
pub struct FetchedSecret {
    /// The value.
    pub value: Zeroizing<Vec<u8>>,
    /// The version's id.
    pub version: String,
    /// How much longer the secret is valid (`exp`), from the moment the request was sent.
    ///
    /// Key Vault itself gives expired secrets out; this is ours to enforce.
    pub valid_for: Option<Duration>,
    /// The latest that it can have been when the vault answered, by its own clock.
    pub as_of: Timestamp,
    /// What is known of it besides.
    pub facts: SecretFacts,
}

/// The public half of a key that stays in its vault.
#[derive(Clone, Debug)]
pub struct FetchedKey {
    /// The key.
    pub public: PublicKey,
    /// The version's id.
    pub version: String,
    /// How much longer the key is valid (`exp`), from the moment the request was sent.
    pub valid_for: Option<Duration>,
    /// What is known of it besides.
    pub facts: SecretFacts,
}

/// A secret that is to be a new version of its name.
pub struct NewSecret {
    /// The value; Key Vault takes text only.
    pub value: Zeroizing<String>,
    /// What it is, for whoever looks into the vault.
    pub content_type: &'static str,
    /// What is known of it besides.
    pub tags: BTreeMap<String, String>,
}

/// Why a vault did not do what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// `ForbiddenByRbac`: the membership is not in the token, or not in force, yet.
    NotYet,
    /// The token is no longer accepted.
    TokenRejected,
    /// Anything that waiting won't mend.
    Refused(Refusal),
}

/// Reads vaults, writes secrets into them, and signs with their keys.
#[async_trait]
pub trait Vault: Send + Sync {
    /// Reads the newest version of the secret behind `credential`.
    async fn secret(
        &self,
        credential: &Credential,
        token: &AccessToken,
        id: CorrelationId,
    ) -> Result<FetchedSecret, ReadError>;

    /// Makes a new version of the secret behind `credential`; tells its id.
    async fn store(
        &self,
        credential: &Credential,
        new: &NewSecret,
        token: &AccessToken,
        id: CorrelationId,
    ) -> Result<String, ReadError>;

    /// Reads the public half of the key behind `credential`.
    async fn key(
        &self,
        credential: &Credential,
        token: &AccessToken,
        id: CorrelationId,
    ) -> Result<FetchedKey, ReadError>;

    /// Has the vault sign with that key; what it answers is not checked.
    async fn sign(
        &self,
        credential: &Credential,
        asked: &ToSign,
        token: &AccessToken,
        id: CorrelationId,
    ) -> Result<Vec<u8>, ReadError>;
}
