//! Answers that get lost, links that lead astray, and a service that is not well.

use pimento::emulator::scenario::Fault;

use super::*;

fn fault(operation: &str) -> Fault {
    Fault {
        operation: operation.to_owned(),
        times: Some(1),
        ..Fault::default()
    }
}

/// The addresses of all requests that were put.
fn put(world: &World) -> Vec<String> {
    world.emulator.change(|cloud| {
        let puts = cloud.seen().iter().filter(|seen| seen.operation == CREATE);
        puts.map(|seen| seen.url.clone()).collect()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_whose_answer_is_lost_is_found_by_its_name_and_not_made_again() {
    let world = plan().start().await;
    world.fault(Fault {
        reset: true,
        ..fault(CREATE)
    });
    world.ssh("web").await.assert_ok();
    assert_eq!((made(&world), put(&world).len()), (1, 1));
    assert_eq!(world.count("arm.roleAssignmentScheduleRequests.get"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_never_arrived_is_put_again_under_the_same_name() {
    for status in [500, 502, 503, 504, 429] {
        let world = plan().speed(20).start().await;
        world.fault(Fault {
            status: Some(status),
            ..fault(CREATE)
        });
        world.ssh("web").await.assert_ok();
        let put = put(&world);
        assert_eq!((made(&world), put.len()), (1, 2), "{status}");
        assert_eq!(put.first(), put.last(), "{status}: one wish, one name");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_stays_down_is_refused_after_three_tries_under_one_name() {
    let world = plan().speed(20).start().await;
    world.fault(Fault {
        status: Some(500),
        times: None,
        ..fault(CREATE)
    });
    world.ssh("web").await.assert_refused();
    assert_eq!(world.why().code(), "cloud");
    let mut put = put(&world);
    assert_eq!(put.len(), 3);
    put.dedup();
    assert_eq!((put.len(), made(&world), world.reads()), (1, 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_lost_together_with_its_look_up_still_leads_to_one_request() {
    let world = plan().speed(20).start().await;
    world.fault(Fault {
        reset: true,
        ..fault(CREATE)
    });
    world.fault(Fault {
        times: Some(4),
        reset: true,
        ..fault("arm.roleAssignmentScheduleRequests.get")
    });
    world.ssh("web").await.assert_refused();
    assert_eq!(world.why().code(), "unreachable");
    world.clock.advance(Duration::from_secs(5));
    world.ssh("web").await.assert_ok();
    assert_eq!(made(&world), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_several_pages_is_read_to_its_end() {
    let far = vault_path("kv-far");
    let world = plan()
        .scenario(|it| {
            it.page_size = 1;
            it.azure_roles.insert(0, role(&far));
        })
        .start()
        .await;
    world.ssh("web").await.assert_ok();
    assert_eq!(world.count(ELIGIBLE), 2);
    assert_eq!((made_at(&world, &far), made(&world)), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_to_another_host_is_not_followed_with_our_token() {
    for link in [
        "https://graph.microsoft.com/v1.0/me",
        "https://management.azure.com:444/providers",
        "http://management.azure.com/providers",
        "/providers/relative",
        "no address",
    ] {
        let world = plan().start().await;
        world.fault(Fault {
            body: Some(format!(r#"{{"value": [], "nextLink": "{link}"}}"#)),
            ..fault(ELIGIBLE)
        });
        world.ssh("web").await.assert_refused();
        let refusal = world.why();
        assert!(
            refusal.to_string().contains("another host"),
            "{link}: {refusal}"
        );
        assert_eq!(world.calls(), [TOKEN, ELIGIBLE], "{link}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_eligibility_that_was_renewed_meanwhile_is_looked_for_again() {
    let world = plan_at(RESOURCE_GROUP, &vault()).start().await;
    world.ssh("web").await.assert_ok();
    world.after_the_window();
    until("the end is recorded", || world.recorded("closed") == 1).await;
    // It lies at the vault itself from now on.
    world
        .emulator
        .change(|cloud| cloud.scenario.azure_roles = vec![role(&vault())]);
    world.ssh("web").await.assert_ok();
    assert_eq!((made(&world), world.count(ELIGIBLE)), (1, 2));
}
