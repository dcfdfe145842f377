//! READ FIRST: judge → ask → open → record → use. One way, for both doors.
//!
//! A door hands over an [`Ask`] and a closure over the material, and gets the closure's answer or a
//! [`Refusal`]. What never happens here: an answer before its record, or a refusal without one.

use std::sync::Arc;

use crate::audit::{Audit, Event};
use crate::broker::{Broker, Signing, unusable};
use crate::catalog::{Credential, Kind, Part};
use crate::clock::{Clock, Moment};
use crate::cloud::{CorrelationId, StageSink};
use crate::cores::{Cores, Weight};
use crate::policy::{Ask, End, Grant, judge};
use crate::prompt::{Prompter, Question, Subject};
use crate::refusal::Refusal;
use crate::requester::Requester;
use crate::secret::Material;
use crate::window::ended;

use asks::Pending;

pub use asks::{Asked, Asks, Outcome};
pub use memory::{Memory, Refused};
pub use reasons::Reasons;
pub use revealed::{Reveal, Revealed};
pub use traces::{Trace, Traces};
pub use wrong::Wrong;

mod asks;
mod import;
mod memory;
mod reasons;
mod revealed;
mod traces;
mod wrong;

/// The path from an ask to its answer.
pub struct Pipeline {
    /// Opens windows and holds material.
    pub broker: Arc<Broker>,
    /// Where everything is recorded.
    pub audit: Arc<Audit>,
    /// What was asked for last.
    pub asks: Asks,
    /// The last refusals, for `pimento why`.
    pub memory: Memory,
    /// Where material is used.
    pub cores: Arc<Cores>,
    /// Who asks the user.
    pub prompter: Arc<dyn Prompter>,
    /// The reasons that users are being asked for.
    pub reasons: Reasons,
    /// The passwords that were shown.
    pub revealed: Revealed,
    /// What the use of each window leaves behind.
    pub traces: Traces,
    /// The passwords that seem wrong.
    pub wrong: Wrong,
}

/// An ask on its way.
struct Begun<'a> {
    id: CorrelationId,
    credential: Arc<Credential>,
    requester: &'a Requester,
    asked: Pending<'a>,
}

impl Pipeline {
    /// A path that remembers nothing but which passwords were shown, as the record of before tells.
    #[must_use]
    pub fn new(
        broker: Arc<Broker>,
        audit: Arc<Audit>,
        cores: Arc<Cores>,
        prompter: Arc<dyn Prompter>,
        clock: &Arc<dyn Clock>,
    ) -> Self {
        let revealed = Revealed::new(Arc::clone(clock));
        revealed.recall(audit.lines_with("\"reveal\""));
        Self {
            broker,
            audit,
            asks: Asks::new(Arc::clone(clock)),
            memory: Memory::new(Arc::clone(clock)),
            cores,
            prompter,
            reasons: Reasons::default(),
            revealed,
            traces: Traces::default(),
            wrong: Wrong::default(),
        }
    }

    /// Answers `ask` with what `using` makes of the material.
    ///
    /// # Errors
    /// The reason for the no, recorded and remembered.
    pub async fn serve<T>(
        &self,
        ask: Ask,
        requester: &Requester,
        stages: &dyn StageSink,
        using: impl FnOnce(&Material) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let begun = self.begin(&ask, requester);
        let id = begun.id;
        let answer = async {
            let (grant, _due) = self.ready(id, ask, requester, stages).await?;
            let turn = self.cores.turn(weight(&grant)).await;
            self.record_release(id, &grant, requester).await?;
            turn.run(|| self.broker.with(&grant, using))?
        };
        self.end(begun, answer.await, Outcome::Released)
    }

    /// Answers `ask` with a signature that the vault makes; the key stays there.
    ///
    /// # Errors
    /// The reason for the no, recorded and remembered.
    pub async fn sign_in_vault(
        &self,
        ask: Ask,
        requester: &Requester,
        stages: &dyn StageSink,
        signing: Signing<'_>,
    ) -> Result<Vec<u8>, Refusal> {
        let begun = self.begin(&ask, requester);
        let id = begun.id;
        let answer = async {
            let (grant, due) = self.ready(id, ask, requester, stages).await?;
            self.record_release(id, &grant, requester).await?;
            let broker = &self.broker;
            broker
                .sign(&grant, signing, due, id, requester, stages)
                .await
        };
        self.end(begun, answer.await, Outcome::Released)
    }

    /// Has the material of `ask` there, and releases nothing.
    ///
    /// # Errors
    /// As [`Self::serve`].
    pub async fn prepare(
        &self,
        ask: Ask,
        requester: &Requester,
        stages: &dyn StageSink,
    ) -> Result<(), Refusal> {
        let begun = self.begin(&ask, requester);
        let ready = self.ready(begun.id, ask, requester, stages).await;
        self.end(begun, ready.map(drop), Outcome::Prepared)
    }

