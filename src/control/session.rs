//! One request of the API, turned into a question to the house.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::approvals;
use super::certify;
use super::check;
use super::convert::{given, said};
use super::ending;
use super::import;
use super::pins;
use super::prompt::{self, Answer, Plan, Prompts, Unanswered};
use super::proto::control_server::Control;
use super::proto::{self, login_request};
use super::release::{self, Events, Release, streamed, wish};
use super::sign_in;
use super::view;
use super::watching;
use crate::catalog::{SignInMethod, Version};
use crate::doctor;
use crate::house::House;
use crate::policy::{End, Receiver};
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

impl Session {
    /// Remembers why a prompt is not answered, and what that says of a password.
    fn unanswered(&self, no: Unanswered, requester: &Requester) -> Refusal {
        let pipeline = &self.house.pipeline;
        let (what, refusal) = match no {
            Unanswered::No(refusal) => ("a prompt".to_owned(), refusal),
            Unanswered::Again(credential) => {
                pipeline.wrong.mark(&credential);
                let refusal = prompt::seems_wrong(&credential);
                (credential.name.to_string(), refusal)
            }
        };
        pipeline.turn_away(&what, requester, &refusal);
        refusal
    }
}

#[tonic::async_trait]
impl Control for Session {
    type ImportStream = Events<proto::ImportEvent>;
    type LoginStream = Events<proto::LoginEvent>;
    type CertifyHostStream = Events<proto::CertifyHostEvent>;
    type OpenStream = Events<proto::OpenEvent>;
    type PasswordStream = Events<proto::PasswordEvent>;
    type AskpassStream = Events<proto::PasswordEvent>;
    type LookupStream = Events<proto::PasswordEvent>;
    type PreflightStream = Events<proto::OpenEvent>;
    type WatchStream = watching::Events;
    type ExamineStream = Events<proto::Finding>;

    async fn status(
        &self,
        _: Request<proto::StatusRequest>,
    ) -> Result<Response<proto::StatusReply>, Status> {
        Ok(Response::new(view::status(&self.house)))
    }

    async fn keys(
        &self,
        _: Request<proto::KeysRequest>,
    ) -> Result<Response<proto::KeysReply>, Status> {
        let credentials = self
            .house
            .catalog
            .iter()
            .map(|it| view::credential(it))
            .collect();
        Ok(Response::new(proto::KeysReply { credentials }))
    }

    async fn why(
        &self,
        request: Request<proto::WhyRequest>,
    ) -> Result<Response<proto::WhyReply>, Status> {
        let refused = view::refused(&self.house, request.get_ref().last);
        let since = self.house.pipeline.memory.since().to_string();
        Ok(Response::new(proto::WhyReply { refused, since }))
    }

    async fn login(
        &self,
        request: Request<proto::LoginRequest>,
    ) -> Result<Response<Self::LoginStream>, Status> {
        let person = requester(&request)?;
        let request = request.into_inner();
        let tenant = self.house.tenant(&request.tenant)?;
        let tenant = Arc::clone(tenant);
        let method = match request.method() {
            login_request::Method::Unspecified => tenant.sign_in,
            login_request::Method::Browser => SignInMethod::Browser,
            login_request::Method::DeviceCode => SignInMethod::DeviceCode,
        };
        Ok(sign_in::stream(&self.house, tenant, method, person))
    }

    async fn logout(
        &self,
        request: Request<proto::LogoutRequest>,
    ) -> Result<Response<proto::LogoutReply>, Status> {
        let reply = ending::sign_out(&self.house, &request.get_ref().tenant).await;
        reply.map(Response::new).map_err(Status::from)
    }

    async fn open(
        &self,
        request: Request<proto::OpenRequest>,
    ) -> Result<Response<Self::OpenStream>, Status> {
        let person = requester(&request)?;
        let request = request.into_inner();
        let window = Arc::clone(self.house.window(&request.window)?);
        let wish = wish(&window, request, &person);
        let house = Arc::clone(&self.house);
        Ok(streamed(move |sink| async move {
            let opened = house.pipeline.broker.open(&window, wish, &sink).await;
            if opened.is_ok() {
                release::certify(&house, &window, &person, &sink).await;
            }
            let opened = opened.map(|()| view::window(&house, &window));
            sink.opened(opened);
        }))
    }

    async fn rehearse(
        &self,
        request: Request<proto::OpenRequest>,
    ) -> Result<Response<proto::RehearseReply>, Status> {
        let person = requester(&request)?;
        let request = request.into_inner();
        let window = self.house.window(&request.window)?;
        let wish = wish(window, request, &person);
        let reply = approvals::rehearse(&self.house, window, wish).await;
        reply.map(Response::new).map_err(Status::from)
    }

    async fn approvals(
        &self,
        request: Request<proto::ApprovalsRequest>,
    ) -> Result<Response<proto::ApprovalsReply>, Status> {
        approvals::waiting(&self.house, &request).await
    }

    async fn decide(
        &self,
        request: Request<proto::DecideRequest>,
    ) -> Result<Response<proto::DecideReply>, Status> {
        approvals::decide(&self.house, &request).await
    }

    async fn close(
        &self,
        request: Request<proto::CloseRequest>,
    ) -> Result<Response<proto::CloseReply>, Status> {
        let reply = ending::close(&self.house, &request.get_ref().window).await;
        reply.map(Response::new).map_err(Status::from)
    }

