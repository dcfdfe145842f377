//! When the passwords of a command end: by the clock, or because their window was closed.
//!
//! A window that is opened anew does not make them last longer: they were given to the end of the
//! window they came through.

use std::time::Duration;

use tonic::Streaming;

use crate::clock::{Clock, Moment};
use crate::control::proto::WatchEvent;
use crate::control::proto::window::State;

/// A window that passwords came through, and until when they may be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) window: String,
    pub(super) until: Moment,
}

/// What happens to a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// It was closed, or pimento was locked.
    Closed(String),
    /// Its end has come.
    Ended(String),
    /// Its end will come in this time.
    Near(String, Duration),
    /// The agent has ended; from here on only the clock tells.
    Unwatched,
}

/// The ends that are still to come.
pub(super) struct Ends {
    clock: Box<dyn Clock>,
    coming: Vec<Coming>,
    events: Option<Streaming<WatchEvent>>,
    unwatched: bool,
}

struct Coming {
    window: String,
    until: Moment,
    /// When to tell of it; `None` once that is done, or if there is no time for it.
    near: Option<Moment>,
    /// Which opening of the window it is.
    id: Option<String>,
    closed: bool,
}

impl Ends {
    /// The ends of `held`, of which to tell `before` they come.
    pub(super) fn new(
        clock: Box<dyn Clock>,
        before: Duration,
        held: Vec<Held>,
        events: Option<Streaming<WatchEvent>>,
    ) -> Self {
        let now = clock.now();
        let mut coming: Vec<Coming> = Vec::new();
        for Held { window, until } in held {
            // The first of its passwords to end is the end of all of them.
            match coming.iter_mut().find(|known| known.window == window) {
                Some(known) => known.until = known.until.min(until),
                None => coming.push(Coming {
                    window,
                    until,
                    near: None,
                    id: None,
                    closed: false,
                }),
            }
        }
        for it in &mut coming {
            let notice = now.until(it.until).checked_sub(before);
            it.near = notice.map(|wait| now.after(wait)).filter(|at| *at > now);
        }
        Self {
            clock,
            coming,
            events,
            unwatched: false,
        }
    }

    /// The windows that end before there is time to tell of it.
    pub(super) fn too_soon(&self) -> impl Iterator<Item = (&str, Duration)> {
        let now = self.clock.now();
        let soon = self.coming.iter().filter(|it| it.near.is_none());
        soon.map(move |it| (&*it.window, now.until(it.until)))
    }

