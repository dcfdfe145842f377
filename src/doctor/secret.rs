//! A secret or key of a vault, by its metadata alone: whether it can be read, and until when.

use std::sync::Arc;

use jiff::Timestamp;

use super::tenant::{Seen, login};
use super::{Case, Chart, Finding};
use crate::ages::{Ages, State};
use crate::catalog::{Credential, Kind, Tenant, VaultObject};
use crate::cloud::{CorrelationId, Freshness, Resource, SecretFacts, Unread};
use crate::house::House;

/// Every credential that a window of `tenant` opens.
pub(super) async fn all(
    house: &House,
    tenant: &Arc<Tenant>,
    seen: &Seen,
    id: CorrelationId,
    chart: &dyn Chart,
) {
    // Behind a certificate is its authority, which is one of them.
    let ours = |it: &&Arc<Credential>| {
        it.vault.window.tenant.name == tenant.name && !matches!(it.kind, Kind::Certificate(_))
    };
    let credentials: Vec<&Arc<Credential>> = house.catalog.iter().filter(ours).collect();
    if !seen.signed_in || credentials.is_empty() {
        for credential in credentials {
            let case = case_of(credential);
            chart.note(case.skipped("nobody is signed in", login(tenant)));
        }
        return;
    }
    // As new as it gets: an older one would not show a window that has opened since.
    let token = house
        .identity
        .token(tenant, Resource::Vault, Freshness::New, id)
        .await;
    for credential in credentials {
        let case = case_of(credential);
        let vault = &credential.vault;
        let found = match &token {
            Err(refusal) => Err(Unread::Refused(refusal.clone())),
            Ok(token) => {
                let survey = &house.survey;
                survey
                    .versions(&vault.url, &credential.object, token, id)
                    .await
            }
        };
        let open = house.pipeline.broker.view(&vault.window.name).is_some();
        chart.note(match found {
            Err(why) => unread(case, credential, why, open),
            Ok(versions) => newest(case, credential, versions, &house.ages, house.clock.wall()),
        });
    }
}

fn case_of(credential: &Credential) -> Case {
    match credential.object {
        VaultObject::Secret(_) => Case::of("secret", &credential.name),
        VaultObject::Key(_) => Case::of("key", &credential.name),
    }
}

/// What it means that the vault does not tell.
fn unread(case: Case, credential: &Credential, why: Unread, open: bool) -> Finding {
    let (vault, window) = (&credential.vault.name, &credential.vault.window.name);
    let host = credential.vault.url.host_str().unwrap_or_default();
    let name = host.split('.').next().unwrap_or_default();
    match why {
        Unread::NoRole | Unread::AccessPolicy if !open => case.skipped(
            format!("window {window} is closed, so vault {vault} tells nothing"),
            format!("`pimento open {window}`, then look again"),
        ),
        Unread::NoRole => case.failure(
            format!("window {window} is open, and vault {vault} grants nothing: the membership has not reached it yet, or the group has no role on it"),
            format!("if it lasts for ten minutes, an owner of the vault runs `az role assignment create --role \"{}\" --assignee-object-id GROUP --assignee-principal-type Group --scope \"$(az keyvault show --name {name} --query id --output tsv)\"`", credential.object.role()),
        ),
        Unread::AccessPolicy => case.failure(
            format!("the access policy of vault {vault} does not let you list versions"),
            format!("an owner of the vault runs `az keyvault set-policy --name {name} --object-id GROUP --{}-permissions get list`", credential.object.kind()),
        ),
        Unread::Firewall => case.failure(
            format!("the firewall of vault {vault} does not let this network in"),
            format!("connect to the network that it lets in, or an owner of the vault runs `az keyvault network-rule add --name {name} --ip-address ADDRESS`"),
        ),
        Unread::Denied => case.failure(
            format!("a deny assignment keeps you out of vault {vault}"),
            "an owner of the subscription looks at the vault's deny assignments (Access control, Deny assignments)",
        ),
        Unread::Missing => missing(case, credential),
        Unread::Refused(refusal) => case.refused(&refusal),
    }
}

fn missing(case: Case, credential: &Credential) -> Finding {
    case.failure(
        format!(
            "there is no {} in vault {}",
            credential.object, credential.vault.name
        ),
        format!(
            "check `{}` of {} in {}, or whether it was deleted",
            credential.object.kind(),
            credential.name,
            credential.source.display()
        ),
    )
}

/// The newest version, which is the one that is read.
fn newest(
    case: Case,
    credential: &Credential,
    versions: Vec<SecretFacts>,
    ages: &Ages,
    now: Timestamp,
) -> Finding {
    let Some(newest) = versions.into_iter().max_by_key(|it| it.created) else {
        return missing(case, credential);
    };
    let (kind, secret) = (credential.object.kind(), credential.object.name());
    let host = credential.vault.url.host_str().unwrap_or_default();
    let vault = host.split('.').next().unwrap_or_default();
    let set = format!("az keyvault {kind} set-attributes --vault-name {vault} --name {secret}");
    if !newest.enabled {
        return case.failure(
            "its newest version is disabled",
            format!("an owner of the vault runs `{set} --enabled true`"),
        );
    }
    if let Some(begins) = newest.not_before.filter(|begins| *begins > now) {
        return case.failure(
            format!("it is not valid before {begins}"),
            format!("wait, or an owner of the vault runs `{set} --not-before \"\"`"),
        );
    }
    if newest.content_type.as_deref() == Some("application/x-pkcs12")
        && matches!(credential.kind, Kind::Key(_))
    {
        return case.failure(
            "it is a PKCS#12 file, which is no private key that pimento can sign with",
            format!("if it is a certificate of TLS, write [certificate.NAME]; else store the key alone: `az keyvault secret set --vault-name {vault} --name {secret} --file KEY`"),
        );
    }
    // Looked at is as good as read, for as long as nobody reads it.
    ages.note(credential, &newest);
    let aged = ages.of(credential);
    let remedy = "put a new version into the vault, with a later `exp` if it has one";
    match aged.state {
        State::Expired => case.failure(format!("{}, and pimento refuses it", aged.reason), remedy),
        State::Due => case.warning(aged.reason, remedy),
        State::Fresh | State::Unknown => case.ok(told(&newest, now)),
    }
}

fn told(newest: &SecretFacts, now: Timestamp) -> String {
    let mut text = format!("version {}", newest.version);
    if let Some(made) = newest.created {
        let days = now.duration_since(made).as_hours() / 24;
        text.push_str(&format!(", {days} days old"));
    }
    if let Some(ends) = newest.expires {
        text.push_str(&format!(", until {ends}"));
    }
    if let Some(content) = &newest.content_type {
        text.push_str(&format!(", {content}"));
    }
    text
}
