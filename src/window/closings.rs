//! How often windows were closed by somebody, open or not: an opening that is under way then is not wanted any more.

use std::collections::HashMap;

use crate::catalog::Name;

/// All closings.
#[derive(Default)]
pub(super) struct Closings {
    of_one: HashMap<Name, u64>,
    of_all: u64,
}

/// How things stood when an opening began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Since {
    own: u64,
    all: u64,
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
