//! Keys and passwords on their way into a vault.

use std::sync::Arc;

use ssh_key::HashAlg;
use tonic::Response;
use zeroize::Zeroizing;

use super::convert::given;
use super::proto::import_event::Event;
use super::proto::{self, ImportEvent, OpenRequest, PassphraseNeeded};
use super::release::{Events, streamed, wish};
use crate::broker::Existing;
use crate::catalog::Credential;
use crate::house::{House, Import, Imported, NotImported};
use crate::requester::Requester;

/// Tells how far it is, and then what was stored.
pub(super) fn stream(
    house: &Arc<House>,
    request: proto::ImportRequest,
    person: Arc<Requester>,
) -> Response<Events<ImportEvent>> {
    let house = Arc::clone(house);
    streamed(move |sink| async move {
        let said = request.said.clone();
        let opening = |credential: &Credential| {
            let request = OpenRequest {
                window: credential.vault.window.name.to_string(),
                said,
                ..OpenRequest::default()
            };
            wish(&credential.vault.window, request, &person)
        };
        let done = house.import(wanted(request), opening, &person, &sink).await;
        let event = match done {
            Ok(imported) => Ok(Event::Imported(told(&imported))),
            Err(NotImported::PassphraseNeeded) => Ok(Event::PassphraseNeeded(PassphraseNeeded {})),
            Err(NotImported::Refused(no)) => Err(no.into()),
        };
        sink.send(event.map(|event| ImportEvent { event: Some(event) }));
    })
}

fn wanted(request: proto::ImportRequest) -> Import {
    Import {
        name: request.name,
        vault: given(request.vault),
        secret: given(request.secret),
        value: Zeroizing::new(request.value),
        password: request.password,
        passphrase: request.passphrase.map(Zeroizing::new),
        rotate_after: given(request.rotate_after),
        existing: match request.replace {
            true => Existing::Replace,
            false => Existing::Keep,
        },
    }
}

fn told(imported: &Imported) -> proto::Imported {
    let credential = &imported.credential;
    let public = imported.public.as_ref();
    let line = public.and_then(|it| it.to_openssh().ok());
    let fingerprint = public.map(|it| it.fingerprint(HashAlg::Sha256).to_string());
    proto::Imported {
        name: credential.name.to_string(),
        vault: credential.vault.name.to_string(),
        secret: credential.object.name().to_string(),
        version: imported.version.clone(),
        public_key: line.unwrap_or_default(),
        fingerprint: fingerprint.unwrap_or_default(),
        repairs: imported.told.clone(),
        configured: imported.configured,
        id: imported.id.to_string(),
    }
}
