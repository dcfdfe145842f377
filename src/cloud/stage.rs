//! How far an opening has come, for people.
//!
//! Enters: what the opening reaches. Leaves: words for whoever watches. What never happens here: a
//! decision by it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// How far an opening has come; shown to people, never decided upon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Waiting for another opening of the same window, or about to begin.
    Starting,
    /// The window is being ended at PIM, to be opened for longer.
    Ending,
    /// The activation was sent to PIM.
    Requested,
    /// It was asked for no longer than the policy allows.
    Shortened {
        /// How long that is.
        longest: SignedDuration,
    },
    /// The window that was ended for more time is open again.
    Reopened {
        /// For how long nothing could be used.
        gap: Duration,
    },
    /// The person has to sign in again in the browser that was opened.
    SteppingUp,
    /// A person has to approve.
    AwaitingApproval {
        /// PIM's request id.
        request: String,
        /// Who can, as far as the policy tells.
        approvers: Vec<String>,
    },
    /// PIM is writing the assignment.
    Provisioning,
    /// PIM reports the assignment as active.
    Active {
        /// Its end, for display.
        ends: Timestamp,
    },
    /// The vault does not see the assignment yet.
    WaitingForVault {
        /// How many reads it has refused.
        attempts: u32,
        /// How long that usually takes with this window, if it was measured.
        usually: Option<Duration>,
    },
    /// The material is there.
    Ready,
}

impl Stage {
    /// Whether it is to be known afterwards too: not how far the opening is, but what came of it.
    #[must_use]
    pub const fn is_notice(&self) -> bool {
        matches!(self, Self::Shortened { .. } | Self::Reopened { .. })
    }
}

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Starting => f.write_str("starting"),
            Self::Ending => {
                f.write_str("PIM: ending it, to open it anew; nothing can be used meanwhile")
            }
            Self::Requested => f.write_str("PIM: requested"),
            Self::Shortened { longest } => write!(
                f,
                "PIM's policy allows {longest:#} at a time, so no more was asked for"
            ),
            Self::Reopened { gap } => write!(
                f,
                "it was ended at PIM and opened anew; for {} s nothing could be used",
                gap.as_millis().div_ceil(1000)
            ),
            Self::SteppingUp => {
                f.write_str("waiting for you to sign in again, in the browser window just opened")
            }
            Self::AwaitingApproval { approvers, .. } => {
                f.write_str("PIM: waiting for approval")?;
                match approvers.as_slice() {
                    [] => Ok(()),
                    approvers => write!(f, " by {}", approvers.join(" or ")),
                }
            }
            Self::Provisioning => f.write_str("PIM: writing the assignment"),
            Self::Active { .. } => f.write_str("PIM: active"),
            Self::WaitingForVault { attempts, usually } => {
                write!(f, "waiting for Key Vault to see it (asked {attempts} times")?;
                if let Some(usually) = usually {
                    write!(f, ", usually {} s here", usually.as_secs())?;
                }
                f.write_str(")")
            }
            Self::Ready => f.write_str("ready"),
        }
    }
}

/// Takes the stages of an opening to whoever watches it.
pub trait StageSink: Send + Sync {
    /// Tells the stage now reached.
    fn reached(&self, stage: Stage);
}

/// For whoever has no way to be told.
#[derive(Clone, Copy, Debug)]
pub struct Unwatched;

impl StageSink for Unwatched {
    fn reached(&self, stage: Stage) {
        tracing::debug!(%stage, "reached");
    }
}
