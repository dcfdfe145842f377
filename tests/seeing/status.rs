//! `pimento status` and `why`: at a glance, and for programs.

use super::support::{GROUP, World};
use super::{ends, json, pimento, text};

#[tokio::test(flavor = "multi_thread")]
async fn status_tells_windows_holdings_credentials_and_the_last_asks() {
    let world = World::start().await;
    world.ssh("web").await.assert_ok();
    let told = text(&pimento(&world, &["status"]).await.stdout);
    for part in [
        "Windows\n  linux-root  open     ",
        "holds web, version ",
        "Signed in\n  contoso  mia@contoso.onmicrosoft.com",
        "configured  3 keys, 1 password",
        "held        1 in memory, until their windows end",
        "Agent\n  version  ",
    ] {
        assert!(told.contains(part), "{part:?} is missing:\n{told}");
    }
    assert!(!told.contains('\u{1b}'), "no color in a pipe: {told:?}");
    let value = json(&pimento(&world, &["status", "--json"]).await);
    assert_eq!(
        value["windows"][0]["lasts"].as_u64().unwrap().div_ceil(60),
        60
    );
    assert_eq!(value["configured"]["keys"], 3);
    let asked = &value["asked"][0];
    assert_eq!(
        (&asked["credential"], &asked["outcome"]),
        (&"web".into(), &"released".into())
    );
    assert_eq!(asked["id"], world.records()[0]["id"]);
    let started: jiff::Timestamp = value["started"].as_str().unwrap().parse().unwrap();
    assert!(started <= world.clock.true_wall());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_waits_is_told_with_its_id_and_who_can_approve_it() {
    let approver = |scenario: &mut pimento::emulator::Scenario| {
        let group = scenario.groups.iter_mut().find(|group| group.id == GROUP);
        group.unwrap().policy.approvers = vec!["alex@contoso.onmicrosoft.com".to_owned()];
    };
    let world = World::plan().scenario(approver).start().await;
    let mut open = world.pimento(&["open", "linux-root"]).spawn().unwrap();
    world.awaits_approval().await;
    let value = json(&pimento(&world, &["status", "--json"]).await);
    let window = &value["windows"][0];
    assert_eq!(window["approvers"][0], "alex@contoso.onmicrosoft.com");
    let request = window["request"].as_str().unwrap();
    let told = text(&pimento(&world, &["status"]).await.stdout);
    assert!(told.contains("waiting for approval by alex@"), "{told}");
    assert!(
        told.contains(&format!("request {request}; `pimento close linux-root`")),
        "{told}"
    );
    open.kill().unwrap();
    open.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_told_by_status_and_why_with_the_rule_and_the_persons_own_time() {
    let plan = World::plan().configured(|_, text| {
        text.replace(
            "hosts = [\"host.test\"]",
            "hosts = [\"host.test\"]\nuses = [\"git\"]",
        )
    });
    let world = plan.start().await;
    for key in ["web", "db"] {
        world.ssh(key).await.assert_refused();
    }
    let status = text(&pimento(&world, &["status"]).await.stdout);
    assert!(status.contains("Last refusals"), "{status}");
    assert!(
        status.contains("policy  db was refused: its `uses` do not include"),
        "{status}"
    );
    let why = text(&pimento(&world, &["why", "--last", "2"]).await.stdout);
    assert_eq!(why.matches("  rule      policy\n").count(), 2, "{why}");
    assert!(
        why.find("  db\n").unwrap() < why.find("  web\n").unwrap(),
        "{why}"
    );
    // Without a zone, a `T` or parts of a second.
    assert_eq!(
        why.find("  db\n"),
        Some("2026-01-02 03:04:05".len()),
        "{why}"
    );
    assert_eq!(
        json(&pimento(&world, &["why", "--json"]).await)
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_refused_before_a_restart_is_not_denied() {
    let plan = World::plan().configured(|_, text| {
        text.replace(
            "hosts = [\"host.test\"]",
            "hosts = [\"host.test\"]\nuses = [\"git\"]",
        )
    });
    let world = plan.start().await;
    world.ssh("web").await.assert_refused();
    let world = world.restart().await;
    let why = text(&pimento(&world, &["why"]).await.stdout);
    assert!(
        why.starts_with("nothing was refused since the agent started (20"),
        "{why}"
    );
    assert!(why.contains("`pimento audit tail`"), "{why}");
    let tail = text(&pimento(&world, &["audit", "tail"]).await.stdout);
    assert!(tail.contains("refused     web  policy: "), "{tail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_ends_soon_is_a_warning() {
    let world = World::start().await;
    world.ssh("web").await.assert_ok();
    let warnings =
        async || json(&pimento(&world, &["status", "--json"]).await)["warnings"].to_string();
    assert!(!warnings().await.contains("ends in less"));
    world
        .clock
        .advance(std::time::Duration::from_secs(3600 - 100));
    assert!(
        warnings()
            .await
            .contains("`pimento open linux-root --extend`")
    );
    let told = text(&pimento(&world, &["status"]).await.stdout);
    assert!(told.contains("left, ends soon"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn elsewhere_than_on_a_terminal_the_watch_is_line_by_line() {
    use std::io::{BufRead, BufReader};
    let world = World::start().await;
    for args in [&["status", "--watch"][..], &["status", "--watch", "--json"]] {
        let mut watch = world.pimento(args);
        let mut watch = watch.stdout(std::process::Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
        let first = tokio::task::spawn_blocking(move || lines.next().unwrap().unwrap());
        let first = first.await.unwrap();
        assert!(first == "Windows" || first.starts_with('{'), "{first:?}");
        watch.kill().unwrap();
        watch.wait().unwrap();
    }
    ends(&pimento(&world, &["status", "--stale"]).await, 0);
}
