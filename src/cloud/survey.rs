//! What there is, for the doctor and for what nears its expiry.
//!
//! Enters: a tenant or a vault. Leaves: what the cloud says of it. What never happens here: anything
//! but a GET, the value of a secret, or a token that is kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret;
use serde_json::Value;
use url::Url;

use super::error_body::ErrorBody;
use super::http::{Answer, Http};
use super::vault::{API_VERSION, denied};
use super::{AccessToken, CorrelationId, Freshness, Identity, Resource, list};
use crate::catalog::{Target, Tenant, VaultObject};
use crate::refusal::{Refusal, Service};

pub use vaults::{Networks, VaultSettings};

mod read;
mod vaults;

pub(super) use read::object;

/// What the sign-in service says of a tenant to anybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovery {
    /// Its id, a GUID.
    pub tenant_id: String,
    /// How far this machine's clock is ahead of the service's; `None` if it told no time.
    pub ahead: Option<SignedDuration>,
}

/// What an access token says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenFacts {
    /// `tid`.
    pub tenant_id: String,
    /// `scp`.
    pub scopes: Vec<String>,
    /// Whether it says that its client handles claims challenges (`xms_cc`: `cp1`).
    pub capable: bool,
}

/// What the user may activate, or has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// What that is.
    pub target: Target,
    /// What people call it; `None` if the service does not tell.
    pub called: Option<String>,
    /// When it ends; `None` if it does not.
    pub ends: Option<Timestamp>,
    /// Whether it holds without having been activated.
    pub standing: bool,
}

/// What is known of a version of a secret without reading it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretFacts {
    /// The secret's name.
    pub name: String,
    /// The version's id; empty in a list of secrets.
    pub version: String,
    /// Whether it can be read.
    pub enabled: bool,
    /// Whether it is the private half of a certificate that the vault keeps.
    pub managed: bool,
    /// `nbf`.
    pub not_before: Option<Timestamp>,
    /// `exp`.
    pub expires: Option<Timestamp>,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// `contentType`.
    pub content_type: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// Why a vault does not tell what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unread {
    /// A vault of access policies gives no right.
    AccessPolicy,
    /// A deny assignment forbids it.
    Denied,
    /// The vault's firewall does not let this network in.
    Firewall,
    /// There is no such secret.
    Missing,
    /// No role, or none yet: which is how it should be while the window is closed.
    NoRole,
    /// Anything else.
    Refused(Refusal),
}

/// Looks, and changes nothing.
#[async_trait]
pub trait Survey: Send + Sync {
    /// What the sign-in service says of `tenant`, to nobody in particular.
    async fn discovery(&self, tenant: &Tenant) -> Result<Discovery, Refusal>;

    /// What a token for `resource` says about itself.
    async fn token(
        &self,
        tenant: &Arc<Tenant>,
        resource: Resource,
        id: CorrelationId,
    ) -> Result<TokenFacts, Refusal>;

    /// What the user may activate, by one of PIM's two services.
    async fn eligible(
        &self,
        tenant: &Arc<Tenant>,
        service: Service,
        id: CorrelationId,
    ) -> Result<Vec<Holding>, Refusal>;

    /// What the user has activated, or always has.
    async fn active(
        &self,
        tenant: &Arc<Tenant>,
        service: Service,
        id: CorrelationId,
    ) -> Result<Vec<Holding>, Refusal>;

    /// The id of the tenant that a vault takes tokens of; asked without one.
    async fn tenant_of(&self, vault: &Url, id: CorrelationId) -> Result<String, Refusal>;

    /// What is set of the tenant's vaults, as far as the account may see them in Resource Manager.
    async fn vaults(
        &self,
        tenant: &Arc<Tenant>,
        id: CorrelationId,
    ) -> Result<Vec<VaultSettings>, Refusal>;

    /// The secrets of a vault, each once and without a version.
    async fn secrets(
        &self,
        vault: &Url,
        token: &AccessToken,
        id: CorrelationId,
    ) -> Result<Vec<SecretFacts>, Unread>;

