//! What every connection is served from: the three holders of keys, and the lock over them.
//!
//! In goes one message of one client, out comes its answer. A key is looked for in the house,
//! among the added ones, and at the other agent, in this order; the first that has it answers for
//! it. What never happens here: a key of the house used by anybody else's rules; an answer of
//! SUCCESS to what was not done.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tracing::debug;

use super::constraint::Constraints;
use super::keyring::{AddProblem, AddedKey, Keyring};
use super::lock::Lock;
use super::message::{EXTENSIONS, Request, Response, Unsupported};
use super::upstream::{Link, Upstream};
use super::{Bound, House, SignAsk};
use crate::audit::Holder;
use crate::clock::Clock;
use crate::cores::{Cores, Weight};
use crate::refusal::Refusal;
use crate::requester::Caller;

/// The agent behind every connection.
pub struct Service {
    /// The keys of the configuration.
    pub house: Arc<dyn House>,
    /// The keys that clients have added.
    pub keyring: Arc<Keyring>,
    /// The lock with a passphrase.
    pub lock: Arc<Lock>,
    /// Where signatures are made.
    pub cores: Arc<Cores>,
    /// Who has the keys that we have not.
    pub upstream: Option<Arc<Upstream>>,
    /// When certificates are valid.
    pub clock: Arc<dyn Clock>,
    /// How many long messages may be on their way in at once.
    pub long_messages: Semaphore,
}

/// What is known of one client.
pub struct Client<'a> {
    /// Who it is.
    pub caller: &'a Caller,
    /// To which hosts its connection is bound.
    pub bound: Bound,
    /// Its connection on to the other agent.
    pub link: Link,
}

impl Service {
    /// A service of `house`, with nothing added.
    #[must_use]
    pub fn new(house: Arc<dyn House>, clock: Arc<dyn Clock>, cores: Arc<Cores>) -> Self {
        Self {
            house,
            keyring: Arc::new(Keyring::new(Arc::clone(&clock), None)),
            lock: Arc::new(Lock::new(Arc::clone(&clock))),
            cores,
            upstream: None,
            clock,
            long_messages: Semaphore::new(MOST_LONG_MESSAGES),
        }
    }

    /// Whether nothing may be listed or signed.
    #[must_use]
    pub fn locked(&self) -> bool {
        self.lock.is_on() || self.house.locked()
    }

    /// Forgets everything; carried out to its end, whether or not anybody waits for it.
    pub async fn forget(&self, client: &mut Client<'_>) -> Response {
        if self.lock.is_on() {
            return Response::Failure;
        }
        self.keyring.remove_all();
        if let Some(upstream) = &self.upstream {
            let message = Request::RemoveAll.encode();
            // Its keys are its own; that it could not be reached must not make ours stay.
            let _told = client
                .link
                .ask_soon(upstream, &client.bound, &message)
                .await
                .is_ok();
        }
        match self.house.remove_all().await {
            Ok(()) => Response::Success,
            Err(refusal) => refused(&refusal),
        }
    }

    /// Answers a message. Dropping the future is how a client that hangs up stops it.
    pub async fn answer(&self, message: &[u8], client: &mut Client<'_>) -> Response {
        let request = Request::parse(message);
        // As OpenSSH's agent: locked, it lists nothing, takes bindings, and fails all else.
        let locked = self.lock.is_on();
        match request {
            Request::SessionBind(content) => return bind(client, content),
            Request::Unlock(passphrase) => return self.unlock(passphrase).await,
            Request::Query => return Response::Extensions(EXTENSIONS),
            Request::Identities => return self.list(client).await,
            _ if locked => return Response::Failure,
            _ => {}
        }
        match request {
            Request::Add { content, .. } => self.add(content, message, client).await,
            Request::Lock(passphrase) => self.lock(passphrase),
            Request::Remove(blob) => {
                if self.keyring.remove(blob, &client.bound) {
                    Response::Success
                } else {
                    self.remove_elsewhere(blob, message, client).await
                }
            }
            Request::Sign {
                key_blob,
                data,
                flags,
            } => match self.sign(key_blob, data, flags, message, client).await {
                Ok(response) => response,
                Err(refusal) => refused(&refusal),
            },
            Request::Unsupported(why) => self.unsupported(why, message, client).await,
            Request::Identities
            | Request::Query
            | Request::RemoveAll
            | Request::RemoveAllOfVersion1
            | Request::SessionBind(_)
            | Request::Unlock(_) => Response::Failure,
        }
    }

    async fn list(&self, client: &mut Client<'_>) -> Response {
        if self.locked() {
            return Response::Identities(Vec::new());
        }
        let mut identities = self.house.identities(&client.bound);
        self.keyring.list(&client.bound, &mut identities);
        if let Some(upstream) = &self.upstream {
            let message = Request::Identities.encode();
            let answer = client
                .link
                .ask_soon(upstream, &client.bound, &message)
                .await;
            let theirs = answer
                .ok()
                .and_then(|answer| Response::identities(&answer).ok());
            for identity in theirs.unwrap_or_default() {
                if !identities
                    .iter()
                    .any(|ours| ours.key_blob == identity.key_blob)
                {
                    identities.push(identity);
                }
            }
        }
        Response::Identities(identities)
    }

    async fn add(&self, content: &[u8], message: &[u8], client: &mut Client<'_>) -> Response {
        match self
            .keyring
            .add(content, &client.bound, |blob| self.house.has(blob))
        {
            Ok(added) => {
                debug!(?added, "key added");
                Response::Success
            }
            Err(problem) => {
                debug!(%problem, "key not added");
                match problem {
                    // A FIDO key, say. The other agent keeps its constraints, or says no itself.
                    AddProblem::Key(_) | AddProblem::Constraint => self
                        .pass(message, client)
                        .await
                        .unwrap_or(Response::Failure),
                    // One of the configuration would be got around by the other agent, which has no rules.
                    _ => Response::Failure,
                }
            }
        }
    }

