//! The end of a window before its time: by the user, here and at PIM.

use std::sync::Arc;
use std::time::Duration;

use super::Broker;
use crate::catalog::WindowSpec;
use crate::cloud::{CorrelationId, Stage};
use crate::refusal::Refusal;

/// What closing a window came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was open, and is closed.
    Closed,
    /// There was nothing to close.
    Nothing,
    /// It waited for approval, which is no longer asked for.
    TakenBack,
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
        let closed = self.windows_mut().close(&window.name);
        let Some(closed) = closed else {
            return self.take_back(window).await;
        };
        self.tell_closed(std::slice::from_ref(&closed), why);
        let ended = self.cloud.pim.deactivate(window, closed.id).await;
        if let Err(Refusal::NotEndedYet { .. }) = &ended {
            self.end_later(window, closed.id);
        }
        ended.map(|()| Ended::Closed)
    }

    /// The opening itself ends as it polls its request the next time.
    async fn take_back(&self, window: &Arc<WindowSpec>) -> Result<Ended, Refusal> {
        let Some(Stage::AwaitingApproval { .. }) = self.opening(&window.name) else {
            return Ok(Ended::Nothing);
        };
        let id = CorrelationId::new();
        let was = self.cloud.pim.cancel(window, id).await?;
        Ok(if was {
            Ended::TakenBack
        } else {
            Ended::Nothing
        })
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