    /// The versions of an object.
    async fn versions(
        &self,
        vault: &Url,
        object: &VaultObject,
        token: &AccessToken,
        id: CorrelationId,
    ) -> Result<Vec<SecretFacts>, Unread>;
}

/// Surveys by the cloud's own interfaces.
pub(super) struct Surveyor {
    pub(super) http: Arc<Http>,
    pub(super) identity: Arc<dyn Identity>,
}

#[async_trait]
impl Survey for Surveyor {
    async fn discovery(&self, tenant: &Tenant) -> Result<Discovery, Refusal> {
        let mut url = tenant.authority.clone();
        url.set_path(&format!(
            "{}/v2.0/.well-known/openid-configuration",
            tenant.id
        ));
        let answer = self
            .http
            .get(Service::Entra, url, None, CorrelationId::new())
            .await?;
        let here = self.http.clock.wall();
        if !answer.is_success() {
            return Err(refuse(Service::Entra, &answer));
        }
        let issuer = read::text(&answer.json(), "issuer");
        let tenant_id = read::tenant_in(&issuer).ok_or_else(|| Refusal::SignIn {
            tenant: tenant.name.to_string(),
            why: format!("the sign-in service calls itself {issuer:?}, which names no tenant"),
        })?;
        // A date is cut to whole seconds: in the middle of its second on average.
        let half = SignedDuration::from_millis(500);
        let ahead = answer.date.map(|there| here.duration_since(there) - half);
        Ok(Discovery { tenant_id, ahead })
    }

    async fn token(
        &self,
        tenant: &Arc<Tenant>,
        resource: Resource,
        id: CorrelationId,
    ) -> Result<TokenFacts, Refusal> {
        let token = self
            .identity
            .token(tenant, resource, Freshness::Cached, id)
            .await?;
        Ok(read::token(token.secret.expose_secret()))
    }

    async fn eligible(
        &self,
        tenant: &Arc<Tenant>,
        service: Service,
        id: CorrelationId,
    ) -> Result<Vec<Holding>, Refusal> {
        match service {
            Service::PimAzure => {
                self.roles(tenant, "roleEligibilityScheduleInstances", id)
                    .await
            }
            _ => {
                self.groups(tenant, "eligibilityScheduleInstances", id)
                    .await
            }
        }
    }

    async fn active(
        &self,
        tenant: &Arc<Tenant>,
        service: Service,
        id: CorrelationId,
    ) -> Result<Vec<Holding>, Refusal> {
        match service {
            Service::PimAzure => {
                self.roles(tenant, "roleAssignmentScheduleInstances", id)
                    .await
            }
            _ => self.groups(tenant, "assignmentScheduleInstances", id).await,
        }
    }

    async fn tenant_of(&self, vault: &Url, id: CorrelationId) -> Result<String, Refusal> {
        let mut url = vault.clone();
        url.set_path("secrets");
        url.set_query(Some(&format!("api-version={API_VERSION}&maxresults=1")));
        let answer = self.http.get(Service::KeyVault, url, None, id).await?;
        let challenge = answer.challenge.as_deref().unwrap_or_default();
        read::challenge(challenge, vault).map_err(|why| Refusal::Unreachable {
            service: Service::KeyVault,
            why,
        })
    }

    async fn vaults(
        &self,
        tenant: &Arc<Tenant>,
        id: CorrelationId,
    ) -> Result<Vec<VaultSettings>, Refusal> {
        self.vaults_of(tenant, id).await
    }

    async fn secrets(
        &self,
        vault: &Url,
        token: &AccessToken,
        id: CorrelationId,
    ) -> Result<Vec<SecretFacts>, Unread> {
        self.metadata(vault, "secrets", (token, id)).await
    }

    async fn versions(
        &self,
        vault: &Url,
        object: &VaultObject,
        token: &AccessToken,
        id: CorrelationId,
    ) -> Result<Vec<SecretFacts>, Unread> {
        let path = format!("{}/versions", object.path());
        self.metadata(vault, &path, (token, id)).await
    }
}

