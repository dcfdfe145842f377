//! What a person is asked, in words.
//!
//! What comes first is ours, what a program can choose (its name, a comment, a user name) comes
//! later, is cut, and holds no character that could break a line, start markup or turn the reading
//! direction: a question must not be able to say something else than it asks.

use std::fmt;

use ssh_key::HashAlg;

use crate::catalog::{Credential, Kind, Name, Part};
use crate::policy::{End, Receiver, Route, Signed};
use crate::requester::Requester;

/// A question to a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// What is to be decided or told.
    pub matter: Matter,
    /// What is asked for.
    pub subject: Subject,
    /// To what end.
    pub end: End,
}

/// What is to be decided or told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Matter {
    /// Whether the subject may be used.
    Consent,
    /// Why the window has to be opened; PIM gets the answer.
    Reason {
        /// The window.
        window: Name,
        /// What was given the last time, to propose.
        last: Option<String>,
    },
    /// Which ticket the window has to be opened for; PIM gets the answer.
    Ticket {
        /// The window.
        window: Name,
    },
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A key that a program added to the agent; anybody can choose its comment.
    AddedKey {
        /// Its comment.
        comment: String,
        /// SHA256 fingerprint of its public half.
        fingerprint: String,
    },
    /// An authority of the configuration.
    Authority {
        /// Its name there.
        name: Name,
        /// SHA256 fingerprint of its public half.
        fingerprint: String,
    },
    /// A key that is made for each window.
    Certificate {
        /// Its name in the configuration.
        name: Name,
        /// The authority that certifies it.
        authority: Name,
    },
    /// A certificate for TLS.
    ClientCertificate {
        /// Its name in the configuration.
        name: Name,
    },
    /// A key of the configuration.
    Key {
        /// Its name there.
        name: Name,
        /// SHA256 fingerprint of its public half.
        fingerprint: String,
    },
    /// A password of the configuration.
    Password {
        /// Its name there.
        name: Name,
    },
}

impl Question {
    /// Whether `subject` may be used to that end.
    #[must_use]
    pub const fn consent(subject: Subject, end: End) -> Self {
        Self {
            matter: Matter::Consent,
            subject,
            end,
        }
    }

    /// What the person reads: a few short lines.
    #[must_use]
    pub fn text(&self, requester: &Requester) -> String {
        let (subject, end) = (&self.subject, purpose(&self.end));
        let asker = asker(&self.end, requester);
        match &self.matter {
            Matter::Consent => format!("Allow the use of {subject}?\nIt is wanted {end}.\n{asker}"),
            Matter::Reason { window, last } => {
                let last = last.as_ref().map(|last| {
                    let last = cut(last, LONGEST_ASKER);
                    format!("\nThe last reason was {last:?}; = alone repeats it.")
                });
                format!(
                    "Why is window {window} needed? PIM keeps the answer as the reason.{}\n\
                     {subject} is wanted {end}.\n{asker}",
                    last.unwrap_or_default()
                )
            }
            Matter::Ticket { window } => format!(
                "Which ticket is window {window} needed for? Write SYSTEM:NUMBER.\n\
                 {subject} is wanted {end}.\n{asker}"
            ),
        }
    }
}

/// What the question is about, for refusals.
impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.matter {
            Matter::Consent => write!(f, "the use of {}", self.subject),
            Matter::Reason { window, .. } => write!(f, "the reason for window {window}"),
            Matter::Ticket { window } => write!(f, "the ticket for window {window}"),
        }
    }
}

impl Subject {
    /// The subject that `credential` is.
    #[must_use]
    pub fn of(credential: &Credential) -> Self {
        let name = credential.name.clone();
        match &credential.kind {
            Kind::Authority(authority) => Self::Authority {
                name,
                fingerprint: authority.public.fingerprint(HashAlg::Sha256).to_string(),
            },
            Kind::Certificate(certificate) => Self::Certificate {
                name,
                authority: certificate.authority.clone(),
            },
            Kind::ClientCertificate(_) => Self::ClientCertificate { name },
            Kind::Key(key) => Self::Key {
                name,
                fingerprint: key.public.fingerprint(HashAlg::Sha256).to_string(),
            },
            Kind::Password(_) => Self::Password { name },
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddedKey {
                comment,
                fingerprint,
            } => write!(f, "key {fingerprint} ({})", harmless(comment)),
            Self::Authority { name, fingerprint } => write!(f, "authority {name} ({fingerprint})"),
            Self::Certificate { name, authority } => {
                write!(f, "key {name} (certified by {authority})")
            }
            Self::ClientCertificate { name } => write!(f, "certificate {name}"),
            Self::Key { name, fingerprint } => write!(f, "key {name} ({fingerprint})"),
            Self::Password { name } => write!(f, "password {name}"),
        }
    }
}

/// To what end something is wanted, as a question and `status` say it: one line, whatever a program
/// has put into it.
#[must_use]
pub fn purpose(end: &End) -> String {
    let (what, route) = match end {
        End::Certify { names, key } => {
            let names = harmless(&names.join(", "));
            return format!("to certify host key {key} as {names}");
        }
        End::File(Part::Certificate) => {
            return "in a file of a command, without its key".to_owned();
        }
        End::File(_) => return "with its private key in a file of a command".to_owned(),
        End::Give(receiver) => return handed(receiver),
        End::Prepare { host, .. } => return format!("for {}", harmless(host)),
        End::Reveal => return "to be shown to the program that asks".to_owned(),
        End::Sign { what, route } => (what, route),
    };
    match what {
        Signed::Certificate => {
            "to sign an SSH certificate, which can log in without it later".to_owned()
        }
        Signed::Login { user } => {
            let user = harmless(user);
            match host(route) {
                Some(host) => format!("to log in as {user}@{host}"),
                None => format!("to log in as {user} to a host that is not proven"),
            }
        }
        Signed::SshSig { namespace } if namespace == "git" => "to sign a git object".to_owned(),
        Signed::SshSig { namespace } => format!("to sign a file for {}", harmless(namespace)),
        Signed::Unknown => "to sign data that pimento does not recognise".to_owned(),
    }
}

