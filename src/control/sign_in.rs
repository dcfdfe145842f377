//! A sign-in, step by step, on its way to whoever leads a person through it.

use std::sync::Arc;

use tonic::{Response, Status};

use super::proto::{LoginEvent, login_event};
use super::release::{Events, streamed};
use super::sink::Guide;
use crate::catalog::{SignInMethod, Tenant};
use crate::house::House;
use crate::requester::Requester;

/// Signs `person` in to `tenant`; tells what they have to do meanwhile, and then who it is.
pub(super) fn stream(
    house: &Arc<House>,
    tenant: Arc<Tenant>,
    method: SignInMethod,
    person: Arc<Requester>,
) -> Response<Events<LoginEvent>> {
    let house = Arc::clone(house);
    streamed(move |sink| async move {
        let guide = Guide {
            sink: &sink,
            person,
        };
        let account = house.identity.sign_in(&tenant, method, &guide).await;
        if account.is_ok() {
            house.pipeline.broker.signed_in(&tenant.name);
        }
        sink.send(account.map_err(Status::from).map(|account| {
            let (tenant, user_name) = (tenant.name.to_string(), account.user_name);
            let event = login_event::SignedIn { tenant, user_name };
            LoginEvent {
                event: Some(login_event::Event::SignedIn(event)),
            }
        }));
    })
}
