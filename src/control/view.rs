//! What there is, as the API shows it.

use std::time::Duration;

use jiff::Timestamp;

use super::convert::message;
use super::proto;
use super::proto::window::State as WindowState;
use crate::ages::{Aged, State};
use crate::catalog::{Credential, Kind, WindowSpec};
use crate::cloud::Stage;
use crate::house::House;
use crate::pipeline::Outcome;

/// All windows.
pub(super) fn windows(house: &House) -> Vec<proto::Window> {
    let windows = house.windows.iter();
    windows.map(|spec| window(house, spec)).collect()
}

/// Everything at a glance.
pub(super) fn status(house: &House) -> proto::StatusReply {
    let tenants = house.tenants.iter().map(|tenant| proto::Tenant {
        name: tenant.name.to_string(),
        user_name: house
            .identity
            .account(tenant)
            .map(|it| it.user_name)
            .unwrap_or_default(),
    });
    proto::StatusReply {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        tenants: tenants.collect(),
        windows: windows(house),
        locked: house.pipeline.broker.locked(),
        agent_socket: house.facts.agent_socket.display().to_string(),
        audit_file: house.pipeline.audit.path().display().to_string(),
        warnings: house.warnings().into_iter().chain(due(house)).collect(),
        added_keys: u32::try_from(house.keyring.len()).unwrap_or(u32::MAX),
        revealed: revealed(house),
        started: house.pipeline.memory.since().to_string(),
        configured: Some(configured(house)),
        refused: refused(house, LAST_REFUSED),
        asked: asked(house),
    }
}

/// What ends or is to be replaced soon.
fn due(house: &House) -> impl Iterator<Item = String> {
    let broker = &house.pipeline.broker;
    let open = broker.views().into_iter();
    let ending = open.filter(|view| broker.left(&view.terms) <= SOON && view.lasts > SOON);
    let ending = ending.map(|view| {
        let window = view.window;
        format!("window {window} ends in less than 2 minutes: `pimento open {window} --extend`")
    });
    let ages = house.catalog.iter().map(|it| house.ages.of(it));
    let due = ages.filter(|it| matches!(it.state, State::Due | State::Expired));
    ending.chain(due.map(|it| {
        let (name, reason) = (it.credential, it.reason);
        format!("{name} is to be replaced: {reason} (`pimento status --stale`)")
    }))
}

fn configured(house: &House) -> proto::Configured {
    let mut sum = proto::Configured::default();
    for credential in house.catalog.iter() {
        let of_kind = match &credential.kind {
            Kind::Authority(_) => &mut sum.authorities,
            Kind::Certificate(_) | Kind::Key(_) => &mut sum.keys,
            Kind::ClientCertificate(_) => &mut sum.certificates,
            Kind::Password(_) => &mut sum.passwords,
        };
        *of_kind = of_kind.saturating_add(1);
    }
    sum
}

fn asked(house: &House) -> Vec<proto::Asked> {
    let asked = house.pipeline.asks.last().into_iter();
    let asked = asked.map(|it| {
        let (outcome, code) = match it.outcome {
            Outcome::Left => (proto::asked::Outcome::Left, ""),
            Outcome::Prepared => (proto::asked::Outcome::Prepared, ""),
            Outcome::Refused(code) => (proto::asked::Outcome::Refused, code),
            Outcome::Released => (proto::asked::Outcome::Released, ""),
            Outcome::Waiting => (proto::asked::Outcome::Waiting, ""),
        };
        proto::Asked {
            at: it.at.to_string(),
            id: it.id.to_string(),
            credential: it.credential,
            end: it.end,
            requester: it.requester,
            outcome: outcome.into(),
            code: code.to_owned(),
        }
    });
    asked.collect()
}

/// The last refusals, at least one if there is any.
pub(super) fn refused(house: &House, last: u32) -> Vec<proto::Refused> {
    let count = usize::try_from(last).unwrap_or(usize::MAX).max(1);
    let refused = house.pipeline.memory.last(count).into_iter();
    let refused = refused.map(|it| proto::Refused {
        at: it.at.to_string(),
        id: it.id.map(|id| id.to_string()).unwrap_or_default(),
        credential: it.credential,
        requester: it.requester,
        refusal: Some(message(&it.refusal)),
    });
    refused.collect()
}

