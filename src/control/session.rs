//! One request of the API, turned into a question to the house.

use std::sync::Arc;

use jiff::SignedDuration;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Request, Response, Status};

use super::convert::{message, status};
use super::prompt::Prompts;
use super::proto::control_server::Control;
use super::proto::{self, login_event, login_request, open_event, password_event, window};
use super::sink::Sink;
use crate::broker::Wish;
use crate::catalog::{Credential, Kind, SignInMethod, Ticket, WindowSpec};
use crate::cloud::CorrelationId;
use crate::house::House;
use crate::refusal::Refusal;
use crate::requester::Requester;

/// Answers requests.
pub(super) struct Session {
    house: Arc<House>,
    prompts: Arc<Prompts>,
}

impl Session {
    pub(super) fn new(house: Arc<House>) -> Self {
        Self {
            house,
            prompts: Arc::default(),
        }
    }
}

type Events<T> = UnboundedReceiverStream<Result<T, Status>>;

#[tonic::async_trait]
impl Control for Session {
    type LoginStream = Events<proto::LoginEvent>;
    type OpenStream = Events<proto::OpenEvent>;
    type PasswordStream = Events<proto::PasswordEvent>;
    type AskpassStream = Events<proto::PasswordEvent>;

    async fn status(
        &self,
        _: Request<proto::StatusRequest>,
    ) -> Result<Response<proto::StatusReply>, Status> {
        let house = &self.house;
        let tenants = house.tenants.iter().map(|tenant| proto::Tenant {
            name: tenant.name.to_string(),
            user_name: house
                .identity
                .account(tenant)
                .map(|it| it.user_name)
                .unwrap_or_default(),
        });
        Ok(Response::new(proto::StatusReply {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            tenants: tenants.collect(),
            windows: house
                .windows
                .iter()
                .map(|window| view(house, window))
                .collect(),
            locked: house.pipeline.broker.locked(),
            agent_socket: house.facts.agent_socket.display().to_string(),
            audit_file: house.pipeline.audit.path().display().to_string(),
            warnings: house.warnings(),
            added_keys: u32::try_from(house.keyring.len()).unwrap_or(u32::MAX),
        }))
    }

    async fn keys(
        &self,
        _: Request<proto::KeysRequest>,
    ) -> Result<Response<proto::KeysReply>, Status> {
        let credentials = self.house.catalog.iter().map(|it| describe(it)).collect();
        Ok(Response::new(proto::KeysReply { credentials }))
    }

    async fn why(
        &self,
        request: Request<proto::WhyRequest>,
    ) -> Result<Response<proto::WhyReply>, Status> {
        let count = usize::try_from(request.get_ref().last)
            .unwrap_or(usize::MAX)
            .max(1);
        let refused = self
            .house
            .pipeline
            .memory
            .last(count)
            .into_iter()
            .map(|it| proto::Refused {
                at: it.at.to_string(),
                id: it.id.map(|id| id.to_string()).unwrap_or_default(),
                credential: it.credential,
                requester: it.requester,
                refusal: Some(message(&it.refusal)),
            });
        Ok(Response::new(proto::WhyReply {
            refused: refused.collect(),
        }))
    }

    async fn login(
        &self,
        request: Request<proto::LoginRequest>,
    ) -> Result<Response<Self::LoginStream>, Status> {
        let request = request.into_inner();
        let tenant = self
            .house
            .tenant(&request.tenant)
            .map_err(|no| status(&no))?;
        let tenant = Arc::clone(tenant);
        let method = match request.method() {
            login_request::Method::Unspecified => tenant.sign_in,
            login_request::Method::Browser => SignInMethod::Browser,
            login_request::Method::DeviceCode => SignInMethod::DeviceCode,
        };
        let house = Arc::clone(&self.house);
        Ok(streamed(move |sink| async move {
            let account = house.identity.sign_in(&tenant, method, &sink).await;
            sink.send(account.map_err(|no| status(&no)).map(|account| {
                let (tenant, user_name) = (tenant.name.to_string(), account.user_name);
                let event = login_event::SignedIn { tenant, user_name };
                proto::LoginEvent {
                    event: Some(login_event::Event::SignedIn(event)),
                }
            }));
        }))
    }

