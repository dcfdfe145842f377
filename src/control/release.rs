//! Passwords and openings on their way to a client.

use std::sync::Arc;

use jiff::SignedDuration;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Response, Status};

use super::convert::said;
use super::prompt::Claim;
use super::proto::{self, lookup_request, password_event};
use super::sink::Sink;
use super::view;
use crate::broker::Wish;
use crate::catalog::{Credential, Kind, Part, PasswordUse, Use, WindowSpec};
use crate::house::House;
use crate::inert::inert;
use crate::pattern::host_matches;
use crate::policy::{End, Receiver, Said};
use crate::refusal::Refusal;
use crate::requester::Requester;
use crate::secret::Password;

/// What a call answers with, bit by bit.
pub(super) type Events<T> = UnboundedReceiverStream<Result<T, Status>>;

/// A password for a client.
pub(super) struct Release {
    pub(super) credential: Arc<Credential>,
    pub(super) end: End,
    pub(super) said: Said,
    pub(super) requester: Arc<Requester>,
    /// What is told before.
    pub(super) notice: Option<String>,
    /// The answer that this is to a prompt.
    pub(super) claim: Option<Claim>,
}

impl Release {
    /// Tells how far it is, and then the password.
    pub(super) fn stream(mut self, house: &Arc<House>) -> Response<Events<proto::PasswordEvent>> {
        let house = Arc::clone(house);
        streamed(move |sink| async move {
            if let Some(notice) = self.notice.take() {
                let event = password_event::Event::Notice(notice);
                sink.send(Ok(proto::PasswordEvent { event: Some(event) }));
            }
            let answer = self.released(&house, &sink).await;
            sink.send(answer.map_err(Status::from).map(|released| {
                let event = password_event::Event::Released(released);
                proto::PasswordEvent { event: Some(event) }
            }));
        })
    }

    async fn released(
        self,
        house: &House,
        sink: &Sink<proto::PasswordEvent>,
    ) -> Result<proto::Released, Refusal> {
        let Self {
            credential,
            end,
            said,
            requester,
            notice: _,
            claim,
        } = self;
        let read = |password: &Password| password.expose_secret().to_vec();
        let password = match end {
            End::File(part) => {
                let filed = house.file(&credential, part, said, &requester, sink);
                std::mem::take(&mut *filed.await?)
            }
            end => {
                let released = house.release(&credential, end, said, &requester, sink, read);
                released.await?
            }
        };
        if let Some(claim) = claim {
            claim.given();
        }
        let user = match &credential.kind {
            Kind::Password(password) => password.user.clone().unwrap_or_default(),
            Kind::Authority(_)
            | Kind::Certificate(_)
            | Kind::ClientCertificate(_)
            | Kind::Key(_) => String::new(),
        };
        let window = &credential.vault.window.name;
        let broker = &house.pipeline.broker;
        let ends = broker.view(window).map(|open| open.terms.ends.to_string());
        Ok(proto::Released {
            password,
            user,
            credential: credential.name.to_string(),
            window: window.to_string(),
            seconds_left: broker.usable_for(&credential).as_secs(),
            ends: ends.unwrap_or_default(),
            warnings: house.oddities(|name| *name == credential.name),
        })
    }
}

/// To what end a credential is wanted that is asked for by its name.
pub(super) fn end(credential: &Credential, part: Part, request: &proto::PasswordRequest) -> End {
    match credential.kind {
        Kind::ClientCertificate(_) if request.file => End::File(part),
        _ => End::Reveal,
    }
}

/// What a person at the helper's terminal should know: which password goes where, to do what.
pub(super) fn notice(credential: &Credential, receiver: &Receiver) -> String {
    let mut line = format!(
        "password {} goes to {} for {}",
        credential.name,
        receiver.to.word(),
        receiver.account()
    );
    if !receiver.command.is_empty() {
        let command = receiver.command.join(" ");
        let shown: String = inert(&command, '?').chars().take(LONGEST_COMMAND).collect();
        line.push_str(&format!(", by: {shown}"));
    }
    line
}

/// What a helper of another program wants a password for.
pub(super) fn used(by: lookup_request::Use) -> Result<PasswordUse, Refusal> {
    match by {
        lookup_request::Use::Docker => Ok(PasswordUse::Docker),
        lookup_request::Use::Git => Ok(PasswordUse::Git),
        lookup_request::Use::Unspecified => Err(Refusal::Unsupported(
            "the request does not say what the password is for".to_owned(),
        )),
    }
}

