//! The end of a window before its time: by the user, here and at PIM.

use std::sync::Arc;
use std::time::Duration;

use super::Broker;
use crate::catalog::WindowSpec;
use crate::cloud::{CorrelationId, Stage};
use crate::refusal::Refusal;
use crate::window::Since;

/// What closing a window came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was open, and is closed.
    Closed,
    /// There was nothing to close.
    Nothing,
    /// It waited for approval, and is no longer asked for.
    TakenBack,
    /// PIM is about to open it, and ends it once it has: here it does not open.
    Abandoned,
}

impl Broker {
    /// Wipes `window` here and ends it at PIM; or takes back the request that waits for approval.
    ///
    /// # Errors
    /// If PIM could not end it; here it is wiped all the same.
    pub async fn close(
        self: &Arc<Self>,
        window: &Arc<WindowSpec>,
        why: &str,
    ) -> Result<Ended, Refusal> {
        let closed = {
            let mut windows = self.windows_mut();
            // First of all, so that what is being opened, or opened anew, does not come after it.
            windows.abandon(&window.name);
            windows.close(&window.name)
        };
        let Some(closed) = closed else {
            return self.take_back(window).await;
        };
        self.tell_closed(std::slice::from_ref(&closed), why);
        self.end_at_pim(window, closed.id)
            .await
            .map(|()| Ended::Closed)
    }

    /// An opening that waits for approval ends as it polls its request the next time; any other once PIM has
    /// answered it, and opens nothing.
    async fn take_back(&self, window: &Arc<WindowSpec>) -> Result<Ended, Refusal> {
        if let Some(Stage::AwaitingApproval { .. }) = self.opening(&window.name) {
            let cancelled = self.cloud.pim.cancel(window, CorrelationId::new()).await?;
            if cancelled {
                return Ok(Ended::TakenBack);
            }
        }
        Ok(match self.opening(&window.name) {
            Some(_) => Ended::Abandoned,
            None => Ended::Nothing,
        })
    }

    /// Ends at PIM what an opening that nobody wants any more may have been given.
    pub(super) async fn give_back(
        self: &Arc<Self>,
        window: &Arc<WindowSpec>,
        since: Since,
        id: CorrelationId,
    ) {
        // Where everything was wiped or locked away, PIM's own end stands.
        let now = self.windows().since(&window.name);
        if !since.was_closed(now) {
            return;
        }
        if let Err(refusal) = self.end_at_pim(window, id).await {
            tracing::info!(%refusal, window = %window.name, "what was opened is not ended at PIM");
        }
    }

    /// Ends `window` at PIM, now or once PIM lets it.
    async fn end_at_pim(
        self: &Arc<Self>,
        window: &Arc<WindowSpec>,
        id: CorrelationId,
    ) -> Result<(), Refusal> {
        let ended = self.cloud.pim.deactivate(window, id).await;
        if let Err(Refusal::NotEndedYet { .. }) = &ended {
            self.end_later(window, id);
        }
        ended
    }

    /// Ends `window` at PIM once PIM lets it, unless it is in use again by then.
    fn end_later(self: &Arc<Self>, window: &Arc<WindowSpec>, id: CorrelationId) {
        let (broker, window) = (Arc::clone(self), Arc::clone(window));
        self.run(async move {
            broker.clock.sleep(SHORTEST).await;
            if broker.view(&window.name).is_some() || broker.opening(&window.name).is_some() {
                return;
            }
            match broker.cloud.pim.deactivate(&window, id).await {
                Ok(()) => tracing::info!(window = %window.name, "ended at PIM as well"),
                Err(refusal) => tracing::warn!(%refusal, window = %window.name, "not ended at PIM"),
            }
        });
    }
}

/// The shortest activation that PIM ends, and some seconds for the difference of the clocks.
const SHORTEST: Duration = Duration::from_secs(305);
