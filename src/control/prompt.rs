//! Which password a prompt of sudo or ssh asks for, if it is one that pimento recognises.
//!
//! Exact forms only: the text of a prompt is chosen by programs and servers, and a guess would
//! send a root password into the wrong place. One answer per asking process and prompt: a second
//! ask means that the password was wrong, and repeating it would lock the account.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use crate::catalog::{Catalog, Credential, PasswordSpec, PasswordUse};
use crate::house::House;
use crate::pattern::host_matches;
use crate::policy::{Receiver, Said};
use crate::refusal::Refusal;
use crate::requester::{self, Asker, Program, Requester};

pub(super) use announced::Plan;
use announced::{Announced, No};
use text::Wanted;

mod announced;
mod text;

/// The prompts that were answered, and those that will come.
#[derive(Default)]
pub(super) struct Prompts {
    answered: Mutex<HashSet<Answered>>,
    announced: Announced,
}

/// A prompt that was answered, and for which process.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Answered {
    pid: u32,
    started: u64,
    prompt: String,
}

/// A prompt that will come.
pub(super) struct Announcement {
    /// For sudo, which fills in the account.
    pub(super) prompt: String,
    pub(super) begins: String,
    pub(super) ends: String,
}

impl Prompts {
    /// Announces that a program below `owner` will ask for a password on the host of these names;
    /// none: this machine.
    ///
    /// # Errors
    /// If too many prompts are announced already.
    pub(super) fn announce(
        &self,
        owner: &Requester,
        mut plan: Plan,
    ) -> Result<Announcement, Refusal> {
        if plan.hosts.is_empty() {
            plan.hosts.push(LOCALHOST.to_owned());
        }
        let nonce = self.announced.announce(owner, plan);
        let nonce = nonce.ok_or_else(|| {
            Refusal::Unsupported("too many programs wait for a password already".to_owned())
        })?;
        Ok(Announcement {
            prompt: text::announced(&nonce),
            begins: text::begins(&nonce),
            ends: text::ENDS.to_owned(),
        })
    }

    /// The credential that `prompt` asks for, and the program that gets it.
    ///
    /// # Errors
    /// If the prompt is not recognised, comes from another program than it says, matches no
    /// configured password or more than one, or was answered before.
    pub(super) fn answer(
        self: &Arc<Self>,
        catalog: &Catalog,
        prompt: &str,
        asker: u32,
        helper: &Requester,
    ) -> Result<Answer, Unanswered> {
        let wanted = Wanted::by(prompt).ok_or_else(|| {
            Refusal::Unsupported("the prompt is not one that pimento answers".to_owned())
        })?;
        if let Wanted::Announced { nonce, user } = wanted {
            return self.announced_answer(catalog, nonce, user, helper);
        }
        let asker = Asker::above(helper, asker).ok_or_else(|| {
            Refusal::Unsupported("the program that asks is not the helper's parent".to_owned())
        })?;
        let receiver = receiver(wanted, &asker)?;
        let credential = fitting(catalog, &receiver)?;
        let mark = Answered {
            pid: asker.pid,
            started: asker.started,
            prompt: prompt.to_owned(),
        };
        match self.mark(mark.clone()) {
            Ok(()) => Ok(Answer {
                credential,
                receiver,
                said: Said::default(),
                claim: Claim::new(self, Claimed::Prompt(mark)),
            }),
            Err(Full::Answered) => Err(Unanswered::Again(credential)),
            Err(Full::NoRoom) => Err(Unanswered::No(Refusal::Policy {
                credential: credential.name.to_string(),
                rule: "too many prompts of running programs were answered".to_owned(),
                advice: "end the programs that asked for them".to_owned(),
            })),
        }
    }

    fn announced_answer(
        self: &Arc<Self>,
        catalog: &Catalog,
        nonce: &str,
        user: &str,
        helper: &Requester,
    ) -> Result<Answer, Unanswered> {
        let announced = self.announced.claim(nonce, helper).map_err(unclaimed)?;
        let plan = announced.plan;
        // One that was answered stays so, whatever account this ask names.
        let claim = (!announced.again).then(|| Claim::new(self, Claimed::Nonce(nonce.to_owned())));
        // The names of one host: as it was typed, and as ssh resolves it.
        let mut receivers = plan.hosts.iter().map(|host| Receiver {
            to: PasswordUse::Sudo,
            user: Some(user.to_owned()),
            host: host.clone(),
            command: plan.command.clone(),
        });
        let found = receivers
            .clone()
            .find_map(|it| fitting(catalog, &it).ok().map(|found| (found, it)));
        let (credential, receiver) = match (found, receivers.next()) {
            (Some(found), _) => found,
            (None, Some(first)) => (fitting(catalog, &first)?, first),
            (None, None) => return Err(unclaimed(No::NotAnnounced).into()),
        };
        let Some(claim) = claim else {
            return Err(Unanswered::Again(credential));
        };
        Ok(Answer {
            credential,
            receiver,
            said: plan.said,
            claim,
        })
    }

    /// Remembers an answer, or says why there must be none.
    fn mark(&self, mark: Answered) -> Result<(), Full> {
        let mut answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        if answered.contains(&mark) {
            return Err(Full::Answered);
        }
        // A process that has ended cannot ask again; one that lives is never forgotten.
        if answered.len() >= REMEMBERED {
            answered.retain(|old| requester::started(old.pid) == Some(old.started));
        }
        if answered.len() >= REMEMBERED {
            return Err(Full::NoRoom);
        }
        answered.insert(mark);
        Ok(())
    }
}