    /// The next change; never returns once every end has come. Can be dropped and called again.
    pub(super) async fn next(&mut self) -> Change {
        loop {
            if let Some(change) = self.due() {
                return change;
            }
            let wake = self
                .coming
                .iter()
                .map(|it| it.near.map_or(it.until, |near| near.min(it.until)))
                .min();
            let sleep = async {
                match wake {
                    Some(at) => self.clock.sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            let event = async {
                match &mut self.events {
                    Some(events) => events.message().await.ok().flatten(),
                    None => std::future::pending().await,
                }
            };
            let event = tokio::select! {
                () = sleep => continue,
                event = event => event,
            };
            match event {
                Some(event) => self.seen(&event),
                None => {
                    self.events = None;
                    self.unwatched = !self.coming.is_empty();
                }
            }
        }
    }

    fn due(&mut self) -> Option<Change> {
        if std::mem::take(&mut self.unwatched) {
            return Some(Change::Unwatched);
        }
        let now = self.clock.now();
        if let Some(at) = self
            .coming
            .iter()
            .position(|it| it.closed || it.until <= now)
        {
            let gone = self.coming.swap_remove(at);
            return Some(match gone.closed {
                true => Change::Closed(gone.window),
                false => Change::Ended(gone.window),
            });
        }
        let is_near = |it: &&mut Coming| it.near.is_some_and(|at| at <= now);
        let near = self.coming.iter_mut().find(is_near)?;
        near.near = None;
        Some(Change::Near(near.window.clone(), now.until(near.until)))
    }

    /// Takes what the agent says of its windows.
    fn seen(&mut self, event: &WatchEvent) {
        for it in &mut self.coming {
            let window = event.windows.iter().find(|window| window.name == it.window);
            let open = window.filter(|window| window.state() == State::Open);
            let id = open.map(|window| &window.id);
            match (id, &it.id) {
                (Some(id), None) => it.id = Some(id.clone()),
                (Some(id), Some(known)) if id == known => {}
                _ => it.closed = true,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use async_trait::async_trait;
    use jiff::Timestamp;

    use super::*;
    use crate::clock::manual::ManualClock;
    use crate::control::proto::Window;

    /// One clock, for the test and for what it tests.
    #[derive(Debug)]
    struct Shared(Arc<ManualClock>);

    #[async_trait]
    impl Clock for Shared {
        fn now(&self) -> Moment {
            self.0.now()
        }

        fn wall(&self) -> Timestamp {
            self.0.wall()
        }

        async fn sleep_until(&self, at: Moment) {
            self.0.sleep_until(at).await;
        }
    }

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn ends(held: &[(&str, u64)]) -> (Arc<ManualClock>, Ends) {
        let clock = Arc::new(ManualClock::new());
        let held = held.iter().map(|(window, left)| Held {
            window: (*window).to_owned(),
            until: clock.now().after(seconds(*left)),
        });
        let shared = Box::new(Shared(Arc::clone(&clock)));
        let ends = Ends::new(shared, seconds(30), held.collect(), None);
        (clock, ends)
    }

    fn event(windows: &[(&str, State, &str)]) -> WatchEvent {
        let windows = windows.iter().map(|(name, state, id)| Window {
            name: (*name).to_owned(),
            state: (*state).into(),
            id: (*id).to_owned(),
            ..Window::default()
        });
        WatchEvent {
            windows: windows.collect(),
            locked: false,
            status: None,
        }
    }

    fn ops() -> String {
        "ops".to_owned()
    }

    #[tokio::test]
    async fn an_end_is_told_before_it_comes_and_when_it_comes() {
        let (clock, mut ends) = ends(&[("ops", 100)]);
        assert_eq!(ends.too_soon().count(), 0);
        assert_eq!(ends.due(), None);
        let (change, ()) = tokio::join!(ends.next(), clock.pass(seconds(70)));
        assert_eq!(change, Change::Near(ops(), seconds(30)));
        let (change, ()) = tokio::join!(ends.next(), clock.pass(seconds(30)));
        assert_eq!(change, Change::Ended(ops()));
        clock.jump(seconds(1000));
        assert_eq!(ends.due(), None);
    }

    #[tokio::test]
    async fn an_end_without_time_for_notice_is_told_when_it_comes() {
        let (clock, mut ends) = ends(&[("ops", 30), ("dev", 100)]);
        let soon: Vec<_> = ends.too_soon().collect();
        assert_eq!(soon, [("ops", seconds(30))]);
        clock.jump(seconds(29));
        assert_eq!(ends.due(), None);
        clock.jump(seconds(1));
        assert_eq!(ends.due(), Some(Change::Ended(ops())));
        assert_eq!(ends.due(), None);
    }

    #[tokio::test]
    async fn the_first_password_of_a_window_to_end_is_its_end() {
        let (clock, mut ends) = ends(&[("ops", 1000), ("ops", 100)]);
        clock.jump(seconds(100));
        assert_eq!(ends.due(), Some(Change::Ended(ops())));
        assert_eq!(ends.due(), None);
    }

    #[test]
    fn a_window_that_is_closed_or_opened_anew_ends_at_once() {
        for (state, id) in [
            (State::Closed, ""),
            (State::Opening, ""),
            (State::Open, "2"),
        ] {
            let (_, mut ends) = ends(&[("ops", 100)]);
            ends.seen(&event(&[
                ("dev", State::Open, "9"),
                ("ops", State::Open, "1"),
            ]));
            ends.seen(&event(&[
                ("dev", State::Closed, ""),
                ("ops", State::Open, "1"),
            ]));
            assert_eq!(ends.due(), None);
            ends.seen(&event(&[("ops", state, id)]));
            assert_eq!(ends.due(), Some(Change::Closed(ops())), "{state:?}");
            assert_eq!(ends.due(), None);
        }
    }

    #[test]
    fn a_window_that_was_closed_before_it_was_watched_has_ended() {
        let (_, mut ends) = ends(&[("ops", 100)]);
        ends.seen(&event(&[]));
        assert_eq!(ends.due(), Some(Change::Closed(ops())));
    }
}
