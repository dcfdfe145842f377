//! All clients at once: bounded, and nobody kept out by those who only sit there.
//!
//! In go connections, each served by a task of its own. When there are as many as the process can
//! hold, the one that has been idle longest is hung up on: a client that comes back connects
//! again, and one that was refused could not get in at all.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::service::Service;
use super::session::{self, Pulse};
use crate::listen::{Connection, Door};

/// The clients that are being served.
#[derive(Debug)]
pub struct Crowd {
    most: usize,
    /// Counts requests and connections, so that the longest idle can be told without a clock.
    tick: AtomicU64,
    places: Mutex<HashMap<u64, Arc<Place>>>,
}

/// One client's place.
#[derive(Debug)]
struct Place {
    last: AtomicU64,
    busy: AtomicBool,
    leave: Notify,
}

/// A place while it is taken.
struct Seat<'a> {
    crowd: &'a Crowd,
    number: u64,
    place: Arc<Place>,
}

impl Crowd {
    /// Room for `most` clients.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            most,
            tick: AtomicU64::new(0),
            places: Mutex::default(),
        }
    }

    /// How many are being served.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places().len()
    }

    /// Whether nobody is being served.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes a place; somebody who is idle may have to leave for it. `None` if all are busy.
    fn enter(&self) -> Option<Seat<'_>> {
        let mut places = self.places();
        if places.len() >= self.most {
            let idle = places
                .iter()
                .filter(|(_, place)| !place.busy.load(Ordering::Acquire));
            let longest = idle.min_by_key(|(_, place)| place.last.load(Ordering::Relaxed));
            let number = longest.map(|(number, _)| *number)?;
            if let Some(place) = places.remove(&number) {
                place.leave.notify_one();
            }
        }
        let number = self.tick();
        let place = Arc::new(Place {
            last: AtomicU64::new(number),
            busy: AtomicBool::new(false),
            leave: Notify::new(),
        });
        places.insert(number, Arc::clone(&place));
        Some(Seat {
            crowd: self,
            number,
            place,
        })
    }

    fn tick(&self) -> u64 {
        self.tick.fetch_add(1, Ordering::Relaxed)
    }

    // Poisoned by nothing: no code under this lock can panic.
    fn places(&self) -> MutexGuard<'_, HashMap<u64, Arc<Place>>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pulse for Seat<'_> {
    fn begins(&self) {
        self.place.busy.store(true, Ordering::Release);
    }

    fn ends(&self) {
        self.place.last.store(self.crowd.tick(), Ordering::Relaxed);
        self.place.busy.store(false, Ordering::Release);
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.crowd.places().remove(&self.number);
    }
}

/// Serves whoever comes to `door`; never returns. The clients' tasks are in `sessions`.
pub async fn serve_all(service: &Arc<Service>, door: &Door, sessions: &mut JoinSet<()>) {
    let crowd = Arc::new(Crowd::new(door.room()));
    loop {
        let connection = door.accept().await;
        while sessions.try_join_next().is_some() {}
        let (service, crowd) = (Arc::clone(service), Arc::clone(&crowd));
        sessions.spawn(async move { one(connection, &service, &crowd).await });
    }
}

async fn one(connection: Connection, service: &Service, crowd: &Crowd) {
    let Connection {
        stream,
        caller,
        place: _held_to_the_end,
    } = connection;
    let Some(seat) = crowd.enter() else {
        tracing::warn!(
            "a client was hung up on: all {} others are busy",
            crowd.most
        );
        return;
    };
    tokio::select! {
        served = session::serve(stream, &caller, service, &seat) => {
            if let Err(error) = served {
                tracing::debug!(%error, pid = ?caller.pid(), "a client was hung up on");
            }
        }
        () = seat.place.leave.notified() => {
            tracing::debug!(pid = ?caller.pid(), "an idle client was hung up on");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_idle_client_leaves_for_a_new_one() {
        let crowd = Crowd::new(2);
        let first = crowd.enter().unwrap();
        let second = crowd.enter().unwrap();
        first.begins();
        first.ends();
        let _third = crowd.enter().unwrap();
        assert_eq!(crowd.len(), 2);
        assert!(!crowd.places().contains_key(&second.number));
        assert!(crowd.places().contains_key(&first.number));
    }

    #[test]
    fn a_busy_client_does_not_leave() {
        let crowd = Crowd::new(1);
        let only = crowd.enter().unwrap();
        only.begins();
        assert!(crowd.enter().is_none());
        only.ends();
        assert!(crowd.enter().is_some());
    }

    #[test]
    fn a_place_is_free_again_when_its_client_has_left() {
        let crowd = Crowd::new(1);
        drop(crowd.enter());
        assert!(crowd.is_empty());
    }
}
