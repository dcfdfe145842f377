//! How often windows were closed by somebody, open or not: an opening that is under way then is not wanted any more.

use std::collections::HashMap;

use crate::catalog::Name;

/// All closings.
#[derive(Default)]
pub(super) struct Closings {
    of_one: HashMap<Name, u64>,
    of_all: u64,
}

/// How things stood when an opening was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Since {
    own: u64,
    all: u64,
}

impl Since {
    /// The later of two.
    #[must_use]
    pub fn latest(self, other: Self) -> Self {
        Self {
            own: self.own.max(other.own),
            all: self.all.max(other.all),
        }
    }

    /// Whether that one window was closed between the two, and not all at once.
    #[must_use]
    pub const fn was_closed(self, now: Self) -> bool {
        self.own != now.own
    }
}

impl Closings {
    pub(super) fn so_far(&self, window: &Name) -> Since {
        Since {
            own: self.of_one.get(window).copied().unwrap_or(0),
            all: self.of_all,
        }
    }

    pub(super) fn one(&mut self, window: &Name) {
        *self.of_one.entry(window.clone()).or_default() += 1;
    }

    pub(super) const fn all(&mut self) {
        self.of_all += 1;
    }
}
