//! Keys that are made here for one window, and certified by an authority in a vault.
//!
//! Enters: an open window, and what the configuration says of a certificate. Leaves: a key with its
//! certificate. What never happens here: a certificate that is valid for longer than its window, or
//! that is not on record before the vault is asked for it.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::Broker;
use super::material::{Found, pinned};
use super::step_up::Errand;
use crate::audit::Event;
use crate::catalog::{CertificateSpec, Credential};
use crate::certify::{self, Holder, Statement};
use crate::clock::Moment;
use crate::refusal::Refusal;
use crate::secret::Material;
use crate::secret::certified_key::Uncertified;
use crate::secret::private_key::SHA2_512;
use crate::secret::vault_key::VaultKey;
use crate::window::ended;

/// A span of time, on both clocks.
struct Span {
    begins: Timestamp,
    ends: Timestamp,
    until: Moment,
}

impl Broker {
    /// Makes a key and has the authority of `spec` certify it for as long as the window is open.
    pub(super) async fn certify(
        &self,
        credential: &Arc<Credential>,
        spec: &CertificateSpec,
        errand: Errand<'_>,
    ) -> Result<Found, Refusal> {
        let (fetched, sent) = self.read_key(credential, errand.again()).await?;
        pinned(credential, &fetched.public)?;
        let span = self.span(credential, fetched.valid_for.map(|valid| sent.after(valid)))?;
        let account = self.cloud.identity.account(errand.tenant);
        let user = account.map_or_else(|| "-".to_owned(), |account| account.user_name);
        let key_id = format!("{user} {}", errand.id);
        let statement = Statement {
            holder: Holder::User,
            key_id: &key_id,
            principals: &spec.principals,
            valid_after: span.begins,
            valid_before: span.ends,
            critical: &spec.critical,
            extensions: &spec.extensions,
        };
        let uncertified = Uncertified::generate()
            .map_err(|problem| unusable(credential, &problem.to_string()))?;
        let to_be_signed = certify::to_be_signed(uncertified.public(), &statement, &spec.public)
            .map_err(|why| unusable(credential, &why.to_string()))?;
        let event = Event::certifying(errand.id, credential, &statement, &fetched.version);
        self.audit.record(event)?;
        let authority = VaultKey::new(fetched.public, fetched.version.clone());
        let asked = authority
            .asks(&to_be_signed, SHA2_512)
            .map_err(|problem| Refusal::Unsupported(problem.to_string()))?;
        let answer = self.signature(credential, &asked, errand).await?;
        let signature = authority.signature(&asked, &answer, &to_be_signed);
        let signature = signature.map_err(|problem| no_signature(credential, &problem))?;
        let certificate = certify::signed(to_be_signed, &signature);
        Ok(Found {
            material: Material::Certified(uncertified.certified(certificate)),
            version: fetched.version,
            valid_until: Some(span.until),
            sent,
        })
    }

    /// From now until the end of the window, or of the authority, by the clock of the cloud.
    fn span(&self, credential: &Credential, authority: Option<Moment>) -> Result<Span, Refusal> {
        let (window, now) = (&credential.vault.window.name, self.clock.now());
        let terms = self.windows().terms(window, now).cloned();
        let terms = terms.ok_or_else(|| ended(credential))?;
        let until = authority.map_or(terms.until, |authority| authority.min(terms.until));
        let at = |moment: Moment| {
            let before_the_end = SignedDuration::try_from(moment.until(terms.until)).ok()?;
            terms.ends.checked_sub(before_the_end).ok()
        };
        let begins = at(now).and_then(|now| now.checked_sub(BEHIND).ok());
        let (Some(begins), Some(ends)) = (begins, at(until)) else {
            return Err(ended(credential));
        };
        Ok(Span {
            begins,
            ends,
            until,
        })
    }
}

/// An answer of a vault that is no signature.
pub(super) fn no_signature(credential: &Credential, problem: &dyn std::fmt::Display) -> Refusal {
    Refusal::Material {
        credential: credential.name.to_string(),
        problem: format!(
            "{problem} ({} in vault {})",
            credential.object, credential.vault.name
        ),
        remedy: "nothing was given out; tell the owner of the vault".to_owned(),
    }
}

fn unusable(credential: &Credential, problem: &str) -> Refusal {
    Refusal::Material {
        credential: credential.name.to_string(),
        problem: problem.to_owned(),
        remedy: "try again; if it lasts, report it as a bug".to_owned(),
    }
}

/// How far a host's clock may be behind; what has passed is of no use to anybody.
const BEHIND: Duration = Duration::from_secs(60);
