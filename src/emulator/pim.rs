//! PIM's engine: requests, their life, and the policy they must meet.
//!
//! The same for both of its APIs. To it a group is a scope as a vault is, and being a member of the
//! group is a role there; how each API writes that down is the API's own affair.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::scenario::{Delays, Eligibility, Policy, User};
use super::tokens::Caller;
use super::world::World;

mod review;

pub(super) use review::{Decision, Review};

/// An activation request, and all that became of it.
#[derive(Clone, Debug)]
pub(super) struct PimRequest {
    pub(super) id: String,
    pub(super) action: Action,
    /// The id of a group, or the path of an Azure resource.
    pub(super) scope: String,
    /// `member` or `owner`, or the GUID of a role's definition.
    pub(super) role: String,
    pub(super) principal: String,
    pub(super) justification: Option<String>,
    pub(super) ticket: Value,
    pub(super) duration: SignedDuration,
    pub(super) created: Timestamp,
    pub(super) decision: Decision,
    pub(super) review: Option<Review>,
    /// Where an eligibility ends before the activation would.
    pub(super) latest: Option<Timestamp>,
    pub(super) ended: Option<Timestamp>,
}

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Activate,
    Deactivate,
}

impl PimRequest {
    /// From when to when PIM reports the assignment as active.
    pub(super) fn active(&self, delays: &Delays) -> Option<(Timestamp, Timestamp)> {
        let Decision::Approved(at) = self.decision else {
            return None;
        };
        if self.action != Action::Activate {
            return None;
        }
        let start = at + delays.provisioning;
        let mut end = start + self.duration;
        for earlier in [self.latest, self.ended].into_iter().flatten() {
            end = end.min(earlier);
        }
        Some((start, end))
    }

    /// From when to when new tokens contain the group.
    pub(super) fn membership(&self, delays: &Delays) -> Option<(Timestamp, Timestamp)> {
        self.active(delays)
            .map(|(start, end)| (start + delays.membership, end))
    }

    /// From when to when Key Vault honours the role.
    pub(super) fn honoured(&self, delays: &Delays) -> Option<(Timestamp, Timestamp)> {
        self.active(delays)
            .map(|(start, end)| (start + delays.assignment, end))
    }

    /// Whether PIM lists the assignment by now.
    pub(super) fn listed(&self, delays: &Delays, now: Timestamp) -> bool {
        let active = self.active(delays);
        active.is_some_and(|(start, end)| {
            start + delays.instance <= now && now < self.forgotten(delays, end)
        })
    }

    /// From when to when it is listed as active: to its planned end, even once it was ended.
    pub(super) fn planned(&self, delays: &Delays) -> Option<(Timestamp, Timestamp)> {
        let planned = Self {
            ended: None,
            ..self.clone()
        };
        planned.active(delays)
    }

    fn forgotten(&self, delays: &Delays, end: Timestamp) -> Timestamp {
        match self.ended {
            Some(_) => end + delays.forgetting,
            None => end,
        }
    }

    /// Until when PIM takes no other activation. Of an Azure role it lets go late.
    fn blocks_until(&self, delays: &Delays) -> Option<Timestamp> {
        let (_, end) = self.active(delays)?;
        let late = self.ended.is_some() && is_azure(&self.scope);
        let end = self.forgotten(delays, end);
        Some(if late { end + delays.release } else { end })
    }

    /// Whether it is that principal's request for that role there.
    pub(super) fn is_for(&self, scope: &str, role: &str, principal: &str) -> bool {
        self.scope.eq_ignore_ascii_case(scope)
            && self.role.eq_ignore_ascii_case(role)
            && self.principal == principal
    }

    pub(super) fn status(&self, delays: &Delays, now: Timestamp) -> &'static str {
        if self.action == Action::Deactivate || self.ended.is_some() {
            return "Revoked";
        }
        match self.decision {
            Decision::Canceled => "Canceled",
            Decision::Denied => "Denied",
            Decision::Pending => "PendingApproval",
            Decision::Approved(_) => match self.active(delays) {
                Some((start, _)) if start <= now => "Provisioned",
                _ => "PendingProvisioning",
            },
        }
    }
}

/// Whether that is an Azure resource, not a group.
pub(super) fn is_azure(scope: &str) -> bool {
    scope.starts_with('/')
}

/// ISO 8601, as PIM writes durations.
pub(super) fn iso(duration: SignedDuration) -> String {
    let seconds = duration.as_secs();
    let parts = [
        (seconds / 3600, 'H'),
        (seconds / 60 % 60, 'M'),
        (seconds % 60, 'S'),
    ];
    let parts: String = parts
        .iter()
        .filter(|(n, _)| *n != 0)
        .map(|(n, unit)| format!("{n}{unit}"))
        .collect();
    if parts.is_empty() {
        "PT0S".to_owned()
    } else {
        format!("PT{parts}")
    }
}

