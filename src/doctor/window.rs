//! A window: whether the user may open it, whether it is open, and what its policy asks for.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::tenant::{Seen, login};
use super::{Case, Chart, Finding};
use crate::catalog::{Target, Tenant, WindowSpec};
use crate::cloud::{CorrelationId, Demands, Holding};
use crate::house::House;
use crate::refusal::{Refusal, Service};

/// Every check of every window of `tenant`.
pub(super) async fn all(
    house: &House,
    tenant: &Arc<Tenant>,
    seen: &Seen,
    id: CorrelationId,
    chart: &dyn Chart,
) {
    let ours = |window: &&Arc<WindowSpec>| window.tenant.name == tenant.name;
    let windows: Vec<&Arc<WindowSpec>> = house.windows.iter().filter(ours).collect();
    if !seen.signed_in {
        for window in windows {
            for check in ["eligibility", "policy"] {
                let case = Case::of(check, &window.name);
                chart.note(case.skipped("nobody is signed in", login(tenant)));
            }
        }
        return;
    }
    // Each of PIM's two services is asked once, and only if a window is its own.
    for service in [Service::Pim, Service::PimAzure] {
        let of_it = |window: &&&Arc<WindowSpec>| Service::of(&window.target) == service;
        let windows: Vec<&Arc<WindowSpec>> = windows.iter().filter(of_it).copied().collect();
        if !windows.is_empty() {
            look(house, tenant, service, &windows, id, chart).await;
        }
    }
}

async fn look(
    house: &House,
    tenant: &Arc<Tenant>,
    service: Service,
    windows: &[&Arc<WindowSpec>],
    id: CorrelationId,
    chart: &dyn Chart,
) {
    let eligible = house.survey.eligible(tenant, service, id).await;
    let active = house.survey.active(tenant, service, id).await;
    for window in windows {
        let case = Case::of("eligibility", &window.name);
        chart.note(match (&eligible, &active) {
            (Err(refusal), _) | (_, Err(refusal)) => case.refused(refusal),
            (Ok(eligible), Ok(active)) => {
                eligibility(case, window, eligible, active, house.clock.wall())
            }
        });
        let case = Case::of("policy", &window.name);
        chart.note(match house.pim.demands(window, id).await {
            Err(refusal) => case.refused(&refusal),
            Ok(demands) => policy(case, window, &demands),
        });
    }
}

/// Whether what one has is what the window gives, or more.
fn gives(held: &Target, wanted: &Target) -> bool {
    match (held, wanted) {
        (
            Target::AzureRole { scope, role },
            Target::AzureRole {
                scope: inner,
                role: wanted,
            },
        ) => role == wanted && scope.holds(inner),
        (held, wanted) => held == wanted,
    }
}

/// Whether the user may open it.
fn eligibility(
    case: Case,
    window: &WindowSpec,
    eligible: &[Holding],
    active: &[Holding],
    now: Timestamp,
) -> Finding {
    let this = |it: &&Holding| gives(&it.target, &window.target);
    let target = &window.target;
    if active.iter().filter(this).any(|it| it.standing) {
        return case.warning(
            format!("you always have it ({target}), so nothing has to be opened and nothing ends"),
            "an administrator makes that assignment an eligible one (Entra admin centre, PIM, Groups, Assignments)",
        );
    }
    let Some(found) = eligible.iter().find(this) else {
        let window = window.name.to_string();
        return case.refused(&Refusal::NotEligible { window });
    };
    let open = active.iter().find(this).and_then(|it| it.ends);
    let now_open = open.map_or(String::new(), |ends| format!("; active now, until {ends}"));
    match found.ends {
        Some(ends) if ends.duration_since(now) < ENDS_SOON => case.warning(
            format!("you may open it, as {target}, until {ends} only{now_open}"),
            "ask an administrator to extend your eligibility (Entra admin centre, PIM, Groups, Assignments)",
        ),
        Some(ends) => case.ok(format!("you may open it, as {target}, until {ends}{now_open}")),
        None => case.ok(format!("you may open it, as {target}{now_open}")),
    }
}

/// What an activation will be asked for, and whether the configuration has it.
fn policy(case: Case, window: &WindowSpec, demands: &Demands) -> Finding {
    let mut asks = vec!["a reason".to_owned()];
    let wanted = [
        (demands.ticket, "a ticket"),
        (demands.second_factor, "a second factor"),
    ];
    asks.extend(wanted.iter().filter(|it| it.0).map(|it| it.1.to_owned()));
    if let Some(context) = &demands.context {
        asks.push(format!("a sign-in that satisfies {context}"));
    }
    if let Some(approvers) = &demands.approvers {
        asks.push(format!("approval ({})", approvers.join(", ")));
    }
    if let Some(longest) = demands.longest {
        asks.push(format!("at most {longest:#}"));
        if longest < window.duration {
            return case.warning(
                format!("PIM allows {longest:#} and the configuration asks for {:#}", window.duration),
                format!("set duration = \"{longest:#}\" in [window.{}]: asking for more costs a request each time", window.name),
            );
        }
    }
    if demands.ticket && window.ticket.is_none() {
        return case.warning(
            "PIM asks for a ticket, and the configuration has none, so you will be asked for one each time",
            format!("`pimento open {} --ticket SYSTEM:NUMBER`, or `ticket` in [window.{}]", window.name, window.name),
        );
    }
    case.ok(format!("an activation needs {}", asks.join(", ")))
}

/// Time enough to find an administrator.
const ENDS_SOON: SignedDuration = SignedDuration::from_hours(14 * 24);