    async fn lock(
        &self,
        request: Request<proto::LockRequest>,
    ) -> Result<Response<proto::LockReply>, Status> {
        let reply = ending::lock(&self.house, request.get_ref().locked);
        reply.map(Response::new).map_err(Status::from)
    }

    async fn password(
        &self,
        request: Request<proto::PasswordRequest>,
    ) -> Result<Response<Self::PasswordStream>, Status> {
        let requester = requester(&request)?;
        let request = request.into_inner();
        let (credential, part) = self.house.referred(&request.name)?;
        let end = release::end(&credential, part, &request);
        let credential = if request.previous {
            credential.at(Version::Previous)
        } else {
            credential
        };
        let release = Release {
            credential,
            end,
            said: said(request.said),
            requester,
            notice: None,
            claim: None,
        };
        Ok(release.stream(&self.house))
    }

    async fn askpass(
        &self,
        request: Request<proto::AskpassRequest>,
    ) -> Result<Response<Self::AskpassStream>, Status> {
        let requester = requester(&request)?;
        let request = request.into_inner();
        let (prompt, asker) = (&request.prompt, request.asker);
        let found = self
            .prompts
            .answer(&self.house.catalog, prompt, asker, &requester);
        let Answer {
            credential,
            receiver,
            said: before,
            claim,
        } = match found {
            Ok(found) => found,
            Err(no) => return Err(self.unanswered(no, &requester).into()),
        };
        let release = Release {
            notice: Some(release::notice(&credential, &receiver)),
            credential,
            end: End::Give(receiver),
            said: said(request.said).or(before),
            requester,
            claim: Some(claim),
        };
        Ok(release.stream(&self.house))
    }

    async fn expect(
        &self,
        request: Request<proto::ExpectRequest>,
    ) -> Result<Response<proto::ExpectReply>, Status> {
        let requester = requester(&request)?;
        let request = request.into_inner();
        // On another host even a prompt that stays without an answer counts as a wrong one.
        prompt::hopeful(&self.house, &request.hosts)?;
        let plan = Plan {
            hosts: request.hosts,
            command: request.command,
            said: said(request.said),
        };
        let announced = self.prompts.announce(&requester, plan)?;
        Ok(Response::new(proto::ExpectReply {
            prompt: announced.prompt,
            begins: announced.begins,
            ends: announced.ends,
        }))
    }

    async fn lookup(
        &self,
        request: Request<proto::LookupRequest>,
    ) -> Result<Response<Self::LookupStream>, Status> {
        let requester = requester(&request)?;
        let to = release::used(request.get_ref().r#use())?;
        let request = request.into_inner();
        let receiver = Receiver {
            to,
            user: given(request.user),
            host: request.host,
            command: requester.command.clone(),
        };
        let found = prompt::fitting(&self.house.catalog, &receiver)
            .map_err(|no| self.unanswered(no.into(), &requester));
        let release = Release {
            credential: found?,
            end: End::Give(receiver),
            said: said(request.said),
            requester,
            notice: None,
            claim: None,
        };
        Ok(release.stream(&self.house))
    }

    async fn preflight(
        &self,
        request: Request<proto::PreflightRequest>,
    ) -> Result<Response<Self::PreflightStream>, Status> {
        let requester = requester(&request)?;
        let request = request.into_inner();
        Ok(release::preflight(&self.house, request, requester))
    }

    async fn certify_host(
        &self,
        request: Request<proto::CertifyHostRequest>,
    ) -> Result<Response<Self::CertifyHostStream>, Status> {
        let requester = requester(&request)?;
        let certified = certify::host(&self.house, request.into_inner(), requester);
        certified.map_err(Status::from)
    }

    async fn watch(
        &self,
        request: Request<proto::WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let whole = request.get_ref().status;
        Ok(Response::new(watching::stream(&self.house, whole)))
    }

    async fn check(
        &self,
        request: Request<proto::CheckRequest>,
    ) -> Result<Response<proto::CheckReply>, Status> {
        let reply = check::check(&self.house, request.into_inner());
        Ok(Response::new(reply))
    }

    async fn examine(
        &self,
        request: Request<proto::ExamineRequest>,
    ) -> Result<Response<Self::ExamineStream>, Status> {
        let person = requester(&request)?;
        let keys = request.get_ref().keys;
        let house = Arc::clone(&self.house);
        Ok(streamed(move |sink| async move {
            doctor::examine(&house, &sink).await;
            if keys {
                doctor::keys(&house, &person, &sink).await;
            }
        }))
    }

    async fn pins(
        &self,
        request: Request<proto::PinsRequest>,
    ) -> Result<Response<proto::PinsReply>, Status> {
        let person = requester(&request)?;
        let found = pins::found(&self.house, &request.get_ref().window, &person).await;
        found.map(Response::new).map_err(Status::from)
    }

    async fn import(
        &self,
        request: Request<proto::ImportRequest>,
    ) -> Result<Response<Self::ImportStream>, Status> {
        let person = requester(&request)?;
        Ok(import::stream(&self.house, request.into_inner(), person))
    }

    async fn stale(
        &self,
        _: Request<proto::StaleRequest>,
    ) -> Result<Response<proto::StaleReply>, Status> {
        Ok(Response::new(view::stale(&self.house)))
    }
}

pub(super) fn requester<T>(request: &Request<T>) -> Result<Arc<Requester>, Status> {
    let found = request.extensions().get::<Arc<Requester>>().cloned();
    found.ok_or_else(|| Refusal::Unsupported("the requester is unknown".to_owned()).into())
}
