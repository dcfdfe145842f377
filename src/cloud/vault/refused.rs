//! What a refused read means for the person who asked.

use crate::catalog::Credential;
use crate::cloud::ReadError;
use crate::cloud::challenge::Challenge;
use crate::cloud::error_body::ErrorBody;
use crate::cloud::http::Answer;
use crate::refusal::{Refusal, Service};

/// The typed refusal for an error answer to a read of `credential`.
pub(super) fn refused(credential: &Credential, answer: &Answer) -> ReadError {
    let error = ErrorBody::of(answer);
    if answer.status == 401
        && let Err(why) = verified(credential, answer)
    {
        return ReadError::Refused(foreign_challenge(credential, &why));
    }
    let refusal = match (answer.status, error.code.as_str()) {
        (401, _) if error.claims.is_some() => Refusal::StepUp {
            tenant: credential.vault.window.tenant.name.to_string(),
            why: "Key Vault asks for more than this sign-in has shown".to_owned(),
            claims: error.claims.unwrap_or_default(),
        },
        (401, _) => match foreign(credential, &error.message) {
            Some(refusal) => refusal,
            None => return ReadError::TokenRejected,
        },
        // A deny assignment does not go away by waiting.
        (403, "ForbiddenByRbac") => match denied(&error.message) {
            Some(assignment) => deny_assignment(credential, assignment),
            None => return ReadError::NotYet,
        },
        (403, code) => forbidden(credential, code),
        (404, _) => missing(credential),
        (409, "ObjectIsBeingDeleted" | "ObjectIsDeletedButRecoverable") => deleted(credential),
        _ => error.refuse(Service::KeyVault, answer),
    };
    ReadError::Refused(refusal)
}

/// Whether the challenge in an answer is one of the credential's own vault.
fn verified(credential: &Credential, answer: &Answer) -> Result<(), String> {
    let challenge = Challenge::parse(answer.challenge.as_deref().unwrap_or_default());
    let host = credential.vault.url.host_str().unwrap_or_default();
    challenge.verify(&credential.vault.window.tenant, host)
}

fn foreign_challenge(credential: &Credential, why: &str) -> Refusal {
    let vault = &credential.vault.name;
    Refusal::Material {
        credential: credential.name.to_string(),
        problem: format!("vault {vault} does not accept this sign-in: {why}"),
        remedy: format!(
            "check `url` of [vault.{vault}] and `id` of [tenant.{}] in the configuration",
            credential.vault.window.tenant.name
        ),
    }
}

/// A vault that belongs somewhere else than the configuration says.
fn foreign(credential: &Credential, message: &str) -> Option<Refusal> {
    let vault = &credential.vault;
    let (why, remedy) = if message.contains("AKV10032") {
        let tenant = &vault.window.tenant.name;
        (
            format!("it trusts another tenant than {tenant}"),
            format!(
                "check `url` of vault {}, and `tenant` of window {}: the portal shows a vault's \
                 directory in its overview",
                vault.name, vault.window.name
            ),
        )
    } else if message.contains("AKV10022") {
        (
            "it takes tokens for another service than https://vault.azure.net".to_owned(),
            format!(
                "check `url` of vault {}, and which cloud it is in",
                vault.name
            ),
        )
    } else {
        return None;
    };
    Some(Refusal::Forbidden {
        what: format!("vault {}", vault.name),
        why,
        remedy,
    })
}

fn forbidden(credential: &Credential, code: &str) -> Refusal {
    let (vault, object) = (credential.vault.azure_name(), &credential.object);
    let (kind, name) = (object.kind(), object.name());
    let (why, remedy) = match code {
        "ForbiddenByFirewall" | "ForbiddenByConnection" => (
            "the vault's firewall does not let this network in",
            format!(
                "connect to a network that it lets in; or an owner of the vault lets this one in: \
                 `az keyvault network-rule add --name {vault} --ip-address ADDRESS`"
            ),
        ),
        "SecretDisabled" | "KeyDisabled" => {
            return Refusal::Material {
                credential: credential.name.to_string(),
                problem: format!("{object} in vault {} is disabled", credential.vault.name),
                remedy: format!(
                    "an owner of the vault enables it: `az keyvault {kind} set-attributes \
                     --vault-name {vault} --name {name} --enabled true`"
                ),
            };
        }
        _ => (
            match object.stays() {
                true => "the vault's access policy gives you no right to sign with its keys",
                false => "the vault's access policy gives you no right to read secrets",
            },
            format!(
                "an owner of the vault gives it to the group of window {}: `az keyvault set-policy \
                 --name {vault} --object-id GROUP --{kind}-permissions {}`",
                credential.vault.window.name,
                if object.stays() { "get sign" } else { "get" },
            ),
        ),
    };
    closed(credential, why.to_owned(), remedy)
}

fn deny_assignment(credential: &Credential, assignment: &str) -> Refusal {
    closed(
        credential,
        format!("deny assignment {assignment} forbids it"),
        format!(
            "waiting does not help; whoever made the deny assignment removes it, or leaves you \
             out of it (Access control of vault {}, Deny assignments)",
            credential.vault.azure_name()
        ),
    )
}

fn closed(credential: &Credential, why: String, remedy: String) -> Refusal {
    Refusal::Forbidden {
        what: format!("{} in vault {}", credential.object, credential.vault.name),
        why,
        remedy,
    }
}

fn missing(credential: &Credential) -> Refusal {
    let (vault, object) = (credential.vault.azure_name(), &credential.object);
    let (kind, name) = (object.kind(), object.name());
    Refusal::Material {
        credential: credential.name.to_string(),
        problem: format!("there is no {object} in vault {}", credential.vault.name),
        remedy: format!(
            "check `{kind}` of {} in {}; if it was deleted, an owner of the vault brings it back: \
             `az keyvault {kind} recover --vault-name {vault} --name {name}`",
            credential.name,
            credential.source.display()
        ),
    }
}

fn deleted(credential: &Credential) -> Refusal {
    let (vault, object) = (credential.vault.azure_name(), &credential.object);
    let (kind, name) = (object.kind(), object.name());
    Refusal::Material {
        credential: credential.name.to_string(),
        problem: format!("{object} in vault {} was deleted", credential.vault.name),
        remedy: format!(
            "an owner of the vault brings it back: `az keyvault {kind} recover --vault-name \
             {vault} --name {name}`"
        ),
    }
}

/// The deny assignment that a refusal names.
pub(in crate::cloud) fn denied(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("DenyAssignmentId: ")?;
    let id = rest.split_whitespace().next()?.trim_matches('\'');
    (id != "null" && !id.is_empty()).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deny_assignment_is_one_only_if_it_is_named() {
        let message = |id: &str| {
            format!(
                "Assignment: (not found)\r\nDenyAssignmentId: {id}\r\nDecisionReason: null \r\n"
            )
        };
        assert_eq!(denied(&message("null")), None);
        assert_eq!(denied(&message("'6f5c'")), Some("6f5c"));
        assert_eq!(denied("DenyAssignmentId: "), None);
        assert_eq!(denied("something else"), None);
    }
}
