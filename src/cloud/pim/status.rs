//! The statuses of a request, in classes.

use std::time::Duration;

/// What a status means for somebody who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// It is in force.
    Active,
    /// It will never be.
    Ended,
    /// A person has to act.
    Human,
    /// The service is at it; also what is unknown: `status` is an open set.
    Soon,
}

impl Class {
    pub(super) fn of(status: &str) -> Self {
        match status.to_ascii_lowercase().as_str() {
            "provisioned" => Self::Active,
            "pendingapproval" | "pendingadmindecision" => Self::Human,
            "denied"
            | "admindenied"
            | "failed"
            | "failedasresourceislocked"
            | "canceled"
            | "timedout"
            | "invalid"
            | "revoked" => Self::Ended,
            _ => Self::Soon,
        }
    }
}

/// Whether a request of that status may still come into force.
pub(super) fn waits(status: &str) -> bool {
    !matches!(Class::of(status), Class::Ended | Class::Active)
}

/// How long to wait before poll number `polls`.
pub(super) fn pause(class: Class, polls: u32) -> Duration {
    let seconds = match (class, polls) {
        (Class::Human, 0..=12) => 5,
        (Class::Human, _) => 15,
        (_, 0) => 1,
        (_, 1) => 2,
        (_, 2) => 3,
        _ => 5,
    };
    Duration::from_secs(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_status_has_its_class() {
        for (class, statuses) in [
            (Class::Active, &["Provisioned"][..]),
            (Class::Human, &["PendingApproval", "PendingAdminDecision"]),
            (
                Class::Ended,
                &[
                    "Denied",
                    "AdminDenied",
                    "Failed",
                    "FailedAsResourceIsLocked",
                    "Canceled",
                    "TimedOut",
                    "Invalid",
                    "Revoked",
                ],
            ),
            (
                Class::Soon,
                &[
                    "Accepted",
                    "PendingEvaluation",
                    "Granted",
                    "PendingProvisioning",
                    "ProvisioningStarted",
                    "PendingScheduleCreation",
                    "ScheduleCreated",
                    "PendingExternalProvisioning",
                    "PendingApprovalProvisioning",
                    "AdminApproved",
                    "something new",
                ],
            ),
        ] {
            for status in statuses {
                assert_eq!(Class::of(status), class, "{status}");
            }
        }
    }
}
