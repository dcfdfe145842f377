//! The windows, and all else on demand, again whenever something of it changes.
//!
//! A client that does not read gets nothing more until it does, and then how things are by then: what
//! it missed is not kept for it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::{proto, view};
use crate::house::House;

/// What a client gets.
pub(super) type Events = ReceiverStream<Result<proto::WatchEvent, Status>>;

/// Sends how things are, and again with each change; `whole` is everything that `status` tells.
pub(super) fn stream(house: &Arc<House>, whole: bool) -> Events {
    let house = Arc::clone(house);
    let (sender, receiver) = mpsc::channel(1);
    let _runs_on = tokio::spawn(async move {
        tokio::select! {
            () = tells(&house, whole, &sender) => {}
            () = sender.closed() => {}
        }
    });
    ReceiverStream::new(receiver)
}

async fn tells(
    house: &House,
    whole: bool,
    sender: &mpsc::Sender<Result<proto::WatchEvent, Status>>,
) {
    let pipeline = &house.pipeline;
    let (mut seen, mut asked) = (pipeline.broker.watch(), pipeline.asks.watch());
    loop {
        seen.mark_unchanged();
        asked.mark_unchanged();
        let event = proto::WatchEvent {
            windows: view::windows(house),
            locked: pipeline.broker.locked(),
            status: whole.then(|| view::status(house)),
        };
        if sender.send(Ok(event)).await.is_err() {
            return;
        }
        tokio::select! {
            changed = seen.changed() => if changed.is_err() { return },
            changed = asked.changed(), if whole => if changed.is_err() { return },
        }
        if whole {
            // A thousand asks in a second are one change to whoever looks at a screen.
            house.clock.sleep(PACE).await;
        }
    }
}

/// How long changes are gathered.
const PACE: Duration = Duration::from_millis(100);
