//! What a policy asks for, and who is not eligible.

use super::*;

/// A world whose policy is changed.
fn with(change: impl FnOnce(&mut Policy)) -> Plan {
    plan().scenario(|it| change(&mut it.azure_roles.first_mut().unwrap().policy))
}

fn with_an_approver() -> Plan {
    with(|policy| policy.approvers = vec!["alex@contoso.onmicrosoft.com".to_owned()])
}

/// Decides what waits for approval, and lets the agent look again.
async fn decide(world: &World, approve: bool) {
    world.awaits_approval().await;
    let decided = world
        .emulator
        .change(|cloud| cloud.decide(&vault(), approve));
    assert_eq!(decided, 1);
    world.clock.advance(Duration::from_secs(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_lets_the_login_that_waited_for_it_through() {
    let world = with_an_approver().start().await;
    let (login, ()) = tokio::join!(world.ssh("web"), decide(&world, true));
    login.assert_ok();
    assert_eq!((made(&world), world.reads()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denial_is_told_and_not_asked_about_again_at_once() {
    let world = with_an_approver().start().await;
    let (login, ()) = tokio::join!(world.ssh("web"), decide(&world, false));
    login.assert_refused();
    let calls = world.calls();
    world.ssh("web").await.assert_refused();
    assert_eq!(world.why().code(), "denied");
    assert_eq!((world.calls(), world.reads()), (calls, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_is_not_approved_in_time_names_the_request_and_a_later_one_joins_it() {
    let world = with_an_approver().start().await;
    let minute = async {
        world.awaits_approval().await;
        world.clock.advance(Duration::from_secs(60));
    };
    let (login, ()) = tokio::join!(world.ssh("web"), minute);
    login.assert_refused();
    let Refusal::AwaitingApproval { request, .. } = world.why() else {
        panic!("{:?}", world.why());
    };
    assert_eq!(request.len(), 36, "a GUID, not a path: {request}");
    // Another agent finds the request that waits already.
    let restarted = world.restart().await;
    let (login, ()) = tokio::join!(restarted.ssh("web"), decide(&restarted, true));
    login.assert_ok();
    assert_eq!(made(&restarted), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_eligible_is_told_so_and_nothing_is_requested() {
    let world = plan()
        .scenario(|it| it.azure_roles.first_mut().unwrap().eligible.clear())
        .start()
        .await;
    world.ssh("web").await.assert_refused();
    let refusal = world.why();
    assert_eq!(refusal.code(), "not_eligible");
    assert!(refusal.advice().contains("Azure resources"), "{refusal:?}");
    assert_eq!((world.count(CREATE), world.reads()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_eligibility_for_another_role_or_another_vault_is_none() {
    for spoil in [
        (|role: &mut AzureRole| role.role = Role::Reader) as fn(&mut AzureRole),
        |role| role.scope = vault_path("kv-linux2"),
        |role| role.scope = format!("{}/secrets/web-root-ssh", vault()),
        |role| role.end = Some("2026-01-01T00:00:00Z".parse().unwrap()),
    ] {
        let world = plan()
            .scenario(|it| spoil(it.azure_roles.first_mut().unwrap()))
            .start()
            .await;
        world.ssh("web").await.assert_refused();
        assert_eq!(world.why().code(), "not_eligible");
        assert_eq!(world.count(CREATE), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_is_too_long_for_the_policy_is_shortened_to_it() {
    let world = with(|policy| policy.maximum_duration = "PT30M".parse().unwrap())
        .start()
        .await;
    world.ssh("web").await.assert_ok();
    let views = world.house.pipeline.broker.views();
    let broker = &world.house.pipeline.broker;
    let left = broker.left(&views.first().unwrap().terms);
    assert!(left <= Duration::from_secs(1800), "{left:?}");
    assert_eq!(made(&world), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_policy_asks_for_beyond_that_is_refused_by_its_name() {
    for (change, code) in [
        (
            (|it: &mut Policy| it.ticketing = true) as fn(&mut Policy),
            "reason_needed",
        ),
        (|it| it.mfa = true, "step_up_failed"),
        (
            |it| it.authentication_context = Some("c1".to_owned()),
            "step_up_failed",
        ),
    ] {
        let world = with(change)
            .scenario(|it| it.users.iter_mut().for_each(|user| user.mfa = false))
            .start()
            .await;
        world.ssh("web").await.assert_refused();
        assert_eq!(world.why().code(), code, "{}", world.why());
        assert_eq!((made(&world), world.reads()), (0, 0), "{code}");
    }
}
