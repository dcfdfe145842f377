//! A sign-in in the keystore of the operating system, for those who choose that: Secret Service,
//! Keychain, Credential Manager.
//!
//! Enters: an account and its refresh token. Leaves: the same, after a restart. What never happens
//! here: a file of ours, or a sign-in that fails because there is no keystore.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::catalog::{Keep, Tenant};
use crate::cloud::Account;

/// What is kept, as one text; wiped when dropped.
#[derive(Deserialize, Serialize, ZeroizeOnDrop)]
struct Record {
    object_id: String,
    tenant_id: String,
    user_name: String,
    refresh_token: String,
}

/// What is kept of the sign-in to `tenant`, if anything is to be.
pub(super) async fn load(tenant: &Tenant) -> Option<(Account, SecretString)> {
    let text = at_place(tenant, place::get).await??;
    let record: Record = serde_json::from_slice(&Zeroizing::new(text)).ok()?;
    let account = Account {
        object_id: record.object_id.clone(),
        tenant_id: record.tenant_id.clone(),
        user_name: record.user_name.clone(),
    };
    Some((account, record.refresh_token.as_str().into()))
}

/// Keeps the sign-in to `tenant`, if that is wanted.
pub(super) async fn save(tenant: &Tenant, account: &Account, refresh: &SecretString) {
    let record = Record {
        object_id: account.object_id.clone(),
        tenant_id: account.tenant_id.clone(),
        user_name: account.user_name.clone(),
        refresh_token: refresh.expose_secret().to_owned(),
    };
    let text = Zeroizing::new(serde_json::to_vec(&record).unwrap_or_default());
    at_place(tenant, move |name| place::set(name, &text)).await;
}

/// Forgets the sign-in to `tenant`.
pub(super) async fn forget(tenant: &Tenant) {
    at_place(tenant, place::delete).await;
}

/// Does `work` with the place of `tenant`; what fails is logged, and the sign-in goes on without.
async fn at_place<T: Send + 'static>(
    tenant: &Tenant,
    work: impl FnOnce(&str) -> Result<T, place::Error> + Send + 'static,
) -> Option<T> {
    if tenant.keep != Keep::Keystore {
        return None;
    }
    let name = tenant.name.to_string();
    // The keystore may ask the person to unlock it meanwhile.
    let done = tokio::task::spawn_blocking(move || work(&name));
    match done.await.ok()? {
        Ok(done) => Some(done),
        Err(error) => {
            tracing::warn!(%error, tenant = %tenant.name, "the keystore cannot be used");
            None
        }
    }
}

/// Secret Service, over the session's own bus, which is a socket of this user.
#[cfg(target_os = "linux")]
mod place {
    use std::collections::HashMap;

    pub(super) use dbus_secret_service::Error;
    use dbus_secret_service::{EncryptionType, SecretService};

    pub(super) fn get(name: &str) -> Result<Option<Vec<u8>>, Error> {
        let service = SecretService::connect(EncryptionType::Plain)?;
        let found = service.search_items(attributes(name))?;
        let Some(item) = found.unlocked.into_iter().chain(found.locked).next() else {
            return Ok(None);
        };
        if item.is_locked()? {
            item.unlock()?;
        }
        item.get_secret().map(Some)
    }

    pub(super) fn set(name: &str, text: &[u8]) -> Result<(), Error> {
        let service = SecretService::connect(EncryptionType::Plain)?;
        let collection = service.get_default_collection()?;
        if collection.is_locked()? {
            collection.unlock()?;
        }
        let label = format!("pimento: sign-in to {name}");
        let made = collection.create_item(&label, attributes(name), text, true, "text/plain");
        made.map(drop)
    }

    pub(super) fn delete(name: &str) -> Result<(), Error> {
        let service = SecretService::connect(EncryptionType::Plain)?;
        let found = service.search_items(attributes(name))?;
        let mut items = found.unlocked.iter().chain(&found.locked);
        items.try_for_each(|item| item.delete())
    }

    fn attributes(name: &str) -> HashMap<&str, &str> {
        HashMap::from([("service", "pimento"), ("tenant", name)])
    }
}

/// Keychain, or Credential Manager.
#[cfg(any(target_os = "macos", windows))]
mod place {
    use keyring_core::Entry;
    pub(super) use keyring_core::Error;

    #[cfg(target_os = "macos")]
    use apple_native_keyring_store::keychain::Store;
    #[cfg(windows)]
    use windows_native_keyring_store::Store;

    pub(super) fn get(name: &str) -> Result<Option<Vec<u8>>, Error> {
        match entry(name)?.get_secret() {
            Err(Error::NoEntry) => Ok(None),
            found => found.map(Some),
        }
    }

    pub(super) fn set(name: &str, text: &[u8]) -> Result<(), Error> {
        entry(name)?.set_secret(text)
    }

    pub(super) fn delete(name: &str) -> Result<(), Error> {
        match entry(name)?.delete_credential() {
            Err(Error::NoEntry) => Ok(()),
            deleted => deleted,
        }
    }

    fn entry(name: &str) -> Result<Entry, Error> {
        let store: std::sync::Arc<keyring_core::CredentialStore> = Store::new()?;
        Entry::new_in_store(&store, "pimento", name)
    }
}

#[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
mod place {
    #[derive(Debug, thiserror::Error)]
    #[error("there is none on this system")]
    pub(super) struct Error;

    pub(super) const fn get(_: &str) -> Result<Option<Vec<u8>>, Error> {
        Err(Error)
    }

    pub(super) const fn set(_: &str, _: &[u8]) -> Result<(), Error> {
        Err(Error)
    }

    pub(super) const fn delete(_: &str) -> Result<(), Error> {
        Err(Error)
    }
}
