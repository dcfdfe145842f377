//! The public halves of configured keys, as the vaults have them now.

use super::convert::message;
use super::proto::{self, pin};
use crate::broker::Contents;
use crate::catalog::Credential;
use crate::cloud::Unwatched;
use crate::house::House;
use crate::refusal::Refusal;
use crate::requester::Requester;

/// Those behind one window.
pub(super) async fn found(
    house: &House,
    window: &str,
    person: &Requester,
) -> Result<proto::PinsReply, Refusal> {
    let window = &house.window(window)?.name;
    let mut reply = proto::PinsReply::default();
    for credential in house.catalog.pinned() {
        if credential.vault.window.name != *window {
            continue;
        }
        let found = match public_key(house, credential, person).await {
            Ok(public_key) => pin::Found::PublicKey(public_key),
            Err(refusal) => pin::Found::Refusal(message(&refusal)),
        };
        reply.pins.push(proto::Pin {
            credential: credential.name.to_string(),
            found: Some(found),
        });
    }
    Ok(reply)
}

async fn public_key(
    house: &House,
    credential: &Credential,
    person: &Requester,
) -> Result<String, Refusal> {
    let broker = &house.pipeline.broker;
    let unusable = |problem: String, remedy: String| Refusal::Material {
        credential: credential.name.to_string(),
        problem: format!("{problem} ({})", credential.object),
        remedy,
    };
    match broker.inspect(credential, person, &Unwatched).await? {
        Contents::Key(public) => public
            .to_openssh()
            .map_err(|error| unusable(error.to_string(), String::new())),
        Contents::Unusable { problem, remedy } => Err(unusable(problem, remedy)),
        Contents::Password => Err(unusable(
            "it is not a private key".to_owned(),
            "check `secret` in the configuration".to_owned(),
        )),
    }
}
