//! `pimento docker-credential`, and `docker-credential-pimento`: a credential helper of docker,
//! podman and what else speaks their protocol.
//!
//! Enters: a registry, bare on standard input. Leaves: one JSON value with the account and its
//! password. What never happens here: a password stored or erased; a list that opens anything.

use serde::Serialize;
use serde_json::json;
use zeroize::Zeroizing;

use super::output::Output;
use super::password::{self, Released};
use super::{Failure, connect, input};
use crate::config::Paths;
use crate::control::proto::LookupRequest;
use crate::control::proto::lookup_request::Use;
use crate::refusal::ExitCode;

/// Something docker calls its helper for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Operation {
    /// Delete what was stored; refused
    Erase,
    /// Give the password of the registry on standard input
    Get,
    /// What is stored: nothing
    List,
    /// Store a password; refused
    Store,
}

/// Answers one call of docker.
pub(super) async fn run(
    paths: &Paths,
    output: &Output,
    operation: Operation,
) -> Result<ExitCode, Failure> {
    match operation {
        Operation::Get => get(paths, output).await,
        Operation::List => {
            // Docker asks for each that is listed at every build: that would open their windows.
            output.result("{}", &json!({}));
            Ok(ExitCode::Done)
        }
        Operation::Erase | Operation::Store => {
            let _read = input::all()?;
            Err(Failure::new(
                "nothing_is_stored",
                ExitCode::Failed,
                "pimento stores no password and erases none",
                "the vault has it, so `docker login` and `docker logout` are not needed",
            ))
        }
    }
}

async fn get(paths: &Paths, output: &Output) -> Result<ExitCode, Failure> {
    let input = input::all()?;
    let server = std::str::from_utf8(&input)
        .map_err(|_| no_registry())?
        .trim();
    let host = registry(server).ok_or_else(no_registry)?;
    let agent = connect(paths).await?;
    let request = LookupRequest {
        r#use: Use::Docker.into(),
        host: host.to_owned(),
        user: String::new(),
        said: None,
    };
    match password::lookup(&agent, output, request).await {
        Ok(released) => {
            let printed = output.secret(&answer(server, &released)?);
            printed.map_err(|error| Failure::failed(format!("docker is gone: {error}")))?;
            Ok(ExitCode::Done)
        }
        Err(failure) if failure.0.code == "no_match" => {
            // By these words docker tells "there is none" from "it failed".
            output.result(NOT_FOUND, &json!(NOT_FOUND));
            Ok(ExitCode::Failed)
        }
        Err(failure) => Err(failure),
    }
}

/// The registry's host, with its port, out of what docker calls it.
fn registry(server: &str) -> Option<&str> {
    let bare = server.strip_prefix("https://").unwrap_or(server);
    let host = bare.split('/').next().unwrap_or_default();
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '@' | '\\' | '?' | '#');
    // Another scheme is one that others can read.
    let other = bare.contains("://");
    (!other && !host.is_empty() && host.chars().all(plain)).then_some(host)
}

fn no_registry() -> Failure {
    Failure::new(
        "no_registry",
        ExitCode::Usage,
        "standard input is not the name of a registry that is reached over https",
        "for example: `printf registry.contoso.com | pimento docker-credential get`",
    )
}

/// What docker reads.
#[derive(Serialize)]
struct Answer<'a> {
    #[serde(rename = "ServerURL")]
    server: &'a str,
    #[serde(rename = "Username")]
    user: &'a str,
    #[serde(rename = "Secret")]
    secret: &'a str,
}

fn answer(server: &str, released: &Released) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let facts = &released.facts;
    let cannot = |why: &str, advice: &str| {
        let text = format!(
            "password {} cannot be given to docker: {why}",
            facts.credential
        );
        Failure::new("material", ExitCode::Failed, text, advice)
    };
    let secret = std::str::from_utf8(&released.password)
        .map_err(|_| cannot("it is not text", "put another one into the vault"))?;
    if facts.user.is_empty() {
        let advice = "write `user` into its section of the configuration";
        return Err(cannot("it has no account", advice));
    }
    let answer = Answer {
        server,
        user: &facts.user,
        secret,
    };
    let mut json = Zeroizing::new(Vec::with_capacity(6 * secret.len() + ROOM));
    serde_json::to_writer(&mut *json, &answer)
        .map_err(|error| Failure::failed(error.to_string()))?;
    Ok(json)
}

/// Docker looks for these words.
const NOT_FOUND: &str = "credentials not found in native keychain";

/// For the names, the server and the account.
const ROOM: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::proto;

    #[test]
    fn a_registry_is_known_by_its_host_and_port() {
        assert_eq!(
            registry("registry.contoso.com"),
            Some("registry.contoso.com")
        );
        assert_eq!(registry("localhost:5000"), Some("localhost:5000"));
        let hub = registry("https://index.docker.io/v1/");
        assert_eq!(hub, Some("index.docker.io"));
    }

    #[test]
    fn what_is_no_registry_over_https_is_refused() {
        for bad in [
            "",
            "https://",
            "/v1/",
            "http://registry.contoso.com",
            "https://https://a",
            "a b",
            "robot@registry.contoso.com",
            "registry.contoso.com\nother",
        ] {
            assert_eq!(registry(bad), None, "{bad:?}");
        }
    }

    fn answered(user: &str, password: &[u8]) -> Option<serde_json::Value> {
        let released = Released {
            password: Zeroizing::new(password.to_vec()),
            facts: proto::Released {
                user: user.to_owned(),
                ..proto::Released::default()
            },
        };
        let json = answer("registry.contoso.com", &released).ok()?;
        serde_json::from_slice(&json).ok()
    }

    #[test]
    fn whatever_characters_a_password_has_it_arrives_as_it_is() {
        let odd = "\"}\\\n\u{1}ü";
        let expected = json!({
            "ServerURL": "registry.contoso.com", "Username": "robot", "Secret": odd,
        });
        assert_eq!(answered("robot", odd.as_bytes()), Some(expected));
    }

    #[test]
    fn without_an_account_or_as_bytes_it_is_not_given() {
        assert_eq!(answered("", b"secret"), None);
        assert_eq!(answered("robot", b"\xff"), None);
    }
}