/// The passwords that were shown.
pub(super) fn revealed(house: &House) -> Vec<proto::Revealed> {
    let shown = house.pipeline.revealed.all().into_iter();
    let shown = shown.map(|reveal| proto::Revealed {
        credential: reveal.credential,
        version: reveal.version,
        at: reveal.at.to_string(),
        requester: reveal.requester,
        times: reveal.times,
        id: reveal.id,
    });
    shown.collect()
}

/// A window.
pub(super) fn window(house: &House, spec: &WindowSpec) -> proto::Window {
    let broker = &house.pipeline.broker;
    let mut shown = proto::Window {
        name: spec.name.to_string(),
        tenant: spec.tenant.name.to_string(),
        state: WindowState::Closed.into(),
        ..proto::Window::default()
    };
    if let Some(open) = broker.view(&spec.name) {
        shown.state = WindowState::Open.into();
        shown.ends = open.terms.ends.to_string();
        shown.seconds_left = broker.left(&open.terms).as_secs();
        shown.lasts = open.lasts.as_secs();
        shown.request = open.terms.request.clone().unwrap_or_default();
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
        shown.state = WindowState::Opening.into();
        shown.stage = stage.to_string();
        if let Stage::AwaitingApproval { request, approvers } = stage {
            (shown.request, shown.approvers) = (request, approvers);
        }
    }
    shown
}

/// What is known of a credential without having it.
pub(super) fn credential(credential: &Credential) -> proto::Credential {
    let mut shown = proto::Credential {
        name: credential.name.to_string(),
        window: credential.vault.window.name.to_string(),
        vault: credential.vault.name.to_string(),
        hosts: credential.hosts.clone(),
        ..proto::Credential::default()
    };
    credential.kind.word().clone_into(&mut shown.kind);
    // That of a certificate's key is made anew for each window.
    let kept = !matches!(credential.kind, Kind::Certificate(_));
    if let Some(public) = credential.kind.pinned().filter(|_| kept) {
        shown.public_key = public.to_openssh().unwrap_or_default();
        shown.fingerprint = public.fingerprint(ssh_key::HashAlg::Sha256).to_string();
    }
    match &credential.kind {
        Kind::Authority(_) | Kind::ClientCertificate(_) | Kind::Key(_) => {}
        Kind::Certificate(certificate) => {
            shown.authority = certificate.authority.to_string();
            shown.principals.clone_from(&certificate.principals);
        }
        Kind::Password(password) => {
            shown.user = password.user.clone().unwrap_or_default();
            let words = password.uses.iter().map(|to| to.word().to_owned());
            shown.uses = words.collect();
        }
    }
    shown
}

/// What is known of the ages of all credentials.
pub(super) fn stale(house: &House) -> proto::StaleReply {
    let credentials = house.catalog.iter();
    proto::StaleReply {
        credentials: credentials.map(|it| aged(&house.ages.of(it))).collect(),
    }
}

/// How old a credential is.
fn aged(aged: &Aged) -> proto::Aged {
    let state = match aged.state {
        State::Fresh => proto::aged::State::Fresh,
        State::Unknown => proto::aged::State::Unknown,
        State::Due => proto::aged::State::Due,
        State::Expired => proto::aged::State::Expired,
    };
    let age = aged.age.as_ref();
    let text = |time: Option<Timestamp>| time.map(|it| it.to_string()).unwrap_or_default();
    proto::Aged {
        credential: aged.credential.clone(),
        state: state.into(),
        reason: aged.reason.clone(),
        expires: text(age.and_then(|it| it.expires)),
        created: text(age.and_then(|it| it.created)),
        seen: text(age.map(|it| it.seen)),
    }
}

/// Refusals that `status` tells; `why` tells more.
const LAST_REFUSED: u32 = 3;

/// When a window's end is near.
const SOON: Duration = Duration::from_secs(120);
