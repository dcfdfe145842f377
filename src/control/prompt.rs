//! Which password a prompt of sudo or ssh asks for, if it is one that pimento recognises.
//!
//! Exact forms only: the text of a prompt is chosen by programs and servers, and a guess would
//! send a root password into the wrong place. One answer per asking process and prompt: a second
//! ask means that the password was wrong, and repeating it would lock the account.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use crate::catalog::{Catalog, Credential, Kind};
use crate::policy::host_matches;
use crate::refusal::Refusal;
use crate::requester::{self, Requester};

/// The prompts that were answered.
#[derive(Default)]
pub(super) struct Prompts {
    answered: Mutex<HashSet<Answered>>,
}

/// A prompt that was answered, and for which process.
#[derive(PartialEq, Eq, Hash)]
struct Answered {
    pid: u32,
    started: u64,
    prompt: String,
}

/// An account that a prompt asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Wanted<'a> {
    user: &'a str,
    host: &'a str,
}

impl Prompts {
    /// The credential that `prompt` asks for.
    ///
    /// # Errors
    /// If the prompt is not recognised, matches no configured password or more than one, was
    /// answered before for the same process, or too many prompts of living processes were.
    pub(super) fn credential(
        &self,
        catalog: &Catalog,
        prompt: &str,
        asker: u32,
        helper: &Requester,
    ) -> Result<Arc<Credential>, Refusal> {
        let wanted = recognise(prompt).ok_or_else(|| {
            Refusal::Unsupported("the prompt is not one that pimento answers".to_owned())
        })?;
        let asked = helper.ancestors.iter().find(|above| above.pid == asker);
        let asked = asked.ok_or_else(|| {
            Refusal::Unsupported("the program that asks is not the helper's parent".to_owned())
        })?;
        let mut found = catalog.iter().filter(|credential| wanted.is(credential));
        let (Some(credential), None) = (found.next(), found.next()) else {
            let name = format!("{}@{}", wanted.user, wanted.host);
            return Err(Refusal::NoMatch {
                kind: "password",
                name,
                nearest: None,
            });
        };
        let mark = Answered {
            pid: asked.pid,
            started: asked.started,
            prompt: prompt.to_owned(),
        };
        self.mark(mark).map_err(|(rule, advice)| Refusal::Policy {
            credential: credential.name.to_string(),
            rule: rule.to_owned(),
            advice: advice.to_owned(),
        })?;
        Ok(Arc::clone(credential))
    }

    /// Remembers an answer, or says why there must be none, and what to do.
    fn mark(&self, mark: Answered) -> Result<(), (&'static str, &'static str)> {
        let mut answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        if answered.contains(&mark) {
            return Err((
                "it was given for this prompt once, and asked for again: it seems wrong",
                "check the secret in the vault; it is not repeated, so that the account is not \
                 locked",
            ));
        }
        // A process that has ended cannot ask again; one that lives is never forgotten.
        if answered.len() >= REMEMBERED {
            answered.retain(|old| requester::started(old.pid) == Some(old.started));
        }
        if answered.len() >= REMEMBERED {
            return Err((
                "too many prompts of running programs were answered",
                "end the programs that asked for them",
            ));
        }
        answered.insert(mark);
        Ok(())
    }
}

impl Wanted<'_> {
    fn is(&self, credential: &Credential) -> bool {
        let Kind::Password(password) = &credential.kind else {
            return false;
        };
        let user = password.user.as_deref() == Some(self.user);
        // A password without hosts is for no prompt at all: nothing says where it belongs.
        user && host_matches(&credential.hosts, self.host)
    }
}

/// The account behind an exact prompt of sudo, or of ssh's password method.
fn recognise(prompt: &str) -> Option<Wanted<'_>> {
    let sudo = prompt
        .strip_prefix("[sudo] password for ")
        .and_then(|rest| rest.strip_suffix(": "));
    if let Some(user) = sudo {
        return is_account(user).then_some(Wanted {
            user,
            host: "localhost",
        });
    }
    let (user, host) = prompt.strip_suffix("'s password: ")?.split_once('@')?;
    (is_account(user) && is_host(host)).then_some(Wanted { user, host })
}

fn is_account(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !name.is_empty() && name.chars().all(allowed)
}

