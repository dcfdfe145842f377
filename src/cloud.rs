//! The cloud side: who the user is (Entra), what they may open (PIM), what the vault holds.
//!
//! Enters: what to activate or read, and one correlation id. Leaves: a true window, a token, a
//! secret, or a [`Refusal`]. Retrying a read while a new membership spreads is *not* done here:
//! that loop has one deadline and lives in the broker.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use url::Url;
use uuid::Uuid;

use crate::catalog::{SignInMethod, Target, Tenant, Ticket, WindowSpec};
use crate::clock::{Clock, Moment};
use crate::refusal::{Refusal, Service};
use crate::requester::Requester;

pub use approvals::{Approval, Approvals, Decision, Verdict};
pub use download::download;
pub use http::Network;
pub use membership::Membership;
pub use objects::{FetchedKey, FetchedSecret, NewSecret, ReadError, Vault};
pub use reach::{Outage, Reach};
pub use stage::{Stage, StageSink, Unwatched};
pub use survey::{
    Discovery, GRAPH_SCOPES, Holding, IMPERSONATION, Networks, SecretFacts, Survey, TokenFacts,
    Unread, VaultSettings,
};

mod approvals;
mod challenge;
mod download;
mod entra;
mod error_body;
mod http;
mod jwt;
mod list;
mod membership;
mod objects;
mod pim;
mod reach;
mod stage;
mod survey;
mod vault;

/// The parts of the cloud, connected.
#[derive(Clone)]
pub struct Cloud {
    /// Sign-in and tokens.
    pub identity: Arc<dyn Identity>,
    /// Windows.
    pub pim: Arc<dyn Pim>,
    /// What others ask for.
    pub approvals: Arc<dyn Approvals>,
    /// Secrets.
    pub vault: Arc<dyn Vault>,
    /// Which of its hosts answer.
    pub reach: Arc<Reach>,
    /// What there is.
    pub survey: Arc<dyn Survey>,
}

impl Cloud {
    /// The cloud over `network`; `approval` is how long an approver is waited for, `pages` shows
    /// people what they sign in on.
    ///
    /// Reaches nothing yet.
    ///
    /// # Errors
    /// If the configured authority cannot be read.
    pub fn connect(
        network: &Network,
        clock: Arc<dyn Clock>,
        approval: Duration,
        pages: Arc<dyn Pages>,
    ) -> Result<Self, Refusal> {
        let http = Arc::new(http::Http::new(network, clock)?);
        let entra = Arc::new(entra::Entra::new(Arc::clone(&http), pages));
        let pim = Arc::new(pim::Privileges::new(&http, &entra, approval));
        let reach = Arc::clone(&http.reach);
        let survey = survey::Surveyor {
            http: Arc::clone(&http),
            identity: Arc::clone(&entra) as Arc<dyn Identity>,
        };
        let vault = vault::KeyVault { http };
        Ok(Self {
            identity: entra,
            pim: Arc::clone(&pim) as Arc<dyn Pim>,
            approvals: pim,
            vault: Arc::new(vault),
            reach,
            survey: Arc::new(survey),
        })
    }
}

/// The GUID that joins the local record, the Graph request and Key Vault's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CorrelationId(pub Uuid);

impl CorrelationId {
    /// A new random id.
    #[must_use]
    pub fn new() -> Self {
        Self(Uuid::new_v4())
    }
}

impl Default for CorrelationId {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Display for CorrelationId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(&self.0, f)
    }
}

/// What a token is for. One token serves one resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resource {
    /// Microsoft Graph.
    Graph,
    /// Key Vault.
    Vault,
    /// Azure Resource Manager.
    Arm,
}

impl Resource {
    /// What windows of that kind are opened through.
    #[must_use]
    pub const fn of(target: &Target) -> Self {
        Self::through(Service::of(target))
    }

    /// What one of PIM's services is reached through.
    pub(crate) const fn through(service: Service) -> Self {
        match service {
            Service::PimAzure => Self::Arm,
            Service::Entra | Service::KeyVault | Service::Pim => Self::Graph,
        }
    }
}

/// Whether a token from the cache will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// Any token that has not expired.
    Cached,
    /// Only one minted after this call: the groups in a token are those of its minting.
    New,
}

/// A bearer token. Not printable; wiped when dropped.
pub struct AccessToken {
    /// The token itself.
    pub secret: SecretString,
    /// When it stops being accepted.
    pub expires: Moment,
}

impl Debug for AccessToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessToken")
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

/// Who is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Object id in the tenant (`oid`).
    pub object_id: String,
    /// Tenant id (`tid`).
    pub tenant_id: String,
    /// What a person recognises (`preferred_username`, or the object id).
    pub user_name: String,
}

/// What a sign-in tells the person in front of the terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignInStep {
    /// The sign-in page is this; it was opened in the browser if `opened`.
    Browser {
        /// Address of the page.
        url: String,
        /// Whether a browser could be started.
        opened: bool,
    },
    /// The person types this code on that page.
    DeviceCode {
        /// The code.
        user_code: String,
        /// The page.
        verification_uri: String,
        /// Entra's own sentence.
        message: String,
    },
}

/// Takes the steps of a sign-in to the person.
pub trait SignInGuide: Send + Sync {
    /// Shows one step.
    fn show(&self, step: SignInStep);

