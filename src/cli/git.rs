//! `pimento git-credential`, and `git-credential-pimento`: a credential helper of git.
//!
//! Enters: what git wants a password for, as lines `key=value`. Leaves: the account and its
//! password as such lines; or nothing, and git asks its next helper. What never happens here: a
//! password for a connection that others could read, or one whose text would become lines of its
//! own.

use std::net::IpAddr;

use zeroize::Zeroizing;

use super::output::Output;
use super::password::{self, Released};
use super::{Failure, connect, input};
use crate::config::Paths;
use crate::control::proto::lookup_request::Use;
use crate::control::proto::{KeysRequest, LookupRequest};
use crate::refusal::ExitCode;

/// Answers one call of git.
pub(super) async fn run(
    paths: &Paths,
    output: &Output,
    operation: &str,
) -> Result<ExitCode, Failure> {
    let asked = Asked::parse(&input::all()?)?;
    match operation {
        // Cookies, certificates and the like come without a host.
        _ if asked.host.is_empty() => Ok(ExitCode::Done),
        "get" => get(paths, output, asked).await,
        "erase" => Ok(seems_wrong(paths, output, &asked).await),
        // There is nothing to store, and helpers are to ignore what they do not know.
        _ => Ok(ExitCode::Done),
    }
}

async fn get(paths: &Paths, output: &Output, asked: Asked) -> Result<ExitCode, Failure> {
    asked.is_private()?;
    let agent = connect(paths).await?;
    let request = LookupRequest {
        r#use: Use::Git.into(),
        host: asked.host,
        user: asked.user,
        said: None,
    };
    match password::lookup(&agent, output, request).await {
        Ok(released) => {
            let printed = output.secret(&answer(&released)?);
            printed.map_err(|error| Failure::failed(format!("git is gone: {error}")))?;
            Ok(ExitCode::Done)
        }
        // Nothing of ours: the next helper may know.
        Err(failure) if failure.0.code == "no_match" => Ok(ExitCode::Done),
        Err(failure) => {
            if !is_unreachable(&failure) {
                // It is ours, and it was refused: nobody else has it, nor is anybody to type it.
                output.result("quit=1", &serde_json::Value::Null);
            }
            Err(failure)
        }
    }
}

/// Whether the agent has not said anything, so that the password may be somebody else's.
fn is_unreachable(failure: &Failure) -> bool {
    failure.0.exit_code == ExitCode::NoAgent as u32 || failure.0.code == "other_version"
}

/// Tells whose password a server has refused. Only the vault can change it.
async fn seems_wrong(paths: &Paths, output: &Output, asked: &Asked) -> ExitCode {
    // An agent that is not there has not given it.
    let Ok(mut agent) = connect(paths).await else {
        return ExitCode::Done;
    };
    let listed = agent.keys(KeysRequest {}).await;
    let credentials = listed.map(|reply| reply.into_inner().credentials);
    for credential in credentials.unwrap_or_default() {
        if password::fits(&credential, "git", &asked.host, &asked.user) {
            let name = credential.name;
            output.hint(&format!(
                "pimento: {:?} did not accept password {name}: it seems wrong\n  check the secret \
                 in the vault; pimento stores nothing, so there is nothing to erase here",
                asked.host
            ));
        }
    }
    ExitCode::Done
}

/// The lines for git.
fn answer(released: &Released) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let (password, facts) = (&released.password, &released.facts);
    let mut lines = Zeroizing::new(Vec::with_capacity(password.len() + ROOM));
    for (key, value) in [
        ("username=", facts.user.as_bytes()),
        ("password=", password.as_slice()),
    ] {
        if value.iter().any(|byte| matches!(byte, b'\n' | b'\r' | 0)) {
            return Err(Failure::failed(format!(
                "password {} cannot be given to git: it, or its `user`, has a line break in it",
                facts.credential
            )));
        }
        if !value.is_empty() {
            lines.extend_from_slice(key.as_bytes());
            lines.extend_from_slice(value);
            lines.push(b'\n');
        }
    }
    if let Ok(ends) = facts.ends.parse::<jiff::Timestamp>() {
        // A helper that caches has to forget it then.
        lines.extend_from_slice(format!("password_expiry_utc={}\n", ends.as_second()).as_bytes());
    }
    // Whoever prints it adds the last line break.
    lines.pop();
    Ok(lines)
}

/// What git wants a password for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Asked {
    protocol: String,
    /// With the port, where one was named.
    host: String,
    /// Empty: any.
    user: String,
}

impl Asked {
    /// Takes what it needs of the lines; the rest (`path`, `wwwauth[]`, a password to erase) is
    /// not kept.
    fn parse(input: &[u8]) -> Result<Self, Failure> {
        let mut asked = Self::default();
        for line in input.split(|byte| *byte == b'\n') {
            if line.is_empty() {
                break;
            }
            let equals = line.iter().position(|byte| *byte == b'=');
            let (key, value) = equals
                .and_then(|at| Some((line.get(..at)?, line.get(at + 1..)?)))
                .ok_or_else(|| not_git("a line without `=`"))?;
            let field = match key {
                b"protocol" => &mut asked.protocol,
                b"host" => &mut asked.host,
                b"username" => &mut asked.user,
                _ => continue,
            };
            let text =
                std::str::from_utf8(value).map_err(|_| not_git("a value that is no text"))?;
            if text.chars().any(char::is_control) {
                return Err(not_git("a control character"));
            }
            text.clone_into(field);
        }
        Ok(asked)
    }

    /// Whether nobody on the way can read what is sent.
    fn is_private(&self) -> Result<(), Failure> {
        match self.protocol.as_str() {
            "https" => Ok(()),
            "http" if is_loopback(&self.host) => Ok(()),
            protocol => Err(Failure::new(
                "not_https",
                ExitCode::Policy,
                format!(
                    "passwords go over https only, and {:?} is asked over {protocol:?}",
                    self.host
                ),
                "give the remote an https address: `git remote set-url NAME https://…`",
            )),
        }
    }
}

fn not_git(what: &str) -> Failure {
    Failure::failed(format!("the request is not one of git's: it has {what}"))
}

/// Whether `host`, with or without a port, is this machine.
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next(),
        None => host.split(':').next(),
    };
    let name = name.unwrap_or_default();
    name.eq_ignore_ascii_case("localhost")
        || name
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// For the keys, the account and the expiry.
const ROOM: usize = 512;

#[cfg(test)]
mod tests;
