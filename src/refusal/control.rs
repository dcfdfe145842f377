//! A refusal as numbers and stable names: exit codes, codes, and how long it is remembered.

use std::time::Duration;

use super::Refusal;

/// The exit codes of the command line; part of its contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// Done.
    Done = 0,
    /// Failed.
    Failed = 1,
    /// Wrong usage, or a needed reason or ticket was not given.
    Usage = 2,
    /// Sign-in is needed and impossible here.
    SignIn = 3,
    /// Nothing, or more than one thing, matched.
    NoMatch = 4,
    /// Partly done.
    Partly = 5,
    /// Refused by policy.
    Policy = 6,
    /// Still awaiting approval.
    AwaitingApproval = 7,
    /// Active, but not usable in time.
    NotUsable = 8,
    /// The audit record could not be written.
    Audit = 9,
    /// The agent cannot be reached.
    NoAgent = 10,
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code as u8)
    }
}

impl Refusal {
    /// The exit code that tells scripts the class of refusal.
    #[must_use]
    pub const fn exit_code(&self) -> ExitCode {
        match self {
            Self::Audit(_) => ExitCode::Audit,
            Self::AwaitingApproval { .. } => ExitCode::AwaitingApproval,
            Self::Binding { .. }
            | Self::Consent { .. }
            | Self::Declined { .. }
            | Self::Denied { .. }
            | Self::Forbidden { .. }
            | Self::Locked
            | Self::LockedWithPassphrase
            | Self::NotEligible { .. }
            | Self::NotExtended { .. }
            | Self::PimPolicy { .. }
            | Self::Policy { .. }
            | Self::Unanswered { .. }
            | Self::Unasked { .. } => ExitCode::Policy,
            Self::Cloud { .. }
            | Self::Decided { .. }
            | Self::Material { .. }
            | Self::NotReopened { .. }
            | Self::NotStored { .. }
            | Self::Throttled { .. }
            | Self::Unreachable { .. }
            | Self::Unsupported(_)
            | Self::WindowEnded { .. } => ExitCode::Failed,
            Self::Ambiguous { .. } | Self::NoMatch { .. } => ExitCode::NoMatch,
            Self::NotEndedYet { .. } => ExitCode::Partly,
            Self::NotInTime { .. } => ExitCode::NotUsable,
            Self::Destination { .. } | Self::ReasonNeeded { .. } => ExitCode::Usage,
            Self::Application { .. }
            | Self::AzureCli { .. }
            | Self::SignIn { .. }
            | Self::StepUp { .. }
            | Self::StepUpFailed { .. } => ExitCode::SignIn,
        }
    }

    /// A stable name for records, `--json` and the control API.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Ambiguous { .. } => "ambiguous",
            Self::Audit(_) => "audit_unwritable",
            Self::AwaitingApproval { .. } => "awaiting_approval",
            Self::Binding { .. } => "binding",
            Self::Cloud { .. } => "cloud",
            Self::Consent { .. } => "consent_missing",
            Self::Decided { .. } => "decided_already",
            Self::Declined { .. } => "declined",
            Self::Denied { .. } => "denied",
            Self::Destination { .. } => "destination",
            Self::Forbidden { .. } => "forbidden",
            Self::Locked | Self::LockedWithPassphrase => "locked",
            Self::Material { .. } => "material",
            Self::NoMatch { .. } => "no_match",
            Self::NotEligible { .. } => "not_eligible",
            Self::NotEndedYet { .. } => "not_ended_yet",
            Self::NotExtended { .. } => "not_extended",
            Self::NotInTime { .. } => "not_usable_in_time",
            Self::NotReopened { .. } => "not_reopened",
            Self::NotStored { .. } => "not_stored",
            Self::PimPolicy { .. } => "pim_policy",
            Self::Policy { .. } => "policy",
            Self::ReasonNeeded { .. } => "reason_needed",
            Self::Application { .. } | Self::AzureCli { .. } | Self::SignIn { .. } => {
                "sign_in_needed"
            }
            Self::StepUp { .. } => "step_up_needed",
            Self::StepUpFailed { .. } => "step_up_failed",
            Self::Throttled { .. } => "throttled",
            Self::Unanswered { .. } => "unanswered",
            Self::Unasked { .. } => "unasked",
            Self::Unreachable { .. } => "unreachable",
            Self::Unsupported(_) => "unsupported",
            Self::WindowEnded { .. } => "window_ended",
        }
    }

    /// Whether there is no sign-in that would do.
    #[must_use]
    pub const fn wants_sign_in(&self) -> bool {
        matches!(
            self,
            Self::Application { .. } | Self::AzureCli { .. } | Self::SignIn { .. }
        )
    }

    /// How long the same answer is given again without asking the cloud.
    ///
    /// `ssh` and scripts retry at once; without this each retry would be another request to PIM.
    /// What the user can mend in a moment (signing in, a reason) is not remembered. A step-up that
    /// failed is, until the next sign-in: `ssh` offers the next key at once, and its page would open.
    #[must_use]
    pub fn remembered(&self) -> Duration {
        match self {
            Self::Denied { .. }
            | Self::NotEligible { .. }
            | Self::PimPolicy { .. }
            | Self::StepUpFailed { .. } => Duration::from_secs(10),
            Self::Cloud { .. } | Self::Consent { .. } | Self::Forbidden { .. } => {
                Duration::from_secs(5)
            }
            Self::Throttled { wait, .. } => (*wait).min(Duration::from_secs(300)),
            Self::NotReopened { refusal, .. } => refusal.remembered(),
            Self::Material { .. } | Self::Unreachable { .. } => Duration::from_secs(2),
            _ => Duration::ZERO,
        }
    }
}