    async fn logout(
        &self,
        request: Request<proto::LogoutRequest>,
    ) -> Result<Response<proto::LogoutReply>, Status> {
        let house = &self.house;
        let tenant = house
            .tenant(&request.get_ref().tenant)
            .map_err(|no| status(&no))?;
        // What was opened by this sign-in goes with it.
        for window in house
            .windows
            .iter()
            .filter(|window| window.tenant.name == tenant.name)
        {
            if let Err(refusal) = house.pipeline.broker.close(window, "signed out").await {
                tracing::info!(%refusal, "PIM did not end a window at sign-out");
            }
        }
        let was_signed_in = house.identity.sign_out(tenant).await;
        let tenant = tenant.name.to_string();
        Ok(Response::new(proto::LogoutReply {
            tenant,
            was_signed_in,
        }))
    }

    async fn open(
        &self,
        request: Request<proto::OpenRequest>,
    ) -> Result<Response<Self::OpenStream>, Status> {
        let request = request.into_inner();
        let window = Arc::clone(
            self.house
                .window(&request.window)
                .map_err(|no| status(&no))?,
        );
        let wish = wish(&window, request);
        let house = Arc::clone(&self.house);
        Ok(streamed(move |sink| async move {
            let opened = house.pipeline.broker.open(&window, wish, &sink).await;
            sink.send(opened.map_err(|no| status(&no)).map(|()| {
                let event = open_event::Event::Opened(view(&house, &window));
                proto::OpenEvent { event: Some(event) }
            }));
        }))
    }

    async fn close(
        &self,
        request: Request<proto::CloseRequest>,
    ) -> Result<Response<proto::CloseReply>, Status> {
        let (house, broker) = (&self.house, &self.house.pipeline.broker);
        let name = &request.get_ref().window;
        let windows = if name.is_empty() {
            house.windows.iter().collect()
        } else {
            vec![house.window(name).map_err(|no| status(&no))?]
        };
        let mut reply = proto::CloseReply::default();
        for window in windows {
            match broker.close(window, "closed by the user").await {
                Ok(false) => continue,
                Ok(true) => {}
                Err(refusal) => reply.not_ended.push(message(&refusal)),
            }
            reply.closed.push(window.name.to_string());
        }
        Ok(Response::new(reply))
    }

    async fn lock(
        &self,
        request: Request<proto::LockRequest>,
    ) -> Result<Response<proto::LockReply>, Status> {
        let broker = &self.house.pipeline.broker;
        let closed = if request.get_ref().locked {
            broker.lock()
        } else if self.house.lock.is_on() {
            return Err(status(&Refusal::LockedWithPassphrase));
        } else {
            broker.unlock();
            0
        };
        Ok(Response::new(proto::LockReply {
            closed: u32::try_from(closed).unwrap_or(u32::MAX),
        }))
    }

    async fn password(
        &self,
        request: Request<proto::PasswordRequest>,
    ) -> Result<Response<Self::PasswordStream>, Status> {
        let requester = requester(&request)?;
        let request = request.into_inner();
        let credential = self
            .house
            .password(&request.name)
            .map_err(|no| status(&no))?;
        let reason = Some(request.reason).filter(|reason| !reason.is_empty());
        Ok(revealed(
            &self.house,
            Arc::clone(credential),
            reason,
            requester,
        ))
    }

