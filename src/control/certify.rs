//! Certificates of hosts, on their way to an administrator.

use std::sync::Arc;

use jiff::SignedDuration;
use ssh_key::{Certificate, PublicKey};
use tonic::{Response, Status};

use super::convert::said;
use super::proto::{CertifyHostEvent, CertifyHostRequest, certify_host_event::Event};
use super::release::{Events, streamed};
use super::sink::Sink;
use crate::catalog::Credential;
use crate::cloud::{Stage, StageSink};
use crate::house::{Host, House};
use crate::refusal::Refusal;
use crate::requester::Requester;

/// Has a host certified.
pub(super) fn host(
    house: &Arc<House>,
    request: CertifyHostRequest,
    requester: Arc<Requester>,
) -> Result<Response<Events<CertifyHostEvent>>, Refusal> {
    let authority = Arc::clone(house.authority(&request.authority)?);
    let key = PublicKey::from_openssh(&request.public_key);
    let key = key.map_err(|_| Refusal::Unsupported("it is not a public key".to_owned()))?;
    let seconds = i64::try_from(request.seconds).unwrap_or(i64::MAX);
    let host = Host {
        key,
        names: request.names,
        lasts: SignedDuration::from_secs(seconds),
    };
    let (house, said) = (Arc::clone(house), said(request.said));
    Ok(streamed(move |sink: Sink<CertifyHostEvent>| async move {
        let made = house.certify_host(&authority, host, said, &requester, &sink);
        let made = made.await.and_then(|blob| in_a_file(&blob, &authority));
        sink.send(made.map_err(Status::from).map(|text| CertifyHostEvent {
            event: Some(Event::Certificate(text)),
        }));
    }))
}

/// A certificate as OpenSSH keeps it.
fn in_a_file(blob: &[u8], authority: &Credential) -> Result<String, Refusal> {
    let read = Certificate::from_bytes(blob).and_then(|read| read.to_openssh());
    read.map_err(|error| Refusal::Material {
        credential: authority.name.to_string(),
        problem: format!("its certificate cannot be read: {error}"),
        remedy: "nothing was given out; report it as a bug".to_owned(),
    })
}

impl StageSink for Sink<CertifyHostEvent> {
    fn reached(&self, stage: Stage) {
        let text = stage.to_string();
        let event = match stage.is_notice() {
            true => Event::Notice(text),
            false => Event::Stage(text),
        };
        self.send(Ok(CertifyHostEvent { event: Some(event) }));
    }
}
