//! The world as data: what `docs/emulator.md` documents and a scenario file says.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

pub use azure::{AzureRole, RESOURCE_GROUP, vault_path};
pub use certificate::Certificate;

mod azure;
mod certificate;

/// Everything that is there before the first request.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The tenant.
    pub tenant: Tenant,
    /// Application registrations.
    #[serde(default)]
    pub applications: Vec<Application>,
    /// Users.
    #[serde(default)]
    pub users: Vec<User>,
    /// Security groups.
    #[serde(default)]
    pub groups: Vec<Group>,
    /// Authentication contexts that ask for more than a second factor.
    #[serde(default)]
    pub contexts: Vec<Context>,
    /// Who may become a member of what.
    #[serde(default)]
    pub eligibilities: Vec<Eligibility>,
    /// Azure roles that PIM manages.
    #[serde(default)]
    pub azure_roles: Vec<AzureRole>,
    /// Key vaults.
    #[serde(default)]
    pub vaults: Vec<Vault>,
    /// How long the cloud takes for things.
    #[serde(default)]
    pub delays: Delays,
    /// What goes wrong.
    #[serde(default)]
    pub faults: Vec<Fault>,
    /// Hosts that show a certificate of another name.
    #[serde(default)]
    pub misnamed: Vec<String>,
    /// Entries on one page of a list; Key Vault's own limit is 25.
    #[serde(default = "page_size")]
    pub page_size: usize,
}

/// The tenant.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Tenant {
    /// `tid`, a GUID.
    pub id: String,
    /// Its domain.
    pub domain: String,
}

/// An application registration: a public client, and with certificates or federations one that signs
/// in as itself.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Application {
    /// `appid`, a GUID.
    pub client_id: String,
    /// Redirect addresses; the port of a loopback address does not count.
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// Delegated permissions with consent, each with its resource in front.
    #[serde(default)]
    pub consented: Vec<String>,
    /// `oid` of its service principal, a GUID.
    pub service_principal: Option<String>,
    /// The certificates (PEM) it signs assertions with.
    #[serde(default)]
    pub certificates: Vec<String>,
    /// Whose tokens it may show in place of an assertion of its own.
    #[serde(default)]
    pub federations: Vec<Federation>,
}

/// A federated identity credential.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Federation {
    /// `iss` of its tokens.
    pub issuer: String,
    /// `sub`.
    pub subject: String,
    /// `aud`.
    #[serde(default = "token_exchange")]
    pub audience: String,
    /// The issuer's public RSA key (PEM), which Entra fetches from the issuer.
    pub key: String,
}

/// A user.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// User principal name.
    pub name: String,
    /// `oid`, a GUID.
    pub id: String,
    /// What the sign-in page accepts.
    pub password: String,
    /// Whether sign-ins come with a second factor.
    #[serde(default = "yes")]
    pub mfa: bool,
    /// Groups the user is a standing member of.
    #[serde(default)]
    pub member_of: Vec<String>,
}

/// An authentication context of Conditional Access.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Context {
    /// Such as `c1`.
    pub id: String,
    /// Whether the sign-in has to come from a managed device, which a device code never does.
    #[serde(default)]
    pub managed_device: bool,
}

/// A security group that PIM manages.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// A GUID.
    pub id: String,
    /// Its display name.
    pub name: String,
    /// What PIM asks of those who activate.
    #[serde(default)]
    pub policy: Policy,
    /// What it asks of those who activate ownership of the group.
    #[serde(default)]
    pub owner_policy: Policy,
}

/// The rules of an activation.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// `Expiration_EndUser_Assignment`.
    pub maximum_duration: SignedDuration,
    /// Whether a justification is asked for.
    pub justification: bool,
    /// Whether a ticket is asked for.
    pub ticketing: bool,
    /// Whether a second factor is asked for.
    pub mfa: bool,
    /// User names of the approvers; empty: no approval.
    pub approvers: Vec<String>,
    /// The authentication context that is asked for, such as `c1`.
    pub authentication_context: Option<String>,
}

impl Policy {
    /// What it asks for, as `enabledRules` name it.
    #[must_use]
    pub fn enabled(&self) -> Vec<&'static str> {
        [
            (self.mfa, "MultiFactorAuthentication"),
            (self.justification, "Justification"),
            (self.ticketing, "Ticketing"),
        ]
        .into_iter()
        .filter_map(|(wanted, name)| wanted.then_some(name))
        .collect()
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            maximum_duration: SignedDuration::from_hours(8),
            justification: false,
            ticketing: false,
            mfa: false,
            approvers: Vec::new(),
            authentication_context: None,
        }
    }
}

/// An eligible assignment.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Eligibility {
    /// User name.
    pub user: String,
    /// Group id.
    pub group: String,
    /// `member` or `owner`.
    #[serde(default = "member")]
    pub access: String,
    /// The group through which it is, if it is not the user's own.
    pub through: Option<String>,
    /// When the eligibility itself ends.
    pub end: Option<Timestamp>,
}

/// A key vault.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Vault {
    /// The first part of its host name.
    pub name: String,
    /// Who may do what.
    #[serde(default)]
    pub grants: Vec<Grant>,
    /// Whether its firewall turns everybody away.
    #[serde(default)]
    pub firewall: bool,
    /// User names of those who see it in Resource Manager.
    #[serde(default)]
    pub readers: Vec<String>,
    /// What Resource Manager says of it, where that is not the usual.
    #[serde(default)]
    pub properties: serde_json::Map<String, serde_json::Value>,
    /// Secrets by name.
    #[serde(default)]
    pub secrets: BTreeMap<String, Secret>,
    /// Certificates by name, each of which is a secret as well.
    #[serde(default)]
    pub certificates: BTreeMap<String, Certificate>,
    /// Keys by name.
    #[serde(default)]
    pub keys: BTreeMap<String, Key>,
}