    /// Who signs in: in their session the browser is opened.
    fn person(&self) -> Requester {
        Requester::default()
    }
}

/// Shows pages to people.
#[async_trait]
pub trait Pages: Send + Sync {
    /// Opens `page` in a browser where `person` sits.
    ///
    /// # Errors
    /// Why there is no browser, in words.
    async fn open(&self, page: &Url, person: &Requester) -> Result<(), String>;
}

/// What a service asks of the person beyond what the sign-in has shown.
#[derive(Clone, Copy, Debug)]
pub struct StepUp<'a> {
    /// Whose token is to show it.
    pub resource: Resource,
    /// The `claims`, as the service wrote them.
    pub claims: &'a str,
    /// Who is waiting for it.
    pub person: &'a Requester,
    /// Joins the logs.
    pub id: CorrelationId,
}

/// Sign-in and tokens.
#[async_trait]
pub trait Identity: Send + Sync {
    /// Signs the user in to `tenant` by `method`.
    async fn sign_in(
        &self,
        tenant: &Arc<Tenant>,
        method: SignInMethod,
        guide: &dyn SignInGuide,
    ) -> Result<Account, Refusal>;

    /// Takes up a sign-in that was kept when an earlier agent ended, without asking the cloud.
    async fn recall(&self, _tenant: &Tenant) {}

    /// Forgets the sign-in and every token of it; tells whether there was one.
    async fn sign_out(&self, tenant: &Tenant) -> bool;

    /// Who is signed in to `tenant`, without asking the cloud.
    fn account(&self, tenant: &Tenant) -> Option<Account>;

    /// A token for `resource`. Never prompts.
    async fn token(
        &self,
        tenant: &Arc<Tenant>,
        resource: Resource,
        freshness: Freshness,
        id: CorrelationId,
    ) -> Result<Arc<AccessToken>, Refusal>;

    /// Satisfies what a service asks for, and gives the very token that does: without the person
    /// where the sign-in has it already, else in the person's browser.
    async fn step_up(
        &self,
        tenant: &Arc<Tenant>,
        step_up: &StepUp<'_>,
        stages: &dyn StageSink,
    ) -> Result<Arc<AccessToken>, Refusal>;
}

/// What to activate.
#[derive(Clone, Debug)]
pub struct Activation {
    /// The window.
    pub window: Arc<WindowSpec>,
    /// How long to ask for.
    pub duration: SignedDuration,
    /// The justification.
    pub reason: String,
    /// The ticket, if any.
    pub ticket: Option<Ticket>,
    /// The end of the activation that was ended to make room: PIM may list it a little longer.
    pub after: Option<Timestamp>,
    /// Joins the logs.
    pub id: CorrelationId,
}

/// An activation that PIM reports as active.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activated {
    /// How much of it is left, by the server's own clock, measured from `as_of`.
    pub remaining: Duration,
    /// When the request for that answer was *sent*, so that network time never lengthens a window.
    pub as_of: Moment,
    /// The end as the server wrote it; for display only.
    pub ends: Timestamp,
    /// PIM's request id; `None` if an activation made elsewhere was adopted.
    pub request: Option<String>,
    /// Whether it is no activation at all: the user holds it for good.
    pub standing: bool,
}

/// What the policy of a window asks of those who activate it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Demands {
    /// The longest activation, if that is known.
    pub longest: Option<SignedDuration>,
    /// Whether a justification is wanted.
    pub reason: bool,
    /// Whether a ticket is wanted.
    pub ticket: bool,
    /// Whether a second factor is wanted.
    pub second_factor: bool,
    /// The authentication context that the sign-in has to satisfy, such as `c1`.
    pub context: Option<String>,
    /// Whether it says that nobody has to approve: saying nothing of it is not that.
    pub unattended: bool,
    /// Who can approve, if somebody has to: by name where the policy tells one, by id otherwise.
    pub approvers: Option<Vec<String>>,
}

/// What PIM would say to an activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rehearsed {
    /// It is active already, or a request for it waits.
    Exists,
    /// It would take it.
    Taken,
}

/// Opens and closes windows.
#[async_trait]
pub trait Pim: Send + Sync {
    /// What the policy of `window` asks for, before anything is asked of PIM.
    async fn demands(
        &self,
        window: &Arc<WindowSpec>,
        id: CorrelationId,
    ) -> Result<Demands, Refusal>;

    /// Activates, and waits until PIM reports the membership as active, approval included.
    ///
    /// Adopts an activation or pending request that already exists instead of making a second.
    async fn activate(
        &self,
        activation: &Activation,
        stages: &dyn StageSink,
    ) -> Result<Activated, Refusal>;

    /// What PIM would say to `activation`; makes nothing.
    async fn rehearse(&self, activation: &Activation) -> Result<Rehearsed, Refusal>;

    /// Takes back the request for `window` that waits; false if none does.
    async fn cancel(&self, window: &Arc<WindowSpec>, id: CorrelationId) -> Result<bool, Refusal>;

    /// Ends an activation at PIM before its time.
    async fn deactivate(&self, window: &Arc<WindowSpec>, id: CorrelationId) -> Result<(), Refusal>;
}
