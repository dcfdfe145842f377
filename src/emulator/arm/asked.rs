//! What a request to activate or to deactivate asks for.

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::emulator::http::Request;
use crate::emulator::pim::{PimError, Wanted};

/// The body of a request.
pub(super) struct Asked {
    properties: Value,
    /// The GUID of the role.
    pub(super) role: String,
    duration: SignedDuration,
    ticket: Value,
}

impl Asked {
    pub(super) fn read(request: &Request) -> Result<Self, PimError> {
        let bad = |text: &str| (400, "InvalidRequestContent", text.to_owned());
        let body = request
            .json()
            .ok_or(bad("The request content is not JSON."))?;
        let properties = body.get("properties").cloned();
        let properties = properties.ok_or(bad("The request has no properties."))?;
        let text = |pointer: &str| properties.pointer(pointer).and_then(Value::as_str);
        let role = text("/roleDefinitionId").and_then(|id| id.rsplit('/').next());
        let role = role.ok_or(bad("roleDefinitionId is required."))?.to_owned();
        let lasting = text("/requestType") != Some("SelfDeactivate");
        let kind = text("/scheduleInfo/expiration/type");
        let duration = text("/scheduleInfo/expiration/duration")
            .filter(|_| kind == Some("AfterDuration"))
            .and_then(|text| text.parse().ok());
        let duration = if lasting {
            let text = "The schedule of the role assignment request is invalid.";
            let code = "InvalidRoleAssignmentRequestSchedule";
            duration.ok_or((400, code, text.to_owned()))?
        } else {
            SignedDuration::ZERO
        };
        let none = json!({"ticketNumber": null, "ticketSystem": null});
        let ticket = properties.get("ticketInfo").filter(|it| it.is_object());
        let ticket = ticket.cloned().unwrap_or(none);
        Ok(Self {
            properties,
            role,
            duration,
            ticket,
        })
    }

    pub(super) fn text(&self, name: &str) -> &str {
        let text = self.properties.get(name).and_then(Value::as_str);
        text.unwrap_or_default()
    }

    pub(super) fn wanted<'a>(&'a self, scope: &'a str) -> Wanted<'a> {
        Wanted {
            scope,
            role: &self.role,
            duration: self.duration,
            justification: self.properties.get("justification").and_then(Value::as_str),
            ticket: &self.ticket,
        }
    }
}
