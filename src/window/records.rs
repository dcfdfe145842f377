//! What is told of windows: to those who sweep, and to those who look.

use std::time::Duration;

use super::Terms;
use crate::catalog::Name;
use crate::clock::Moment;
use crate::cloud::CorrelationId;

/// A window that has ended, and what was wiped with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// Which window.
    pub window: Name,
    /// The id of its opening.
    pub id: CorrelationId,
    /// The credentials whose material was wiped.
    pub wiped: Vec<Name>,
}

/// What [`Windows::expire`](super::Windows::expire) did.
#[derive(Debug, PartialEq, Eq)]
pub struct Sweep {
    /// The windows that had ended.
    pub closed: Vec<Closed>,
    /// Material whose own validity had ended in a window that goes on.
    pub wiped: Vec<Name>,
    /// When to sweep next; `None` if nothing is held.
    pub next: Option<Moment>,
}

/// An open window as `status` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Which window.
    pub window: Name,
    /// Its terms.
    pub terms: Terms,
    /// For how long it was open when these terms began to hold.
    pub lasts: Duration,
    /// Name and version of each credential held.
    pub held: Vec<(Name, String)>,
}
