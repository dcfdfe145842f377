//! What the rules say of a login that nobody makes.
//!
//! Enters: a host, an account and the program that would ask. Leaves: for every credential that is
//! configured for them, what [`judge`] says to the ask that a real login would make, and what is
//! known here of the opening. What never happens here: an opening, a request to the cloud, a
//! question to a person, or a record of a use.

use std::sync::Arc;

use super::convert::message;
use super::prompt;
use super::{proto, view};
use crate::catalog::{Credential, Kind};
use crate::house::House;
use crate::pattern::host_matches;
use crate::policy::{Ask, End, Grant, Receiver, Said, Signed, judge};
use crate::refusal::Refusal;

use way::Way;

mod way;

/// A login that could be made.
struct Login {
    /// The names of the host, as it was typed and as it was resolved.
    hosts: Vec<String>,
    port: u16,
    user: String,
    way: Way,
}

/// What the rules say of one credential.
struct Verdict {
    credential: Arc<Credential>,
    end: End,
    answer: Result<Grant, Refusal>,
    notes: Vec<String>,
}

/// Judges every credential that is configured for that login.
pub(super) fn check(house: &House, request: proto::CheckRequest) -> proto::CheckReply {
    let login = Login {
        way: Way::of(&request.program),
        port: u16::try_from(request.port).unwrap_or_default(),
        hosts: request.hosts,
        user: request.user,
    };
    let mut found: Vec<Verdict> = house
        .catalog
        .iter()
        .filter_map(|credential| login.judged(house, credential))
        .collect();
    login.tell_ambiguous(house, &mut found);
    // What would serve comes first; the order of the configuration stays.
    found.sort_by_key(|verdict| verdict.answer.is_err());
    let nearest = match found.is_empty() {
        true => login.nearest(house),
        false => Vec::new(),
    };
    proto::CheckReply {
        credentials: found.into_iter().map(|it| it.shown(house)).collect(),
        program: login.way.program().to_owned(),
        nearest,
    }
}

impl Login {
    /// What the rules say of `credential`; `None` if it is for another host or account, or is nothing
    /// to log in with.
    fn judged(&self, house: &House, credential: &Arc<Credential>) -> Option<Verdict> {
        let verdict = match &credential.kind {
            Kind::Key(_) | Kind::Certificate(_) => self.key(house, credential),
            Kind::Password(_) => self.password(credential),
            Kind::Authority(_) | Kind::ClientCertificate(_) => None,
        }?;
        Some(verdict.now(house))
    }

    /// A key, as the client would have it sign: by each key that the host may show.
    fn key(&self, house: &House, credential: &Arc<Credential>) -> Option<Verdict> {
        let (routes, known) = self.routes(house, credential)?;
        let mut first: Option<Verdict> = None;
        for route in routes {
            let user = self.user.clone();
            let what = Signed::Login { user };
            let end = End::Sign { what, route };
            let verdict = self.verdict(credential, end);
            match (&mut first, &verdict.answer) {
                (None, _) => first = Some(verdict),
                // Which key the host shows is its own and the client's choice.
                (Some(one), Err(refusal)) if one.answer.is_ok() => one.notes.push(format!(
                    "by another key that known_hosts has of this host it would not: {refusal}"
                )),
                (Some(one), Ok(_)) if one.answer.is_err() => first = Some(verdict),
                _ => {}
            }
        }
        let mut verdict = first?;
        verdict.notes.extend(known);
        Some(verdict)
    }

    /// A password of this account, by the way that the program would ask for it.
    fn password(&self, credential: &Arc<Credential>) -> Option<Verdict> {
        let Kind::Password(password) = &credential.kind else {
            return None;
        };
        let fits = |receiver: &Receiver| receiver.fits(credential, password);
        let ends = self.ends().into_iter().filter(|end| match end {
            End::Give(receiver) => fits(receiver),
            _ => self.is_of(credential, password.user.as_deref()),
        });
        let mut all = ends.map(|end| self.verdict(credential, end));
        let mut first = all.next()?;
        if first.answer.is_err()
            && let Some(better) = all.find(|it| it.answer.is_ok())
        {
            first = better;
        }
        if let (Some(refusal), true) = (self.way.refuses(), first.answer.is_ok()) {
            first.answer = Err(refusal);
        }
        Some(first)
    }