/// Has there what a login will need: the first key for that host, or else its password.
///
/// Not all that fit: each further one could open another window.
pub(super) fn preflight(
    house: &Arc<House>,
    request: proto::PreflightRequest,
    requester: Arc<Requester>,
) -> Response<Events<proto::OpenEvent>> {
    let house = Arc::clone(house);
    streamed(move |sink| async move {
        let needed = needed(&house, &request);
        let Some((credential, host)) = needed else {
            return;
        };
        let user = Some(request.user).filter(|user| !user.is_empty());
        let end = End::Prepare { user, host };
        let said = said(request.said);
        let ready = house.prepare(&credential, end, said, &requester, &sink);
        let window = || view::window(&house, &credential.vault.window);
        let ready = ready.await.map(|()| window());
        sink.opened(ready);
    })
}

fn needed(house: &House, request: &proto::PreflightRequest) -> Option<(Arc<Credential>, String)> {
    let on = |credential: &Credential| {
        let mut hosts = request.hosts.iter();
        hosts
            .find(|host| host_matches(&credential.hosts, host))
            .cloned()
    };
    let mut keys = house.catalog.iter();
    let key = keys.find_map(|credential| {
        let uses = &credential.kind.rules()?.uses;
        let login = uses.contains(&Use::Login) || uses.contains(&Use::Any);
        Some((Arc::clone(credential), on(credential).filter(|_| login)?))
    });
    let mut passwords = house.catalog.passwords();
    key.or_else(|| {
        passwords.find_map(|(credential, password)| {
            let uses = [PasswordUse::Ssh, PasswordUse::SshKeyboardInteractive];
            let ssh = uses.iter().any(|it| password.uses.contains(it));
            let user = request.user.is_empty() || password.user.as_ref() == Some(&request.user);
            Some((
                Arc::clone(credential),
                on(credential).filter(|_| ssh && user)?,
            ))
        })
    })
}

/// Has the certificates there that a window which was just opened is for: a client cannot ask for
/// one that it does not see.
pub(super) async fn certify(
    house: &House,
    window: &WindowSpec,
    requester: &Requester,
    sink: &Sink<proto::OpenEvent>,
) {
    let all = house.catalog.certificates();
    for (credential, _) in all.filter(|(it, _)| it.vault.window.name == window.name) {
        let (user, host) = (None, credential.hosts.join(", "));
        let end = End::Prepare { user, host };
        let said = Said::default();
        let made = house.prepare(credential, end, said, requester, sink).await;
        if let Err(refusal) = made {
            let (name, advice) = (&credential.name, refusal.advice());
            sink.notice(format!(
                "key {name} has no certificate: {refusal}; {advice}"
            ));
        }
    }
}

/// What a request to open asks of PIM.
pub(super) fn wish(window: &WindowSpec, request: proto::OpenRequest, person: &Requester) -> Wish {
    let said = said(request.said);
    let seconds = i64::try_from(request.seconds).unwrap_or(i64::MAX);
    let usual = Wish::of(window, "opened by hand", person);
    Wish {
        reason: said.reason.or(usual.reason),
        ticket: said.ticket.or(usual.ticket),
        duration: (seconds > 0).then(|| SignedDuration::from_secs(seconds)),
        extends: request.extend,
        ..usual
    }
}

/// Runs `work` on its own, and streams what it sends.
///
/// Work that others may have joined is the broker's own; what is dropped with the client here is
/// only this call's interest in it.
pub(super) fn streamed<T, W, F>(work: W) -> Response<Events<T>>
where
    W: FnOnce(Sink<T>) -> F,
    F: Future<Output = ()> + Send + 'static,
    T: Send + 'static,
{
    let (sender, receiver) = mpsc::unbounded_channel();
    let hung_up = sender.clone();
    let work = work(Sink(sender));
    let _runs_on = tokio::spawn(async move {
        tokio::select! {
            () = work => {}
            () = hung_up.closed() => {}
        }
    });
    Response::new(UnboundedReceiverStream::new(receiver))
}

/// Enough to recognise a command by.
const LONGEST_COMMAND: usize = 200;
