//! `pimento login` and `pimento logout`.

use serde_json::json;

use super::output::Output;
use super::{Agent, Failure};
use crate::cloud::{SignInGuide, SignInStep};
use crate::control::proto::login_event::Event;
use crate::control::proto::login_request::Method;
use crate::control::proto::{LoginRequest, LogoutRequest};
use crate::refusal::ExitCode;

/// Where to sign in, and how.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The tenant; may be left out if there is one only
    tenant: Option<String>,
    /// In the browser
    #[arg(long, conflicts_with = "device_code")]
    browser: bool,
    /// With a code that is typed on another device
    #[arg(long)]
    device_code: bool,
}

pub(super) async fn login(
    mut agent: Agent,
    output: &Output,
    args: Args,
) -> Result<ExitCode, Failure> {
    let method = match (args.browser, args.device_code) {
        (true, _) => Method::Browser,
        (_, true) => Method::DeviceCode,
        _ => Method::Unspecified,
    };
    let request = LoginRequest {
        tenant: args.tenant.unwrap_or_default(),
        method: method.into(),
    };
    let mut events = agent.login(request).await?.into_inner();
    while let Some(event) = events.message().await? {
        match event.event {
            Some(Event::Browser(page)) => show_page(output, &page.url, page.opened),
            Some(Event::DeviceCode(code)) => {
                show_code(output, &code.verification_uri, &code.user_code);
            }
            Some(Event::SignedIn(done)) => {
                let text = format!("signed in to {} as {}", done.tenant, done.user_name);
                output.result(
                    &text,
                    &json!({"tenant": done.tenant, "user_name": done.user_name}),
                );
                return Ok(ExitCode::Done);
            }
            None => {}
        }
    }
    Err(Failure::failed(
        "the agent ended the sign-in without an answer",
    ))
}

/// Leads the person at the terminal through a sign-in of this process.
pub(super) struct Guide<'a>(pub(super) &'a Output);

impl SignInGuide for Guide<'_> {
    fn show(&self, step: SignInStep) {
        match step {
            SignInStep::Browser { url, opened } => show_page(self.0, &url, opened),
            SignInStep::DeviceCode {
                user_code,
                verification_uri,
                ..
            } => show_code(self.0, &verification_uri, &user_code),
        }
    }
}

fn show_page(output: &Output, page: &str, opened: bool) {
    if opened {
        output.hint("Sign in in the browser window that was opened, or open this page:");
        output.hint(&format!("  {page}"));
    } else {
        output.hint(&format!("Open this page to sign in:\n  {page}"));
    }
}

fn show_code(output: &Output, page: &str, code: &str) {
    output.hint(&format!("Open {page} and enter the code {code}"));
}

pub(super) async fn logout(
    mut agent: Agent,
    output: &Output,
    tenant: String,
) -> Result<ExitCode, Failure> {
    let reply = agent.logout(LogoutRequest { tenant }).await?.into_inner();
    let text = match reply.was_signed_in {
        true => format!("signed out of {}", reply.tenant),
        false => format!("nobody was signed in to {}", reply.tenant),
    };
    let not_ended: Vec<&str> = reply
        .not_ended
        .iter()
        .map(|it| it.message.as_str())
        .collect();
    let value = json!({
        "tenant": reply.tenant, "was_signed_in": reply.was_signed_in, "not_ended": not_ended,
    });
    output.result(&text, &value);
    for message in &not_ended {
        output.hint(&format!(
            "pimento: {message}; nobody is signed in to end it later: end it in PIM's own pages (My roles), or it lasts \
             to its end"
        ));
    }
    Ok(if not_ended.is_empty() {
        ExitCode::Done
    } else {
        ExitCode::Partly
    })
}
