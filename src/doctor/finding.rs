//! What a check finds.

use crate::refusal::Refusal;

/// How good it is; worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// It could not be looked at, for a reason that is none by itself.
    Skipped,
    /// It works, and deserves a second look.
    Warning,
    /// It does not work.
    Failure,
}

impl Verdict {
    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Skipped => "skipped",
            Self::Warning => "warning",
            Self::Failure => "failure",
        }
    }
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The check's stable name (docs/doctor.md).
    pub check: &'static str,
    /// What it looked at; empty: this machine.
    pub subject: String,
    /// How good that is.
    pub verdict: Verdict,
    /// What was found.
    pub reason: String,
    /// What to do; empty where there is nothing to do.
    pub remedy: String,
}

/// A check about to find something.
#[derive(Clone, Debug)]
pub struct Case {
    check: &'static str,
    subject: String,
}

impl Case {
    /// The check of that name, looking at `subject`.
    #[must_use]
    pub fn of(check: &'static str, subject: impl ToString) -> Self {
        let subject = subject.to_string();
        Self { check, subject }
    }

    /// As it should be.
    #[must_use]
    pub fn ok(self, reason: impl Into<String>) -> Finding {
        self.finding(Verdict::Ok, reason.into(), String::new())
    }

    /// It was not looked at.
    #[must_use]
    pub fn skipped(self, reason: impl Into<String>, remedy: impl Into<String>) -> Finding {
        self.finding(Verdict::Skipped, reason.into(), remedy.into())
    }

    /// It works so far.
    #[must_use]
    pub fn warning(self, reason: impl Into<String>, remedy: impl Into<String>) -> Finding {
        self.finding(Verdict::Warning, reason.into(), remedy.into())
    }

    /// It does not work.
    #[must_use]
    pub fn failure(self, reason: impl Into<String>, remedy: impl Into<String>) -> Finding {
        self.finding(Verdict::Failure, reason.into(), remedy.into())
    }

    /// It was refused.
    #[must_use]
    pub fn refused(self, refusal: &Refusal) -> Finding {
        self.failure(refusal.to_string(), refusal.advice())
    }

    fn finding(self, verdict: Verdict, reason: String, remedy: String) -> Finding {
        Finding {
            check: self.check,
            subject: self.subject,
            verdict,
            reason,
            remedy,
        }
    }
}
