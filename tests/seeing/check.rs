//! A dry run says what the real thing does, and does nothing.

use serde_json::Value;

use super::support::World;
use super::{ends, json, pimento, text};

/// What is said of `name`.
fn of<'a>(told: &'a Value, name: &str) -> &'a Value {
    let all = told["credentials"].as_array().unwrap();
    all.iter().find(|it| it["credential"] == name).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_login_would_get_is_told_and_nothing_of_it_is_done() {
    let world = World::start().await;
    let before = (world.audit(), world.calls());
    let checked = pimento(&world, &["check", "root@host.test", "--json"]).await;
    ends(&checked, 0);
    let told = json(&checked);
    assert_eq!(told["program"], "ssh");
    let web = of(&told, "web");
    assert_eq!(web["allowed"], true);
    assert_eq!(web["end"], "to log in as root@host.test");
    assert_eq!(
        web["rule"],
        "its `uses` include login, and its `hosts` are host.test"
    );
    assert_eq!(web["reason"], "ssh to root@host.test");
    assert_eq!(web["window"]["state"], "closed");
    assert_eq!(web["seconds"], 3600);
    assert_eq!((world.audit(), world.calls()), before);
    assert!(world.house.pipeline.memory.last(1).is_empty());
    assert!(world.house.pipeline.asks.last().is_empty());
    world.ssh("web").await.assert_ok();
    let shown = text(&pimento(&world, &["check", "root@host.test"]).await.stdout);
    assert!(shown.contains("window   open, "), "{shown}");
    assert!(!shown.contains("opening"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_be_refused_tells_the_rule_that_really_refuses_it() {
    let plan = World::plan().configured(|_, text| {
        text.replace(
            "hosts = [\"host.test\"]",
            "hosts = [\"host.test\"]\nuses = [\"git\"]",
        )
    });
    let world = plan.start().await;
    let checked = pimento(&world, &["check", "root@host.test", "--json"]).await;
    ends(&checked, 6);
    let told = json(&checked);
    let web = of(&told, "web");
    assert_eq!(
        (&web["allowed"], &web["rule"]),
        (&false.into(), &Value::Null)
    );
    world.ssh("web").await.assert_refused();
    let really = world.why();
    assert_eq!(web["refused"]["code"], really.code());
    assert_eq!(web["refused"]["message"], really.to_string());
    assert_eq!(web["refused"]["advice"], really.advice());
    let shown = text(&pimento(&world, &["check", "root@host.test"]).await.stdout);
    assert!(shown.contains("no   key web"), "{shown}");
    assert!(
        shown.contains("do       to allow it, add \"login\""),
        "{shown}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_proves_no_host_gets_no_key_and_no_password() {
    let world = World::start().await;
    let asked = [
        "check",
        "root@host.test",
        "--as",
        "/usr/bin/python3",
        "--json",
    ];
    let checked = pimento(&world, &asked).await;
    ends(&checked, 6);
    let told = json(&checked);
    assert_eq!(told["program"], "python3");
    assert_eq!(of(&told, "web")["refused"]["code"], "binding");
    let asked = [
        "check",
        "root@db01.contoso.com",
        "--as",
        "python3",
        "--json",
    ];
    let checked = pimento(&world, &asked).await;
    ends(&checked, 6);
    assert_eq!(
        of(&json(&checked), "db01-root")["refused"]["code"],
        "unsupported"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sudo_and_ssh_are_told_of_the_password_of_their_account_only() {
    let world = World::start().await;
    for program in ["sudo", "ssh", "pimento"] {
        let asked = ["check", "root@db01.contoso.com", "--as", program, "--json"];
        let checked = pimento(&world, &asked).await;
        ends(&checked, 0);
        let told = json(&checked);
        assert_eq!(told["credentials"].as_array().unwrap().len(), 1, "{told}");
        assert_eq!(of(&told, "db01-root")["allowed"], true);
    }
    let other = pimento(&world, &["check", "mia@db01.contoso.com", "--as", "sudo"]).await;
    ends(&other, 4);
    let docker = ["check", "root@db01.contoso.com", "--as", "docker", "--json"];
    let docker = pimento(&world, &docker).await;
    ends(&docker, 6);
    let told = json(&docker);
    let refused = &of(&told, "db01-root")["refused"];
    assert_eq!(refused["code"], "policy");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_nothing_is_for_is_no_match_and_the_nearest_is_told() {
    let world = World::start().await;
    let absent = pimento(&world, &["check", "root@hots.test"]).await;
    ends(&absent, 4);
    let told = text(&absent.stderr);
    assert!(told.contains("the configuration has host.test"), "{told}");
    let option = pimento(&world, &["check", "-oProxyCommand=false"]).await;
    ends(&option, 2);
    ends(&pimento(&world, &["check", ""]).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_agent_would_give_nothing() {
    let world = World::start().await;
    ends(&pimento(&world, &["lock"]).await, 0);
    let checked = pimento(&world, &["check", "root@host.test", "--json"]).await;
    ends(&checked, 6);
    assert_eq!(of(&json(&checked), "web")["refused"]["code"], "locked");
    ends(&pimento(&world, &["lock", "--off"]).await, 0);
    ends(&pimento(&world, &["check", "root@host.test"]).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_would_be_asked_is_told_and_nobody_is_asked() {
    let plan = World::plan().configured(|_, text| {
        let text = text.replace(
            "reason = \"{program} to {user}@{host}\"",
            "reason = \"ask\"",
        );
        text.replacen(
            "hosts = [\"host.test\"]",
            "hosts = [\"host.test\"]\nconfirm = true",
            1,
        )
    });
    let world = plan.start().await;
    let told = text(&pimento(&world, &["check", "root@host.test"]).await.stdout);
    assert!(
        told.contains("opening  asks you for a reason, for 1 h 00 min"),
        "{told}"
    );
    assert!(told.contains("asks     you to confirm each use"), "{told}");
    assert_eq!(world.activations(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_whose_key_is_revoked_or_not_known_is_told_as_such() {
    let world = World::start().await;
    let file = world.sshd.known_hosts("host.test");
    let known = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{known}\n@revoked * {}\n", key(&world))).unwrap();
    let checked = pimento(&world, &["check", "root@host.test", "--json"]).await;
    ends(&checked, 6);
    let told = json(&checked);
    let refused = &of(&told, "web")["refused"];
    assert!(
        refused["message"].as_str().unwrap().contains("revokes"),
        "{refused}"
    );
    std::fs::write(&file, "").unwrap();
    let checked = pimento(&world, &["check", "root@host.test", "--json"]).await;
    ends(&checked, 0);
    let told = json(&checked);
    let note = of(&told, "web")["notes"][0].as_str().unwrap().to_owned();
    assert!(
        note.contains("known_hosts has no key of host.test yet"),
        "{note}"
    );
}

/// The host's key, as a line of `known_hosts` has it.
fn key(world: &World) -> String {
    let mut key = world.sshd.host_key();
    key.set_comment("");
    key.to_openssh().unwrap().trim().to_owned()
}
