//! Passwords that were refused where they were given: another try would lock the account.
//!
//! A program that asks again has been told that its answer was wrong. From then on nobody gets that
//! version of that password by a prompt, whichever program asks, until there is another version or
//! the person closes its window.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::catalog::{Credential, Name};
use crate::refusal::Refusal;

/// The passwords that seem wrong.
#[derive(Default)]
pub struct Wrong {
    /// The version of each, and its window.
    of: Mutex<HashMap<Name, (String, Name)>>,
    /// The version that was last given of each: by the time a program asks again, its window may have ended.
    given: Mutex<HashMap<Name, String>>,
}

impl Wrong {
    /// Remembers which version of `credential` a prompt is answered with.
    pub fn gives(&self, credential: &Credential, version: &str) {
        let given = self.given.lock();
        let mut given = given.unwrap_or_else(PoisonError::into_inner);
        given.insert(credential.name.clone(), version.to_owned());
    }

    /// Remembers that the version of `credential` that was given last seems wrong.
    pub fn mark(&self, credential: &Credential) {
        let given = self.given.lock();
        let given = given.unwrap_or_else(PoisonError::into_inner);
        if let Some(version) = given.get(&credential.name) {
            let window = credential.vault.window.name.clone();
            let wrong = (version.clone(), window);
            self.of().insert(credential.name.clone(), wrong);
        }
    }

    /// Lets what is in the vault of `window` be tried again.
    pub fn forgive(&self, window: &Name) {
        self.of().retain(|_, (_, of)| of != window);
    }

    /// Refuses a version that seems wrong; `None` if it is not known which one it will be.
    ///
    /// # Errors
    /// If it was marked, or may be the one that was.
    pub fn check(&self, credential: &Credential, version: Option<&str>) -> Result<(), Refusal> {
        let of = self.of();
        let Some((wrong, _)) = of.get(&credential.name) else {
            return Ok(());
        };
        if version.is_some_and(|version| version != wrong) {
            return Ok(());
        }
        let window = &credential.vault.window.name;
        Err(Refusal::Policy {
            credential: credential.name.to_string(),
            rule: "its version was given before and asked for again, so it seems wrong".to_owned(),
            advice: format!(
                "it is not tried again, so that the account is not locked: put the right one into \
                 the vault, then `pimento close {window}` (that also lets this one be tried again)"
            ),
        })
    }

    fn of(&self) -> MutexGuard<'_, HashMap<Name, (String, Name)>> {
        self.of.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::password;

    #[test]
    fn a_version_that_seems_wrong_is_refused_until_there_is_another() {
        let (wrong, db) = (Wrong::default(), password("db"));
        wrong.gives(&db, "1");
        assert!(wrong.check(&db, Some("1")).is_ok());
        wrong.mark(&db);
        assert_eq!(wrong.check(&db, Some("1")).unwrap_err().code(), "policy");
        assert!(wrong.check(&db, Some("2")).is_ok());
        assert!(wrong.check(&db, None).is_err(), "it may be the same");
        assert!(wrong.check(&password("web"), Some("1")).is_ok());
    }

    #[test]
    fn what_was_not_given_is_not_marked() {
        let (wrong, db) = (Wrong::default(), password("db"));
        wrong.mark(&db);
        wrong.gives(&password("web"), "1");
        wrong.mark(&db);
        assert!(wrong.check(&db, Some("1")).is_ok());
    }

    #[test]
    fn closing_the_window_lets_it_be_tried_again_and_closing_another_does_not() {
        let (wrong, db) = (Wrong::default(), password("db"));
        wrong.gives(&db, "1");
        wrong.mark(&db);
        wrong.forgive(&Name::parse("other").unwrap());
        assert!(wrong.check(&db, Some("1")).is_err());
        wrong.forgive(&db.vault.window.name);
        assert!(wrong.check(&db, Some("1")).is_ok());
    }
}
