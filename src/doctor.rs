//! What is wrong, and what to do about it: looks at all that openings and reads depend on.
//!
//! Enters: the house. Leaves: a [`Finding`] for each check and what it looked at, one after the
//! other. What never happens here: a change of anything; without [`keys`], an activation or the
//! value of a secret. PIM's own dry run is the one request that is no read. The checks of the machine and the
//! configuration, which need no agent, are the command line's.

use crate::cloud::CorrelationId;
use crate::house::House;

pub use finding::{Case, Finding, Verdict};
pub use material::keys;

mod finding;
mod machine;
mod material;
mod secret;
mod tenant;
mod vault;
mod window;

/// Takes findings as they are made.
pub trait Chart: Send + Sync {
    /// Takes one.
    fn note(&self, finding: Finding);
}

/// Looks at everything that can be looked at without opening a window.
pub async fn examine(house: &House, chart: &dyn Chart) {
    let id = CorrelationId::new();
    // Whoever asks has just mended something, or wants to know.
    house.pipeline.broker.retry_now();
    for finding in machine::all(house) {
        chart.note(finding);
    }
    for tenant in &house.tenants {
        let seen = tenant::all(house, tenant, id, chart).await;
        window::all(house, tenant, &seen, id, chart).await;
        vault::all(house, tenant, &seen, id, chart).await;
        secret::all(house, tenant, &seen, id, chart).await;
    }
}
