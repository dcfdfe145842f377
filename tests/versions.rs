//! Versions of a password: the one before the newest, and a certain one.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod support;

use std::process::Output;
use std::time::Duration;

use support::World;
use support::home::text;

/// A world whose password has been changed once.
async fn changed() -> (World, String, String) {
    let world = World::start().await;
    let (old, new) = world.emulator.change(|cloud| {
        let old = cloud.secret("kv-linux", "db01-root").unwrap().to_owned();
        // Key Vault counts in seconds.
        cloud.advance(Duration::from_secs(1));
        cloud.put_secret("kv-linux", "db01-root", "after-the-rotation");
        (old, "after-the-rotation".to_owned())
    });
    (world, old, new)
}

async fn password(world: &World, args: &[&str]) -> Output {
    let mut command = world.pimento(&[&["password"], args].concat());
    tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap()
}

/// Name and version of what was released, in order.
fn released(world: &World) -> Vec<(String, String)> {
    let text = |event: &serde_json::Value, name: &str| event[name].as_str().unwrap().to_owned();
    let records = world.records();
    let released = records.iter().filter(|it| it["event"] == "released");
    released
        .map(|it| (text(it, "credential"), text(it, "version")))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_version_before_the_newest_is_revealed_and_recorded_as_what_it_is() {
    let (world, old, new) = changed().await;
    let newest = password(&world, &["db01-root"]).await;
    assert_eq!(text(&newest.stdout), format!("{new}\n"), "{newest:?}");
    let previous = password(&world, &["db01-root", "--previous"]).await;
    assert_eq!(text(&previous.stdout), format!("{old}\n"), "{previous:?}");
    // The one does not stand for the other from then on.
    let newest = password(&world, &["db01-root"]).await;
    assert_eq!(text(&newest.stdout), format!("{new}\n"), "{newest:?}");
    let released = released(&world);
    let names: Vec<&str> = released.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["db01-root", "db01-root@previous", "db01-root"]);
    assert_eq!(released[0].1, released[2].1);
    assert_ne!(released[0].1, released[1].1);
    assert_eq!(world.activations(), 1);
    let id = &released[1].1;
    let seen = world.emulator.change(|cloud| cloud.seen().to_vec());
    let read = format!("/secrets/db01-root/{id}?");
    assert!(
        seen.iter().any(|it| it.url.contains(&read)),
        "{id} was not read: {seen:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reference_names_a_certain_version_or_the_previous_one() {
    let (world, old, new) = changed().await;
    let reference = |version: &str| format!("pimento://linux/db01-root@{version}");
    let previous = password(&world, &[&reference("previous")]).await;
    assert_eq!(text(&previous.stdout), format!("{old}\n"), "{previous:?}");
    password(&world, &["db01-root"]).await;
    let known = released(&world);
    for (index, secret) in [old, new].iter().enumerate() {
        let version = &known[index].1;
        let exact = password(&world, &[&reference(version)]).await;
        assert_eq!(text(&exact.stdout), format!("{secret}\n"), "{exact:?}");
        let last = released(&world).pop().unwrap();
        assert_eq!(last, (format!("db01-root@{version}"), version.clone()));
    }
    // A second look is no second read.
    let reads = world.reads();
    password(&world, &[&reference(&known[0].1)]).await;
    assert_eq!(world.reads(), reads);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_of_one_version_has_no_previous_one_to_give() {
    let world = World::start().await;
    for args in [
        &["db01-root", "--previous"][..],
        &["pimento://linux/db01-root@previous"],
    ] {
        let refused = password(&world, args).await;
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
        assert_eq!(text(&refused.stdout), "");
        let told = text(&refused.stderr);
        assert!(
            told.contains("db01-root@previous") && told.contains("version"),
            "{told}"
        );
    }
    assert_eq!(released(&world), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_version_is_not_the_previous_one() {
    let world = World::start().await;
    world.emulator.change(|cloud| {
        cloud.set_secret_attributes("kv-linux", "db01-root", false, None, None);
        cloud.advance(Duration::from_secs(1));
        cloud.put_secret("kv-linux", "db01-root", "the only one left");
    });
    let refused = password(&world, &["db01-root", "--previous"]).await;
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert_eq!(text(&refused.stdout), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_does_not_exist_is_refused_and_none_stands_in_for_it() {
    let (world, ..) = changed().await;
    let nowhere = format!("pimento://linux/db01-root@{}", "0".repeat(32));
    let refused = password(&world, &[&nowhere]).await;
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert_eq!(text(&refused.stdout), "");
    assert_eq!(released(&world), []);
    for odd in ["latest", "../../keys/k", ""] {
        let refused = password(&world, &[&format!("pimento://linux/db01-root@{odd}")]).await;
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
        assert_eq!(text(&refused.stdout), "");
    }
    assert_eq!(world.activations(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_version_before_the_newest_is_found_however_many_there_are() {
    let (world, _, new) = changed().await;
    world.emulator.change(|cloud| {
        for number in 0..520 {
            cloud.put_secret("kv-linux", "db01-root", &format!("old-{number}"));
        }
        cloud.advance(Duration::from_secs(1));
        cloud.put_secret("kv-linux", "db01-root", &new);
        cloud.advance(Duration::from_secs(1));
        cloud.put_secret("kv-linux", "db01-root", "the-newest");
    });
    let previous = password(&world, &["db01-root", "--previous"]).await;
    assert_eq!(text(&previous.stdout), format!("{new}\n"), "{previous:?}");
}
