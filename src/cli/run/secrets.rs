//! The passwords that a command gets, from when they are revealed until it has started.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::process::Command;
use zeroize::Zeroizing;

use super::super::output::Output;
use super::super::password::{Wanted, reveal};
use super::super::person::Person;
use super::super::{Agent, Failure};
use super::ends::Held;
use super::file::Files;
use super::mask::Forms;
use super::value::{Assignment, Piece, Value};
use crate::clock::{Clock, SystemClock};

/// The passwords, each by the text it was asked for by; wiped when dropped.
#[derive(Default)]
pub(super) struct Secrets(BTreeMap<String, Secret>);

struct Secret {
    password: Zeroizing<Vec<u8>>,
    held: Held,
}

impl Secrets {
    /// Asks for each of `wanted`, until one is refused. What is not among `shown` goes into files
    /// alone.
    pub(super) async fn ask(
        agent: &Agent,
        output: &Output,
        wanted: BTreeSet<String>,
        shown: &BTreeSet<String>,
        person: &mut Person,
    ) -> Result<Self, Failure> {
        let mut secrets = BTreeMap::new();
        for name in wanted {
            let wanted = Wanted {
                name: name.clone(),
                previous: false,
                file: !shown.contains(&name),
            };
            let released = reveal(agent, output, &wanted, person).await?;
            let left = std::time::Duration::from_secs(released.facts.seconds_left);
            let secret = Secret {
                password: released.password,
                held: Held {
                    window: released.facts.window,
                    until: SystemClock.now().after(left),
                },
            };
            secrets.insert(name, secret);
        }
        Ok(Self(secrets))
    }

    /// What the value is, with its passwords in it.
    pub(super) fn filled(&self, value: &Value) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let secret = |name: &String| {
            let held = self.0.get(name).map(|it| it.password.as_slice());
            held.ok_or_else(|| Failure::failed(format!("{name} was not asked for")))
        };
        let pieces = match value {
            Value::Alone(name) => return Ok(Zeroizing::new(secret(name)?.to_vec())),
            Value::Text(pieces) => pieces,
        };
        let mut text = Zeroizing::new(Vec::new());
        for piece in pieces {
            match piece {
                Piece::Literal(literal) => text.extend_from_slice(literal.as_bytes()),
                Piece::Secret { reference, form } => {
                    text.extend_from_slice(&form.of(secret(reference)?));
                }
            }
        }
        Ok(text)
    }

    /// Puts variables, and the paths of files, into the environment of `command`.
    pub(super) fn give(
        &self,
        command: &mut Command,
        variables: &[Assignment],
        files: &Files,
    ) -> Result<(), Failure> {
        for Assignment { name, value } in variables {
            let filled = self.filled(value)?;
            let text = std::str::from_utf8(&filled)
                .map_err(|_| Failure::failed(format!("the password for {name} is not text")))?;
            command.env(name, text);
        }
        command.envs(files.paths());
        Ok(())
    }

    /// What is searched for in the output.
    pub(super) fn forms(&self) -> Result<Arc<Forms>, Failure> {
        let secrets = self.0.values().flat_map(|it| hidden(&it.password));
        let forms = Forms::of(secrets);
        forms
            .map(Arc::new)
            .map_err(|error| Failure::failed(format!("the output cannot be masked: {error}")))
    }

    /// Until when each of them may be used.
    pub(super) fn ends(&self) -> Vec<Held> {
        self.0.values().map(|it| it.held.clone()).collect()
    }

    /// The windows that `value` comes through.
    pub(super) fn windows(&self, value: &Value) -> BTreeSet<String> {
        let held = value.references().filter_map(|name| self.0.get(name));
        held.map(|it| it.held.window.clone()).collect()
    }
}

/// What is to be hidden of a secret: all of a password, and of a certificate's file each line of the
/// private key.
fn hidden(secret: &[u8]) -> Vec<&[u8]> {
    if !secret.starts_with(b"-----BEGIN ") {
        return vec![secret];
    }
    let mut hidden = Vec::new();
    let mut is_key = false;
    for line in secret.split(|byte| *byte == b'\n') {
        if line.starts_with(b"-----") {
            is_key = line == b"-----BEGIN PRIVATE KEY-----";
        } else if is_key {
            hidden.push(line);
        }
    }
    hidden
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_certificate_the_lines_of_its_key_are_hidden_and_of_a_password_everything() {
        let key = "-----BEGIN PRIVATE KEY-----\nAAAA\nBBBB\n-----END PRIVATE KEY-----\n";
        let certificate = "-----BEGIN CERTIFICATE-----\nCCCC\n-----END CERTIFICATE-----\n";
        let both = format!("{key}{certificate}");
        assert_eq!(hidden(both.as_bytes()), [b"AAAA", b"BBBB"]);
        assert_eq!(hidden(certificate.as_bytes()), [b""; 0]);
        assert_eq!(hidden(b"hunter2!"), [b"hunter2!"]);
    }
}