    /// Records and remembers a no to whoever asked for `what` before anything could be judged.
    pub fn turn_away(&self, what: &str, requester: &Requester, refusal: &Refusal) {
        let id = CorrelationId::new();
        self.memory.turned_away(id, what, requester, refusal);
        self.asks.turned_away(id, what, requester, refusal);
        // Nothing has left, so a refusal stands even if it cannot be recorded.
        let _refused_all_the_same = self
            .audit
            .record(Event::turned_away(id, what, requester, refusal));
    }

    /// Judges, asks whoever has to agree, and opens; tells when the answer is due.
    async fn ready(
        &self,
        id: CorrelationId,
        ask: Ask,
        requester: &Requester,
        stages: &dyn StageSink,
    ) -> Result<(Grant, Option<Moment>), Refusal> {
        self.audit.record(Event::asked(id, &ask, requester))?;
        let grant = judge(ask)?;
        self.confirmed(id, &grant, requester).await?;
        // Held until the window is open, so that whoever comes meanwhile shares it.
        let (grant, _reason) = self.reasoned(id, grant, requester).await?;
        match self.broker.ready(&grant, id, requester, stages).await {
            // What PIM's policy wants is known only now.
            Err(Refusal::ReasonNeeded { what, .. }) => {
                let (grant, _said) = self.asked(what, grant, requester).await?;
                let due = self.broker.ready(&grant, id, requester, stages).await?;
                Ok((grant, due))
            }
            ready => ready.map(|due| (grant, due)),
        }
    }

    fn begin<'a>(&'a self, ask: &Ask, requester: &'a Requester) -> Begun<'a> {
        let id = CorrelationId::new();
        Begun {
            id,
            credential: Arc::clone(&ask.credential),
            requester,
            asked: self.asks.begin(id, ask, requester),
        }
    }

    fn end<T>(
        &self,
        begun: Begun<'_>,
        answer: Result<T, Refusal>,
        done: Outcome,
    ) -> Result<T, Refusal> {
        let answer = self.told(begun.id, &begun.credential, begun.requester, answer);
        begun.asked.answered(answer, done)
    }

    /// Records and remembers a refusal.
    fn told<T>(
        &self,
        id: CorrelationId,
        credential: &Credential,
        requester: &Requester,
        answer: Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        if let Err(refusal) = &answer {
            self.memory.remember(id, credential, requester, refusal);
            // Nothing has left, so a refusal stands even if it cannot be recorded.
            let _refused_all_the_same = self.audit.record(Event::refused(id, credential, refusal));
        }
        answer
    }

    /// Lets a person confirm, where that is needed: before PIM is asked for anything.
    async fn confirmed(
        &self,
        id: CorrelationId,
        grant: &Grant,
        requester: &Requester,
    ) -> Result<(), Refusal> {
        if !grant.to_be_confirmed() {
            return Ok(());
        }
        if self.broker.locked() {
            return Err(Refusal::Locked);
        }
        let subject = Subject::of(grant.credential());
        let question = Question::consent(subject, grant.end().clone());
        self.prompter.confirm(&question, requester).await?;
        self.audit.record(Event::confirmed(id, grant.credential()))
    }

    /// Puts the release on record: on disk for a password or key that is beyond control from then
    /// on, with the kernel for what goes where it was judged to go.
    async fn record_release(
        &self,
        id: CorrelationId,
        grant: &Grant,
        requester: &Requester,
    ) -> Result<(), Refusal> {
        let held = self.broker.version(grant.credential());
        let version = held.ok_or_else(|| ended(grant.credential()))?;
        if matches!(grant.end(), End::Give(_)) {
            self.wrong.check(grant.credential(), Some(&version))?;
            self.wrong.gives(grant.credential(), &version);
        }
        if let End::File(part) = grant.end() {
            self.has(grant, *part)?;
        }
        self.traces.note(grant, requester);
        let event = Event::released(id, grant.credential(), grant.end(), &version);
        if !matches!(grant.end(), End::File(_) | End::Reveal) {
            return self.audit.record(event);
        }
        self.audit.record_synced(event).await?;
        // There is no secret in the certificate itself.
        if matches!(grant.end(), End::File(Part::Certificate)) {
            return Ok(());
        }
        self.revealed
            .note(id, grant.credential(), version, requester);
        Ok(())
    }

    /// Whether the certificate of `grant` has that part: what is not there is not released.
    fn has(&self, grant: &Grant, part: Part) -> Result<(), Refusal> {
        self.broker.with(grant, |material| match material {
            Material::ClientCertificate(certificate) => certificate
                .has(part)
                .map_err(|problem| unusable(grant.credential(), &problem)),
            _ => Ok(()),
        })?
    }
}

/// What it costs to use the credential.
fn weight(grant: &Grant) -> Weight {
    match &grant.credential().kind {
        Kind::Key(key) => Weight::of(&key.public.algorithm()),
        // Its vault signs, or an Ed25519 key does.
        Kind::Authority(_)
        | Kind::Certificate(_)
        | Kind::ClientCertificate(_)
        | Kind::Password(_) => Weight::Light,
    }
}