fn is_host(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
    !name.is_empty() && name.chars().all(allowed)
}

/// Far more than one login's worth; bounded, because asking is free.
const REMEMBERED: usize = 1024;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::catalog::testing::password;
    use crate::requester::Ancestor;

    fn helper() -> Requester {
        let sudo = Ancestor {
            pid: 7,
            started: 1,
            name: "sudo".to_owned(),
        };
        Requester {
            ancestors: vec![sudo],
            ..Requester::default()
        }
    }

    fn catalog() -> Catalog {
        let mut db = password("db");
        db.hosts = vec!["db01.contoso.com".to_owned()];
        let mut local = password("local");
        local.hosts = vec!["localhost".to_owned()];
        Catalog::new(vec![
            Arc::new(db),
            Arc::new(local),
            Arc::new(password("nowhere")),
        ])
    }

    fn ask(prompts: &Prompts, prompt: &str) -> Result<String, &'static str> {
        let found = prompts.credential(&catalog(), prompt, 7, &helper());
        found
            .map(|it| it.name.to_string())
            .map_err(|refusal| refusal.code())
    }

    #[test]
    fn the_exact_prompts_of_sudo_and_ssh_are_answered() {
        let prompts = Prompts::default();
        assert_eq!(
            ask(&prompts, "root@db01.contoso.com's password: ").unwrap(),
            "db"
        );
        assert_eq!(
            ask(&prompts, "[sudo] password for root: ").unwrap(),
            "local"
        );
    }

    #[test]
    fn anything_else_is_not() {
        let prompts = Prompts::default();
        for prompt in [
            "",
            "Password: ",
            "Verification code: ",
            "Enter root@db01.contoso.com's old password: ",
            "root@db01.contoso.com's password:",
            "The authenticity of host 'db01' can't be established.",
            "Are you sure you want to continue connecting (yes/no/[fingerprint])? ",
            "(root@db01.contoso.com) Verification code: ",
            "x root@db01.contoso.com's password: ",
        ] {
            assert_eq!(ask(&prompts, prompt), Err("unsupported"), "{prompt:?}");
        }
        assert_eq!(ask(&prompts, "root@web01's password: "), Err("no_match"));
        assert_eq!(
            ask(&prompts, "alice@db01.contoso.com's password: "),
            Err("no_match")
        );
    }

    #[test]
    fn a_second_ask_of_the_same_process_is_never_answered() {
        let prompts = Prompts::default();
        let prompt = "root@db01.contoso.com's password: ";
        assert!(ask(&prompts, prompt).is_ok());
        assert_eq!(ask(&prompts, prompt), Err("policy"));
        assert_eq!(ask(&prompts, prompt), Err("policy"));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn an_answer_is_never_forgotten_while_the_process_that_got_it_lives() {
        let pid = std::process::id();
        let started = requester::started(pid).unwrap();
        let mark = |started, number: usize| Answered {
            pid,
            started,
            prompt: number.to_string(),
        };
        let prompts = Prompts::default();
        for number in 0..REMEMBERED - 1 {
            // Another start: a process of the past, whose id this one has.
            assert!(prompts.mark(mark(started - 1, number)).is_ok());
        }
        assert!(prompts.mark(mark(started, 0)).is_ok());
        assert!(
            prompts.mark(mark(started, 1)).is_ok(),
            "the past makes room"
        );
        assert!(prompts.mark(mark(started, 0)).is_err());
        for number in 2..REMEMBERED {
            assert!(prompts.mark(mark(started, number)).is_ok());
        }
        assert!(prompts.mark(mark(started, REMEMBERED)).is_err(), "full");
        assert!(prompts.mark(mark(started, 0)).is_err());
    }

    #[test]
    fn a_program_that_is_not_above_the_helper_gets_nothing() {
        let prompts = Prompts::default();
        let prompt = "root@db01.contoso.com's password: ";
        let refused = prompts
            .credential(&catalog(), prompt, 8, &helper())
            .unwrap_err();
        assert_eq!(refused.code(), "unsupported");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn no_prompt_that_is_made_up_is_answered(prompt in ".{0,80}") {
            prop_assert!(ask(&Prompts::default(), &prompt).is_err());
        }
    }
}
