//! Activates membership in PIM groups through Microsoft Graph v1.0.
//!
//! Enters: an activation. Leaves: the window as the server counts it. What never happens here: a
//! second request where one is pending or active, or a window taken from our own wish.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};

use super::entra::Entra;
use super::error_body::ErrorBody;
use super::http::{Answer, Http};
use super::{Activated, Activation, CorrelationId, Demands, Identity, Pim, Stage, StageSink};
use crate::catalog::WindowSpec;
use crate::refusal::{Refusal, Service};

use instance::Found;

mod calls;
mod instance;
mod refused;
mod status;

/// PIM for Groups.
pub(super) struct GroupPim {
    pub(super) http: Arc<Http>,
    pub(super) entra: Arc<Entra>,
    /// How long to wait for an approver.
    pub(super) approval: Duration,
}

/// One user's dealings with one window.
struct Case<'a> {
    pim: &'a GroupPim,
    window: &'a Arc<WindowSpec>,
    id: CorrelationId,
    /// The user's object id in the tenant.
    principal: String,
}

#[async_trait]
impl Pim for GroupPim {
    async fn demands(
        &self,
        window: &Arc<WindowSpec>,
        id: CorrelationId,
    ) -> Result<Demands, Refusal> {
        self.case(window, id)?.demands().await
    }

    async fn activate(
        &self,
        activation: &Activation,
        stages: &dyn StageSink,
    ) -> Result<Activated, Refusal> {
        let case = self.case(&activation.window, activation.id)?;
        let mut begun = case.begin(activation).await?;
        stages.reached(Stage::Requested);
        for _ in 0..ENDING_TRIES {
            if !matches!(begun, Begun::Exists) {
                break;
            }
            if let Some(lasting) = case.lasting(activation.duration).await? {
                return Ok(lasting);
            }
            begun = case.begin(activation).await?;
        }
        let request = match begun {
            Begun::Exists => return case.window_of(None, activation.duration).await,
            Begun::Pending => case.pending().await?,
            Begun::Request(request) => request,
        };
        let request = case.settle(request, stages).await?;
        case.window_of(Some(&request), activation.duration).await
    }

    async fn deactivate(&self, window: &Arc<WindowSpec>, id: CorrelationId) -> Result<(), Refusal> {
        let case = self.case(window, id)?;
        let body = json!({
            "accessId": window.access.to_string(),
            "principalId": case.principal,
            "groupId": window.group.to_string(),
            "action": "selfDeactivate",
        });
        let answer = case.post(&body).await?;
        let error = ErrorBody::of(&answer);
        match error.code.as_str() {
            _ if answer.is_success() => Ok(()),
            // Ended already: what was wanted.
            "RoleAssignmentDoesNotExist" => Ok(()),
            "ActiveDurationTooShort" => Err(refused::too_short(window)),
            _ => Err(refused::refuse(window, &error, &answer)),
        }
    }
}

impl GroupPim {
    fn case<'a>(
        &'a self,
        window: &'a Arc<WindowSpec>,
        id: CorrelationId,
    ) -> Result<Case<'a>, Refusal> {
        let account = self
            .entra
            .account(&window.tenant)
            .ok_or_else(|| Refusal::SignIn {
                tenant: window.tenant.name.to_string(),
                why: "nobody has signed in since the agent started".to_owned(),
            })?;
        Ok(Case {
            pim: self,
            window,
            id,
            principal: account.object_id,
        })
    }
}

/// How PIM took an activation.
enum Begun {
    /// There is an active assignment already.
    Exists,
    /// There is a request that waits already.
    Pending,
    /// It was made; this is the request.
    Request(Value),
}

