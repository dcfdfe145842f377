//! Every reason for a no.
//!
//! One enum, told in each door's own words: FAILURE on the agent socket, a status of the control
//! API, an exit code, a log line and an audit record. [`Refusal`]'s `Display` says what was
//! refused and why; [`Refusal::advice`] says who can change that, with the exact command.

use std::time::Duration;

pub use control::ExitCode;
pub use service::Service;

mod advice;
mod control;
mod service;

/// Why something was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The audit record could not be written, so nothing was released.
    #[error("the audit record could not be written ({0}), so nothing was released")]
    Audit(String),

    /// A person has yet to approve the activation.
    #[error("window {window} is waiting for approval{} (request {request})", by(.approvers))]
    AwaitingApproval {
        /// The window.
        window: String,
        /// PIM's request.
        request: String,
        /// Who can approve, as far as the policy tells.
        approvers: Vec<String>,
    },

    /// The agent connection's binding to a host forbids it.
    #[error("{credential} was refused: {why}")]
    Binding {
        /// The key.
        credential: String,
        /// What is wrong with the binding.
        why: String,
    },

    /// The Azure CLI, whose sign-in is used, gives no token.
    #[error("the Azure CLI gives no token for tenant {tenant}: {why}")]
    AzureCli {
        /// The tenant, as the configuration calls it.
        tenant: String,
        /// Its id or domain, as `az` takes it.
        id: String,
        /// The Azure CLI's own words.
        why: String,
    },

    /// Entra gives an application no token for what it shows, or it has nothing to show.
    #[error("the application of tenant {tenant} is not signed in: {why}")]
    Application {
        /// The tenant, as the configuration calls it.
        tenant: String,
        /// What is wrong.
        why: String,
        /// Who mends it, and how.
        remedy: String,
    },

    /// A cloud service answered with an error that nothing here can mend.
    #[error("{service} answered {status} {code}: {message}")]
    Cloud {
        /// Which service.
        service: Service,
        /// HTTP status.
        status: u16,
        /// The innermost error code.
        code: String,
        /// The service's own words, shortened.
        message: String,
    },

    /// An administrator has not consented to a permission.
    #[error("tenant {tenant} has not consented to {scopes}")]
    Consent {
        /// The tenant.
        tenant: String,
        /// The permissions that are missing.
        scopes: String,
        /// Where an administrator consents.
        link: String,
    },

    /// Somebody else has decided already.
    #[error("request {request} was decided already")]
    Decided {
        /// PIM's request.
        request: String,
    },

    /// The person who was asked said no.
    #[error("you were asked about {what}, and the answer was no")]
    Declined {
        /// What the question was about.
        what: String,
    },

    /// PIM or an approver said no.
    #[error("PIM ended the request for window {window} with status {status}")]
    Denied {
        /// The window.
        window: String,
        /// PIM's status.
        status: String,
    },

    /// The window, vault or secret does not let this user in for a reason that waiting won't mend.
    #[error("{what} is closed to you: {why}")]
    Forbidden {
        /// What was asked for.
        what: String,
        /// The service's reason.
        why: String,
        /// Who can change it, and how.
        remedy: String,
    },

    /// What somebody wants to have in a vault cannot be stored.
    #[error("nothing was stored as {name}: {problem}")]
    NotStored {
        /// What it is called.
        name: String,
        /// What is wrong with it.
        problem: String,
        /// What to do about it.
        remedy: String,
    },

    /// Nobody said, or somebody said wrongly, where something is to be stored.
    #[error("nothing was stored as {name}: {problem}")]
    Destination {
        /// What it is called.
        name: String,
        /// What is wrong.
        problem: String,
        /// What to say.
        remedy: String,
    },

    /// The window is locked by the user.
    #[error("pimento is locked")]
    Locked,

    /// The agent is locked with a passphrase (`ssh-add -x`).
    #[error("pimento is locked with a passphrase")]
    LockedWithPassphrase,

    /// What the vault holds is not what the configuration says.
    #[error("{credential} cannot be used: {problem}")]
    Material {
        /// The credential.
        credential: String,
        /// What is wrong with it.
        problem: String,
        /// What to do about it.
        remedy: String,
    },

    /// Nothing, or more than one thing, has that name.
    #[error("there is no {kind} named {name:?}{}", nearest_suffix(.nearest.as_deref()))]
    NoMatch {
        /// `key`, `password`, `window`, `tenant`.
        kind: &'static str,
        /// What was asked for.
        name: String,
        /// What may have been meant.
        nearest: Option<String>,
    },

    /// More than one thing fits.
    #[error("more than one {kind} fits {name}: {}", .found.join(", "))]
    Ambiguous {
        /// `password`.
        kind: &'static str,
        /// What was asked for.
        name: String,
        /// What fits.
        found: Vec<String>,
    },

    /// The user is not eligible for the window.
    #[error("you are not eligible for window {window}")]
    NotEligible {
        /// The window.
        window: String,
    },

    /// PIM ends an activation only after five minutes.
    #[error(
        "window {window} is closed and wiped here; PIM ends an activation only five minutes after \
         its beginning"
    )]
    NotEndedYet {
        /// The window.
        window: String,
    },

    /// The window goes on as it was: it could not be given more time without the risk of none.
    #[error("window {window} gets no more time, and goes on as it was: {why}")]
    NotExtended {
        /// The window.
        window: String,
        /// Why not.
        why: String,
        /// What to do instead.
        remedy: String,
    },

    /// The window was ended to give it more time, and could not be opened again.
    #[error("window {window} was ended to get more time, and is not open again: {refusal}")]
    NotReopened {
        /// The window.
        window: String,
        /// Why not.
        refusal: Box<Self>,
    },

    /// The window was not usable before the time was up; its opening goes on.
    #[error("window {window} was not usable within {} s: {stage}", .waited.as_secs())]
    NotInTime {
        /// The window.
        window: String,
        /// How far it came.
        stage: String,
        /// How long was waited.
        waited: Duration,
    },

    /// A rule of the PIM policy was not met.
    #[error("PIM's policy for window {window} was not met: {rules}")]
    PimPolicy {
        /// The window.
        window: String,
        /// The rules that failed, as PIM names them.
        rules: String,
    },

    /// A rule of ours forbids it.
    #[error("{credential} was refused: {rule}")]
    Policy {
        /// The credential.
        credential: String,
        /// Which rule.
        rule: String,
        /// How to change it.
        advice: String,
    },

    /// A reason or a ticket is needed, and none was given.
    #[error("window {window} needs a {what}")]
    ReasonNeeded {
        /// The window.
        window: String,
        /// What is missing.
        what: Needed,
        /// What was given the last time for the same host.
        last: Option<String>,
    },

    /// The user has to sign in first.
    #[error("you are not signed in to tenant {tenant}: {why}")]
    SignIn {
        /// The tenant.
        tenant: String,
        /// Why the present sign-in, if any, does not do.
        why: String,
    },

    /// Conditional Access wants more of the user than this sign-in has shown.
    #[error("tenant {tenant} asks for a step-up: {why}")]
    StepUp {
        /// The tenant.
        tenant: String,
        /// What it asks for.
        why: String,
        /// The `claims` to sign in with.
        claims: String,
    },

    /// The step-up was not made, or did not satisfy whoever asked for it.
    #[error("tenant {tenant} asks for a step-up, and there was none: {why}")]
    StepUpFailed {
        /// The tenant.
        tenant: String,
        /// Why not.
        why: String,
        /// What does satisfy it.
        remedy: String,
    },

    /// The service asked us to slow down for longer than the request may take.
    #[error("{service} is throttling requests, and is to be left alone for {} s", .wait.as_secs())]
    Throttled {
        /// Which service.
        service: Service,
        /// `Retry-After`.
        wait: Duration,
    },

    /// A person was asked and did not answer.
    #[error("you were asked about {what}, and did not answer within {} s", .waited.as_secs())]
    Unanswered {
        /// What the question was about.
        what: String,
        /// How long the question stood.
        waited: Duration,
    },

    /// A person has to be asked, and there is no way to.
    #[error("you could not be asked about {what}: {why}")]
    Unasked {
        /// What the question is about.
        what: String,
        /// What is missing.
        why: String,
        /// How to set it up.
        remedy: String,
    },

    /// The service could not be reached, or hung up.
    #[error("{service} could not be reached: {why}")]
    Unreachable {
        /// Which service.
        service: Service,
        /// The innermost cause.
        why: String,
    },

    /// The request is not one that pimento honours.
    #[error("{0}")]
    Unsupported(String),

    /// The window ended before the material was used.
    #[error("window {window} ended before {credential} was used")]
    WindowEnded {
        /// The window.
        window: String,
        /// The credential.
        credential: String,
    },
}

/// What an opening may need from a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Needed {
    /// Why the window is opened.
    Reason,
    /// A ticket's system and number.
    Ticket,
}

impl std::fmt::Display for Needed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Reason => "reason",
            Self::Ticket => "ticket",
        })
    }
}

fn by(approvers: &[String]) -> String {
    match approvers {
        [] => String::new(),
        approvers => format!(" by {}", approvers.join(" or ")),
    }
}

fn nearest_suffix(nearest: Option<&str>) -> String {
    nearest
        .map(|name| format!("; did you mean {name:?}?"))
        .unwrap_or_default()
}