/// What a prompt is answered with.
pub(super) struct Answer {
    pub(super) credential: Arc<Credential>,
    pub(super) receiver: Receiver,
    /// What was said when the prompt was announced.
    pub(super) said: Said,
    pub(super) claim: Claim,
}

/// The one answer that a prompt gets. Dropped before it was given, it is free again: a second ask
/// means a wrong password only if there was a first answer.
pub(super) struct Claim {
    prompts: Arc<Prompts>,
    of: Option<Claimed>,
}

enum Claimed {
    Nonce(String),
    Prompt(Answered),
}

impl Claim {
    fn new(prompts: &Arc<Prompts>, of: Claimed) -> Self {
        Self {
            prompts: Arc::clone(prompts),
            of: Some(of),
        }
    }

    /// The answer was given.
    pub(super) fn given(mut self) {
        self.of = None;
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        match self.of.take() {
            Some(Claimed::Nonce(nonce)) => self.prompts.announced.release(&nonce),
            Some(Claimed::Prompt(mark)) => {
                let answered = self.prompts.answered.lock();
                answered
                    .unwrap_or_else(PoisonError::into_inner)
                    .remove(&mark);
            }
            None => {}
        }
    }
}

/// Why an answer cannot be remembered, and so must not be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Full {
    Answered,
    NoRoom,
}

/// Why a prompt is not answered.
pub(super) enum Unanswered {
    /// It was answered with this before, so that seems wrong.
    Again(Arc<Credential>),
    /// Anything else.
    No(Refusal),
}

impl From<Refusal> for Unanswered {
    fn from(refusal: Refusal) -> Self {
        Self::No(refusal)
    }
}

/// What a second ask is refused with.
pub(super) fn seems_wrong(credential: &Credential) -> Refusal {
    Refusal::Policy {
        credential: credential.name.to_string(),
        rule: "it was given for this prompt once, and asked for again: it seems wrong".to_owned(),
        advice: format!(
            "check {} in vault {}; it is not repeated, so that the account is not locked",
            credential.object, credential.vault.name
        ),
    }
}

/// The one password that fits `receiver`: by account and place, and by `uses` where several do.
pub(super) fn fitting(catalog: &Catalog, receiver: &Receiver) -> Result<Arc<Credential>, Refusal> {
    let mut found: Vec<(&Arc<Credential>, &PasswordSpec)> = catalog
        .passwords()
        .filter(|(credential, password)| receiver.fits(credential, password))
        .collect();
    let named_by_its_use = matches!(
        receiver.to,
        PasswordUse::Docker | PasswordUse::Git | PasswordUse::SudoRs
    );
    // What says little of what it wants gets only what is meant for it.
    if found.len() > 1 || named_by_its_use {
        found.retain(|(_, password)| password.uses.contains(&receiver.to));
    }
    match found.as_slice() {
        [(credential, _)] => Ok(Arc::clone(credential)),
        [] => Err(Refusal::NoMatch {
            kind: "password",
            name: receiver.account(),
            nearest: None,
        }),
        several => Err(Refusal::Ambiguous {
            kind: "password",
            name: receiver.account(),
            found: several.iter().map(|(it, _)| it.name.to_string()).collect(),
        }),
    }
}

/// Refuses if a password for sudo on the host of these names seems wrong.
pub(super) fn hopeful(house: &House, hosts: &[String]) -> Result<(), Refusal> {
    let pipeline = &house.pipeline;
    let there = |credential: &Credential| {
        let mut hosts = hosts.iter();
        hosts.any(|host| host_matches(&credential.hosts, host))
    };
    for (credential, password) in house.catalog.passwords() {
        if password.uses.contains(&PasswordUse::Sudo) && there(credential) {
            let version = pipeline.broker.version(credential);
            pipeline.wrong.check(credential, version.as_deref())?;
        }
    }
    Ok(())
}

/// Who gets what `wanted` asks for, if `asker` is the program that asks so.
fn receiver(wanted: Wanted<'_>, asker: &Asker) -> Result<Receiver, Refusal> {
    let (program, to, user, host) = match wanted {
        Wanted::Ssh { by, user, host } => (Program::Ssh, by, Some(user), host),
        Wanted::Announced { user, .. } | Wanted::Sudo { user } => {
            (Program::Sudo, PasswordUse::Sudo, Some(user), LOCALHOST)
        }
        Wanted::SudoRs => (Program::Sudo, PasswordUse::SudoRs, None, LOCALHOST),
    };
    if asker.program != Some(program) {
        let name = match program {
            Program::Ssh => "ssh",
            Program::Sudo => "sudo with root's rights",
        };
        return Err(Refusal::Unsupported(format!(
            "the prompt is one of {name}, and the program that asks is not"
        )));
    }
    Ok(Receiver {
        to,
        user: user.map(str::to_owned),
        host: host.to_owned(),
        command: asker.command.clone(),
    })
}

fn unclaimed(no: No) -> Refusal {
    let text = match no {
        No::NotAnnounced => "the prompt was not announced to this agent",
        No::NotBelow => "the prompt was announced by another program",
    };
    Refusal::Unsupported(text.to_owned())
}

/// This machine, as `hosts` writes it.
const LOCALHOST: &str = "localhost";

/// Far more than one login's worth; bounded, because asking is free.
const REMEMBERED: usize = 1024;

#[cfg(test)]
mod tests;
