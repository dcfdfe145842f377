//! Approvals: who may decide a request, and the decision.

use serde_json::{Value, json};

use crate::emulator::http::{Reply, Request};
use crate::emulator::pim::{Decision, PimError, PimRequest, Review, is_azure, not_found};
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
        let mut stage = found.reviewed(self.may_review(found, user));
        let mut approval = json!({"id": id});
        if let Some((approval, stage)) = approval.as_object_mut().zip(stage.as_object_mut()) {
            stage.insert("id".to_owned(), json!(id));
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
        self.review_as(id, request, user, Self::may_review)?;
        Ok(Reply::empty(204))
    }

    /// Decides the request `id`, if whoever does may.
    pub(in crate::emulator) fn review_as(
        &mut self,
        id: &str,
        request: &Request,
        user: &User,
        may: fn(&Self, &PimRequest, &User) -> bool,
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
        let reason = body.get("justification").and_then(Value::as_str);
        let review = Review {
            by: user.id.clone(),
            name: user.name.clone(),
            justification: reason.unwrap_or_default().to_owned(),
            at: self.now(),
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
        if !may(self, pending, user) {
            return Err((403, "Forbidden", "You are not an approver.".to_owned()));
        }
        if let Some(pending) = self.requests.get_mut(found) {
            pending.decision = decision;
            pending.review = Some(review);
        }
        Ok(())
    }
}