    fn lock(&self, passphrase: &[u8]) -> Response {
        if self.lock.lock(passphrase) {
            self.house.lock();
            Response::Success
        } else {
            Response::Failure
        }
    }

    async fn unlock(&self, passphrase: &[u8]) -> Response {
        if self.lock.unlock(passphrase).await {
            self.house.unlock();
            // Somebody may have locked again between the two.
            if self.lock.is_on() {
                self.house.lock();
            }
            Response::Success
        } else {
            debug!("wrong passphrase, or not locked");
            Response::Failure
        }
    }

    async fn remove_elsewhere(
        &self,
        blob: &[u8],
        message: &[u8],
        client: &mut Client<'_>,
    ) -> Response {
        // A key of the configuration is always listed, so it can't be said to be gone.
        if self.house.has(blob) {
            return Response::Failure;
        }
        self.pass(message, client)
            .await
            .unwrap_or(Response::Failure)
    }

    async fn sign(
        &self,
        key_blob: &[u8],
        data: &[u8],
        flags: u32,
        message: &[u8],
        client: &mut Client<'_>,
    ) -> Result<Response, Refusal> {
        let ask = SignAsk::new(key_blob, data, flags, &client.bound);
        if self.house.has(key_blob) {
            let signature = self.house.sign(ask, client.caller).await?;
            return Ok(Response::Signature(signature));
        }
        if self.house.locked() {
            return Err(Refusal::Locked);
        }
        if let Some(added) = self.keyring.find(key_blob) {
            let added = self.consented(added, &ask, client.caller).await?;
            let signature = self.sign_added(added, &ask, client.caller).await?;
            return Ok(Response::Signature(signature));
        }
        if self.upstream.is_some() {
            self.house.record(&ask, Holder::Upstream, client.caller)?;
        }
        Ok(self
            .pass(message, client)
            .await
            .unwrap_or(Response::Failure))
    }

    /// The key, once all that its constraints ask for is given.
    async fn consented(
        &self,
        added: Arc<AddedKey>,
        ask: &SignAsk<'_>,
        caller: &Caller,
    ) -> Result<Arc<AddedKey>, Refusal> {
        let login = ask.login().ok().map(|(login, _)| login);
        if !added
            .constraints
            .may_sign(ask.bound, login, self.clock.wall())
        {
            let why = "the key was added for other destinations";
            return Err(Refusal::Unsupported(why.to_owned()));
        }
        if !added.constraints.confirm {
            return Ok(added);
        }
        // Not held while a person thinks: a key that is removed meanwhile has to be gone.
        let (identity, constraints) = (added.identity.clone(), added.constraints.clone());
        drop(added);
        self.house.confirm(ask, &identity, caller).await?;
        self.still_there(ask.key_blob, &constraints)
    }

    /// The key, if nobody has removed, changed or locked it while something was waited for.
    fn still_there(
        &self,
        key_blob: &[u8],
        constraints: &Constraints,
    ) -> Result<Arc<AddedKey>, Refusal> {
        if self.locked() {
            return Err(Refusal::Locked);
        }
        let still = self.keyring.find(key_blob);
        still
            .filter(|key| key.constraints == *constraints)
            .ok_or_else(|| {
                Refusal::Unsupported("the key was removed or changed meanwhile".to_owned())
            })
    }

    async fn sign_added(
        &self,
        added: Arc<AddedKey>,
        ask: &SignAsk<'_>,
        caller: &Caller,
    ) -> Result<Vec<u8>, Refusal> {
        let weight = Weight::of(&added.key.public().algorithm());
        let constraints = added.constraints.clone();
        drop(added);
        let turn = self.cores.turn(weight).await;
        // Where many wait for their turn, that takes a while.
        let added = self.still_there(ask.key_blob, &constraints)?;
        self.house.record(ask, Holder::Added, caller)?;
        turn.run(|| added.key.sign_as_asked(ask.data, ask.flags))
            .map_err(|problem| Refusal::Unsupported(problem.to_string()))
    }

    async fn unsupported(
        &self,
        why: Unsupported,
        message: &[u8],
        client: &mut Client<'_>,
    ) -> Response {
        debug!(?why, "request not supported");
        match why {
            Unsupported::Malformed(_) => Response::Failure,
            Unsupported::Extension | Unsupported::Type(_) => self
                .pass(message, client)
                .await
                .unwrap_or(Response::Failure),
        }
    }

    /// Passes a message on to the other agent; `None` if there is none, or it does not answer.
    async fn pass(&self, message: &[u8], client: &mut Client<'_>) -> Option<Response> {
        let upstream = self.upstream.as_ref()?;
        let answer = client.link.ask(upstream, &client.bound, message).await;
        answer.ok().map(Response::Passed)
    }
}

fn bind(client: &mut Client<'_>, content: &[u8]) -> Response {
    match client.bound.bind(content) {
        Ok(()) => Response::Success,
        Err(problem) => {
            debug!(%problem, "session-bind refused");
            Response::ExtensionFailure
        }
    }
}

fn refused(refusal: &Refusal) -> Response {
    debug!(%refusal, "refused");
    Response::Failure
}

/// Bounds what hostile clients can make us hold to 16 MiB.
const MOST_LONG_MESSAGES: usize = 64;

#[cfg(test)]
mod tests;
