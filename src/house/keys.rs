//! What the SSH agent's door asks the house: which keys there are, and signatures by them.

use std::sync::Arc;

use async_trait::async_trait;

use super::listing::Listing;
use super::route::{route, signed};
use super::{House, added, fingerprint};
use crate::agent::{self, Bound, SignAsk};
use crate::audit::{Event, Holder};
use crate::broker::Signing;
use crate::catalog::{Credential, Kind, VaultObject};
use crate::cloud::{CorrelationId, Stage, StageSink};
use crate::policy::{Ask, End, Said};
use crate::prompt::{Question, tell};
use crate::refusal::Refusal;
use crate::requester::{Caller, Requester};
use crate::secret::Material;

impl House {
    /// Whose public key, or certificate that is held now, this is.
    fn key(&self, key_blob: &[u8]) -> Option<&Arc<Credential>> {
        let held = |credential: &Credential| {
            let certificate = self.pipeline.broker.certificate(credential);
            certificate.is_some_and(|it| *it == *key_blob)
        };
        self.keys.get(key_blob).or_else(|| {
            let mut certificates = self.catalog.certificates();
            certificates.find_map(|(credential, _)| held(credential).then_some(credential))
        })
    }

    /// The certificates that are held, and worth listing.
    fn certificates(&self, listing: &Listing<'_>) -> Vec<agent::Identity> {
        let all = self.catalog.certificates();
        let listed = all.filter(|(credential, spec)| listing.has(credential, &spec.rules));
        let made = listed.filter_map(|(credential, _)| {
            Some(agent::Identity {
                key_blob: self.pipeline.broker.certificate(credential)?,
                comment: credential.name.as_str().as_bytes().into(),
            })
        });
        made.collect()
    }

    /// Why no certificate is listed, if there could be one.
    fn unmade(&self, listing: &Listing<'_>) -> Option<String> {
        let mut all = self.catalog.certificates();
        let (credential, _) =
            all.find(|(credential, spec)| listing.has(credential, &spec.rules))?;
        let window = &credential.vault.window.name;
        Some(format!(
            "key {} has no certificate yet, since listing makes none: `pimento open {window}`, or \
             include what `pimento ssh-config` prints, which opens it before ssh connects",
            credential.name
        ))
    }

    /// The end to which somebody else's key is wanted.
    fn end(&self, ask: &SignAsk<'_>) -> End {
        End::Sign {
            what: signed(&ask.payload),
            route: route(&self.known_hosts, ask, &[], self.clock.wall()),
        }
    }
}

#[async_trait]
impl agent::House for House {
    fn identities(&self, bound: &Bound) -> Vec<agent::Identity> {
        // A locked agent lists nothing (RFC 9987, section 5.5).
        if self.pipeline.broker.locked() {
            return Vec::new();
        }
        let listing = Listing::on(bound, &self.known_hosts, &self.hosts, self.clock.wall());
        let keys = self.catalog.keys().zip(&self.listed);
        let listed: Vec<agent::Identity> = keys
            .filter(|((credential, key), _)| listing.has(credential, &key.rules))
            .map(|(_, identity)| identity.clone())
            .chain(self.certificates(&listing))
            .collect();
        let configured = !self.listed.is_empty() || self.catalog.certificates().next().is_some();
        if listed.is_empty() && configured {
            // The client will not ask for a key it has not seen, so nobody else can tell why.
            let unmade = self.unmade(&listing);
            let why = unmade.unwrap_or_else(|| listing.why_none());
            self.pipeline.memory.withheld(why);
        }
        listed
    }

    fn has(&self, key_blob: &[u8]) -> bool {
        self.key(key_blob).is_some()
    }

    async fn sign(&self, ask: SignAsk<'_>, caller: &Caller) -> Result<Vec<u8>, Refusal> {
        let credential = self.key(ask.key_blob).ok_or_else(|| Refusal::NoMatch {
            kind: "key",
            name: fingerprint(ask.key_blob),
            nearest: None,
        })?;
        let route = route(
            &self.known_hosts,
            &ask,
            &credential.hosts,
            self.clock.wall(),
        );
        let what = signed(&ask.payload);
        let wanted = Ask {
            credential: Arc::clone(credential),
            end: End::Sign { what, route },
            program: caller.requester().program(),
            said: Said::default(),
        };
        let sign = |material: &Material| match material {
            Material::Key(key) => key
                .sign(ask.data, ask.flags)
                .map_err(|problem| Refusal::Unsupported(problem.to_string())),
            Material::Certified(key) => key
                .sign(ask.data, ask.flags)
                .map_err(|problem| Refusal::Unsupported(problem.to_string())),
            Material::ClientCertificate(_) => {
                Err(Refusal::Unsupported("it is a certificate".to_owned()))
            }
            Material::Password(_) => Err(Refusal::Unsupported("it is a password".to_owned())),
            Material::VaultKey(_) => Err(Refusal::Unsupported("its vault signs".to_owned())),
        };
        let (requester, waiting) = (caller.requester(), Waiting(caller.requester()));
        let pipeline = &self.pipeline;
        if let (Kind::Key(_), VaultObject::Key(_)) = (&credential.kind, &credential.object) {
            let (data, flags) = (ask.data, ask.flags);
            let signing = Signing { data, flags };
            return pipeline
                .sign_in_vault(wanted, requester, &waiting, signing)
                .await;
        }
        pipeline.serve(wanted, requester, &waiting, sign).await
    }

    fn record(&self, ask: &SignAsk<'_>, holder: Holder, caller: &Caller) -> Result<(), Refusal> {
        let end = self.end(ask);
        let key = fingerprint(ask.key_blob);
        let event = Event::signing(CorrelationId::new(), &key, holder, &end, caller.requester());
        self.pipeline.audit.record(event)
    }

    async fn confirm(
        &self,
        ask: &SignAsk<'_>,
        key: &agent::Identity,
        caller: &Caller,
    ) -> Result<(), Refusal> {
        let question = Question::consent(added(key), self.end(ask));
        self.pipeline
            .prompter
            .confirm(&question, caller.requester())
            .await
    }

    async fn remove_all(&self) -> Result<(), Refusal> {
        self.pipeline.broker.wipe("removed by the user");
        Ok(())
    }

    fn locked(&self) -> bool {
        self.pipeline.broker.locked()
    }

    fn lock(&self) {
        self.pipeline.broker.lock();
    }

    fn unlock(&self) {
        self.pipeline.broker.unlock();
    }
}

/// The agent protocol has no way to tell how far an opening is; a person who has to do something
/// is told on the terminal at which `ssh` waits.
struct Waiting<'a>(&'a Requester);

impl StageSink for Waiting<'_> {
    fn reached(&self, stage: Stage) {
        tracing::debug!(%stage, "opening");
        if stage == Stage::SteppingUp {
            let _told = tell(self.0, &stage.to_string());
        }
    }
}
