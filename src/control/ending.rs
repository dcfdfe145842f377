//! What ends windows at the user's word: closing, locking, signing out.

use super::convert::message;
use super::proto;
use crate::broker::Ended;
use crate::catalog::Name;
use crate::house::House;
use crate::refusal::Refusal;

/// Closes the window of that name, or all of them if it is empty.
pub(super) async fn close(house: &House, name: &str) -> Result<proto::CloseReply, Refusal> {
    let windows = match name {
        "" => house.windows.iter().collect(),
        name => vec![house.window(name)?],
    };
    let mut reply = proto::CloseReply::default();
    for window in windows {
        house.pipeline.wrong.forgive(&window.name);
        let name = window.name.to_string();
        let was_open = house.pipeline.broker.view(&window.name).is_some();
        match house
            .pipeline
            .broker
            .close(window, "closed by the user")
            .await
        {
            Ok(Ended::Nothing) => {}
            Ok(Ended::TakenBack | Ended::Abandoned) => reply.taken_back.push(name),
            Ok(Ended::Closed) => reply.closed.push(name),
            Err(refusal) => {
                reply.not_ended.push(message(&refusal));
                match was_open {
                    true => reply.closed.push(name),
                    false => reply.taken_back.push(name),
                }
            }
        }
    }
    Ok(reply)
}

/// Locks, or lifts the lock that has no passphrase.
pub(super) fn lock(house: &House, locked: bool) -> Result<proto::LockReply, Refusal> {
    let broker = &house.pipeline.broker;
    let closed = if locked {
        broker.lock()
    } else if house.lock.is_on() {
        return Err(Refusal::LockedWithPassphrase);
    } else {
        broker.unlock();
        0
    };
    Ok(proto::LockReply {
        closed: u32::try_from(closed).unwrap_or(u32::MAX),
    })
}

/// Forgets a sign-in.
pub(super) async fn sign_out(house: &House, tenant: &str) -> Result<proto::LogoutReply, Refusal> {
    let tenant = house.tenant(tenant)?;
    // What was opened by this sign-in goes with it.
    let windows = house.windows.iter();
    let mut not_ended = Vec::new();
    for window in windows.filter(|window| window.tenant.name == tenant.name) {
        let ended = house.pipeline.broker.close(window, "signed out").await;
        match ended {
            Ok(Ended::Abandoned) => not_ended.push(opening_still(&window.name)),
            Ok(_) => {}
            Err(refusal) => not_ended.push(message(&refusal)),
        }
    }
    let was_signed_in = house.identity.sign_out(tenant).await;
    Ok(proto::LogoutReply {
        tenant: tenant.name.to_string(),
        was_signed_in,
        not_ended,
    })
}

/// Of a window that PIM may be about to open: once it has, nobody is signed in to end it.
fn opening_still(window: &Name) -> proto::Refusal {
    let window = window.to_string();
    proto::Refusal {
        message: format!(
            "window {window} was being opened: it does not open here, but PIM may activate it"
        ),
        ..message(&Refusal::NotEndedYet { window })
    }
}
