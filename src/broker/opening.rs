//! The flight of a window: recorded, activated, admitted; or given back.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, PoisonError};

use futures_util::FutureExt as _;

use super::flight::Flight;
use super::{Broker, Wish};
use crate::audit::Event;
use crate::catalog::{Name, WindowSpec};
use crate::cloud::{Stage, StageSink};
use crate::refusal::Refusal;
use crate::window::{Since, Terms};

impl Broker {
    /// Joins the opening of `window`, or starts it; asked for at `since`.
    pub(super) fn opening_flight(
        self: &Arc<Self>,
        window: &Arc<WindowSpec>,
        wish: Wish,
        since: Since,
    ) -> Arc<Flight> {
        let mut flights = self.flights();
        if let Some(flight) = flights.openings.get(&window.name) {
            flight.joined(since, &wish);
            return Arc::clone(flight);
        }
        let flight = Arc::new(Flight::of(&wish, since, self.seen.clone()));
        flights
            .openings
            .insert(window.name.clone(), Arc::clone(&flight));
        drop(flights);
        self.seen.send_replace(());
        let (broker, landing) = (Arc::clone(self), Arc::clone(&flight));
        let window = Arc::clone(window);
        self.run(async move {
            let mut wish = wish;
            let outcome = loop {
                let asked = landing.since();
                let outcome = broker.opened(&window, wish, &landing).await;
                match broker.landing(&window.name, &landing, asked, &outcome) {
                    Some(again) => wish = again,
                    None => break outcome,
                }
            };
            // A window that was ended to be opened again may not be.
            broker.seen.send_replace(());
            landing.land(outcome);
        });
        flight
    }

    /// Opens the window; what fails is recorded, and given back where nobody wants it any more.
    async fn opened(
        self: &Arc<Self>,
        window: &Arc<WindowSpec>,
        wish: Wish,
        flight: &Flight,
    ) -> Result<(), Refusal> {
        let id = wish.id;
        let outcome = settled(self.open_window(window, wish, flight)).await;
        if let Err(refusal) = &outcome {
            let event = Event::not_opened(id, window.name.as_str(), refusal);
            if let Err(unwritable) = self.audit.record(event) {
                tracing::error!(%unwritable, "a refused opening was not recorded");
            }
            // What PIM said no to, or was told to forget, has nothing to be ended.
            if !matches!(refusal, Refusal::Denied { .. }) {
                self.give_back(window, flight.since(), id).await;
            }
        }
        outcome
    }

    /// Takes the flight out of those that can be joined; unless the outcome of what was asked for at `asked` is
    /// that it was closed, and somebody has joined since: then it goes on with what they want.
    fn landing(
        &self,
        window: &Name,
        flight: &Flight,
        asked: Since,
        outcome: &Result<(), Refusal>,
    ) -> Option<Wish> {
        let mut flights = self.flights();
        let was_closed = match outcome {
            // What was closed was taken back at PIM, which tells it as a no; any other no is an approver's.
            Err(Refusal::Denied { .. }) => asked.was_closed(flight.since()),
            Err(Refusal::WindowEnded { .. }) => true,
            _ => false,
        };
        if was_closed && let Some(again) = flight.anew(asked) {
            return Some(again);
        }
        flights.openings.remove(window);
        let now = self.clock.now();
        flights.refused_openings.ended(window, outcome, now);
        None
    }

    /// Activates and admits the window.
    async fn open_window(
        &self,
        window: &Arc<WindowSpec>,
        wish: Wish,
        stages: &Flight,
    ) -> Result<(), Refusal> {
        let name = window.name.as_str();
        let (id, person, extends) = (wish.id, wish.person.clone(), wish.extends);
        let activation = wish.activation(window)?;
        self.drop_ended();
        // The opening before may have landed between the look at the window and this one's beginning.
        if !extends && self.is_standing(window).is_ok() {
            return Ok(());
        }
        self.windows().wanted(&window.name, stages.since())?;
        self.audit
            .record(Event::opening(id, name, &activation.reason))?;
        let active = match extends {
            true => {
                let anew = self.activate_anew(activation, &person, stages);
                anew.await?
            }
            false => self.activate(&activation, &person, stages).await?,
        };
        let terms = Terms {
            until: active.as_of.after(active.remaining),
            ends: active.ends,
            id,
            request: active.request,
        };
        self.tell_standing(window, active.standing);
        stages.reached(Stage::Active { ends: terms.ends });
        self.admit_window(window, terms, stages).await
    }

    /// Has `window` open on `terms`; recorded on disk before anything can be fetched in it.
    pub(super) async fn admit_window(
        &self,
        window: &WindowSpec,
        terms: Terms,
        flight: &Flight,
    ) -> Result<(), Refusal> {
        self.windows().wanted(&window.name, flight.since())?;
        let opened = Event::opened(window.name.as_str(), &terms);
        self.audit.record_synced(opened).await?;
        let now = self.clock.now();
        self.windows_mut()
            .open(&window.name, terms, flight.since(), now)?;
        self.changed.notify_one();
        self.seen.send_replace(());
        Ok(())
    }

    /// Remembers whether `window` is held for good; says so once.
    fn tell_standing(&self, window: &WindowSpec, is: bool) {
        let standing = self.standing.lock();
        let mut standing = standing.unwrap_or_else(PoisonError::into_inner);
        if !is {
            standing.remove(&window.name);
        } else if standing.insert(window.name.clone()) {
            let (window, target) = (&window.name, &window.target);
            tracing::warn!(%window, %target, "held for good: PIM protects nothing here");
        }
    }
}

/// What `work` came to. A panic of it is a refusal: a flight that never lands would keep everybody who
/// joins it waiting, until the agent is started anew.
pub(super) async fn settled(
    work: impl Future<Output = Result<(), Refusal>>,
) -> Result<(), Refusal> {
    let caught = AssertUnwindSafe(work).catch_unwind().await;
    caught.unwrap_or_else(|_| {
        let why = "pimento has a defect there (the agent's log has it); please report it";
        Err(Refusal::Unsupported(why.to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use super::settled;
    use crate::refusal::Refusal;

    #[tokio::test]
    async fn a_defect_in_a_flight_is_a_refusal_and_not_a_wait_for_ever() {
        let nothing: &[u8] = &[];
        let broken = settled(async move {
            assert_eq!(nothing.len(), 1);
            Ok(())
        });
        assert_eq!(broken.await.unwrap_err().code(), "unsupported");
        assert_eq!(settled(async { Ok(()) }).await, Ok(()));
        let refused = settled(async { Err(Refusal::Locked) }).await;
        assert_eq!(refused, Err(Refusal::Locked));
    }
}