/// An error: status, code, message.
pub(super) type PimError = (u16, &'static str, String);

/// What somebody asks PIM for.
pub(super) struct Wanted<'a> {
    pub(super) scope: &'a str,
    pub(super) role: &'a str,
    pub(super) duration: SignedDuration,
    pub(super) justification: Option<&'a str>,
    pub(super) ticket: &'a Value,
}

impl World {
    /// The policy rules that `wanted` does not meet, as PIM names them.
    fn failed_rules(
        &self,
        wanted: &Wanted<'_>,
        user: &User,
        caller: &Caller,
        policy: &Policy,
    ) -> Vec<&'static str> {
        let ticket = |name| {
            wanted
                .ticket
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let untold = wanted
            .justification
            .is_none_or(|text| text.trim().is_empty());
        let no_ticket = ticket("ticketNumber").is_empty() || ticket("ticketSystem").is_empty();
        [
            (self.eligibility(user, wanted).is_none(), "EligibilityRule"),
            (wanted.duration > policy.maximum_duration, "ExpirationRule"),
            (policy.justification && untold, "JustificationRule"),
            (policy.ticketing && no_ticket, "TicketingRule"),
            (policy.mfa && !caller.has_mfa(), "MfaRule"),
        ]
        .into_iter()
        .filter_map(|(failed, rule)| failed.then_some(rule))
        .collect()
    }

    /// The end of the eligibility: `Some(None)` if it has none.
    fn eligibility(&self, user: &User, wanted: &Wanted<'_>) -> Option<Option<Timestamp>> {
        let now = self.now();
        let end = if is_azure(wanted.scope) {
            let role = self.scenario.azure_role(wanted.scope, wanted.role)?;
            role.eligible.contains(&user.name).then_some(role.end)?
        } else {
            let mine = |found: &&Eligibility| {
                found.user == user.name
                    && found.group == wanted.scope
                    && found.access == wanted.role
                    && found.end.is_none_or(|end| now < end)
            };
            self.scenario.eligibilities.iter().find(mine)?.end
        };
        end.is_none_or(|end| now < end).then_some(end)
    }

    /// The policy of that role on that scope.
    pub(super) fn policy(&self, scope: &str, role: &str) -> Option<&Policy> {
        if is_azure(scope) {
            return self.scenario.azure_role(scope, role).map(|it| &it.policy);
        }
        self.scenario.policy(scope, role)
    }

    /// Checks an activation against the policy, and against what is there already.
    pub(super) fn check_activation(
        &self,
        wanted: &Wanted<'_>,
        user: &User,
        caller: &Caller,
    ) -> Result<(), PimError> {
        let none = Policy::default();
        let policy = match self.policy(wanted.scope, wanted.role) {
            Some(policy) => policy,
            // Every role of Azure has a policy at every scope; who may use it is another matter.
            None if is_azure(wanted.scope) => &none,
            None => return Err(not_found()),
        };
        let (now, delays) = (self.now(), &self.scenario.delays);
        let mine = |request: &&PimRequest| {
            request.is_for(wanted.scope, wanted.role, &user.id)
                && request.action == Action::Activate
        };
        for request in self.requests.iter().filter(mine) {
            if request.decision == Decision::Pending {
                let text = "There is already an existing pending Role assignment request.";
                return Err((400, "PendingRoleAssignmentRequest", text.to_owned()));
            }
            if request.blocks_until(delays).is_some_and(|end| now < end) {
                return Err(exists());
            }
        }
        let standing =
            wanted.role == "member" && user.member_of.iter().any(|it| it == wanted.scope);
        if standing && self.eligibility(user, wanted).is_some() {
            return Err(exists());
        }
        let failed = self.failed_rules(wanted, user, caller, policy);
        if !failed.is_empty() {
            let rules: Vec<String> = failed.iter().map(|rule| format!("{rule:?}")).collect();
            let text = format!("The following policy rules failed: [{}]", rules.join(","));
            return Err((400, "RoleAssignmentRequestPolicyValidationFailed", text));
        }
        match &policy.authentication_context {
            Some(context) if !caller.has_acrs(context) => Err(step_up(context)),
            _ => Ok(()),
        }
    }

    /// Makes the request that [`Self::check_activation`] let through.
    pub(super) fn activate(&mut self, wanted: &Wanted<'_>, user: &User, id: String) -> PimRequest {
        let request = self.draft(wanted, user, id);
        self.requests.push(request.clone());
        request
    }

