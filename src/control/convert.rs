//! What crosses the socket: refusals as gRPC statuses with the refusal in their details, and what a
//! person said.

use prost::Message;
use tonic::{Code, Status};

use super::proto;
use crate::catalog::Ticket;
use crate::policy::Said;
use crate::refusal::{ExitCode, Refusal};

/// The refusal as a message.
#[must_use]
pub fn message(refusal: &Refusal) -> proto::Refusal {
    proto::Refusal {
        code: refusal.code().to_owned(),
        message: refusal.to_string(),
        advice: refusal.advice(),
        exit_code: refusal.exit_code() as u32,
        needed: needed(refusal),
    }
}

fn needed(refusal: &Refusal) -> Option<proto::Needed> {
    match refusal {
        Refusal::ReasonNeeded { window, what, last } => Some(proto::Needed {
            what: what.to_string(),
            window: window.clone(),
            last: last.clone().unwrap_or_default(),
        }),
        _ => None,
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        let details = message(&refusal).encode_to_vec();
        Self::with_details(
            grpc_code(refusal.exit_code()),
            refusal.to_string(),
            details.into(),
        )
    }
}

/// What the server said, whether it was a refusal of ours or something of the transport.
#[must_use]
pub fn refusal(status: &Status) -> proto::Refusal {
    let decoded = proto::Refusal::decode(status.details()).ok();
    if let Some(refusal) = decoded.filter(|refusal| !refusal.code.is_empty()) {
        return refusal;
    }
    match status.code() {
        Code::Unimplemented => proto::Refusal {
            code: "other_version".to_owned(),
            message: format!(
                "the running agent does not know this request; it is of another version than this \
                 command ({})",
                env!("CARGO_PKG_VERSION")
            ),
            advice: "restart the agent, so that both are of one version".to_owned(),
            exit_code: ExitCode::Failed as u32,
            needed: None,
        },
        code => proto::Refusal {
            code: "connection".to_owned(),
            message: format!(
                "the connection to the agent broke: {code}: {}",
                status.message()
            ),
            advice: "see whether the agent still runs: `pimento status`".to_owned(),
            exit_code: ExitCode::NoAgent as u32,
            needed: None,
        },
    }
}

/// What a person said, without what they left empty.
pub(super) fn said(said: Option<proto::Said>) -> Said {
    let said = said.unwrap_or_default();
    let ticket = given(said.ticket_number).map(|number| Ticket {
        number,
        system: said.ticket_system,
    });
    Said {
        reason: given(said.reason),
        ticket,
        client_asks: said.client_asks,
    }
}

/// What was not left empty.
pub(super) fn given(text: String) -> Option<String> {
    Some(text).filter(|text| !text.trim().is_empty())
}

const fn grpc_code(exit: ExitCode) -> Code {
    match exit {
        ExitCode::NoMatch => Code::NotFound,
        ExitCode::SignIn => Code::Unauthenticated,
        ExitCode::Policy => Code::PermissionDenied,
        ExitCode::Usage => Code::InvalidArgument,
        ExitCode::AwaitingApproval | ExitCode::NotUsable => Code::DeadlineExceeded,
        ExitCode::NoAgent => Code::Unavailable,
        ExitCode::Audit | ExitCode::Done | ExitCode::Failed | ExitCode::Partly => {
            Code::FailedPrecondition
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_survives_the_way_through_a_status() {
        let denied = Refusal::Denied {
            window: "ops".to_owned(),
            status: "Denied".to_owned(),
        };
        assert_eq!(refusal(&denied.clone().into()), message(&denied));
    }

    #[test]
    fn an_unknown_request_is_told_as_another_version() {
        assert_eq!(refusal(&Status::unimplemented("")).code, "other_version");
        assert_eq!(refusal(&Status::unavailable("gone")).exit_code, 10);
    }
}