impl Case<'_> {
    /// Posts the activation, once.
    async fn begin(&self, activation: &Activation) -> Result<Begun, Refusal> {
        let answer = match self.post(&self.body(activation, activation.duration)).await {
            // The answer is lost, the request perhaps not: posting is not idempotent, so look.
            Err(Refusal::Unreachable { service, why }) => {
                return self
                    .look()
                    .await?
                    .ok_or(Refusal::Unreachable { service, why });
            }
            answer => answer?,
        };
        match self.begun(&answer) {
            Err(Refusal::PimPolicy { rules, window }) if rules.contains("ExpirationRule") => {
                // Only now is the policy read: in the common case that would be a trip for nothing.
                let longest = self
                    .demands()
                    .await?
                    .longest
                    .filter(|longest| *longest < activation.duration);
                let longest = longest.ok_or(Refusal::PimPolicy { rules, window })?;
                let answer = self.post(&self.body(activation, longest)).await?;
                self.begun(&answer)
            }
            begun => begun,
        }
    }

    fn body(&self, activation: &Activation, duration: SignedDuration) -> Value {
        let mut body = json!({
            "accessId": self.window.access.to_string(),
            "principalId": self.principal,
            "groupId": self.window.group.to_string(),
            "action": "selfActivate",
            "scheduleInfo": {
                "startDateTime": self.pim.http.server_time().to_string(),
                "expiration": {"type": "afterDuration", "duration": format!("{duration}")},
            },
            "justification": activation.reason,
        });
        if let (Some(ticket), Some(body)) = (&activation.ticket, body.as_object_mut()) {
            let info = json!({"ticketNumber": ticket.number, "ticketSystem": ticket.system});
            body.insert("ticketInfo".to_owned(), info);
        }
        body
    }

    fn begun(&self, answer: &Answer) -> Result<Begun, Refusal> {
        if answer.is_success() {
            return Ok(Begun::Request(answer.json()));
        }
        let error = ErrorBody::of(answer);
        match error.code.as_str() {
            "RoleAssignmentExists" => Ok(Begun::Exists),
            "PendingRoleAssignmentRequest" => Ok(Begun::Pending),
            _ => {
                let refusal = refused::refuse(self.window, &error, answer);
                if let Refusal::StepUp { claims, .. } = &refusal {
                    self.pim.entra.wants(&self.window.tenant, claims);
                }
                Err(refusal)
            }
        }
    }

    /// What became of a request whose answer was lost.
    async fn look(&self) -> Result<Option<Begun>, Refusal> {
        if self.find_pending().await?.is_some() {
            return Ok(Some(Begun::Pending));
        }
        let (found, _) = self.instances(None).await?;
        Ok(found.map(|_| Begun::Exists))
    }

    /// Polls `request` until it has ended one way or the other.
    async fn settle(&self, mut request: Value, stages: &dyn StageSink) -> Result<String, Refusal> {
        let began = self.pim.http.clock.now();
        let mut polls = 0;
        loop {
            let text = |name: &str| {
                request
                    .get(name)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned()
            };
            let id = text("id");
            let class = status::Class::of(&text("status"));
            match class {
                status::Class::Active => return Ok(id),
                status::Class::Ended => return Err(self.ended(text("status"))),
                status::Class::Human => stages.reached(Stage::AwaitingApproval {
                    request: id.clone(),
                }),
                status::Class::Soon => stages.reached(Stage::Provisioning),
            }
            if began.until(self.pim.http.clock.now()) > self.pim.approval {
                let window = self.window.name.to_string();
                return Err(Refusal::AwaitingApproval {
                    window,
                    request: id,
                });
            }
            self.pim.http.clock.sleep(status::pause(class, polls)).await;
            polls += 1;
            request = self
                .get(&format!("assignmentScheduleRequests/{id}"), &[])
                .await?
                .json();
        }
    }

    fn ended(&self, status: String) -> Refusal {
        Refusal::Denied {
            window: self.window.name.to_string(),
            status,
        }
    }

    /// The request that waits already.
    async fn pending(&self) -> Result<Value, Refusal> {
        self.find_pending().await?.ok_or_else(|| Refusal::Cloud {
            service: Service::Pim,
            status: 400,
            code: "PendingRoleAssignmentRequest".to_owned(),
            message: "PIM says a request is pending, and does not list it".to_owned(),
        })
    }

    async fn find_pending(&self) -> Result<Option<Value>, Refusal> {
        let filter = format!("groupId eq '{}'", self.window.group);
        let set = "assignmentScheduleRequests/filterByCurrentUser(on='principal')";
        let answer = self.get(set, &[("$filter", &filter)]).await?.json();
        let requests = answer
            .get("value")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        Ok(requests.into_iter().find(|request| {
            let status = request
                .get("status")
                .and_then(Value::as_str)
                .unwrap_or_default();
            let waits = !matches!(
                status::Class::of(status),
                status::Class::Ended | status::Class::Active
            );
            waits && instance::is_for(request, self.window)
        }))
    }

    /// The activation that exists already, if it lasts; else waits until it has ended.
    ///
    /// Our end of a window comes up to a second before PIM's, which is when the next use is likeliest:
    /// what is opened by the rest of the old activation would be gone at once.
    async fn lasting(&self, asked: SignedDuration) -> Result<Option<Activated>, Refusal> {
        let (found, answer) = self.instances(None).await?;
        let clock = &self.pim.http.clock;
        let Some(found) = found else {
            // Ended since, or not listed yet: asking to activate again tells which.
            clock.sleep(ENDING_PAUSE).await;
            return Ok(None);
        };
        let now = answer.latest().unwrap_or_else(|| clock.wall());
        let active = found.activated(now, answer.sent, asked, None);
        if active.remaining > ENDING {
            return Ok(Some(active));
        }
        clock.sleep(active.remaining + ENDING_PAUSE).await;
        Ok(None)
    }

    /// The true window, from the list of active assignments; asked again while it lags behind.
    async fn window_of(
        &self,
        request: Option<&str>,
        asked: SignedDuration,
    ) -> Result<Activated, Refusal> {
        let mut polls = 0;
        loop {
            let (found, answer) = self.instances(request).await?;
            if let Some(found) = found {
                let now = answer
                    .latest()
                    .unwrap_or_else(|| self.pim.http.clock.wall());
                return Ok(found.activated(now, answer.sent, asked, request));
            }
            if polls == LISTING_POLLS {
                let (window, status) = (self.window.name.to_string(), "not listed".to_owned());
                return Err(Refusal::Denied { window, status });
            }
            self.pim
                .http
                .clock
                .sleep(status::pause(status::Class::Soon, polls))
                .await;
            polls += 1;
        }
    }

    async fn instances(&self, request: Option<&str>) -> Result<(Option<Found>, Answer), Refusal> {
        let filter = format!("groupId eq '{}'", self.window.group);
        let set = "assignmentScheduleInstances/filterByCurrentUser(on='principal')";
        let answer = self.get(set, &[("$filter", &filter)]).await?;
        let found = instance::find(&answer.json(), self.window, request);
        Ok((found, answer))
    }

    /// What the policy asks of those who activate.
    async fn demands(&self) -> Result<Demands, Refusal> {
        let filter = format!(
            "scopeId eq '{}' and scopeType eq 'Group' and roleDefinitionId eq '{}'",
            self.window.group, self.window.access
        );
        let query = [
            ("$filter", filter.as_str()),
            ("$expand", "policy($expand=rules)"),
        ];
        let url = self.url("v1.0/policies/roleManagementPolicyAssignments", &query);
        let answer = self.send(Method::GET, url, None).await?;
        Ok(instance::demands(&answer.json()))
    }
}

/// An activation with no more than this left is waited out.
const ENDING: Duration = Duration::from_secs(5);

/// Beyond the end of an activation, until PIM takes the next one.
const ENDING_PAUSE: Duration = Duration::from_millis(500);

/// How often PIM is asked to activate beside an activation that ends.
const ENDING_TRIES: usize = 4;

/// Reads of the list after `Provisioned`; with the pauses between them about a minute.
const LISTING_POLLS: u32 = 14;
