//! PIM's engine: requests, their life, and the policy they must meet.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::scenario::{Delays, Policy, User};
use super::tokens::Caller;
use super::world::World;

/// An activation request, and all that became of it.
#[derive(Clone, Debug)]
pub(super) struct PimRequest {
    pub(super) id: String,
    pub(super) action: String,
    pub(super) access: String,
    pub(super) group: String,
    pub(super) principal: String,
    pub(super) justification: Option<String>,
    pub(super) ticket: Value,
    pub(super) duration: SignedDuration,
    pub(super) created: Timestamp,
    pub(super) decision: Decision,
    /// Where an eligibility ends before the activation would.
    pub(super) latest: Option<Timestamp>,
    pub(super) ended: Option<Timestamp>,
}

/// What approvers said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    Approved(Timestamp),
    Canceled,
    Denied,
    Pending,
}

impl PimRequest {
    /// From when to when PIM reports the assignment as active.
    pub(super) fn active(&self, delays: &Delays) -> Option<(Timestamp, Timestamp)> {
        let Decision::Approved(at) = self.decision else {
            return None;
        };
        if self.action != "selfActivate" {
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

    pub(super) fn status(&self, delays: &Delays, now: Timestamp) -> &'static str {
        if self.action == "selfDeactivate" || self.ended.is_some() {
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

    pub(super) fn schedule_id(&self) -> String {
        format!("{}_{}_{}", self.group, self.access, self.id)
    }

    pub(super) fn to_json(&self, delays: &Delays, now: Timestamp) -> Value {
        let status = self.status(delays, now);
        let pending = self.decision == Decision::Pending;
        let completed = (!status.starts_with("Pending")).then(|| self.created.to_string());
        let schedule = (!pending).then(|| self.schedule_id());
        json!({
            "id": self.id,
            "status": status,
            "completedDateTime": completed,
            "createdDateTime": self.created.to_string(),
            "approvalId": pending.then(|| self.id.clone()),
            "customData": null,
            "createdBy": {"user": {"id": self.principal}},
            "action": self.action,
            "isValidationOnly": false,
            "justification": self.justification,
            "scheduleInfo": {
                "startDateTime": self.created.to_string(),
                "recurrence": null,
                "expiration": {
                    "type": "afterDuration",
                    "endDateTime": null,
                    "duration": iso(self.duration),
                },
            },
            "ticketInfo": self.ticket,
            "accessId": self.access,
            "principalId": self.principal,
            "groupId": self.group,
            "targetScheduleId": schedule,
        })
    }

    /// The instance, if it is listed by now.
    pub(super) fn instance(&self, delays: &Delays, now: Timestamp) -> Option<Value> {
        let (start, end) = self.active(delays)?;
        (start + delays.instance <= now && now < end).then(|| {
            json!({
                "id": self.schedule_id(),
                "startDateTime": start.to_string(),
                "endDateTime": end.to_string(),
                "accessId": self.access,
                "principalId": self.principal,
                "groupId": self.group,
                "memberType": "direct",
                "assignmentType": "activated",
                "assignmentScheduleId": self.schedule_id(),
            })
        })
    }
}

/// ISO 8601, as Graph writes durations.
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

/// A Graph error: status, code, message.
pub(super) type PimError = (u16, &'static str, String);

/// What somebody asks PIM for.
pub(super) struct Wanted<'a> {
    pub(super) access: &'a str,
    pub(super) group: &'a str,
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
        let found = self.scenario.eligibilities.iter().find(|eligible| {
            eligible.user == user.name
                && eligible.group == wanted.group
                && eligible.access == wanted.access
                && eligible.end.is_none_or(|end| now < end)
        })?;
        Some(found.end)
    }

    /// Checks an activation against the policy, and against what is there already.
    pub(super) fn check_activation(
        &self,
        wanted: &Wanted<'_>,
        user: &User,
        caller: &Caller,
    ) -> Result<(), PimError> {
        let Some(group) = self.scenario.group(wanted.group) else {
            return Err((
                404,
                "ResourceNotFound",
                "The resource is not found.".to_owned(),
            ));
        };
        let (now, delays) = (self.now(), &self.scenario.delays);
        let mine = |request: &&PimRequest| {
            request.group == wanted.group
                && request.access == wanted.access
                && request.principal == user.id
                && request.action == "selfActivate"
        };
        for request in self.requests.iter().filter(mine) {
            if request.decision == Decision::Pending {
                let text = "There is already an existing pending Role assignment request.";
                return Err((400, "PendingRoleAssignmentRequest", text.to_owned()));
            }
            if request.active(delays).is_some_and(|(_, end)| now < end) {
                let text = "The Role assignment already exists.";
                return Err((400, "RoleAssignmentExists", text.to_owned()));
            }
        }
        let failed = self.failed_rules(wanted, user, caller, &group.policy);
        if !failed.is_empty() {
            let rules: Vec<String> = failed.iter().map(|rule| format!("{rule:?}")).collect();
            let text = format!("The following policy rules failed: [{}]", rules.join(","));
            return Err((400, "RoleAssignmentRequestPolicyValidationFailed", text));
        }
        match &group.policy.authentication_context {
            Some(context) if !caller.has_acrs(context) => Err(step_up(context)),
            _ => Ok(()),
        }
    }

    /// Makes the request that [`Self::check_activation`] let through.
    pub(super) fn activate(&mut self, wanted: &Wanted<'_>, user: &User, id: String) -> PimRequest {
        let now = self.now();
        let approved = self
            .scenario
            .group(wanted.group)
            .is_some_and(|g| g.policy.approvers.is_empty());
        let request = PimRequest {
            id,
            action: "selfActivate".to_owned(),
            access: wanted.access.to_owned(),
            group: wanted.group.to_owned(),
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
            latest: self.eligibility(user, wanted).flatten(),
            ended: None,
        };
        self.requests.push(request.clone());
        request
    }

    /// Ends an activation before its time.
    pub(super) fn deactivate(
        &mut self,
        access: &str,
        group: &str,
        principal: &str,
    ) -> Result<PimRequest, PimError> {
        let (now, delays) = (self.now(), self.scenario.delays);
        let active = self.requests.iter_mut().find(|request| {
            request.group == group
                && request.access == access
                && request.principal == principal
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
        request.id = uuid::Uuid::new_v4().to_string();
        "selfDeactivate".clone_into(&mut request.action);
        request.created = now;
        self.requests.push(request.clone());
        Ok(request)
    }

    /// How many activations of `group` were ever requested.
    #[must_use]
    pub fn requests_of(&self, group: &str) -> usize {
        let activation = |it: &&PimRequest| it.group == group && it.action == "selfActivate";
        self.requests.iter().filter(activation).count()
    }

    /// Decides every request of `group` that waits for approval; tells how many there were.
    pub fn decide(&mut self, group: &str, approve: bool) -> usize {
        let now = self.now();
        let mut decided = 0;
        for request in &mut self.requests {
            if request.group == group && request.decision == Decision::Pending {
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

/// PIM asks for an authentication context with a 400 and the claims inside the message.
fn step_up(context: &str) -> PimError {
    let claims = format!(
        "{{\"access_token\":{{\"acrs\":{{\"essential\":true, \"value\":\"{context}\"}}}}}}"
    );
    let encoded: String = url::form_urlencoded::byte_serialize(claims.as_bytes()).collect();
    let encoded = encoded.replace('+', "%20");
    let inner = json!({
        "errorCode": "RoleAssignmentRequestAcrsValidationFailed",
        "message": format!("&claims={encoded}"),
    });
    (400, "UnknownError", inner.to_string())
}
