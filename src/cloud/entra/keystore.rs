//! A sign-in in the keystore of the operating system, for those who choose that: Secret Service,
//! Keychain, Credential Manager.
//!
//! Enters: an account and its refresh token. Leaves: the same, after a restart. What never happens
//! here: a file of ours, or a sign-in that fails because there is no keystore.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;
use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::catalog::{Keep, Name, Tenant};
use crate::cloud::Account;

/// What is kept, as one text; wiped when dropped.
#[derive(Deserialize, Serialize, ZeroizeOnDrop)]
struct Record {
    object_id: String,
    tenant_id: String,
    user_name: String,
    refresh_token: String,
}

/// What is kept of the sign-in to `tenant`, if anything is to be. The person may have to unlock it.
pub(super) async fn load(tenant: &Tenant) -> Option<(Account, SecretString)> {
    if tenant.keep != Keep::Keystore {
        return None;
    }
    let name = tenant.name.to_string();
    let read = tokio::task::spawn_blocking(move || {
        let read = place::get(&name);
        read.unwrap_or_else(|error| {
            unusable(&error, &name);
            None
        })
    });
    let text = read.await.ok()??;
    let record: Record = serde_json::from_slice(&Zeroizing::new(text)).ok()?;
    let account = Account {
        object_id: record.object_id.clone(),
        tenant_id: record.tenant_id.clone(),
        user_name: record.user_name.clone(),
    };
    Some((account, record.refresh_token.as_str().into()))
}

/// The keystore, as far as it is written to.
///
/// A change counts from the moment it is asked for, whoever waits for it to be done, and nothing of before
/// comes after it: neither an older refresh token after a newer, nor any after a sign-out.
#[derive(Default)]
pub(super) struct Keystore {
    shelves: Mutex<HashMap<Name, Arc<Shelf>>>,
}

impl Keystore {
    /// Keeps the sign-in to `tenant`, if that is wanted.
    pub(super) fn save(
        &self,
        tenant: &Tenant,
        account: &Account,
        refresh: &SecretString,
    ) -> UnderWay {
        self.change(tenant, || {
            let record = Record {
                object_id: account.object_id.clone(),
                tenant_id: account.tenant_id.clone(),
                user_name: account.user_name.clone(),
                refresh_token: refresh.expose_secret().to_owned(),
            };
            Change::Keep(Zeroizing::new(
                serde_json::to_vec(&record).unwrap_or_default(),
            ))
        })
    }

    /// Forgets the sign-in to `tenant`.
    pub(super) fn forget(&self, tenant: &Tenant) -> UnderWay {
        self.change(tenant, || Change::Forget)
    }

    fn change(&self, tenant: &Tenant, change: impl FnOnce() -> Change) -> UnderWay {
        if tenant.keep != Keep::Keystore {
            return UnderWay(None);
        }
        let shelf = Arc::clone(
            locked(&self.shelves)
                .entry(tenant.name.clone())
                .or_default(),
        );
        *locked(&shelf.next) = Some(change());
        let name = tenant.name.to_string();
        UnderWay(Some(tokio::task::spawn_blocking(move || {
            shelf.write(&name);
        })))
    }
}

/// A change that is made, also if nobody waits for it.
pub(super) struct UnderWay(Option<JoinHandle<()>>);

impl UnderWay {
    /// Waits until it is made, or has failed, which is logged: the sign-in goes on without.
    pub(super) async fn done(self) {
        if let Some(writing) = self.0 {
            let _ended = writing.await.is_ok();
        }
    }
}

/// What is kept of one tenant.
#[derive(Default)]
struct Shelf {
    /// The latest change that was asked for, until it is made.
    next: Mutex<Option<Change>>,
    /// Whose turn it is to write.
    turn: Mutex<()>,
}

enum Change {
    Forget,
    Keep(Zeroizing<Vec<u8>>),
}

impl Shelf {
    fn write(&self, name: &str) {
        let _turn = locked(&self.turn);
        let next = locked(&self.next).take();
        let done = match next {
            // Whoever had the turn before has made it already.
            None => Ok(()),
            Some(Change::Forget) => place::delete(name),
            Some(Change::Keep(text)) => place::set(name, &text),
        };
        if let Err(error) = done {
            unusable(&error, name);
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn unusable(error: &place::Error, tenant: &str) {
    tracing::warn!(%error, tenant, "the keystore cannot be used");
}

/// Secret Service, over the session's own bus, which is a socket of this user.
#[cfg(target_os = "linux")]
mod place {
    use std::collections::HashMap;

    pub(super) use dbus_secret_service::Error;
    use dbus_secret_service::{EncryptionType, SecretService};

    pub(super) fn get(name: &str) -> Result<Option<Vec<u8>>, Error> {
        let service = service(PATIENCE)?;
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
        // Nobody has asked for this, so that nobody is asked: one that is locked stays so.
        let service = service(0)?;
        let collection = service.get_default_collection()?;
        if collection.is_locked()? {
            collection.unlock()?;
        }
        let label = format!("pimento: sign-in to {name}");
        let made = collection.create_item(&label, attributes(name), text, true, "text/plain");
        made.map(drop)
    }

    pub(super) fn delete(name: &str) -> Result<(), Error> {
        let service = service(PATIENCE)?;
        let found = service.search_items(attributes(name))?;
        let mut items = found.unlocked.iter().chain(&found.locked);
        items.try_for_each(|item| item.delete())
    }

    /// The service, which may ask the person for so many seconds to unlock it.
    fn service(seconds: u64) -> Result<SecretService, Error> {
        SecretService::connect_with_max_prompt_timeout(EncryptionType::Plain, seconds)
    }

    fn attributes(name: &str) -> HashMap<&str, &str> {
        HashMap::from([("service", "pimento"), ("tenant", name)])
    }

    /// As long as a question of ours stands.
    const PATIENCE: u64 = 60;
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
