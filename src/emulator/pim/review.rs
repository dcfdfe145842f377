//! What an approver said of a request.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::PimRequest;

/// What approvers said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::emulator) enum Decision {
    Approved(Timestamp),
    Canceled,
    Denied,
    Pending,
}

/// Who said it, and in which words.
#[derive(Clone, Debug)]
pub(in crate::emulator) struct Review {
    /// The approver's object id.
    pub(in crate::emulator) by: String,
    pub(in crate::emulator) name: String,
    pub(in crate::emulator) justification: String,
    pub(in crate::emulator) at: Timestamp,
}

impl PimRequest {
    /// The one part of its approval, in the words that both services use; `mine`: whether it waits
    /// for whoever asks.
    pub(in crate::emulator) fn reviewed(&self, mine: bool) -> Value {
        let result = match self.decision {
            Decision::Approved(_) => "Approve",
            Decision::Denied => "Deny",
            Decision::Canceled | Decision::Pending => "NotReviewed",
        };
        let pending = self.decision == Decision::Pending;
        let review = self.review.as_ref();
        json!({
            "displayName": null,
            "assignedToMe": mine,
            "status": if pending { "InProgress" } else { "Completed" },
            "reviewResult": result,
            "justification": review.map_or("", |it| it.justification.as_str()),
            "reviewedDateTime": review.map(|it| it.at.to_string()),
            "reviewedBy": review.map(|it| json!({"id": it.by, "displayName": it.name})),
        })
    }
}