    async fn askpass(
        &self,
        request: Request<proto::AskpassRequest>,
    ) -> Result<Response<Self::AskpassStream>, Status> {
        let requester = requester(&request)?;
        let request = request.get_ref();
        let credential = self
            .prompts
            .credential(
                &self.house.catalog,
                &request.prompt,
                request.asker,
                &requester,
            )
            .map_err(|no| status(&no))?;
        Ok(revealed(&self.house, credential, None, requester))
    }
}

/// Runs `work` on its own, and streams what it sends.
///
/// Work that others may have joined is the broker's own; what is dropped with the client here is
/// only this call's interest in it.
fn streamed<T, W, F>(work: W) -> Response<Events<T>>
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

fn revealed(
    house: &Arc<House>,
    credential: Arc<Credential>,
    reason: Option<String>,
    requester: Arc<Requester>,
) -> Response<Events<proto::PasswordEvent>> {
    let house = Arc::clone(house);
    streamed(move |sink| async move {
        let read = |password: &crate::secret::Password| password.expose_secret().to_vec();
        let answer = house
            .reveal(&credential, reason, &requester, &sink, read)
            .await;
        sink.send(answer.map_err(|no| status(&no)).map(|password| {
            let event = password_event::Event::Password(password);
            proto::PasswordEvent { event: Some(event) }
        }));
    })
}

fn requester<T>(request: &Request<T>) -> Result<Arc<Requester>, Status> {
    let found = request.extensions().get::<Arc<Requester>>().cloned();
    found.ok_or_else(|| status(&Refusal::Unsupported("the requester is unknown".to_owned())))
}

fn wish(window: &WindowSpec, request: proto::OpenRequest) -> Wish {
    let given = |text: String| Some(text).filter(|text| !text.trim().is_empty());
    let ticket = given(request.ticket_number)
        .map(|number| Ticket {
            number,
            system: request.ticket_system,
        })
        .or_else(|| window.ticket.clone());
    let reason = given(request.reason).or_else(|| match &window.reason {
        crate::catalog::Reason::Ask => None,
        crate::catalog::Reason::Template(_) => Some(format!("opened by hand ({})", window.name)),
    });
    let seconds = i64::try_from(request.seconds).unwrap_or(i64::MAX);
    let duration = (seconds > 0).then(|| SignedDuration::from_secs(seconds));
    Wish {
        reason,
        ticket,
        duration,
        id: CorrelationId::new(),
    }
}

fn view(house: &House, spec: &WindowSpec) -> proto::Window {
    let broker = &house.pipeline.broker;
    let mut shown = proto::Window {
        name: spec.name.to_string(),
        tenant: spec.tenant.name.to_string(),
        state: window::State::Closed.into(),
        ..proto::Window::default()
    };
    if let Some(open) = broker.view(&spec.name) {
        shown.state = window::State::Open.into();
        shown.ends = open.terms.ends.to_string();
        shown.seconds_left = broker.left(&open.terms).as_secs();
        shown.id = open.terms.id.to_string();
        shown.held = open
            .held
            .into_iter()
            .map(|(name, version)| proto::Held {
                credential: name.to_string(),
                version,
            })
            .collect();
    } else if let Some(stage) = broker.opening(&spec.name) {
        shown.state = window::State::Opening.into();
        shown.stage = stage.to_string();
    }
    shown
}

fn describe(credential: &Credential) -> proto::Credential {
    let mut shown = proto::Credential {
        name: credential.name.to_string(),
        window: credential.vault.window.name.to_string(),
        vault: credential.vault.name.to_string(),
        hosts: credential.hosts.clone(),
        ..proto::Credential::default()
    };
    match &credential.kind {
        Kind::Key(key) => {
            "key".clone_into(&mut shown.kind);
            shown.public_key = key.public.to_openssh().unwrap_or_default();
            shown.fingerprint = key.public.fingerprint(ssh_key::HashAlg::Sha256).to_string();
        }
        Kind::Password(password) => {
            "password".clone_into(&mut shown.kind);
            shown.user = password.user.clone().unwrap_or_default();
        }
    }
    shown
}
