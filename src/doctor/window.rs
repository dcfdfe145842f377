//! A window: whether the user may open it, whether it is open, and what its policy asks for.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::tenant::{Seen, login};
use super::{Case, Chart, Finding};
use crate::catalog::{Tenant, WindowSpec};
use crate::cloud::{Activation, CorrelationId, Demands, Holding, Rehearsed};
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
            for check in ["eligibility", "policy", "activation"] {
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
    let active = house.survey.active(tenant, service, id).await;
    if !tenant.sign_in.is_person() {
        let account = house.identity.account(tenant);
        let object_id = account.map(|account| account.object_id).unwrap_or_default();
        for window in windows {
            of_application(window, &active, &object_id, chart);
        }
        return;
    }
    let eligible = house.survey.eligible(tenant, service, id).await;
    for window in windows {
        let case = Case::of("eligibility", &window.name);
        chart.note(match (&eligible, &active) {
            (Err(refusal), _) | (_, Err(refusal)) => case.refused(refusal),
            (Ok(eligible), Ok(active)) => {
                eligibility(case, window, eligible, active, house.clock.wall())
            }
        });
        let case = Case::of("policy", &window.name);
        let demands = house.pim.demands(window, id).await;
        chart.note(match &demands {
            Err(refusal) => case.refused(refusal),
            Ok(demands) => policy(case, window, demands),
        });
        let case = Case::of("activation", &window.name);
        chart.note(match (&eligible, &active, &demands) {
            (Ok(eligible), Ok(active), Ok(demands)) => {
                let holds =
                    |held: &[Holding]| held.iter().any(|it| it.target.gives(&window.target));
                let untried = untried(window, holds(eligible), holds(active), demands);
                match untried {
                    Some(why) => case.skipped(why, ""),
                    None => activation(case, house, window, demands, id).await,
                }
            }
            _ => case.skipped(
                "what it depends on could not be read",
                "see to the checks `eligibility` and `policy` first",
            ),
        });
    }
}

/// Why a dry run would tell nothing.
fn untried(
    window: &WindowSpec,
    eligible: bool,
    active: bool,
    demands: &Demands,
) -> Option<&'static str> {
    [
        (active, "it is active, and PIM would say no more than that"),
        (
            !eligible,
            "you may not open it, as the check `eligibility` tells",
        ),
        (
            demands.approvers.is_some(),
            "somebody has to approve it, which no dry run foretells",
        ),
        (
            demands.context.is_some(),
            "its policy asks for an authentication context, which a dry run cannot show",
        ),
        (
            demands.ticket && window.ticket.is_none(),
            "its policy asks for a ticket, and the configuration has none",
        ),
    ]
    .into_iter()
    .find_map(|(applies, why)| applies.then_some(why))
}

/// What PIM says to a dry run; nothing is made by it.
async fn activation(
    case: Case,
    house: &House,
    window: &Arc<WindowSpec>,
    demands: &Demands,
    id: CorrelationId,
) -> Finding {
    let longest = demands.longest.unwrap_or(window.duration);
    let activation = Activation {
        window: Arc::clone(window),
        duration: window.duration.min(longest),
        reason: "pimento doctor: a dry run".to_owned(),
        ticket: window.ticket.clone(),
        after: None,
        id,
    };
    match house.pim.rehearse(&activation).await {
        Ok(Rehearsed::Taken) => case.ok("PIM would open it: a dry run met no objection"),
        Ok(Rehearsed::Exists) => case.ok("a request for it waits already, or it has just ended"),
        Err(Refusal::StepUp { why, .. }) => case.warning(
            format!("your sign-in does not satisfy PIM yet: {why}"),
            format!(
                "{} once more; or open it where you have a browser: it is asked for there",
                login(&window.tenant)
            ),
        ),
        Err(refusal) => case.refused(&refusal),
    }
}

/// Whether what is no person has it for good, the only way there is.
fn of_application(
    window: &WindowSpec,
    active: &Result<Vec<Holding>, Refusal>,
    object_id: &str,
    chart: &dyn Chart,
) {
    let case = Case::of("eligibility", &window.name);
    let this = |it: &Holding| it.standing && it.target.gives(&window.target);
    chart.note(match active {
        Err(refusal) => case.refused(refusal),
        Ok(active) if active.iter().any(this) => case.ok(format!(
            "it is assigned for good ({}); PIM has no part in it",
            window.target
        )),
        Ok(_) => case.refused(&Refusal::unassigned(window, object_id)),
    });
    for check in ["policy", "activation"] {
        let case = Case::of(check, &window.name);
        chart.note(case.skipped("an application activates nothing", ""));
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
    let this = |it: &&Holding| it.target.gives(&window.target);
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
