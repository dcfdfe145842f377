//! Requests and assignments, as Graph writes them.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::emulator::pim::{Action, Decision, PimRequest, Wanted, iso};
use crate::emulator::scenario::{Delays, User};

fn schedule_id(request: &PimRequest) -> String {
    format!("{}_{}_{}", request.scope, request.role, request.id)
}

/// A request.
pub(super) fn request(request: &PimRequest, delays: &Delays, now: Timestamp) -> Value {
    let status = request.status(delays, now);
    let pending = request.decision == Decision::Pending;
    let completed = (!status.starts_with("Pending")).then(|| request.created.to_string());
    let schedule = (!pending).then(|| schedule_id(request));
    json!({
        "id": request.id,
        "status": status,
        "completedDateTime": completed,
        "createdDateTime": request.created.to_string(),
        "approvalId": pending.then(|| request.id.clone()),
        "customData": null,
        "createdBy": {"user": {"id": request.principal}},
        "action": match request.action {
            Action::Activate => "selfActivate",
            Action::Deactivate => "selfDeactivate",
        },
        "isValidationOnly": false,
        "justification": request.justification,
        "scheduleInfo": {
            "startDateTime": request.created.to_string(),
            "recurrence": null,
            "expiration": {
                "type": "afterDuration",
                "endDateTime": null,
                "duration": iso(request.duration),
            },
        },
        "ticketInfo": request.ticket,
        "accessId": request.role,
        "principalId": request.principal,
        "groupId": request.scope,
        "targetScheduleId": schedule,
    })
}

/// The instance, if it is listed by now.
pub(super) fn instance(request: &PimRequest, delays: &Delays, now: Timestamp) -> Option<Value> {
    let (start, end) = request.planned(delays)?;
    request.listed(delays, now).then(|| {
        json!({
            "id": schedule_id(request),
            "startDateTime": start.to_string(),
            "endDateTime": end.to_string(),
            "accessId": request.role,
            "principalId": request.principal,
            "groupId": request.scope,
            "memberType": "direct",
            "assignmentType": "activated",
            "assignmentScheduleId": schedule_id(request),
        })
    })
}

/// A standing membership, as PIM lists it: assigned, without end.
pub(super) fn standing(user: &User) -> impl Iterator<Item = Value> {
    user.member_of.iter().map(|group| {
        let id = format!("{group}_member_{}", user.id);
        json!({
            "id": id,
            "startDateTime": "2026-01-01T00:00:00Z",
            "endDateTime": null,
            "accessId": "member",
            "principalId": user.id,
            "groupId": group,
            "memberType": "direct",
            "assignmentType": "assigned",
            "assignmentScheduleId": id,
        })
    })
}

/// The answer to a dry run.
pub(super) fn validated(wanted: &Wanted<'_>, user: &User, id: &str, now: &str) -> Value {
    json!({
        "id": id, "status": "Granted", "completedDateTime": null, "createdDateTime": now,
        "approvalId": null, "customData": null, "createdBy": {"user": {"id": user.id}},
        "action": "selfActivate", "isValidationOnly": true, "justification": wanted.justification,
        "scheduleInfo": {"startDateTime": now, "recurrence": null, "expiration":
            {"type": "afterDuration", "endDateTime": null, "duration": iso(wanted.duration)}},
        "ticketInfo": wanted.ticket, "accessId": wanted.role, "principalId": user.id,
        "groupId": wanted.scope, "targetScheduleId": null,
    })
}