impl Surveyor {
    async fn metadata(
        &self,
        vault: &Url,
        path: &str,
        by: (&AccessToken, CorrelationId),
    ) -> Result<Vec<SecretFacts>, Unread> {
        let mut url = vault.clone();
        url.set_path(path);
        url.set_query(Some(&format!("api-version={API_VERSION}&maxresults=25")));
        let items = self.list(Service::KeyVault, url, by, unread).await?;
        Ok(items.iter().map(object).collect())
    }

    async fn groups(
        &self,
        tenant: &Arc<Tenant>,
        set: &str,
        id: CorrelationId,
    ) -> Result<Vec<Holding>, Refusal> {
        let token = self
            .identity
            .token(tenant, Resource::Graph, Freshness::Cached, id)
            .await?;
        let mut url = tenant.graph.clone();
        url.set_path(&format!(
            "v1.0/identityGovernance/privilegedAccess/group/{set}/filterByCurrentUser(on='principal')"
        ));
        let mut named = url.clone();
        named.set_query(Some("$expand=group($select=id,displayName)"));
        let by = (&*token, id);
        let items = match self.list(Service::Pim, named, by, refuse).await {
            // Nothing depends on the names of the groups.
            Err(Refusal::Cloud { status: 400, .. }) => {
                self.list(Service::Pim, url, by, refuse).await?
            }
            listed => listed?,
        };
        Ok(items.iter().filter_map(read::group).collect())
    }

    /// On every scope at once.
    async fn roles(
        &self,
        tenant: &Arc<Tenant>,
        set: &str,
        id: CorrelationId,
    ) -> Result<Vec<Holding>, Refusal> {
        let token = self
            .identity
            .token(tenant, Resource::Arm, Freshness::Cached, id)
            .await?;
        let mut url = tenant.arm.clone();
        url.set_path(&format!("providers/Microsoft.Authorization/{set}"));
        url.set_query(Some("api-version=2020-10-01&$filter=asTarget()"));
        let items = self
            .list(Service::PimAzure, url, (&token, id), refuse)
            .await?;
        Ok(items.iter().filter_map(read::role).collect())
    }

    /// All that is listed from `first` on; `refused` tells what an error means.
    async fn list<E: From<Refusal>>(
        &self,
        service: Service,
        first: Url,
        (token, id): (&AccessToken, CorrelationId),
        refused: fn(Service, &Answer) -> E,
    ) -> Result<Vec<Value>, E> {
        let (mut next, mut items) = (first, Vec::new());
        for _ in 0..list::MOST_PAGES {
            let at = next.clone();
            let answer = self.http.get(service, at, Some(token), id).await?;
            if !answer.is_success() {
                return Err(refused(service, &answer));
            }
            let page = answer.json();
            items.extend(read::items(&page).iter().cloned());
            match list::next(service, &page, &next)? {
                Some(more) => next = more,
                None => return Ok(items),
            }
        }
        Err(list::endless(service).into())
    }
}

impl From<Refusal> for Unread {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

fn refuse(service: Service, answer: &Answer) -> Refusal {
    ErrorBody::of(answer).refuse(service, answer)
}

/// What a list that a vault refuses means.
fn unread(service: Service, answer: &Answer) -> Unread {
    let error = ErrorBody::of(answer);
    match (answer.status, error.code.as_str()) {
        (403, "ForbiddenByRbac") if denied(&error.message).is_some() => Unread::Denied,
        (403, "ForbiddenByRbac") => Unread::NoRole,
        (403, "ForbiddenByFirewall" | "ForbiddenByConnection") => Unread::Firewall,
        (403, _) => Unread::AccessPolicy,
        (404, _) => Unread::Missing,
        _ => Unread::Refused(error.refuse(service, answer)),
    }
}

/// The delegated permissions of Microsoft Graph that pimento asks for.
pub const GRAPH_SCOPES: [&str; 4] = [
    "User.Read",
    "PrivilegedEligibilitySchedule.Read.AzureADGroup",
    "PrivilegedAssignmentSchedule.ReadWrite.AzureADGroup",
    "RoleManagementPolicy.Read.AzureADGroup",
];

/// The one of Key Vault, and of Azure Resource Manager.
pub const IMPERSONATION: [&str; 1] = ["user_impersonation"];
