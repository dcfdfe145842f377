//! Approvals of Azure roles, as the preview of their API has them.

use super::shapes;
use crate::emulator::http::{Reply, Request};
use crate::emulator::pim::{Decision, PimError, PimRequest, is_azure, not_found};
use crate::emulator::scenario::User;
use crate::emulator::world::World;

impl World {
    pub(super) fn azure_approval(&self, id: &str, user: &User) -> Result<Reply, PimError> {
        let found = self.requests.iter().find(|it| is_of(it, id));
        let found = found.ok_or_else(not_found)?;
        let mine = found.decision == Decision::Pending && self.approves(found, user);
        Ok(Reply::json(200, &shapes::approval(found, mine)))
    }

    /// The approver's verdict; an empty answer, as Microsoft's guide says.
    pub(super) fn azure_review(
        &mut self,
        id: &str,
        request: &Request,
        user: &User,
    ) -> Result<Reply, PimError> {
        let found = self.requests.iter().find(|it| is_of(it, id));
        let name = found.ok_or_else(not_found)?.id.clone();
        self.review_as(&name, request, user, Self::approves)?;
        Ok(Reply::empty(200))
    }
}

fn is_of(request: &PimRequest, approval: &str) -> bool {
    is_azure(&request.scope) && shapes::approval_id(request).eq_ignore_ascii_case(approval)
}
