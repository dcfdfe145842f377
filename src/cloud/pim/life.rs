//! The life of a request, from the wish to the window; the same for groups and Azure roles.

use std::time::Duration;

use super::{Api, Begun, Request, status};
use crate::cloud::{Activated, Activation, Demands, Stage, StageSink};
use crate::refusal::{Refusal, Service};

/// Activates, and waits until PIM reports the assignment as active.
pub(super) async fn activate(
    api: &dyn Api,
    activation: &Activation,
    stages: &dyn StageSink,
) -> Result<Activated, Refusal> {
    let clock = &api.case().caller.http.clock;
    let (began, mut tries) = (clock.now(), 0);
    let request = loop {
        let begun = begin(api, activation, stages).await?;
        stages.reached(Stage::Requested);
        match begun {
            Begun::Request(request) => break request,
            Begun::Pending => break pending(api).await?,
            Begun::Exists => {}
        }
        if let Some(lasting) = lasting(api, activation, tries).await? {
            return Ok(lasting);
        }
        if began.until(clock.now()) > LETTING_GO {
            return Err(not_listed(api));
        }
        tries += 1;
    };
    let request = settle(api, request, stages).await?;
    window_of(api, &request, activation).await
}

/// What an application or a managed identity has for good. It is never asked to activate: nothing but
/// a refusal would come of it.
pub(super) async fn held(api: &dyn Api, activation: &Activation) -> Result<Activated, Refusal> {
    let (found, answer) = api.assignment(None).await?;
    let case = api.case();
    let found = found.ok_or_else(|| Refusal::unassigned(case.window, &case.principal))?;
    let now = answer
        .latest()
        .unwrap_or_else(|| case.caller.http.clock.wall());
    Ok(found.activated(now, answer.sent, activation.duration, None))
}

/// Asks for the activation; for a shorter one where the policy allows no longer.
async fn begin(
    api: &dyn Api,
    activation: &Activation,
    stages: &dyn StageSink,
) -> Result<Begun, Refusal> {
    match api.begin(activation, activation.duration).await {
        Err(Refusal::PimPolicy { rules, window }) if rules.contains("ExpirationRule") => {
            // Only now is the policy read: in the common case that would be a trip for nothing.
            let policy = match api.demands().await {
                // Not everybody may read it, and what PIM said of the request says more than that.
                Err(Refusal::Forbidden { .. } | Refusal::Consent { .. }) => Demands::default(),
                policy => policy?,
            };
            let longest = policy
                .longest
                .filter(|longest| *longest < activation.duration);
            let longest = longest.ok_or(Refusal::PimPolicy { rules, window })?;
            let begun = api.begin(activation, longest).await;
            if let Ok(Begun::Request(_)) = &begun {
                stages.reached(Stage::Shortened { longest });
            }
            begun
        }
        begun => begun,
    }
}

/// Polls `request` until it has ended one way or the other.
async fn settle(
    api: &dyn Api,
    mut request: Request,
    stages: &dyn StageSink,
) -> Result<Request, Refusal> {
    let case = api.case();
    let clock = &case.caller.http.clock;
    let (began, window) = (clock.now(), case.window.name.to_string());
    let mut polls = 0;
    let mut approvers = None;
    loop {
        let class = status::Class::of(&request.status);
        match class {
            status::Class::Active => return Ok(request),
            status::Class::Ended => {
                let status = request.status;
                return Err(Refusal::Denied { window, status });
            }
            status::Class::Human => {
                if approvers.is_none() {
                    // Only now is it worth a trip: somebody has to be found.
                    let policy = api.demands().await.unwrap_or_default();
                    approvers = Some(policy.approvers.unwrap_or_default());
                }
                stages.reached(Stage::AwaitingApproval {
                    request: request.approval.clone(),
                    approvers: approvers.clone().unwrap_or_default(),
                });
            }
            status::Class::Soon => stages.reached(Stage::Provisioning),
        }
        if began.until(clock.now()) > case.approval {
            return Err(Refusal::AwaitingApproval {
                window,
                request: request.approval,
                approvers: approvers.unwrap_or_default(),
            });
        }
        clock.sleep(status::pause(class, polls)).await;
        polls += 1;
        request = api.request(&request).await?;
    }
}

/// The request that waits already.
async fn pending(api: &dyn Api) -> Result<Request, Refusal> {
    api.pending().await?.ok_or_else(|| Refusal::Cloud {
        service: Service::of(&api.case().window.target),
        status: 400,
        code: "PendingRoleAssignmentRequest".to_owned(),
        message: "PIM says a request is pending, and does not list it".to_owned(),
    })
}

/// The activation that exists already, if it lasts; else waits until it has ended.
///
/// Our end of a window comes up to a second before PIM's, which is when the next use is likeliest:
/// what is opened by the rest of the old activation would be gone at once.
async fn lasting(
    api: &dyn Api,
    activation: &Activation,
    tries: u32,
) -> Result<Option<Activated>, Refusal> {
    let (found, answer) = api.assignment(None).await?;
    let clock = &api.case().caller.http.clock;
    let Some(found) = found.filter(|found| found.counts(activation)) else {
        // Ended since, not listed yet, or not let go of yet: asking again tells which.
        let pause = ENDING_PAUSE * 2_u32.saturating_pow(tries);
        clock.sleep(pause.min(LONGEST_PAUSE)).await;
        return Ok(None);
    };
    let now = answer.latest().unwrap_or_else(|| clock.wall());
    let active = found.activated(now, answer.sent, activation.duration, None);
    if active.remaining > ENDING {
        return Ok(Some(active));
    }
    clock.sleep(active.remaining + ENDING_PAUSE).await;
    Ok(None)
}

/// The true window, from the list of active assignments; asked again while it lags behind.
async fn window_of(
    api: &dyn Api,
    request: &Request,
    activation: &Activation,
) -> Result<Activated, Refusal> {
    let case = api.case();
    let clock = &case.caller.http.clock;
    let mut polls = 0;
    loop {
        let (found, answer) = api.assignment(Some(request)).await?;
        if let Some(found) = found.filter(|found| found.counts(activation)) {
            let now = answer.latest().unwrap_or_else(|| clock.wall());
            let (asked, id) = (activation.duration, Some(request.id.as_str()));
            return Ok(found.activated(now, answer.sent, asked, id));
        }
        if polls == LISTING_POLLS {
            return Err(not_listed(api));
        }
        clock.sleep(status::pause(status::Class::Soon, polls)).await;
        polls += 1;
    }
}

fn not_listed(api: &dyn Api) -> Refusal {
    Refusal::Denied {
        window: api.case().window.name.to_string(),
        status: "not listed".to_owned(),
    }
}

/// An activation with no more than this left is waited out.
const ENDING: Duration = Duration::from_secs(5);

/// Beyond the end of an activation, until PIM takes the next one.
const ENDING_PAUSE: Duration = Duration::from_millis(500);

/// The longest pause before PIM is asked again.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// How long PIM may say that an assignment exists which it does not list. Of an Azure role it lets
/// go about two minutes after a deactivation.
const LETTING_GO: Duration = Duration::from_secs(180);

/// Reads of the list after `Provisioned`; with the pauses between them about a minute.
const LISTING_POLLS: u32 = 14;
