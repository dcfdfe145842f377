//! New versions of secrets (`PUT /secrets/NAME`).

use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::{API_VERSION, KeyVault, denied, refused};
use crate::catalog::{Credential, Target};
use crate::cloud::error_body::ErrorBody;
use crate::cloud::http::{Answer, Call, unreachable};
use crate::cloud::{AccessToken, CorrelationId, NewSecret, ReadError};
use crate::refusal::{Refusal, Service};

impl KeyVault {
    /// Makes a version, once: sent again, it would make a second.
    pub(super) async fn stored(
        &self,
        credential: &Credential,
        new: &NewSecret,
        token: &AccessToken,
        id: CorrelationId,
    ) -> Result<String, ReadError> {
        let mut url = credential.vault.url.clone();
        url.set_path(&credential.object.path());
        url.set_query(Some(&format!("api-version={API_VERSION}")));
        let body = json!({
            "value": new.value.as_str(),
            "contentType": new.content_type,
            "tags": new.tags,
            "attributes": {"enabled": true},
        });
        let call = Call {
            service: Service::KeyVault,
            method: Method::PUT,
            url,
            token: Some(token),
            id,
            body: Some(&body),
        };
        let answer = self.http.send(&call).await.map_err(ReadError::Refused)?;
        if !answer.is_success() {
            return Err(not_stored(credential, &answer));
        }
        let odd =
            |error: serde_json::Error| ReadError::Refused(unreachable(Service::KeyVault, &error));
        let told: Told = serde_json::from_slice(&answer.body).map_err(odd)?;
        Ok(told.id.rsplit('/').next().unwrap_or_default().to_owned())
    }
}

/// The answer; its value is not looked at.
#[derive(Deserialize)]
struct Told {
    id: String,
}

fn not_stored(credential: &Credential, answer: &Answer) -> ReadError {
    let error = ErrorBody::of(answer);
    let access_policy = match (answer.status, error.code.as_str()) {
        (403, "ForbiddenByRbac") => {
            return match denied(&error.message) {
                Some(_) => refused(credential, answer),
                None => ReadError::NotYet,
            };
        }
        (403, "ForbiddenByFirewall" | "ForbiddenByConnection" | "SecretDisabled") => false,
        (403, _) => true,
        _ => false,
    };
    if !access_policy {
        return refused(credential, answer);
    }
    let (window, vault) = (&credential.vault.window, credential.vault.azure_name());
    let assignee = match window.target {
        Target::Group { group, .. } => group.to_string(),
        Target::AzureRole { .. } => "GROUP".to_owned(),
    };
    ReadError::Refused(Refusal::Forbidden {
        what: format!("{} in vault {}", credential.object, credential.vault.name),
        why: "the vault's access policy gives you no right to write secrets".to_owned(),
        remedy: format!(
            "an owner of the vault gives it to what window {} opens: `az keyvault set-policy --name \
             {vault} --object-id {assignee} --secret-permissions get list set`",
            window.name
        ),
    })
}