    /// The ends to which a password could be asked for, by each name of the host.
    fn ends(&self) -> Vec<End> {
        let ways = self.way.gives();
        let ends = self.hosts.iter().flat_map(|host| {
            ways.iter().map(|to| {
                End::Give(Receiver {
                    to: *to,
                    user: Some(self.user.clone()).filter(|user| !user.is_empty()),
                    host: host.clone(),
                    command: Vec::new(),
                })
            })
        });
        let reveals = self.way.reveals().then_some(End::Reveal);
        ends.chain(reveals).collect()
    }

    fn is_of(&self, credential: &Credential, user: Option<&str>) -> bool {
        let mut hosts = self.hosts.iter();
        (self.user.is_empty() || user == Some(&self.user))
            && hosts.any(|host| host_matches(&credential.hosts, host))
    }

    fn verdict(&self, credential: &Arc<Credential>, end: End) -> Verdict {
        let ask = Ask {
            credential: Arc::clone(credential),
            end: end.clone(),
            program: self.way.program().to_owned(),
            said: Said::default(),
        };
        Verdict {
            credential: Arc::clone(credential),
            end,
            answer: judge(ask),
            notes: Vec::new(),
        }
    }

    /// A prompt is answered only if one password alone fits.
    fn tell_ambiguous(&self, house: &House, found: &mut [Verdict]) {
        for verdict in found {
            if let (Ok(_), End::Give(receiver)) = (&verdict.answer, &verdict.end)
                && let Err(refusal) = prompt::fitting(&house.catalog, receiver)
            {
                verdict.answer = Err(refusal);
            }
        }
    }

    /// The hosts of the configuration that could have been meant.
    fn nearest(&self, house: &House) -> Vec<String> {
        let all = || house.catalog.iter().flat_map(|it| it.hosts.iter());
        let near = self.hosts.iter().filter_map(|host| {
            crate::catalog::nearest(host, all().map(String::as_str)).map(str::to_owned)
        });
        let mut near: Vec<String> = near.collect();
        near.sort_unstable();
        near.dedup();
        near
    }
}

impl Verdict {
    /// The same with how things are at this moment.
    fn now(mut self, house: &House) -> Self {
        let broker = &house.pipeline.broker;
        let Ok(grant) = &self.answer else { return self };
        if broker.locked() {
            self.answer = Err(Refusal::Locked);
            return self;
        }
        let version = broker.version(&self.credential);
        let wrong = &house.pipeline.wrong;
        if matches!(self.end, End::Give(_))
            && let Err(refusal) = wrong.check(&self.credential, version.as_deref())
        {
            self.answer = Err(refusal);
            return self;
        }
        let window = &self.credential.vault.window;
        let open = broker.view(&window.name).is_some();
        if let Some(refusal) = broker.refused_before(grant) {
            self.notes.push(format!(
                "its opening has just been refused, and is for a moment again: {refusal}"
            ));
        }
        let tenant = &window.tenant;
        if !open && tenant.sign_in.is_person() && house.identity.account(tenant).is_none() {
            self.notes.push(format!(
                "nobody is signed in to tenant {}: `pimento login {}`",
                tenant.name, tenant.name
            ));
        }
        if matches!(self.credential.kind, Kind::Certificate(_)) && version.is_none() {
            self.notes.push(format!(
                "it has no certificate until window {0} is open, and ssh asks for none: `pimento \
                 open {0}`, or include what `pimento ssh-config` prints",
                window.name
            ));
        }
        self
    }

    fn shown(self, house: &House) -> proto::Checked {
        let window = &self.credential.vault.window;
        let mut shown = proto::Checked {
            credential: self.credential.name.to_string(),
            kind: self.credential.kind.word().to_owned(),
            end: crate::prompt::purpose(&self.end),
            window: Some(view::window(house, window)),
            seconds: window.duration.as_secs().unsigned_abs(),
            notes: self.notes,
            ..proto::Checked::default()
        };
        match &self.answer {
            Ok(grant) => {
                shown.allowed = way::rule(&self.credential, &self.end);
                shown.reason = grant.reason().unwrap_or_default();
                let ticket = grant.ticket();
                let ticket = ticket.map(|it| format!("{}:{}", it.system, it.number));
                shown.ticket = ticket.unwrap_or_default();
                shown.confirm = grant.to_be_confirmed();
            }
            Err(refusal) => shown.refused = Some(message(refusal)),
        }
        shown
    }
}