/// A role assignment on a vault: for a group or for a user.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// Group id.
    pub group: Option<String>,
    /// User name, or an application's id.
    pub user: Option<String>,
    /// The role.
    pub role: Role,
}

/// A data-plane role of Key Vault.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Key Vault Crypto User.
    CryptoUser,
    /// Key Vault Reader: metadata only.
    Reader,
    /// Key Vault Secrets Officer.
    SecretsOfficer,
    /// Key Vault Secrets User.
    SecretsUser,
}

/// The first version of a secret.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Secret {
    /// Its value.
    pub value: Option<String>,
    /// What to make instead: `ssh-ed25519`, `rsa-2048`, `rsa-3072`, `rsa-4096`, `ecdsa-p256`,
    /// `ecdsa-p384`, `ecdsa-p521` or `password`.
    pub generate: Option<String>,
    /// `contentType`.
    pub content_type: Option<String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Whether it is disabled.
    pub disabled: bool,
    /// `nbf`.
    pub not_before: Option<Timestamp>,
    /// `exp`; Key Vault goes on giving the secret out.
    pub expires: Option<Timestamp>,
}

/// A key, made at start.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// `rsa-2048`, `rsa-3072`, `rsa-4096`, `ec-p256`, `ec-p384` or `ec-p521`.
    pub generate: String,
    /// Whether it is disabled.
    #[serde(default)]
    pub disabled: bool,
}

/// How long the cloud takes.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Delays {
    /// From a request (or its approval) until PIM says `Provisioned`.
    pub provisioning: SignedDuration,
    /// From `Provisioned` until the assignment is listed as an instance.
    pub instance: SignedDuration,
    /// From `Provisioned` until new tokens contain the group.
    pub membership: SignedDuration,
    /// From `Provisioned` until Key Vault honours an Azure role.
    pub assignment: SignedDuration,
    /// From the end of an Azure role by its holder until it can be activated again.
    pub release: SignedDuration,
    /// From an end by its holder until the assignment is no longer listed, nor in the way.
    pub forgetting: SignedDuration,
}

/// Something that goes wrong.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Fault {
    /// Which operation, as the counters name it.
    pub operation: String,
    /// How often; for ever if absent.
    pub times: Option<u32>,
    /// Answer with this status instead.
    pub status: Option<u16>,
    /// `Retry-After`, as written.
    pub retry_after: Option<String>,
    /// Answer with this body instead (and status 200 if none is given).
    pub body: Option<String>,
    /// Answer with these headers as well, or instead of the service's own.
    pub headers: BTreeMap<String, String>,
    /// Wait this long before the answer.
    pub delay: SignedDuration,
    /// Do what is asked, and cut the connection before the answer.
    pub hang_up: bool,
    /// Do what is asked, and cut the connection in the middle of the answer.
    pub reset: bool,
    /// Do what is asked, and give the first half of the answer for the whole.
    pub half: bool,
}

impl Scenario {
    /// The world of the demo and of most tests.
    ///
    /// # Errors
    /// If the file inside the program is damaged.
    pub fn example() -> Result<Self, toml::de::Error> {
        toml::from_str(include_str!("contoso.toml"))
    }

    /// The policy of that access to that group.
    #[must_use]
    pub fn policy(&self, group: &str, access: &str) -> Option<&Policy> {
        let group = self.group(group)?;
        Some(match access {
            "owner" => &group.owner_policy,
            _ => &group.policy,
        })
    }

    /// The user of that name.
    #[must_use]
    pub fn user(&self, name: &str) -> Option<&User> {
        self.users
            .iter()
            .find(|user| user.name.eq_ignore_ascii_case(name))
    }

    /// The user or the service principal of that object id. The latter goes by its application's id,
    /// which no user name is.
    #[must_use]
    pub fn principal(&self, id: &str) -> Option<User> {
        let user = self.users.iter().find(|user| user.id == id).cloned();
        user.or_else(|| {
            let is = |it: &&Application| it.service_principal.as_deref() == Some(id);
            let application = self.applications.iter().find(is)?;
            Some(User {
                name: application.client_id.clone(),
                id: id.to_owned(),
                password: String::new(),
                mfa: false,
                member_of: Vec::new(),
            })
        })
    }

    /// The group of that id.
    #[must_use]
    pub fn group(&self, id: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.id == id)
    }

    /// That role on exactly that scope.
    #[must_use]
    pub fn azure_role(&self, scope: &str, definition: &str) -> Option<&AzureRole> {
        self.azure_roles.iter().find(|role| {
            role.scope.eq_ignore_ascii_case(scope)
                && role.role.definition().eq_ignore_ascii_case(definition)
        })
    }

    /// The vault of that name.
    #[must_use]
    pub fn vault(&self, name: &str) -> Option<&Vault> {
        self.vaults.iter().find(|vault| vault.name == name)
    }
}

fn token_exchange() -> String {
    "api://AzureADTokenExchange".to_owned()
}

fn page_size() -> usize {
    25
}

fn member() -> String {
    "member".to_owned()
}

const fn yes() -> bool {
    true
}
