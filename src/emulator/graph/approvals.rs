//! Approvals: who may decide a request, and the decision.

use serde_json::{Value, json};

use crate::emulator::http::{Reply, Request};
use crate::emulator::pim::{Decision, PimError, PimRequest, is_azure, not_found};
use crate::emulator::scenario::User;
use crate::emulator::world::World;

impl World {
    pub(super) fn may_review(&self, request: &PimRequest, user: &User) -> bool {
        request.decision == Decision::Pending
            && !is_azure(&request.scope)
            && self.approves(request, user)
    }

    /// The approval; its one part is called a stage, or a step by the beta.
    pub(super) fn approval(&self, id: &str, parts: &str, user: &User) -> Result<Reply, PimError> {
        let found = self
            .requests
            .iter()
            .find(|found| found.id == id)
            .ok_or_else(not_found)?;
        let result = match found.decision {
            Decision::Approved(_) => "Approve",
            Decision::Denied => "Deny",
            Decision::Canceled | Decision::Pending => "NotReviewed",
        };
        let pending = found.decision == Decision::Pending;
        let stage = json!({
            "id": id,
            "displayName": null,
            "reviewedDateTime": null,
            "reviewResult": result,
            "status": if pending { "InProgress" } else { "Completed" },
            "assignedToMe": self.may_review(found, user),
            "justification": "",
            "reviewedBy": null,
        });
        let mut approval = json!({"id": id});
        if let Some(approval) = approval.as_object_mut() {
            approval.insert(parts.to_owned(), json!([stage]));
        }
        Ok(Reply::json(200, &approval))
    }

    pub(super) fn review(
        &mut self,
        id: &str,
        request: &Request,
        user: &User,
    ) -> Result<Reply, PimError> {
        self.review_as(id, request, |world, pending| {
            world.may_review(pending, user)
        })?;
        Ok(Reply::empty(204))
    }

    /// Decides the request `id`, if whoever does may.
    pub(in crate::emulator) fn review_as(
        &mut self,
        id: &str,
        request: &Request,
        may: impl FnOnce(&Self, &PimRequest) -> bool,
    ) -> Result<(), PimError> {
        let body = request.json().unwrap_or_default();
        let decision = match body.get("reviewResult").and_then(Value::as_str) {
            Some("Approve") => Decision::Approved(self.now()),
            Some("Deny") => Decision::Denied,
            _ => {
                return Err((
                    400,
                    "BadRequest",
                    "reviewResult is Approve or Deny.".to_owned(),
                ));
            }
        };
        let found = self
            .requests
            .iter()
            .position(|found| found.id == id)
            .ok_or_else(not_found)?;
        let Some(pending) = self.requests.get(found) else {
            return Err(not_found());
        };
        if pending.decision != Decision::Pending {
            return Err((
                409,
                "Conflict",
                "The approval was decided already.".to_owned(),
            ));
        }
        if !may(self, pending) {
            return Err((403, "Forbidden", "You are not an approver.".to_owned()));
        }
        if let Some(pending) = self.requests.get_mut(found) {
            pending.decision = decision;
        }
        Ok(())
    }
}
