//! Real `ssh` and `sshd`, an agent, and the emulated cloud: logins, and every way they fail.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod support;

use support::World;

const COLD: [&str; 4] = [
    "graph.assignmentScheduleRequests.create",
    "graph.assignmentScheduleInstances.filterByCurrentUser",
    "entra.token.refresh_token",
    "vault.secret.get",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_cold_login_costs_four_requests_and_a_warm_one_none() {
    let world = World::start().await;
    world.ssh("web").await.assert_ok();
    assert_eq!(world.calls(), COLD);
    world.ssh("web").await.assert_ok();
    assert_eq!(world.calls().len(), COLD.len());
}
