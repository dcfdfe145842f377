//! What others ask for, as the API tells it; and what an opening would need.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::proto;
use super::session::requester;
use crate::broker::Wish;
use crate::catalog::{SignInMethod, Target, Tenant, WindowSpec};
use crate::cloud::{Approval, Decision, Rehearsed, Verdict};
use crate::house::House;
use crate::refusal::{Needed, Refusal, Service};

/// What waits for the user.
pub(super) async fn waiting(
    house: &House,
    request: &Request<proto::ApprovalsRequest>,
) -> Result<Response<proto::ApprovalsReply>, Status> {
    let person = requester(request)?;
    let tenant = house.tenant(&request.get_ref().tenant)?;
    let services = services(house, tenant);
    let found = house.pipeline.broker.waiting(tenant, &services, &person);
    let approvals = found.await?.into_iter().map(shown).collect();
    Ok(Response::new(proto::ApprovalsReply { approvals }))
}

/// Decides one request.
pub(super) async fn decide(
    house: &House,
    request: &Request<proto::DecideRequest>,
) -> Result<Response<proto::DecideReply>, Status> {
    let (person, request) = (requester(request)?, request.get_ref());
    let tenant = house.tenant(&request.tenant)?;
    let verdict = match request.approve {
        true => Verdict::Approve,
        false => Verdict::Deny,
    };
    let decision = Decision {
        request: &request.id,
        verdict,
        reason: &request.reason,
    };
    let (broker, services) = (&house.pipeline.broker, services(house, tenant));
    broker.decide(tenant, &services, &person, &decision).await?;
    Ok(Response::new(proto::DecideReply {}))
}

/// Where something may wait for whoever is signed in to `tenant`: at Resource Manager only where a
/// window is one of a role, since an application for groups need not have its permission.
fn services(house: &House, tenant: &Tenant) -> Vec<Service> {
    let ours = |window: &&Arc<WindowSpec>| window.tenant.name == tenant.name;
    let of_role = |window: &Arc<WindowSpec>| matches!(window.target, Target::AzureRole { .. });
    let groups = !matches!(tenant.sign_in, SignInMethod::AzureCli);
    let roles = !groups || house.windows.iter().filter(ours).any(of_role);
    let services = [(groups, Service::Pim), (roles, Service::PimAzure)];
    let asked = services.into_iter().filter(|(asked, _)| *asked);
    asked.map(|(_, service)| service).collect()
}

/// What PIM would say to an opening, and what its policy wants.
pub(super) async fn rehearse(
    house: &House,
    window: &Arc<WindowSpec>,
    wish: Wish,
) -> Result<proto::RehearseReply, Refusal> {
    let (broker, id) = (&house.pipeline.broker, wish.id);
    let said = broker.rehearse(window, wish).await?;
    let policy = broker.demands(window, id).await.unwrap_or_default();
    let longest = policy.longest.map(|longest| longest.as_secs());
    let needed = [
        (policy.reason, Needed::Reason),
        (policy.ticket, Needed::Ticket),
    ];
    let needed = needed.iter().filter(|(wanted, _)| *wanted);
    Ok(proto::RehearseReply {
        exists: said == Rehearsed::Exists,
        longest: longest
            .and_then(|seconds| u64::try_from(seconds).ok())
            .unwrap_or_default(),
        needed: needed.map(|(_, what)| what.to_string()).collect(),
        second_factor: policy.second_factor,
        context: policy.context.unwrap_or_default(),
        approval: policy.approvers.is_some(),
        approvers: policy.approvers.unwrap_or_default(),
    })
}

fn shown(approval: Approval) -> proto::Approval {
    let ticket = approval.ticket;
    let seconds = approval.duration.map(|it| it.as_secs());
    proto::Approval {
        id: approval.id,
        who: approval.who,
        what: approval.what,
        reason: approval.reason,
        ticket: ticket
            .map(|it| format!("{}:{}", it.system, it.number))
            .unwrap_or_default(),
        seconds: seconds
            .and_then(|seconds| u64::try_from(seconds).ok())
            .unwrap_or_default(),
        asked: approval.asked.map(|it| it.to_string()).unwrap_or_default(),
    }
}
