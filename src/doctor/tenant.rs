//! A tenant: whether it can be reached, who is signed in, and what their tokens allow.

use std::sync::Arc;

use jiff::SignedDuration;

use super::{Case, Chart, Finding};
use crate::catalog::{Target, Tenant};
use crate::cloud::{CorrelationId, Discovery, GRAPH_SCOPES, IMPERSONATION, Resource, TokenFacts};
use crate::house::House;

/// What the other checks need to know of a tenant.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Its id, if the sign-in service told.
    pub(super) tenant_id: Option<String>,
    /// Whether somebody is signed in.
    pub(super) signed_in: bool,
}

/// Every check of it.
pub(super) async fn all(
    house: &House,
    tenant: &Arc<Tenant>,
    id: CorrelationId,
    chart: &dyn Chart,
) -> Seen {
    let mut seen = Seen::default();
    let authority = Case::of("authority", &tenant.name);
    match house.survey.discovery(tenant).await {
        Err(refusal) => chart.note(authority.refused(&refusal)),
        Ok(discovery) => {
            chart.note(authority.ok(format!("it answers, as tenant {}", discovery.tenant_id)));
            chart.note(clock(tenant, &discovery));
            seen.tenant_id = Some(discovery.tenant_id);
        }
    }
    let sign_in = sign_in(house, tenant, id).await;
    seen.signed_in = sign_in.verdict == super::Verdict::Ok;
    chart.note(sign_in);
    for (check, resource, needed) in TOKENS {
        if !is_needed(house, tenant, resource) {
            continue;
        }
        let case = Case::of(check, &tenant.name);
        if !seen.signed_in {
            chart.note(case.skipped("nobody is signed in", login(tenant)));
            continue;
        }
        chart.note(match house.survey.token(tenant, resource, id).await {
            Err(refusal) => case.refused(&refusal),
            Ok(facts) => token(case, tenant, &seen, &facts, needed),
        });
    }
    seen
}

/// Whether a token for `resource` is ever asked for.
pub(super) fn is_needed(house: &House, tenant: &Tenant, resource: Resource) -> bool {
    let windows = house.windows.iter();
    let mut ours = windows.filter(|window| window.tenant.name == tenant.name);
    match resource {
        Resource::Vault => true,
        Resource::Graph => ours.any(|it| matches!(it.target, Target::Group { .. })),
        Resource::Arm => ours.any(|it| matches!(it.target, Target::AzureRole { .. })),
    }
}

/// A wrong clock harms no window (the service's own counts), but it does harm TLS and tokens.
fn clock(tenant: &Tenant, discovery: &Discovery) -> Finding {
    let case = Case::of("clock", &tenant.name);
    let Some(ahead) = discovery.ahead else {
        return case.skipped("the sign-in service told no time", "");
    };
    let off = ahead.abs();
    if off < SKEW {
        return case.ok("this machine's clock agrees with the sign-in service's");
    }
    let way = match ahead.is_positive() {
        true => "ahead of",
        false => "behind",
    };
    case.warning(
        format!(
            "this machine's clock is {} s {way} the sign-in service's",
            off.as_secs()
        ),
        "set it by the network: `timedatectl set-ntp true`",
    )
}

/// Who is signed in. A sign-in that another program keeps, or that outlasted the last agent, is only
/// seen once it is used.
async fn sign_in(house: &House, tenant: &Arc<Tenant>, id: CorrelationId) -> Finding {
    let case = Case::of("sign-in", &tenant.name);
    let account = || house.identity.account(tenant);
    let used = match account() {
        Some(_) => None,
        None => house.survey.token(tenant, Resource::Vault, id).await.err(),
    };
    match (account(), used) {
        (Some(account), _) => case.ok(format!("signed in as {}", account.user_name)),
        (None, Some(refusal)) if !tenant.sign_in.is_interactive() => case.refused(&refusal),
        (None, _) => case.failure("nobody is signed in", login(tenant)),
    }
}

/// Whether a token is of the right tenant and allows what is needed.
fn token(case: Case, tenant: &Tenant, seen: &Seen, facts: &TokenFacts, needed: &[&str]) -> Finding {
    let name = &tenant.name;
    let configured = seen.tenant_id.as_ref();
    if configured.is_some_and(|id| *id != facts.tenant_id) {
        return case.failure(
            format!(
                "the token is of tenant {}, which is another",
                facts.tenant_id
            ),
            format!(
                "`pimento logout {name}`, then {} with the right account",
                login(tenant)
            ),
        );
    }
    let has = |scope: &&&str| !facts.scopes.iter().any(|it| it.eq_ignore_ascii_case(scope));
    // What is no person has roles in place of permissions.
    let person = tenant.sign_in.is_person();
    let missing: Vec<&str> = needed.iter().filter(has).copied().collect();
    if person && !missing.is_empty() {
        return case.failure(
            format!("the token lacks {}", missing.join(", ")),
            format!("{}, then sign in again: {}", consent(tenant), login(tenant)),
        );
    }
    if person && !facts.capable {
        return case.warning(
            "the token does not say cp1 (xms_cc), so PIM will not heed a step-up that it shows",
            format!("sign in again: {}", login(tenant)),
        );
    }
    case.ok(format!("it allows {}", needed.join(", ")))
}

fn consent(tenant: &Tenant) -> String {
    format!(
        "an administrator opens {}{}/adminconsent?client_id={}",
        tenant.authority,
        tenant.id,
        tenant.client_id.as_deref().unwrap_or("CLIENT_ID")
    )
}

pub(super) fn login(tenant: &Tenant) -> String {
    format!("`pimento login {}`", tenant.name)
}

const TOKENS: [(&str, Resource, &[&str]); 3] = [
    ("graph-token", Resource::Graph, &GRAPH_SCOPES),
    ("arm-token", Resource::Arm, &IMPERSONATION),
    ("vault-token", Resource::Vault, &IMPERSONATION),
];

/// What tokens and certificates tolerate without anybody noticing.
const SKEW: SignedDuration = SignedDuration::from_secs(60);