fn handed(receiver: &Receiver) -> String {
    let account = harmless(&receiver.account());
    let way = receiver.to.word();
    if receiver.command.is_empty() {
        return format!("by {way} for {account}");
    }
    let command = cut(&receiver.command.join(" "), LONGEST_ASKER);
    format!("by {way} for {account}, to run: {command}")
}

fn host(route: &Route) -> Option<String> {
    match route {
        Route::Bound {
            names, fingerprint, ..
        } => Some(match names.iter().flatten().next() {
            Some(name) => harmless(name),
            None => format!("the unknown host {fingerprint}"),
        }),
        Route::Broken { .. } | Route::Unbound => None,
    }
}

fn asker(end: &End, requester: &Requester) -> String {
    let way = match end {
        End::Sign {
            route: Route::Bound {
                forwarded: true, ..
            },
            ..
        } => "through a forwarded agent",
        End::Sign {
            route: Route::Unbound | Route::Broken { .. },
            ..
        } => "over a connection that does not say whether it is forwarded",
        End::Certify { .. }
        | End::File(_)
        | End::Give(_)
        | End::Prepare { .. }
        | End::Reveal
        | End::Sign { .. } => "locally",
    };
    let who = cut(&requester.describe(), LONGEST_ASKER);
    format!("Asked for {way}, by {who}.")
}

/// One part that a program could choose.
fn harmless(part: &str) -> String {
    cut(part, LONGEST_PART)
}

/// `part` on one line, without what could be markup (some dialogs render it) or steer a terminal.
fn cut(part: &str, longest: usize) -> String {
    let harmless = |c: char| {
        let plain = c.is_alphanumeric() || c == ' ' || c.is_ascii_punctuation();
        if plain && !matches!(c, '<' | '>' | '&' | '%') {
            c
        } else {
            '?'
        }
    };
    let mut text: String = part.chars().map(harmless).take(longest).collect();
    if part.chars().nth(longest).is_some() {
        text.push('…');
    }
    text
}

/// Enough to recognise a host, a user or a comment by.
const LONGEST_PART: usize = 64;

/// A program, its process id and two programs above it.
const LONGEST_ASKER: usize = 120;

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::catalog::testing::{key, password};

    fn requester() -> Requester {
        Requester {
            pid: Some(7),
            executable: Some(PathBuf::from("/usr/bin/ssh")),
            ..Requester::default()
        }
    }

    fn login(user: &str, names: &[&str], forwarded: bool) -> End {
        End::Sign {
            what: Signed::Login {
                user: user.to_owned(),
            },
            route: Route::Bound {
                fingerprint: "SHA256:abc".to_owned(),
                names: Ok(names.iter().map(|name| (*name).to_owned()).collect()),
                forwarded,
            },
        }
    }

    #[test]
    fn a_question_says_what_for_whom_and_by_which_way() {
        let subject = Subject::of(&key("web"));
        let question = Question::consent(subject, login("root", &["web01"], false));
        assert_eq!(
            question.text(&requester()),
            "Allow the use of key web (SHA256:/TSBzlnLy24/SI6kq2a8jYyjs3IySUkBuA3xvFJpJ4E)?\n\
             It is wanted to log in as root@web01.\n\
             Asked for locally, by ssh (process 7)."
        );
    }

    #[test]
    fn a_forwarded_and_an_unproven_request_are_told_apart_from_a_local_one() {
        let text = |end| Question::consent(Subject::of(&key("web")), end).text(&requester());
        assert!(text(login("root", &["web01"], true)).contains("through a forwarded agent"));
        let unbound = text(End::Sign {
            what: Signed::Unknown,
            route: Route::Unbound,
        });
        assert!(unbound.contains("does not say whether it is forwarded"));
        assert!(text(login("root", &[], false)).contains("the unknown host SHA256:abc"));
    }

    #[test]
    fn a_reason_is_asked_for_by_window() {
        let window = Name::parse("ops").unwrap();
        let question = Question {
            matter: Matter::Reason { window, last: None },
            subject: Subject::of(&password("db")),
            end: End::Reveal,
        };
        let text = question.text(&requester());
        assert!(text.starts_with("Why is window ops needed?"), "{text}");
        assert!(text.contains("password db"), "{text}");
        assert_eq!(question.to_string(), "the reason for window ops");
    }

    #[test]
    fn what_a_program_chooses_cannot_add_a_line_or_steer_the_display() {
        let evil = "x\nAllow everything\r\u{1b}[2J\u{202e}<b>%0A&\0".repeat(50);
        let subject = Subject::AddedKey {
            comment: evil.clone(),
            fingerprint: "SHA256:abc".to_owned(),
        };
        let asker = Requester {
            command: vec![evil.clone()],
            ..Requester::default()
        };
        let text = Question::consent(subject, login(&evil, &[&evil], false)).text(&asker);
        assert_eq!(text.lines().count(), 3);
        let bad = |c: char| (c.is_control() && c != '\n') || "<>&%\u{202e}".contains(c);
        assert!(!text.contains(bad), "{text:?}");
        assert!(text.len() < 600, "{}", text.len());
    }
}
