//! What a service manager is told: that the agent serves, that it still does, that it stops.
//!
//! systemd's protocol (`sd_notify(3)`); elsewhere, and where no manager listens, nothing happens. What
//! never happens here: a sign of life that only says that a timer runs.

use std::path::Path;

use crate::broker::Broker;

/// All doors are served.
pub fn ready(socket: &Path) {
    tell(&format!("listening on {}", socket.display()), Change::Ready);
}

/// No door is served any more.
pub fn stopping() {
    tell("wiping what is held", Change::Stopping);
}

/// What the manager acts on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Ready,
    Stopping,
}

/// Tells the manager, as often as it wants to hear, that the agent does its work; never returns.
#[cfg(target_os = "linux")]
pub async fn keep_alive(broker: &Broker) {
    let Some(patience) = sd_notify::watchdog_enabled() else {
        return std::future::pending().await;
    };
    let mut due = tokio::time::interval(patience / 2);
    loop {
        due.tick().await;
        // Every use of a key takes the lock under which windows are looked at. An agent that has lost
        // it stops here, falls silent, and is started anew.
        let _open = broker.views();
        send(&[sd_notify::NotifyState::Watchdog]);
    }
}

/// The same where nobody wants to hear.
#[cfg(not(target_os = "linux"))]
pub async fn keep_alive(_broker: &Broker) {
    std::future::pending().await
}

#[cfg(target_os = "linux")]
fn tell(status: &str, change: Change) {
    use sd_notify::NotifyState;
    let change = match change {
        Change::Ready => NotifyState::Ready,
        Change::Stopping => NotifyState::Stopping,
    };
    send(&[change, NotifyState::Status(status)]);
}

#[cfg(not(target_os = "linux"))]
fn tell(status: &str, change: Change) {
    tracing::debug!(?change, status, "no service manager");
}

#[cfg(target_os = "linux")]
fn send(states: &[sd_notify::NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the service manager cannot be told");
    }
}
