//! How long whoever asks waits for what goes on without them.

use std::sync::Arc;
use std::time::Duration;

use super::{Broker, Wish};
use crate::catalog::{Target, VaultSpec, WindowSpec};
use crate::clock::Moment;
use crate::cloud::{Stage, StageSink};
use crate::refusal::Refusal;

impl Broker {
    /// As [`Self::open`], for at most as long as an ask may take; the opening then goes on.
    ///
    /// # Errors
    /// Why it does not open, or not in time.
    pub async fn open_in_time(
        self: &Arc<Self>,
        window: &Arc<WindowSpec>,
        wish: Wish,
        stages: &dyn StageSink,
    ) -> Result<(), Refusal> {
        let due = self.clock.now().after(self.limits.answer);
        tokio::select! {
            opened = self.open(window, wish, stages) => opened,
            () = self.overdue(Some(due)) => Err(self.too_late(Stage::Starting, window)),
        }
    }

    /// Returns when an answer is due; never, where none is.
    pub(super) async fn overdue(&self, due: Option<Moment>) {
        match due {
            Some(due) => self.clock.sleep_until(due).await,
            None => std::future::pending().await,
        }
    }

    /// Returns once the asker has waited long enough for a cloud that was out before.
    ///
    /// What tries it goes on: if it succeeds, the next attempt finds the window open.
    pub(super) async fn outage(&self, vault: &VaultSpec, asked: Moment) -> Refusal {
        let (tenant, target) = (&vault.window.tenant, &vault.window.target);
        let pim = match target {
            Target::Group { .. } => &tenant.graph,
            Target::AzureRole { .. } => &tenant.arm,
        };
        let hosts = [&tenant.authority, pim, &vault.url];
        let hosts = hosts.map(|url| url.host_str().unwrap_or_default());
        if self.cloud.reach.outage(&hosts).is_none() {
            return std::future::pending().await;
        }
        self.clock.sleep_until(asked.after(OUTAGE)).await;
        match self.cloud.reach.outage(&hosts) {
            Some(outage) => outage.refusal(),
            // It answers by now, and what was asked for is on its way.
            None => std::future::pending().await,
        }
    }

    /// Why there is no answer by when it was due, `seen` being the last stage that was heard of.
    pub(super) fn too_late(&self, seen: Stage, window: &WindowSpec) -> Refusal {
        // A fetch hears of its opening's stages a moment later than they are reached.
        let stage = self.opening(&window.name).unwrap_or(seen);
        let window = window.name.to_string();
        if let Stage::AwaitingApproval { request, approvers } = stage {
            return Refusal::AwaitingApproval {
                window,
                request,
                approvers,
            };
        }
        Refusal::NotInTime {
            window,
            stage: stage.to_string(),
            waited: self.limits.answer,
        }
    }
}

/// What a cloud that is out may cost an asker.
const OUTAGE: Duration = Duration::from_secs(2);
