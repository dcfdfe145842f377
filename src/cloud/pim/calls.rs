//! What PIM's answers mean for one window.

use serde_json::Value;
use url::Url;

use super::{Begun, Case, Request, refused};
use crate::cloud::Rehearsed;
use crate::cloud::error_body::ErrorBody;
use crate::cloud::http::Answer;
use crate::refusal::Refusal;

impl Case<'_> {
    /// Reads what is there.
    pub(super) async fn get(&self, url: Url) -> Result<Answer, Refusal> {
        let answer = self.caller.read(url).await?;
        if answer.is_success() {
            return Ok(answer);
        }
        Err(self.refuse(&answer))
    }

    /// All that is listed at `url`, and the answer with the last of it.
    pub(super) async fn list(&self, url: Url) -> Result<(Vec<Value>, Answer), Refusal> {
        let (items, answer) = self.caller.list(url).await?;
        if answer.is_success() {
            return Ok((items, answer));
        }
        Err(self.refuse(&answer))
    }

    /// The refusal for an error answer; what it asks of the next sign-in is remembered.
    pub(super) fn refuse(&self, answer: &Answer) -> Refusal {
        let refusal = refused::refuse(self.window, &ErrorBody::of(answer), answer);
        self.caller.noted(refusal)
    }

    /// What the answer to a request for an activation means; `request` reads the one that was made.
    pub(super) fn begun(
        &self,
        answer: &Answer,
        request: impl Fn(&Value) -> Request,
    ) -> Result<Begun, Refusal> {
        match ErrorBody::of(answer).code.as_str() {
            _ if answer.is_success() => Ok(Begun::Request(request(&answer.json()))),
            "RoleAssignmentExists" => Ok(Begun::Exists),
            "PendingRoleAssignmentRequest" => Ok(Begun::Pending),
            _ => Err(self.refuse(answer)),
        }
    }

    /// What the answer to a rehearsal means.
    pub(super) fn rehearsed(&self, answer: &Answer) -> Result<Rehearsed, Refusal> {
        match self.begun(answer, |_| Request::default())? {
            Begun::Request(_) => Ok(Rehearsed::Taken),
            Begun::Exists | Begun::Pending => Ok(Rehearsed::Exists),
        }
    }

    /// What the answer to taking a request back means.
    pub(super) fn canceled(&self, answer: &Answer) -> Result<(), Refusal> {
        if answer.is_success() {
            return Ok(());
        }
        Err(self.refuse(answer))
    }

    /// What the answer to a deactivation means.
    pub(super) fn deactivated(&self, answer: &Answer) -> Result<(), Refusal> {
        match ErrorBody::of(answer).code.as_str() {
            _ if answer.is_success() => Ok(()),
            // Ended already: what was wanted.
            "RoleAssignmentDoesNotExist" => Ok(()),
            "ActiveDurationTooShort" => Err(refused::too_short(self.window)),
            _ => Err(self.refuse(answer)),
        }
    }
}
