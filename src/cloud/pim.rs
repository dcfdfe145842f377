//! PIM: opens and closes windows, whether a window is a group or an Azure role.
//!
//! Enters: an activation. Leaves: the window as the server counts it. What never happens here: a
//! second request where one is pending or active, or a window taken from our own wish.
//!
//! Both kinds are one engine behind two APIs: [`groups`] speaks Microsoft Graph, [`azure`] Azure
//! Resource Manager, and what they have in common ([`life`] of a request, [`status`],
//! [`assignment`], [`policy`], [`refused`]) is written once.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::SignedDuration;

use super::entra::Entra;
use super::http::{Answer, Http};
use super::{Activated, Activation, CorrelationId, Demands, Pim, Rehearsed, StageSink};
use crate::catalog::{Target, Tenant, WindowSpec};
use crate::refusal::{Refusal, Service};

use assignment::Found;
use caller::Caller;

mod approvals;
mod assignment;
mod azure;
mod caller;
mod calls;
mod groups;
mod life;
mod policy;
mod refused;
mod status;

/// PIM, by whichever API a window needs.
pub(super) struct Privileges {
    http: Arc<Http>,
    entra: Arc<Entra>,
    /// How long to wait for an approver.
    approval: Duration,
    known: azure::Known,
}

/// One user's dealings with one window.
struct Case<'a> {
    caller: Caller<'a>,
    approval: Duration,
    window: &'a Arc<WindowSpec>,
    /// The user's object id in the tenant.
    principal: String,
}

/// What differs between PIM's two APIs.
#[async_trait]
trait Api: Send + Sync {
    fn case(&self) -> &Case<'_>;

    /// Asks for an activation of `duration`. However often answers get lost, at most one request
    /// comes of it.
    async fn begin(
        &self,
        activation: &Activation,
        duration: SignedDuration,
    ) -> Result<Begun, Refusal>;

    /// The request that waits already, if there is one.
    async fn pending(&self) -> Result<Option<Request>, Refusal>;

    /// How that request stands now.
    async fn request(&self, made: &Request) -> Result<Request, Refusal>;

    /// The assignment that `made` led to, or else any that is in force; with the answer that says
    /// so, for its time.
    async fn assignment(&self, made: Option<&Request>) -> Result<(Option<Found>, Answer), Refusal>;

    /// What the policy asks of those who activate.
    async fn demands(&self) -> Result<Demands, Refusal>;

    /// What PIM would say to an activation.
    async fn rehearse(&self, activation: &Activation) -> Result<Rehearsed, Refusal>;

    /// Takes back a request that waits.
    async fn cancel(&self, request: &Request) -> Result<(), Refusal>;

    /// Ends the activation.
    async fn deactivate(&self) -> Result<(), Refusal>;
}

/// A request to PIM, as far as its life is concerned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Request {
    /// What people know it by: a GUID.
    id: String,
    /// What its approvers know it by, while they are waited for.
    approval: String,
    /// Where the API has it.
    path: String,
    status: String,
    /// Of what schedule the assignment will be an instance.
    schedule: String,
}

/// How PIM took an activation.
enum Begun {
    /// There is an active assignment already.
    Exists,
    /// There is a request that waits already.
    Pending,
    /// It was made.
    Request(Request),
}

#[async_trait]
impl Pim for Privileges {
    async fn demands(
        &self,
        window: &Arc<WindowSpec>,
        id: CorrelationId,
    ) -> Result<Demands, Refusal> {
        self.api(window, id).await?.demands().await
    }

    async fn activate(
        &self,
        activation: &Activation,
        stages: &dyn StageSink,
    ) -> Result<Activated, Refusal> {
        let api = self.api(&activation.window, activation.id).await?;
        match activation.window.tenant.sign_in.is_person() {
            true => life::activate(&*api, activation, stages).await,
            false => life::held(&*api, activation).await,
        }
    }

    async fn rehearse(&self, activation: &Activation) -> Result<Rehearsed, Refusal> {
        let api = self.api(&activation.window, activation.id).await?;
        if !activation.window.tenant.sign_in.is_person() {
            let held = life::held(&*api, activation).await;
            return held.map(|_| Rehearsed::Exists);
        }
        api.rehearse(activation).await
    }

    async fn cancel(&self, window: &Arc<WindowSpec>, id: CorrelationId) -> Result<bool, Refusal> {
        let api = self.api(window, id).await?;
        match api.pending().await? {
            Some(request) => api.cancel(&request).await.map(|()| true),
            None => Ok(false),
        }
    }

    async fn deactivate(&self, window: &Arc<WindowSpec>, id: CorrelationId) -> Result<(), Refusal> {
        self.api(window, id).await?.deactivate().await
    }
}

impl Privileges {
    pub(super) fn new(http: &Arc<Http>, entra: &Arc<Entra>, approval: Duration) -> Self {
        Self {
            http: Arc::clone(http),
            entra: Arc::clone(entra),
            approval,
            known: azure::Known::default(),
        }
    }

    fn caller<'a>(
        &'a self,
        tenant: &'a Arc<Tenant>,
        service: Service,
        id: CorrelationId,
    ) -> Caller<'a> {
        Caller {
            http: &self.http,
            entra: &self.entra,
            tenant,
            service,
            id,
        }
    }

    async fn api<'a>(
        &'a self,
        window: &'a Arc<WindowSpec>,
        id: CorrelationId,
    ) -> Result<Box<dyn Api + 'a>, Refusal> {
        let account = self.entra.who(&window.tenant).await?;
        let case = Case {
            caller: self.caller(&window.tenant, Service::of(&window.target), id),
            approval: self.approval,
            window,
            principal: account.object_id,
        };
        Ok(match &window.target {
            Target::Group { group, access } => Box::new(groups::Groups::new(case, *group, *access)),
            Target::AzureRole { scope, role } => Box::new(azure::Roles {
                case,
                scope,
                role: *role,
                known: &self.known,
            }),
        })
    }
}