    /// The request as it would be made.
    pub(super) fn draft(&self, wanted: &Wanted<'_>, user: &User, id: String) -> PimRequest {
        let now = self.now();
        let approved = self
            .policy(wanted.scope, wanted.role)
            .is_some_and(|policy| policy.approvers.is_empty());
        PimRequest {
            id,
            action: Action::Activate,
            scope: wanted.scope.to_owned(),
            role: wanted.role.to_owned(),
            principal: user.id.clone(),
            justification: wanted.justification.map(str::to_owned),
            ticket: wanted.ticket.clone(),
            duration: wanted.duration,
            created: now,
            decision: if approved {
                Decision::Approved(now)
            } else {
                Decision::Pending
            },
            review: None,
            latest: self.eligibility(user, wanted).flatten(),
            ended: None,
        }
    }

    /// Whether that user is an approver of the request.
    pub(super) fn approves(&self, request: &PimRequest, user: &User) -> bool {
        let policy = self.policy(&request.scope, &request.role);
        policy.is_some_and(|policy| policy.approvers.contains(&user.name))
    }

    /// Takes back a request that waits.
    pub(super) fn cancel_request(&mut self, id: &str, principal: &str) -> Result<(), PimError> {
        let mut requests = self.requests.iter_mut();
        let found = requests.find(|found| found.id == id && found.principal == principal);
        let found = found.ok_or_else(not_found)?;
        if found.decision != Decision::Pending {
            let text = "The request cannot be canceled in its present state.";
            return Err((400, "InvalidRoleAssignmentRequest", text.to_owned()));
        }
        found.decision = Decision::Canceled;
        Ok(())
    }

    /// Ends an activation before its time.
    pub(super) fn deactivate(
        &mut self,
        scope: &str,
        role: &str,
        principal: &str,
        id: String,
    ) -> Result<PimRequest, PimError> {
        let (now, delays) = (self.now(), self.scenario.delays);
        let active = self.requests.iter_mut().find(|request| {
            request.is_for(scope, role, principal)
                && request
                    .active(&delays)
                    .is_some_and(|(start, end)| start <= now && now < end)
        });
        let Some(active) = active else {
            let text = "The Role assignment does not exist.";
            return Err((400, "RoleAssignmentDoesNotExist", text.to_owned()));
        };
        let began = active
            .active(&delays)
            .map(|(start, _)| start)
            .unwrap_or(now);
        if now < began + SignedDuration::from_mins(5) {
            let text = "The Active duration is too short. Miniumum Required is 5 minutes.";
            return Err((400, "ActiveDurationTooShort", text.to_owned()));
        }
        active.ended = Some(now);
        let mut request = active.clone();
        request.id = id;
        request.action = Action::Deactivate;
        request.created = now;
        self.requests.push(request.clone());
        Ok(request)
    }

    /// How many activations of a group, or of a role on a scope, were ever requested.
    #[must_use]
    pub fn requests_of(&self, scope: &str) -> usize {
        let activation = |it: &&PimRequest| it.scope == scope && it.action == Action::Activate;
        self.requests.iter().filter(activation).count()
    }

    /// Decides every request of a group or scope that waits for approval; tells how many there were.
    pub fn decide(&mut self, scope: &str, approve: bool) -> usize {
        let now = self.now();
        let mut decided = 0;
        for request in &mut self.requests {
            if request.scope == scope && request.decision == Decision::Pending {
                request.decision = if approve {
                    Decision::Approved(now)
                } else {
                    Decision::Denied
                };
                decided += 1;
            }
        }
        decided
    }
}

fn exists() -> PimError {
    let text = "The Role assignment already exists.";
    (400, "RoleAssignmentExists", text.to_owned())
}

/// What is asked for does not exist.
pub(super) fn not_found() -> PimError {
    let text = "The resource is not found.";
    (404, "ResourceNotFound", text.to_owned())
}

/// PIM asks for an authentication context with a 400 and the claims inside the message.
fn step_up(context: &str) -> PimError {
    let claims = format!(
        "{{\"access_token\":{{\"acrs\":{{\"essential\":true, \"value\":\"{context}\"}}}}}}"
    );
    let encoded: String = url::form_urlencoded::byte_serialize(claims.as_bytes()).collect();
    let message = format!("&claims={}", encoded.replace('+', "%20"));
    (400, STEP_UP, message)
}

/// The code of a refusal that asks for an authentication context.
pub(super) const STEP_UP: &str = "RoleAssignmentRequestAcrsValidationFailed";
