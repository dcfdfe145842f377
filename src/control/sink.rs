//! Progress, on its way to the client.

use std::sync::Arc;

use tokio::sync::mpsc;
use tonic::Status;

use super::proto::login_event::{Browser, DeviceCode, Event};
use super::proto::{
    Finding, ImportEvent, LoginEvent, OpenEvent, PasswordEvent, Window, finding, import_event,
    open_event, password_event,
};
use crate::cloud::{SignInGuide, SignInStep, Stage, StageSink};
use crate::doctor::{self, Chart, Verdict};
use crate::refusal::Refusal;
use crate::requester::Requester;

/// Sends events of one call. A client that hung up simply gets no more of them.
pub(super) struct Sink<T>(pub(super) mpsc::UnboundedSender<Result<T, Status>>);

impl<T> Sink<T> {
    pub(super) fn send(&self, event: Result<T, Status>) {
        let _hung_up = self.0.send(event).is_err();
    }
}

impl Sink<OpenEvent> {
    /// Tells how an opening ended.
    pub(super) fn opened(&self, outcome: Result<Window, Refusal>) {
        self.send(outcome.map_err(Status::from).map(|window| OpenEvent {
            event: Some(open_event::Event::Opened(window)),
            ..OpenEvent::default()
        }));
    }
}

impl Sink<OpenEvent> {
    /// Tells a person what they should know.
    pub(super) fn notice(&self, text: String) {
        self.send(Ok(OpenEvent {
            event: Some(open_event::Event::Notice(text)),
            ..OpenEvent::default()
        }));
    }
}

impl StageSink for Sink<OpenEvent> {
    fn reached(&self, stage: Stage) {
        let text = stage.to_string();
        let event = match stage.is_notice() {
            true => open_event::Event::Notice(text),
            false => open_event::Event::Stage(text),
        };
        let request = match stage {
            Stage::AwaitingApproval { request, .. } => request,
            _ => String::new(),
        };
        let event = Some(event);
        self.send(Ok(OpenEvent { request, event }));
    }
}

impl StageSink for Sink<PasswordEvent> {
    fn reached(&self, stage: Stage) {
        let text = stage.to_string();
        let event = match stage.is_notice() {
            true => password_event::Event::Notice(text),
            false => password_event::Event::Stage(text),
        };
        self.send(Ok(PasswordEvent { event: Some(event) }));
    }
}

impl StageSink for Sink<ImportEvent> {
    fn reached(&self, stage: Stage) {
        let text = stage.to_string();
        let event = match stage.is_notice() {
            true => import_event::Event::Notice(text),
            false => import_event::Event::Stage(text),
        };
        self.send(Ok(ImportEvent { event: Some(event) }));
    }
}

/// Leads a person through a sign-in.
pub(super) struct Guide<'a> {
    pub(super) sink: &'a Sink<LoginEvent>,
    pub(super) person: Arc<Requester>,
}

impl SignInGuide for Guide<'_> {
    fn person(&self) -> Requester {
        Requester::clone(&self.person)
    }

    fn show(&self, step: SignInStep) {
        let event = match step {
            SignInStep::Browser { url, opened } => Event::Browser(Browser { url, opened }),
            SignInStep::DeviceCode {
                user_code,
                verification_uri,
                message,
            } => Event::DeviceCode(DeviceCode {
                user_code,
                verification_uri,
                message,
            }),
        };
        self.sink.send(Ok(LoginEvent { event: Some(event) }));
    }
}

impl Chart for Sink<Finding> {
    fn note(&self, found: doctor::Finding) {
        let verdict = match found.verdict {
            Verdict::Ok => finding::Verdict::Ok,
            Verdict::Skipped => finding::Verdict::Skipped,
            Verdict::Warning => finding::Verdict::Warning,
            Verdict::Failure => finding::Verdict::Failure,
        };
        self.send(Ok(Finding {
            check: found.check.to_owned(),
            subject: found.subject,
            verdict: verdict.into(),
            reason: found.reason,
            remedy: found.remedy,
        }));
    }
}
