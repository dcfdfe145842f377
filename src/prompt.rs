//! Asks a person: for a yes to a use, or for the reason of an opening.
//!
//! Enters: a [`Question`] and who caused it. Leaves: the person's own answer, or a [`Refusal`].
//! *Which* program asks is a matter of the agent's own environment and configuration; *where* it
//! shows up is taken from the requester. What never happens here: a yes that nobody gave, a program
//! that the requester chose, or a question that outlives whoever waits for its answer.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Semaphore;

use crate::clock::Clock;
use crate::refusal::Refusal;
use crate::requester::Requester;

use askpass::Askpass;
pub use askpass::is_ours;
pub use browser::Browser;
#[cfg(target_os = "linux")]
use bus::Bus;
#[cfg(not(target_os = "linux"))]
use busless::Bus;
pub use notifier::{Notifier, Program as NotifyProgram};
use pinentry::Pinentry;
pub use question::{Matter, Question, Subject, purpose};
pub use session::Environment;
use session::Session;
pub use terminal::tell;

mod askpass;
mod browser;
#[cfg(target_os = "linux")]
mod bus;
#[cfg(not(target_os = "linux"))]
mod busless;
mod child;
mod notifier;
mod pinentry;
mod question;
mod session;
mod terminal;

/// A way to ask a person. Dropping an ask takes the question back.
#[async_trait]
pub trait Prompter: Send + Sync {
    /// Asks for a yes.
    ///
    /// # Errors
    /// [`Refusal::Declined`] for a no, [`Refusal::Unanswered`] for no answer in time,
    /// [`Refusal::Unasked`] if nobody can be asked.
    async fn confirm(&self, question: &Question, requester: &Requester) -> Result<(), Refusal>;

    /// Asks for one line of text; it may be empty.
    ///
    /// # Errors
    /// As [`Self::confirm`].
    async fn text(&self, question: &Question, requester: &Requester) -> Result<String, Refusal>;
}

/// How the user wants to be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The askpass program, if not that of the agent's environment.
    pub askpass: Option<PathBuf>,
    /// The pinentry program, if not that of the agent's `PATH`.
    pub pinentry: Option<PathBuf>,
    /// How long a question stands.
    pub timeout: Duration,
    /// What shows a notice.
    pub notify: NotifyProgram,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            askpass: None,
            pinentry: None,
            timeout: Duration::from_secs(60),
            notify: NotifyProgram::default(),
        }
    }
}

/// Asks with what the desktop or the terminal has: notifications for a yes, askpass, pinentry.
pub struct Desktop {
    /// Whoever has chosen a program is asked by that.
    bus: Option<Bus>,
    askpass: Askpass,
    pinentry: Pinentry,
    desk: Desk,
    places: Semaphore,
}

/// What every way of asking needs.
struct Desk {
    clock: Arc<dyn Clock>,
    own: Environment,
    timeout: Duration,
}

/// What kind of answer is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Text,
    Yes,
}

/// What a person said.
enum Answer {
    No,
    /// Nothing, until the program gave up.
    None,
    Text(String),
    Yes,
}

/// Why one way of asking is not to be had.
struct Unusable(String);

impl Desktop {
    /// Asks as `settings` and the agent's own environment say.
    #[must_use]
    pub fn new(settings: &Settings, own: Environment, clock: Arc<dyn Clock>) -> Self {
        let chosen = settings.askpass.is_some() || settings.pinentry.is_some();
        let bus = Bus::of(&own);
        Self {
            bus: bus.filter(|_| !chosen && settings.notify == NotifyProgram::Standard),
            askpass: Askpass::new(settings.askpass.as_deref(), &own),
            pinentry: Pinentry::new(settings.pinentry.as_deref()),
            desk: Desk {
                clock,
                own,
                timeout: settings.timeout,
            },
            places: Semaphore::new(MOST_QUESTIONS),
        }
    }

    /// Asks once, while there is a place for the question and until its time is up.
    async fn put(
        &self,
        question: &Question,
        requester: &Requester,
        wanted: Wanted,
    ) -> Result<Answer, Refusal> {
        let Ok(_place) = self.places.try_acquire() else {
            return Err(Refusal::Unasked {
                what: question.to_string(),
                why: format!("{MOST_QUESTIONS} other questions wait for an answer"),
                remedy: "answer those, then try again".to_owned(),
            });
        };
        let unanswered = || Refusal::Unanswered {
            what: question.to_string(),
            waited: self.desk.timeout,
        };
        tokio::select! {
            answer = self.ask(question, requester, wanted) => match answer? {
                Answer::None => Err(unanswered()),
                answer => Ok(answer),
            },
            () = self.desk.clock.sleep(self.desk.timeout) => Err(unanswered()),
        }
    }

    async fn ask(
        &self,
        question: &Question,
        requester: &Requester,
        wanted: Wanted,
    ) -> Result<Answer, Refusal> {
        let text = question.text(requester);
        let theirs = Session::of(requester).await;
        // The agent's own display may be another place than where the user sits, so it comes last.
        let own = Session::own(&self.desk.own);
        let own = (!theirs.has_display() && own.has_display()).then_some(own);
        let mut missing = Vec::new();
        // Whoever came in by SSH does not see this machine's desktop.
        if let Some(bus) = self
            .bus
            .as_ref()
            .filter(|_| wanted == Wanted::Yes && !theirs.remote)
        {
            match bus.confirm(&text).await {
                Ok(answer) => return Ok(answer),
                Err(Unusable(why)) => missing.push(why),
            }
        }
        for session in [Some(theirs), own].into_iter().flatten() {
            let (desk, text) = (&self.desk, text.as_str());
            let asked = self.askpass.ask(desk, &session, text, wanted).await;
            let asked = match asked {
                Err(Unusable(why)) => {
                    missing.push(why);
                    self.pinentry.ask(desk, &session, text, wanted).await
                }
                answered => answered,
            };
            match asked {
                Ok(answer) => return Ok(answer),
                Err(Unusable(why)) => missing.push(why),
            }
        }
        missing.dedup();
        Err(Refusal::Unasked {
            what: question.to_string(),
            why: missing.join("; "),
            remedy: "install pinentry or an ssh-askpass (or name one in [agent]: `askpass`, \
                     `pinentry`), and ask from a terminal or a desktop; docs/operating.md, \
                     \"Questions\""
                .to_owned(),
        })
    }
}

#[async_trait]
impl Prompter for Desktop {
    async fn confirm(&self, question: &Question, requester: &Requester) -> Result<(), Refusal> {
        match self.put(question, requester, Wanted::Yes).await? {
            Answer::Yes => Ok(()),
            _ => Err(declined(question)),
        }
    }

    async fn text(&self, question: &Question, requester: &Requester) -> Result<String, Refusal> {
        match self.put(question, requester, Wanted::Text).await? {
            Answer::Text(text) => Ok(text),
            _ => Err(declined(question)),
        }
    }
}

fn declined(question: &Question) -> Refusal {
    Refusal::Declined {
        what: question.to_string(),
    }
}

/// Nobody answers more at a time; bounded, because asking is free.
const MOST_QUESTIONS: usize = 8;

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests;
